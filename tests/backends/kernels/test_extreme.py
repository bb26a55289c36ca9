"""Max-plus and min-plus recurrences, also through matrices, and any_of, against a loop."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from loops import assert_same, draw, gradients
from monoids import LENGTHS, Shapes, assert_exported, assert_long, assert_traced, broadcasting, common, looped
from rendered import rendered
from torch import Tensor

FOUND = rendered("two_level", "extreme", "any_of", "matrix_messages", "extreme_matrix")
extreme, extreme_matrix, any_of = FOUND["extreme"], FOUND["extreme_matrix"], FOUND["any_of"]


def loop(a: Tensor, b: Tensor, first: Tensor, largest: bool = True, back: bool = False) -> Tensor:
    better = torch.maximum if largest else torch.minimum
    return looped(lambda h, a, b: better(a + h, b), (a, b), first, common((a, b), first), back)


def matrix_loop(A: Tensor, b: Tensor, first: Tensor, largest: bool = True, back: bool = False) -> Tensor:
    better, over = (torch.maximum, torch.amax) if largest else (torch.minimum, torch.amin)
    shape = torch.broadcast_shapes(A.shape[:-1], b.shape, first[:, None].shape)
    return looped(lambda h, A, b: better(over(A + h[..., None], -2), b), (A, b), first, shape, back)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("largest", [True, False])
@pytest.mark.parametrize("back", [False, True])
def test_same_as_the_loop(length: int, largest: bool, back: bool) -> None:
    tensors = (draw(2, length, 3), draw(2, length, 3, seed=1), draw(2, 3, seed=2))
    assert_same(lambda *x: extreme(*x, largest, back), lambda *x: loop(*x, largest, back), tensors)


@given(broadcasting(2))
@settings(max_examples=30)
def test_broadcast(shapes: tuple[Shapes, tuple[int, ...]]) -> None:
    assert_same(extreme, loop, [draw(*shape, seed=k) for k, shape in enumerate(shapes[0])])


@pytest.mark.parametrize("largest", [True, False])
def test_ties_share_the_gradient(largest: bool) -> None:
    a, b, first = torch.zeros(1, 80, 2), torch.ones(1, 80, 2), torch.ones(1, 2)
    b[:, ::3, 1] = 0
    tensors = [x.double() for x in (a, b, first)]
    assert_same(lambda *x: extreme(*x, largest), lambda *x: loop(*x, largest), tensors)


def test_a_running_maximum() -> None:
    b, first = draw(2, 200, 3), draw(2, 3, seed=1)
    expected = torch.cat((first[:, None], b), 1).cummax(1).values[:, 1:]
    torch.testing.assert_close(extreme(torch.zeros(1, 1, 1, dtype=b.dtype), b, first), expected)


@pytest.mark.parametrize("worst", [-math.inf, math.inf])
@pytest.mark.parametrize("back", [False, True])
def test_a_constant_forgets_everything(worst: float, back: bool) -> None:
    """Neither NaN nor an infinite state goes past it, and the gradient does not either."""
    a, b, first = draw(2, 200, 3), draw(2, 200, 3, seed=1), draw(2, 3, seed=2)
    a[:, 100], b[:, 100, 2] = worst, worst
    b[0, 40 if not back else 160] = torch.nan
    b[1, 50 if not back else 150] = -worst
    found = extreme(a, b, first, worst < 0, back)
    late = slice(0, 101) if back else slice(100, None)
    expected = loop(a[:, late], b[:, late], first, worst < 0, back)
    torch.testing.assert_close(found[:, late], expected)
    assert (found[:, 100, 2] == worst).all()
    of_a, of_b, of_first = gradients(lambda *x: extreme(*x, worst < 0, back)[:, late], (a, b, first))
    assert (of_first == 0).all()
    assert (of_a[:, 100] == 0).all()
    assert of_b.isfinite().all()


def test_bad_values_stay_in_their_row_and_after_it() -> None:
    a, b, first = draw(2, 200, 3), draw(2, 200, 3, seed=1), draw(2, 3, seed=2)
    b[0, 100, 0] = torch.nan
    found, expected = extreme(a, b, first), loop(a, b, first)
    torch.testing.assert_close(found, expected, equal_nan=True, rtol=1e-12, atol=1e-12)
    assert found[0, :100].isfinite().all() and found[1].isfinite().all()


def test_long_sequence() -> None:
    tensors = (-draw(1, 5000, 2).abs(), draw(1, 5000, 2, seed=1), draw(1, 2, seed=2))
    assert_long(extreme, loop, tensors)


def test_transformed_and_traced() -> None:
    tensors = (draw(2, 66, 1), draw(2, 66, 3, seed=1), draw(2, 3, seed=2))
    assert_traced(extreme, loop, tensors)
    assert_exported(extreme, tensors)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("n", [1, 3, 17])
@pytest.mark.parametrize("back", [False, True])
def test_matrices(length: int, n: int, back: bool) -> None:
    tensors = (draw(1, length, 1, n, n), draw(2, length, 2, n, seed=1), draw(2, 2, n, seed=2))
    assert_same(lambda *x: extreme_matrix(*x, not back, back), lambda *x: matrix_loop(*x, not back, back), tensors)


@pytest.mark.parametrize(("n", "length"), [(4, 70), (64, 1100)])
def test_one_matrix_for_all_points(n: int, length: int) -> None:
    """Also where the shares are made in several pieces."""
    tensors = (draw(1, 1, n, n), draw(1, length, n, seed=1), draw(1, n, seed=2))
    assert_same(extreme_matrix, matrix_loop, tensors)


def test_equal_ways_share_the_gradient() -> None:
    tensors = [x.double() for x in (torch.zeros(1, 5, 3, 3), torch.zeros(1, 5, 3), torch.zeros(1, 3))]
    assert_same(extreme_matrix, matrix_loop, tensors)


def test_no_way_through_a_matrix() -> None:
    A, b, first = draw(2, 90, 3, 3), draw(2, 90, 3, seed=1), draw(2, 3, seed=2)
    A[:, ::2, 0] = A[:, 40] = b[:, 1::2] = -math.inf
    first[0], b[1, 30, 1] = -math.inf, torch.nan
    found, expected = extreme_matrix(A, b, first), matrix_loop(A, b, first)
    torch.testing.assert_close(found[0], expected[0], rtol=1e-12, atol=1e-12)
    assert found[1, 40:].isnan().sum() == 0
    assert all(x[0].isfinite().all() for x in gradients(extreme_matrix, (A, b, first)))


def test_matrices_transformed_and_traced() -> None:
    tensors = (draw(1, 1, 1, 3, 3), draw(2, 66, 2, 3, seed=1), draw(2, 2, 3, seed=2))
    assert_traced(extreme_matrix, matrix_loop, tensors)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("back", [False, True])
def test_any_of(length: int, back: bool) -> None:
    a, b, first = draw(2, length, 3) > -1, draw(2, length, 1, seed=1) > 1, draw(2, 3, seed=2) > 0
    expected = looped(lambda h, a, b: (a & h) | b, (a, b), first, (2, length, 3), back)
    assert torch.equal(any_of(a, b, first, back), expected)
    mapped = torch.vmap(lambda x: any_of(x, b, first, back))(torch.stack((a, ~a)))
    assert torch.equal(mapped[0], expected) and torch.equal(mapped[1], any_of(~a, b, first, back))
