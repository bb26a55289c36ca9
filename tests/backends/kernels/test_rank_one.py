"""The chunkwise kernels of matrix states against a plain loop: values, gradients, and torch's transformations."""

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
from torch import Tensor, nn

KERNELS = ("rank_one", "rank_one_gated", "rank_one_gated_values")


NAMES = rendered("contained", "rank_one_chunks", "rank_one", "rank_one_gated", chunk=64)


def loop(
    kernel: str,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    decay: Tensor,
    first: Tensor,
    before: tuple[bool, ...],
    breaks: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """The recurrence point by point."""
    match kernel:
        case "rank_one":
            decay = decay[..., None]
        case "rank_one_gated":
            decay = decay.exp()[..., None]
        case _:
            decay = decay.exp()[..., None, :]
    state = first
    outputs = [q.new_zeros(*q.shape[:1], 0, *q.shape[2:-1], v.shape[-1])]
    for t in range(q.shape[1]):
        previous = state
        if breaks is not None:
            start = breaks[:, t].view(-1, *(1 for _ in range(state.dim() - 1)))
            previous = torch.where(start, 0.0, state)
        state = decay[:, t] * previous + torch.einsum("...jk,...jv->...kv", k[:, t], v[:, t])
        reads = zip(q[:, t].unbind(-2), before, strict=True)
        read = [torch.einsum("...k,...kv->...v", x, previous if early else state) for x, early in reads]
        outputs.append(torch.stack(read, -2)[:, None])
    return torch.cat(outputs, 1), state


def arguments(
    kernel: str,
    length: int,
    dims: tuple[int, ...] = (),
    reads: int = 1,
    writes: int = 1,
    *,
    batch: int = 2,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
) -> list[Tensor]:
    """q, k, v, decays with exact zeros, ones and negative ones, and a first state."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=dtype, generator=generator)

    inner, outer = 3, 4
    shape = (batch, length, *dims)
    width = {"rank_one": 1, "rank_one_gated": inner, "rank_one_gated_values": outer}[kernel]
    decay = normal(*shape, width).clamp(-1.0, 1.0)
    decay[torch.rand(decay.shape, generator=generator) < 0.1] = 0.0
    if kernel != "rank_one":
        decay = torch.log(decay.abs() * 1.05)
    tensors = [normal(*shape, reads, inner), normal(*shape, writes, inner), normal(*shape, writes, outer)]
    return [*tensors, decay, normal(batch, *dims, inner, outer)]


def gradients(function: Callable[..., tuple[Tensor, ...]], tensors: list[Tensor]) -> list[Tensor]:
    """The gradient of a weighted sum of all results."""
    leaves = [x.detach().requires_grad_() for x in tensors]
    results = function(*leaves)
    total = torch.stack([(x * torch.linspace(-1.0, 2.0, x.numel(), dtype=x.dtype).view_as(x)).sum() for x in results])
    return list(torch.autograd.grad(total.sum(), leaves, allow_unused=True, materialize_grads=True))


def assert_same(found: Any, expected: Any, tolerance: float = 1e-9) -> None:
    torch.testing.assert_close(tuple(found), tuple(expected), rtol=tolerance, atol=tolerance)


def compare(kernel: str, tensors: list[Tensor], before: tuple[bool, ...], breaks: Tensor | None = None) -> None:
    """Values, the last state and all gradients."""

    def kernels(*x: Tensor) -> tuple[Tensor, ...]:
        return NAMES[kernel](*x, before, breaks)

    def plain(*x: Tensor) -> tuple[Tensor, ...]:
        return loop(kernel, *x, before, breaks)

    assert_same(kernels(*tensors), plain(*tensors))
    assert_same(gradients(kernels, tensors), gradients(plain, tensors))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("length", [0, 1, 2, 3, 63, 64, 65, 130])
@pytest.mark.parametrize("before", [(False,), (True,), (True, False)])
def test_lengths(kernel: str, length: int, before: tuple[bool, ...]) -> None:
    compare(kernel, arguments(kernel, length, (2,), len(before)), before)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("which", range(2))
def test_a_loss_of_one_result(kernel: str, which: int) -> None:
    """Of what is read, or of the last state alone."""
    tensors = arguments(kernel, 130, (2,))
    found = gradients(lambda *x: NAMES[kernel](*x, (False,), None)[which : which + 1], tensors)
    assert_same(found, gradients(lambda *x: loop(kernel, *x, (False,))[which : which + 1], tensors))


@given(
    st.sampled_from(KERNELS),
    st.integers(0, 140),
    st.lists(st.integers(1, 3), max_size=2),
    st.lists(st.booleans(), min_size=1, max_size=3),
    st.integers(1, 2),
    st.booleans(),
    st.integers(0, 1000),
)
@settings(max_examples=30, deadline=None)
def test_shapes_and_documents(
    kernel: str, length: int, dims: list[int], before: list[bool], writes: int, documents: bool, seed: int
) -> None:
    tensors = arguments(kernel, length, tuple(dims), len(before), writes, seed=seed)
    breaks = torch.rand(2, length, generator=torch.Generator().manual_seed(seed)) < 0.1 if documents else None
    compare(kernel, tensors, tuple(before), breaks)


@pytest.mark.parametrize("kernel", KERNELS)
def test_many_chunks_are_carried_in_pairs(kernel: str) -> None:
    compare(kernel, arguments(kernel, 64 * 35 - 3, batch=1), (False,))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("batch", "length", "groups"), [(3, 200, 33), (70, 3, 2), (2, 4100, 1)])
def test_pieces_of_the_batch(kernel: str, batch: int, length: int, groups: int) -> None:
    """More than fits into one piece: the pieces are whole sequences."""
    tensors = arguments(kernel, length, (groups,), batch=batch)
    found, last = NAMES[kernel](*tensors, (False,))
    slopes = gradients(lambda *x: NAMES[kernel](*x, (False,))[:1], tensors)
    weights = torch.linspace(-1.0, 2.0, found.numel(), dtype=torch.float64).view_as(found)
    for row in range(batch):
        leaves = [x[row : row + 1].detach().clone().requires_grad_() for x in tensors]
        each, end = NAMES[kernel](*leaves, (False,))
        assert_same((each[0], end[0]), (found[row], last[row]))
        mine = torch.autograd.grad((each[0] * weights[row]).sum(), leaves)
        assert_same([x[0] for x in mine], [x[row] for x in slopes])


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("decay", [0.0, 1.0, -1.0])
def test_constant_decay(kernel: str, decay: float) -> None:
    tensors = arguments(kernel, 70)
    if kernel != "rank_one":
        decay = math.log(abs(decay)) if decay else -math.inf
    tensors[3] = torch.full_like(tensors[3], decay)
    compare(kernel, tensors, (False,))


def test_decays_of_any_size() -> None:
    """Products of neighbours stay small where products over a whole chunk would not."""
    tensors = arguments("rank_one", 100)
    tensors[3] = torch.full_like(tensors[3], -1e100)
    tensors[3][:, ::2] = 1e-100
    compare("rank_one", tensors, (True,))


@pytest.mark.parametrize("kernel", KERNELS)
def test_underflow_in_float32(kernel: str) -> None:
    """Products of decays down to denormal numbers and 0: nothing is divided by them."""
    tensors = arguments(kernel, 100, dtype=torch.float32)
    tensors[3] = torch.full_like(tensors[3], 1e-30 if kernel == "rank_one" else -70.0)
    tensors[3][:, ::7] = 1.0 if kernel == "rank_one" else 0.0
    found = NAMES[kernel](*tensors, (False,))
    assert_same(found, [x.float() for x in loop(kernel, *(x.double() for x in tensors), (False,))], 1e-5)
    assert all(bool(x.isfinite().all()) for x in gradients(lambda *x: NAMES[kernel](*x, (False,)), tensors))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("early", [False, True])
def test_values_that_are_not_finite(kernel: str, which: int, bad: float, early: bool) -> None:
    """They reach no other row and no earlier point, and are not lost at later ones."""
    tensors = arguments(kernel, 130)
    tensors[3] = torch.full_like(tensors[3], 0.9 if kernel == "rank_one" else -0.1)
    expected, _ = NAMES[kernel](*tensors, (early,))
    tensors[which][0, 70] = bad
    found, last = NAMES[kernel](*tensors, (early,))
    plain, _ = loop(kernel, *tensors, (early,))
    assert_same((found[1], found[0, :70]), (expected[1], expected[0, :70]))
    assert torch.equal(found.isfinite(), plain.isfinite())
    assert bool(last[1].isfinite().all())


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("which", range(5))
@pytest.mark.parametrize("place", [0, 37, 50, 129])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_values_that_are_not_finite_stay_in_their_document(kernel: str, which: int, place: int, bad: float) -> None:
    """Neither values nor gradients of other documents, rows and heads know of them."""

    def plain(*x: Any) -> tuple[Tensor, Tensor]:
        return loop(kernel, *x)

    tensors = arguments(kernel, 130, (2,), reads=2)
    breaks = torch.zeros(2, 130, dtype=torch.bool).index_fill(1, torch.tensor([37, 64, 100]), True)
    breaks[1] = False
    before = (False, True)
    assert_stays_in_its_document(NAMES[kernel], plain, tensors, before, breaks, which, (place, 1), bad)


@pytest.mark.parametrize("kernel", KERNELS)
def test_pieces(kernel: str) -> None:
    """Resuming from a state gives what one call gives."""
    *points, first = arguments(kernel, 100, (2,))
    whole, last = NAMES[kernel](*points, first, (False,))
    start, state = NAMES[kernel](*(x[:, :37] for x in points), first, (False,))
    rest, end = NAMES[kernel](*(x[:, 37:] for x in points), state, (False,))
    assert_same((torch.cat((start, rest), 1), end), (whole, last))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dims", [(0, 0, 0, 0, 0), (None, 1, 0, None, 0), (None, None, None, 0, None)])
def test_vmap_and_grad(kernel: str, dims: tuple[int | None, ...]) -> None:
    tensors = arguments(kernel, 20, (2,))
    mapped = [x if dim is None else torch.stack((x, x * 0.5), dim) for x, dim in zip(tensors, dims, strict=True)]

    def total(function: Callable[..., tuple[Tensor, ...]]) -> Callable[..., Tensor]:
        return lambda *x: sum((y.square().sum() for y in function(*x)), torch.zeros(()))

    def kernels(*x: Tensor) -> tuple[Tensor, ...]:
        return NAMES[kernel](*x, (False,))

    def plain(*x: Tensor) -> tuple[Tensor, ...]:
        return loop(kernel, *x, (False,))

    assert_same(torch.vmap(kernels, dims)(*mapped), torch.vmap(plain, dims)(*mapped))
    places = tuple(range(5))
    found = torch.vmap(torch.func.grad(total(kernels), places), dims)(*mapped)
    assert_same(found, torch.vmap(torch.func.grad(total(plain), places), dims)(*mapped))


@pytest.mark.parametrize("kernel", KERNELS)
def test_compile_and_export(kernel: str) -> None:
    tensors = arguments(kernel, 3)

    class Model(nn.Module):
        def forward(self, *x: Tensor) -> tuple[Tensor, Tensor]:
            return NAMES[kernel](*x, (False,))

    model = Model()
    torch.compiler.reset()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    assert_same(compiled(*tensors), model(*tensors))
    assert_same(gradients(compiled, tensors), gradients(model, tensors))
    exported = torch.export.export(model, tuple(tensors)).module()
    assert_same(exported(*tensors), model(*tensors))


@pytest.mark.parametrize("kernel", KERNELS)
def test_autocast_leaves_states_alone(kernel: str) -> None:
    tensors = arguments(kernel, 70, dtype=torch.float32)

    def kernels(*x: Tensor) -> tuple[Tensor, ...]:
        return NAMES[kernel](*x, (False,))

    with torch.autocast("cpu", dtype=torch.bfloat16):
        found, slopes = kernels(*tensors), gradients(kernels, tensors)
    assert_same(found, kernels(*tensors), 0.0)
    assert_same(slopes, gradients(kernels, tensors), 0.0)


@pytest.mark.parametrize("kernel", KERNELS)
def test_second_derivative_is_refused(kernel: str) -> None:
    tensors = [x.requires_grad_() for x in arguments(kernel, 5)]
    (slope,) = torch.autograd.grad(NAMES[kernel](*tensors, (False,))[0].sum(), tensors[0], create_graph=True)
    with pytest.raises(RuntimeError, match="no second derivative"):
        slope.sum().backward()
