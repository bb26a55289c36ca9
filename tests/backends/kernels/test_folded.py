"""Chunks that are computed again for the gradient, against one pass over all points: values, gradients, torch's transformations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rendered import rendered
from torch import Tensor, nn

LENGTHS = [0, 1, 63, 64, 65, 128, 150]


NAMES = rendered("wide", "diagonal", "folded", chunk=64)


def points(back: bool) -> Callable[..., tuple[Tensor, ...]]:
    """A selective state space: [batch, T, E] and [batch, T, N] make a state [batch, E, N]."""

    def chunk(
        first: Tensor, dt: Tensor, v: Tensor, b: Tensor, c: Tensor, breaks: Tensor | None, rate: Tensor
    ) -> tuple[Tensor, ...]:
        decay = torch.exp(-dt[..., None] * rate)
        states = NAMES["diagonal"](decay, v[..., None] * b[..., None, :], first, breaks, back)
        before = NAMES["folded_put"](NAMES["folded_before"](states, first, back), breaks, 0.0)
        return torch.einsum("...n,...en->...e", c, states), torch.einsum("...e,...en->...n", v, before), states

    return chunk


def arguments(length: int, batch: int = 2, dtype: torch.dtype = torch.float64, seed: int = 0) -> list[Tensor]:
    """The first state, dt, v, b, c, rate."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=dtype, generator=generator)

    moving = [
        normal(batch, length, 3).abs(),
        normal(batch, length, 3),
        normal(batch, length, 2),
        normal(batch, length, 2),
    ]
    return [normal(batch, 3, 2), *moving, normal(3, 2).abs()]


def chunked(*x: Tensor, breaks: Tensor | None = None, back: bool = False) -> tuple[Tensor, ...]:
    first, *moving, rate = x
    return NAMES["folded"](points(back), first, (*moving, breaks), (rate,), back)


def plain(*x: Tensor, breaks: Tensor | None = None, back: bool = False) -> tuple[Tensor, ...]:
    first, *moving, rate = x
    *reads, states = points(back)(first, *moving, breaks, rate)
    last = torch.cat((states, first[:, None]) if back else (first[:, None], states), 1)
    return *reads, last[:, 0 if back else -1]


def total(function: Callable[..., tuple[Tensor, ...]]) -> Callable[..., Tensor]:
    """A weighted sum of all results."""

    def weighted(*x: Tensor) -> Tensor:
        results = function(*x)
        return sum((r * torch.linspace(-1.0, 2.0, r.numel(), dtype=r.dtype).view_as(r)).sum() for r in results)

    return weighted


def gradients(function: Callable[..., tuple[Tensor, ...]], tensors: list[Tensor]) -> tuple[Tensor, ...]:
    leaves = [x.detach().requires_grad_() for x in tensors]
    return torch.autograd.grad(total(function)(*leaves), leaves, allow_unused=True, materialize_grads=True)


def assert_same(found: Any, expected: Any, tolerance: float = 1e-9) -> None:
    torch.testing.assert_close(tuple(found), tuple(expected), rtol=tolerance, atol=tolerance)


@given(st.sampled_from(LENGTHS), st.booleans(), st.booleans(), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_values_and_gradients(length: int, back: bool, documents: bool, seed: int) -> None:
    breaks = torch.rand(2, length, generator=torch.Generator().manual_seed(seed)) < 0.1 if documents else None
    tensors = arguments(length, seed=seed)

    def ours(*x: Tensor) -> tuple[Tensor, ...]:
        return chunked(*x, breaks=breaks, back=back)

    def theirs(*x: Tensor) -> tuple[Tensor, ...]:
        return plain(*x, breaks=breaks, back=back)

    assert_same(ours(*tensors), theirs(*tensors))
    assert_same(gradients(ours, tensors), gradients(theirs, tensors))


def test_only_what_is_used_has_a_gradient() -> None:
    """One read and the last state are left out; so are the gradients of tensors that need none."""
    tensors = arguments(130)
    for place in range(len(tensors)):
        leaves = [x.clone().requires_grad_(index == place) for index, x in enumerate(tensors)]
        found, expected = (
            torch.autograd.grad(f(*leaves)[0].square().sum(), leaves[place])[0] for f in (chunked, plain)
        )
        assert_same([found], [expected])


def test_half_precision_is_computed_in_full() -> None:
    tensors = arguments(130, dtype=torch.float32)
    low = [tensors[0], *(x.bfloat16() for x in tensors[1:])]
    expected = plain(*(x.float() for x in low))
    assert_same(chunked(*low), expected, 1e-4)
    grads = gradients(chunked, low)
    assert [x.dtype for x in grads] == [x.dtype for x in low]
    assert_same([x.float() for x in grads], gradients(plain, [x.float() for x in low]), 1e-1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = chunked(*tensors), gradients(chunked, tensors)
    assert_same(found[0], plain(*tensors), 1e-4)
    assert_same(found[1], gradients(plain, tensors), 1e-3)


def test_second_derivatives() -> None:
    tensors = arguments(130)

    def penalty(function: Callable[..., tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
        leaves = [x.detach().requires_grad_() for x in tensors]
        grads = torch.autograd.grad(total(function)(*leaves), leaves, create_graph=True)
        squares = torch.stack([x.square().sum() for x in grads]).sum()
        return torch.autograd.grad(squares, leaves, allow_unused=True, materialize_grads=True)

    assert_same(penalty(chunked), penalty(plain), 1e-7)


@pytest.mark.parametrize("mapped", [(0, 1, 2, 3, 4, 5), (5,), (0,), (1, 4)])
def test_vmap(mapped: tuple[int, ...]) -> None:
    tensors = arguments(130)
    dims = tuple(0 if place in mapped else None for place in range(len(tensors)))
    given = [torch.stack((x, 2 * x)) if dim == 0 else x for x, dim in zip(tensors, dims, strict=True)]
    assert_same(torch.vmap(chunked, dims)(*given), torch.vmap(plain, dims)(*given))
    places = tuple(range(len(tensors)))
    found, expected = (torch.vmap(torch.func.grad(total(f), places), dims)(*given) for f in (chunked, plain))
    assert_same(found, expected)


def test_jacobian() -> None:
    tensors = arguments(66, batch=1)
    found, expected = (torch.func.jacrev(lambda *x, f=f: f(*x)[2], (1, 5))(*tensors) for f in (chunked, plain))
    assert_same(found, expected)


class Model(nn.Module):
    def forward(self, *x: Tensor) -> tuple[Tensor, ...]:
        return chunked(*x)


def test_compile_and_export() -> None:
    tensors = arguments(130)
    torch._dynamo.reset()
    compiled = torch.compile(chunked, fullgraph=True, backend="aot_eager")
    assert_same(compiled(*tensors), plain(*tensors))
    assert_same(gradients(compiled, tensors), gradients(plain, tensors))
    for strict in (False, True):
        exported = torch.export.export(Model(), tuple(tensors), strict=strict).module()
        assert_same(exported(*tensors), plain(*tensors))
