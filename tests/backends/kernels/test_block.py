"""The kernel of h[t] = A[t] @ h[t-1] + b[t] against a loop."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loops import assert_same, block_loop, draw, gradients, second_gradients, some_breaks, squares
from rendered import rendered
from torch import Tensor

block = rendered("block")["block"]


def matrices(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    """Matrices that neither let a state grow nor have it vanish at once."""
    return draw(*shape, seed=4, dtype=dtype) / (1.5 * shape[-1] ** 0.5)


@pytest.mark.parametrize("length", [0, 1, 2, 63, 64, 65, 100])
@pytest.mark.parametrize("dims", [(3, 2), (12,), (40,)])
@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("cut", [False, True])
def test_same_as_the_loop(length: int, dims: tuple[int, ...], back: bool, cut: bool) -> None:
    breaks = some_breaks(2, length) if cut else None
    A, b, first = matrices(2, length, *dims, dims[-1]), draw(2, length, *dims, seed=1), draw(2, *dims, seed=2)
    A[:, ::7] = 0
    A[:, 1::7] = torch.eye(dims[-1], dtype=A.dtype)
    assert_same(lambda *x: block(*x, breaks, back), lambda *x: block_loop(*x, breaks, back), (A, b, first))


@st.composite
def shapes(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Shapes of A, b and first that broadcast against each other."""
    length, n = draw(st.sampled_from([1, 2, 3, 31, 64, 70])), draw(st.sampled_from([1, 2, 3, 9]))
    full = (draw(st.integers(1, 3)), length, *draw(st.lists(st.integers(1, 3), max_size=2)))
    a, b = (tuple(draw(st.sampled_from([1, size])) for size in full) for _ in range(2))
    if max(a[1], b[1]) < length:
        b = (b[0], length, *b[2:])
    first = tuple(draw(st.sampled_from([1, size])) for size in (full[0], *full[2:]))
    return (*a, n, n), (*b, n), (*first, n)


@given(shapes(), st.booleans(), st.booleans(), st.sampled_from([torch.float64, torch.complex128]))
@settings(max_examples=60)
def test_broadcast(sizes: tuple[tuple[int, ...], ...], back: bool, cut: bool, dtype: torch.dtype) -> None:
    tensors = (matrices(*sizes[0], dtype=dtype), draw(*sizes[1], seed=1, dtype=dtype), draw(*sizes[2], dtype=dtype))
    length = max(sizes[0][1], sizes[1][1])
    breaks = some_breaks(max(size[0] for size in sizes), length) if cut else None
    assert_same(lambda *x: block(*x, breaks, back), lambda *x: block_loop(*x, breaks, back), tensors)


def test_long_sequence() -> None:
    A, b, first = matrices(1, 5000, 2, 2), draw(1, 5000, 2, seed=1), draw(1, 2, seed=2)
    with torch.no_grad():
        expected = block_loop(A, b, first)
    torch.testing.assert_close(block(A, b, first), expected, rtol=1e-9, atol=1e-9)
    assert all(torch.isfinite(x).all() for x in gradients(block, (A, b, first)))


@pytest.mark.parametrize("back", [False, True])
def test_bad_values_stay_where_they_are(back: bool) -> None:
    """NaN goes on to later points of its own row, and not over a break; an overflow of unused products is nothing."""
    A, b, first = matrices(2, 200, 3, 2, 2), draw(2, 200, 3, 2, seed=1), draw(2, 3, 2, seed=2)
    b[0, 100, 0] = torch.nan
    A[1, 90, 1] = torch.nan
    breaks = torch.zeros(2, 200, dtype=torch.bool)
    breaks[:, 70] = breaks[:, 130] = True
    for cut in (breaks, None):
        found, expected = (f(A, b, first, cut, back) for f in (block, block_loop))
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9, equal_nan=True)
    zeros = torch.zeros_like(b)
    assert (block(A.nan_to_num() + 1e30, zeros, zeros[:, 0], None, back) == 0).all()


@pytest.mark.parametrize("dims", [(0, 0, 0), (0, None, None), (None, 0, None), (None, None, 0), (1, 2, 0)])
@pytest.mark.parametrize("shape", [(2, 34, 2, 2), (1, 1, 2, 2), (2, 34, 9, 9)])
def test_vmap(dims: tuple[int | None, ...], shape: tuple[int, ...]) -> None:
    tensors = [matrices(*shape), draw(2, 34, shape[-1], seed=1), draw(2, shape[-1], seed=2)]
    tensors = [x if dim is None else torch.stack((x, -x, x.tanh()), dim) for x, dim in zip(tensors, dims, strict=True)]
    torch.testing.assert_close(torch.vmap(block, dims)(*tensors), torch.vmap(block_loop, dims)(*tensors))
    for loss in (squares, lambda f: lambda *x: f(*x).sum()):
        found, expected = (torch.vmap(torch.func.grad(loss(f), (0, 1, 2)), dims)(*tensors) for f in (block, block_loop))
        torch.testing.assert_close(found, expected)


def test_jacobian() -> None:
    tensors = matrices(1, 3, 2, 2), draw(1, 3, 2, seed=1), draw(1, 2, seed=2)
    found, expected = (torch.func.jacrev(f, (0, 1, 2))(*tensors) for f in (block, block_loop))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("shape", [(1, 3, 2, 2), (1, 1, 2, 2), (1, 3, 9, 9)])
def test_second_derivatives(back: bool, shape: tuple[int, ...]) -> None:
    breaks = torch.tensor([[False, False, True]])
    tensors = [matrices(*shape), draw(1, 3, shape[-1], seed=1), draw(1, shape[-1], seed=2)]
    found, expected = (second_gradients(f, tensors, breaks, back) for f in (block, block_loop))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("n", "back", "backend"), [(2, True, "eager"), (9, False, "aot_eager")])
def test_compile_and_export(n: int, back: bool, backend: str) -> None:
    A, b, first = matrices(2, 16, n, n), draw(2, 16, n, seed=1), draw(2, n, seed=2)
    breaks = some_breaks(2, 16)
    torch._dynamo.reset()
    compiled = torch.compile(lambda *x: block(*x, breaks, back), fullgraph=True, backend=backend)
    assert_same(compiled, lambda *x: block_loop(*x, breaks, back), (A, b, first))

    class Model(torch.nn.Module):
        def forward(self, A: Tensor, b: Tensor, first: Tensor) -> Tensor:
            return block(A, b, first, breaks, back)

    exported = torch.export.export(Model(), (A, b, first)).module()
    assert_same(exported, lambda *x: block_loop(*x, breaks, back), (A, b, first))


@pytest.mark.parametrize("n", [2, 9])
def test_autocast_leaves_the_state_alone(n: int) -> None:
    tensors = [x.float() for x in (matrices(2, 70, n, n), draw(2, 70, n, seed=1), draw(2, n, seed=2))]
    expected = gradients(block, tensors)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert block(*tensors).dtype == torch.float32
        torch.testing.assert_close(gradients(block, tensors), expected)
