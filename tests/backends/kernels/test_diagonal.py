"""The kernel of h[t] = a[t] * h[t-1] + b[t] against a loop."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from loops import assert_same, diagonal_loop, draw, gradients, second_gradients, some_breaks, squares
from rendered import rendered
from torch import Tensor

diagonal = rendered("diagonal")["diagonal"]

LENGTHS = [0, 1, 2, 3, 63, 64, 65, 100, 130]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("cut", [False, True])
def test_same_as_the_loop(length: int, back: bool, cut: bool) -> None:
    breaks = some_breaks(2, length) if cut else None
    a, b, first = draw(2, length, 3), draw(2, length, 3, seed=1), draw(2, 3, seed=2)
    a.view(-1)[::5] = 0
    a.view(-1)[1::5] = 1
    assert_same(
        lambda a, b, first: diagonal(a, b, first, breaks, back),
        lambda a, b, first: diagonal_loop(a, b, first, breaks, back),
        (a.clamp(-1, 1), b, first),
    )


@st.composite
def shapes(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Shapes of a, b and first that broadcast against each other."""
    length = draw(st.sampled_from([1, 2, 3, 31, 64, 70, 99]))
    full = (draw(st.integers(1, 3)), length, *draw(st.lists(st.integers(1, 3), max_size=2)))
    a, b = (tuple(draw(st.sampled_from([1, size])) for size in full) for _ in range(2))
    if max(a[1], b[1]) < length:
        b = (b[0], length, *b[2:])
    first = tuple(draw(st.sampled_from([1, size])) for size in (full[0], *full[2:]))
    return a, b, first


@given(shapes(), st.booleans(), st.booleans(), st.sampled_from([torch.float64, torch.complex128]))
@settings(max_examples=80)
def test_broadcast(sizes: tuple[tuple[int, ...], ...], back: bool, cut: bool, dtype: torch.dtype) -> None:
    a, b, first = (draw(*size, seed=i, dtype=dtype) for i, size in enumerate(sizes))
    shape = torch.broadcast_shapes(*sizes[:2])
    breaks = some_breaks(max(shape[0], len(first)), shape[1]) if cut else None
    assert_same(
        lambda a, b, first: diagonal(a, b, first, breaks, back),
        lambda a, b, first: diagonal_loop(a, b, first, breaks, back),
        (a / a.abs().clamp(min=1), b, first),
    )


def test_real_decay_of_a_complex_state() -> None:
    a, b, first = draw(2, 70, 1).tanh(), draw(2, 70, 3, dtype=torch.complex128), draw(1, 3)
    assert_same(diagonal, diagonal_loop, (a, b, first))


def test_a_long_sequence() -> None:
    a, b, first = draw(1, 5000, 1).tanh(), draw(1, 5000, 2, seed=1), draw(1, 2, seed=2)
    with torch.no_grad():
        expected = diagonal_loop(a, b, first)
    torch.testing.assert_close(diagonal(a, b, first), expected, rtol=1e-9, atol=1e-9)
    da, db, dfirst = gradients(diagonal, (a, b, first))
    assert all(torch.isfinite(x).all() for x in (da, db, dfirst))


@pytest.mark.parametrize("back", [False, True])
def test_bad_values_stay_where_they_are(back: bool) -> None:
    """NaN goes on to later points of its own element, and not over a break; an overflow of unused decays is nothing."""
    a, b, first = draw(2, 200, 2).tanh(), draw(2, 200, 2, seed=1), draw(2, 2, seed=2)
    b[0, 100, 0] = torch.nan
    a[1, 90, 0], a[1, 90, 1] = torch.nan, torch.inf
    breaks = torch.zeros(2, 200, dtype=torch.bool)
    breaks[:, 70] = breaks[:, 130] = True
    for cut in (breaks, None):
        found, expected = (f(a, b, first, cut, back) for f in (diagonal, diagonal_loop))
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9, equal_nan=True)
    zeros = torch.zeros(1, 200, 2, dtype=torch.float64)
    assert (diagonal(zeros + 1e30, zeros, zeros[:, 0], None, back) == 0).all()


def test_a_vanishing_product() -> None:
    a, b, first = torch.full((1, 200, 2), 1e-30), torch.ones(1, 200, 2), torch.full((1, 2), 1e20)
    tensors = [x.double() for x in (a, b, first)]
    torch.testing.assert_close(diagonal(a, b, first).double(), diagonal_loop(*tensors))


@pytest.mark.parametrize("dims", [(0, 0, 0), (0, None, None), (None, 0, None), (None, None, 0), (1, 2, 0)])
@pytest.mark.parametrize("constant", [False, True])
def test_vmap(dims: tuple[int | None, ...], constant: bool) -> None:
    a, b, first = draw(2, 1 if constant else 70, 2).tanh(), draw(2, 70, 2, seed=1), draw(2, 2, seed=2)
    tensors = [
        x if dim is None else torch.stack((x, -x, 2 * x.tanh()), dim)
        for x, dim in zip((a, b, first), dims, strict=True)
    ]
    torch.testing.assert_close(torch.vmap(diagonal, dims)(*tensors), torch.vmap(diagonal_loop, dims)(*tensors))
    for loss in (squares, lambda f: lambda *tensors: f(*tensors).sum()):
        found, expected = (
            torch.vmap(torch.func.grad(loss(f), (0, 1, 2)), dims)(*tensors) for f in (diagonal, diagonal_loop)
        )
        torch.testing.assert_close(found, expected)


def test_vmap_over_breaks() -> None:
    a, b, first = draw(2, 70, 2).tanh(), draw(2, 70, 2, seed=1), draw(2, 2, seed=2)
    breaks = some_breaks(6, 70).view(3, 2, 70)
    found = torch.vmap(diagonal, (None, None, None, 0))(a, b, first, breaks)
    torch.testing.assert_close(found, torch.stack([diagonal_loop(a, b, first, each) for each in breaks]))
    each = torch.vmap(torch.func.grad(squares(diagonal), (0, 1, 2)), (None, None, None, 0))(a, b, first, breaks)
    one = torch.func.grad(squares(diagonal_loop), (0, 1, 2))(a, b, first, breaks[1])
    torch.testing.assert_close(tuple(x[1] for x in each), one)


def test_jacobian() -> None:
    tensors = draw(1, 4, 2), draw(1, 4, 2, seed=1), draw(1, 2, seed=2)
    found, expected = (torch.func.jacrev(f, (0, 1, 2))(*tensors) for f in (diagonal, diagonal_loop))
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("shape", [(1, 3, 2), (1, 1, 1), (1, 66, 1)])
def test_second_derivatives(back: bool, shape: tuple[int, ...]) -> None:
    breaks = torch.zeros(1, shape[1] if shape[1] > 1 else 3, dtype=torch.bool)
    breaks[:, 2] = True
    tensors = [draw(*shape).tanh(), draw(1, breaks.shape[1], 2, seed=1), draw(1, 2, seed=2)]
    found, expected = (second_gradients(f, tensors, breaks, back) for f in (diagonal, diagonal_loop))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9)


def test_vmap_of_second_derivatives() -> None:
    a, b, first = draw(1, 1, 2).tanh(), draw(3, 2, 5, 2, seed=1), draw(2, 2, seed=2)
    found, expected = (
        torch.vmap(torch.func.jacrev(torch.func.grad(squares(f), (0, 1)), (0, 1)), (None, 0, None))(a, b, first)
        for f in (diagonal, diagonal_loop)
    )
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("back", [False, True])
def test_compile_and_export(back: bool) -> None:
    a, b, first, breaks = draw(2, 16, 2).tanh(), draw(2, 16, 2, seed=1), draw(2, 2, seed=2), some_breaks(2, 16)
    torch._dynamo.reset()
    compiled = torch.compile(lambda *x: diagonal(*x, breaks, back), fullgraph=True, backend="aot_eager")
    assert_same(compiled, lambda *x: diagonal_loop(*x, breaks, back), (a, b, first))

    class Model(torch.nn.Module):
        def forward(self, a: Tensor, b: Tensor, first: Tensor) -> Tensor:
            return diagonal(a, b, first, breaks, back)

    exported = torch.export.export(Model(), (a, b.requires_grad_(), first)).module()
    assert_same(exported, lambda *x: diagonal_loop(*x, breaks, back), (a, b, first))


def test_autocast_leaves_the_state_alone() -> None:
    tensors = [x.float() for x in (draw(2, 70, 2).tanh(), draw(2, 70, 2, seed=1), draw(2, 2, seed=2))]
    expected = gradients(diagonal, tensors)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert diagonal(*tensors).dtype == torch.float32
        torch.testing.assert_close(gradients(diagonal, tensors), expected)
