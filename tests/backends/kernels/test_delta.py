"""delta and delta_gated against a plain loop: values, gradients, breaks, and what torch does with them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rendered import rendered
from spoilt import assert_stays_in_its_document
from torch import Tensor

NAMES = rendered("contained", "delta_chunks", "delta", "delta_gated", chunk=64)
Function = Callable[..., tuple[Tensor, Tensor]]


def loop(
    q: Tensor,
    w: Tensor,
    u: Tensor,
    k: Tensor,
    v: Tensor,
    a: Tensor,
    first: Tensor,
    before: tuple[bool, ...],
    breaks: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The equation, point by point."""
    state = first
    reads = []
    for t in range(v.shape[1]):
        if breaks is not None:
            state = torch.where(breaks[:, t].view(-1, *(1 for _ in state.shape[1:])), 0, state)
        old = state
        x = torch.einsum("...rnk,...nkv->...rv", w[:, t], old)
        state = torch.einsum("...mn,...nkv->...mkv", a[:, t], old)
        state = state + torch.einsum("...rnk,...rv->...nkv", u[:, t], x)
        state = state + torch.einsum("...jnk,...jv->...nkv", k[:, t], v[:, t])
        early = torch.tensor(before, dtype=torch.bool)[:, None]
        now, then = (torch.einsum("...ink,...nkv->...iv", q[:, t], each) for each in (state, old))
        reads.append(torch.where(early, then, now))
    o = torch.stack(reads, 1) if reads else v.new_zeros(*v.shape[:-2], len(before), v.shape[-1])
    return o, state


def loop_gated(
    q: Tensor, w: Tensor, u: Tensor, k: Tensor, v: Tensor, g: Tensor, first: Tensor, *rest: Any
) -> tuple[Tensor, Tensor]:
    """One key at a time is one of K states with one key each."""
    q, w, u, k = (x.unsqueeze(-1) for x in (q, w, u, k))
    o, last = loop(q, w, u, k, v, torch.diag_embed(g.exp()), first.unsqueeze(-2), *rest)
    return o, last.squeeze(-2)


def pair(gated: bool) -> tuple[Function, Function]:
    """A kernel and the loop that says what it means."""
    return (NAMES["delta_gated"], loop_gated) if gated else (NAMES["delta"], loop)


def unit(*shape: int) -> Tensor:
    x = torch.randn(*shape, dtype=torch.float64)
    return x / x.norm(dim=-1, keepdim=True)


def arguments(
    gated: bool,
    length: int,
    *,
    batch: int = 2,
    heads: tuple[int, ...] = (2,),
    reads: int = 1,
    rank: int = 1,
    inputs: int = 1,
    states: int = 1,
    keys: int = 3,
    values: int = 2,
) -> list[Tensor]:
    """Arguments under which states stay of order 1: decays of both signs or at most 1, small delta terms."""
    points, n = (batch, length, *heads), () if gated else (states,)
    q = torch.randn(*points, reads, *n, keys, dtype=torch.float64)
    u, w = unit(*points, rank, *n, keys), -unit(*points, rank, *n, keys) / (2 * max(rank, 1) * states)
    k = unit(*points, inputs, *n, keys)
    v = torch.randn(*points, inputs, values, dtype=torch.float64)
    first = torch.randn(batch, *heads, *n, keys, values, dtype=torch.float64)
    if gated:
        return [q, w, u, k, v, -torch.rand(*points, keys, dtype=torch.float64), first]
    return [q, w, u, k, v, 0.7 * unit(*points, states, states) / states**0.5, first]


def gradients(function: Function, tensors: list[Tensor], before: tuple[bool, ...], breaks: Tensor | None) -> Any:
    """Both results, and the gradients of a loss of both."""
    leaves = [x.clone().requires_grad_() for x in tensors]
    o, last = function(*leaves, before, breaks)
    loss = (o.sin() * torch.linspace(1, 2, o.shape[1], dtype=o.dtype).view(-1, *[1] * (o.dim() - 2))).sum()
    grads = torch.autograd.grad(loss + last.square().sum(), leaves, allow_unused=True, materialize_grads=True)
    return o.detach(), last.detach(), *grads


def assert_same(found: Any, expected: Any, tolerance: float = 1e-9) -> None:
    for x, y in zip(found, expected, strict=True):
        assert x.shape == y.shape
        torch.testing.assert_close(x, y, rtol=tolerance, atol=tolerance)


def assert_agrees(gated: bool, tensors: list[Tensor], before: tuple[bool, ...], breaks: Tensor | None) -> None:
    kernel, plain = pair(gated)
    assert_same(gradients(kernel, tensors, before, breaks), gradients(plain, tensors, before, breaks))


@pytest.mark.parametrize("length", [0, 1, 2, 63, 64, 65, 130])
@pytest.mark.parametrize("gated", [False, True])
def test_values_and_gradients(gated: bool, length: int) -> None:
    torch.manual_seed(length)
    assert_agrees(gated, arguments(gated, length, reads=2), (False, True), None)


@pytest.mark.parametrize("which", range(2))
@pytest.mark.parametrize("gated", [False, True])
def test_a_loss_of_one_result(gated: bool, which: int) -> None:
    """Of what is read, or of the last state alone."""
    found = []
    for function in pair(gated):
        torch.manual_seed(0)
        leaves = [x.requires_grad_() for x in arguments(gated, 130)]
        result = function(*leaves, (False,), None)[which]
        found.append(torch.autograd.grad(result.square().sum(), leaves, materialize_grads=True))
    assert_same(*found)


@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize("length", [128, 130])
def test_calls_in_parts(gated: bool, length: int) -> None:
    """256 heads have a part for each chunk."""
    torch.manual_seed(length)
    tensors = arguments(gated, length, batch=32, heads=(8,), keys=2, values=1)
    assert len(NAMES["_delta_parts"](tensors[4])) == -(-length // 64)
    assert_agrees(gated, tensors, (False,), torch.rand(32, length) < 0.02)


@settings(max_examples=25, deadline=None)
@given(
    gated=st.booleans(),
    length=st.integers(0, 20) | st.integers(60, 70),
    heads=st.sampled_from([(), (2,), (1, 2)]),
    before=st.lists(st.booleans(), max_size=2).map(tuple),
    rank=st.integers(0, 3),
    inputs=st.integers(0, 2),
    states=st.integers(1, 3),
    seed=st.integers(0, 1000),
)
def test_any_shape_with_breaks(
    gated: bool,
    length: int,
    heads: tuple[int, ...],
    before: tuple[bool, ...],
    rank: int,
    inputs: int,
    states: int,
    seed: int,
) -> None:
    torch.manual_seed(seed)
    counts = {"reads": len(before), "rank": rank, "inputs": inputs, "states": states}
    tensors = arguments(gated, length, heads=heads, **counts)
    assert_agrees(gated, tensors, before, torch.rand(2, length) < 0.2)


@pytest.mark.parametrize("decay", [0.0, 1.0, -1.0, 1e-200])
def test_exact_decays(decay: float) -> None:
    torch.manual_seed(0)
    tensors = arguments(False, 70, reads=2, states=2)
    tensors[5] = torch.where(torch.rand(2, 70, 2, 1, 1) < 0.5, decay * torch.eye(2, dtype=torch.float64), tensors[5])
    assert_agrees(False, tensors, (False, True), None)


@pytest.mark.parametrize("decay", [0.0, -math.inf, -500.0])
def test_exact_log_decays(decay: float) -> None:
    torch.manual_seed(0)
    tensors = arguments(True, 70, reads=2)
    tensors[5] = torch.where(torch.rand(2, 70, 2, 3) < 0.5, decay, tensors[5])
    assert_agrees(True, tensors, (False, True), None)


def test_decay_of_a_break_does_not_count() -> None:
    torch.manual_seed(0)
    tensors = arguments(False, 9)
    breaks = torch.arange(9).expand(2, 9) == 4
    expected = loop(*tensors, (False,), breaks)
    tensors[5][:, 4] = 7.0
    assert_same(NAMES["delta"](*tensors, (False,), breaks), expected)


@pytest.mark.parametrize("count", [64, 65, 131, 260])
def test_states_of_many_chunks(count: int) -> None:
    """More than are walked one by one, even and odd."""
    torch.manual_seed(0)
    through, made = 0.5 * unit(count, 2, 3, 3), torch.randn(count, 2, 3, 2, dtype=torch.float64)
    states = [torch.randn(2, 3, 2, dtype=torch.float64)]
    for matrix, new in zip(through, made, strict=True):
        states.append(matrix @ states[-1] + new)
    assert_same(NAMES["_delta_carry"](through, made, states[0]), torch.stack(states))


@pytest.mark.parametrize("gated", [False, True])
def test_goes_on_from_a_state(gated: bool) -> None:
    torch.manual_seed(0)
    *tensors, first = arguments(gated, 100)
    kernel = pair(gated)[0]
    expected, last = kernel(*tensors, first, (False,))
    begun, state = kernel(*(x[:, :37] for x in tensors), first, (False,))
    rest, state = kernel(*(x[:, 37:] for x in tensors), state, (False,))
    assert_same((torch.cat((begun, rest), 1), state), (expected, last))


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("place", [0, 20])
@pytest.mark.parametrize("which", range(6))
@pytest.mark.parametrize("gated", [False, True])
def test_nan_and_inf_stay_where_they_belong(gated: bool, which: int, place: int, bad: float) -> None:
    torch.manual_seed(0)
    kernel, plain = pair(gated)
    tensors = arguments(gated, 40, reads=2)
    tensors[which][0, place, 1] = bad
    found, expected = (each(*tensors, (False, True)) for each in (kernel, plain))
    for x, y in zip(found, expected, strict=True):
        assert torch.equal(x.isfinite(), y.isfinite())
        torch.testing.assert_close(x[y.isfinite()], y[y.isfinite()])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("place", [0, 20, 23, 69])
@pytest.mark.parametrize("which", range(7))
@pytest.mark.parametrize("gated", [False, True])
def test_nan_and_inf_stay_in_their_document(gated: bool, which: int, place: int, bad: float) -> None:
    """Neither values nor gradients of other documents, rows and heads know of them."""
    torch.manual_seed(0)
    tensors = arguments(gated, 70, reads=2)
    breaks = torch.zeros(2, 70, dtype=torch.bool).index_fill(1, torch.tensor([20, 64]), True)
    assert_stays_in_its_document(*pair(gated), tensors, (False, True), breaks, which, (place, 1), bad)


def test_nan_in_a_column_stays_there() -> None:
    tensors = arguments(False, 40)
    tensors[4][0, 7, 0, 0, 1] = math.nan
    o, last = NAMES["delta"](*tensors, (False,))
    assert o[..., 0].isfinite().all() and last[..., 0].isfinite().all() and o[0, 7:, 0, 0, 1].isnan().all()


@pytest.mark.parametrize("mapped", [None, 1, 4, 5, 6])
@pytest.mark.parametrize("gated", [False, True])
def test_vmap(gated: bool, mapped: int | None) -> None:
    torch.manual_seed(0)
    tensors, before = arguments(gated, 5, reads=2, rank=2), (False, True)
    dims = tuple(0 if mapped in (None, i) else None for i in range(7))
    stacked = [torch.stack((x, 0.9 * x)) if dim == 0 else x for x, dim in zip(tensors, dims, strict=True)]

    def run(function: Function) -> Any:
        def loss(*leaves: Tensor) -> Tensor:
            o, last = function(*leaves, before)
            return o.sin().sum() + last.square().sum()

        grads = torch.vmap(torch.func.grad(loss, tuple(range(7))), dims)(*stacked)
        return *torch.vmap(lambda *x: function(*x, before), dims)(*stacked), *grads

    assert_same(*(run(each) for each in pair(gated)))


@pytest.mark.parametrize("gated", [False, True])
def test_second_derivatives(gated: bool) -> None:
    torch.manual_seed(0)
    tensors, breaks = arguments(gated, 6, batch=1), torch.arange(6)[None] == 3

    def run(function: Function) -> Any:
        leaves = [x.clone().requires_grad_() for x in tensors]
        o, last = function(*leaves, (False,), breaks)
        grads = torch.autograd.grad(o.sin().sum() + last.square().sum(), leaves, create_graph=True)
        return torch.autograd.grad(sum(x.square().sum() for x in grads), leaves)

    assert_same(*(run(each) for each in pair(gated)))


@pytest.mark.parametrize("gated", [False, True])
def test_compile(gated: bool) -> None:
    torch.manual_seed(0)
    torch._dynamo.reset()
    kernel, plain = pair(gated)
    tensors, breaks = arguments(gated, 6), torch.arange(6).expand(2, 6) == 3
    compiled = torch.compile(kernel, fullgraph=True, backend="aot_eager")
    assert_same(gradients(compiled, tensors, (False,), breaks), gradients(plain, tensors, (False,), breaks))


@pytest.mark.parametrize("gated", [False, True])
def test_export(gated: bool) -> None:
    class Model(torch.nn.Module):
        def forward(self, *tensors: Tensor) -> tuple[Tensor, Tensor]:
            return kernel(*tensors, (False,))

    kernel, plain = pair(gated)
    tensors = arguments(gated, 6)
    exported = torch.export.export(Model(), tuple(tensors)).module()
    assert_same(exported(*tensors), plain(*tensors, (False,)))


@pytest.mark.parametrize("gated", [False, True])
def test_autocast(gated: bool) -> None:
    """Products of the state stay in the type given."""
    torch.manual_seed(0)
    kernel, plain = pair(gated)
    tensors = [x.float() for x in arguments(gated, 20)]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = gradients(kernel, tensors, (False,), None)
    assert_same(found, gradients(plain, tensors, (False,), None), 1e-4)
