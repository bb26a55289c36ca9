"""Log-sum-exp recurrences, also through matrices, against a loop."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from loops import assert_same, draw, gradients
from monoids import LENGTHS, Shapes, assert_long, assert_traced, broadcasting, common, looped
from rendered import rendered
from torch import Tensor

FOUND = rendered("two_level", "logsum", "matrix_messages", "logsum_matrix")
logsum, logsum_matrix = FOUND["logsum"], FOUND["logsum_matrix"]


def loop(a: Tensor, b: Tensor, first: Tensor, back: bool = False) -> Tensor:
    return looped(lambda h, a, b: torch.logaddexp(a + h, b), (a, b), first, common((a, b), first), back)


def matrix_loop(A: Tensor, b: Tensor, first: Tensor, back: bool = False) -> Tensor:
    shape = torch.broadcast_shapes(A.shape[:-1], b.shape, first[:, None].shape)

    def step(h: Tensor, A: Tensor, b: Tensor) -> Tensor:
        return torch.logaddexp((A + h[..., None]).logsumexp(-2), b)

    return looped(step, (A, b), first, shape, back)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("back", [False, True])
def test_same_as_the_loop(length: int, back: bool) -> None:
    tensors = (draw(2, length, 3), draw(2, length, 3, seed=1), draw(2, 3, seed=2))
    assert_same(lambda *x: logsum(*x, back), lambda *x: loop(*x, back), tensors)


@given(broadcasting(2))
@settings(max_examples=30)
def test_broadcast(shapes: tuple[Shapes, tuple[int, ...]]) -> None:
    assert_same(logsum, loop, [draw(*shape, seed=k) for k, shape in enumerate(shapes[0])])


def test_nothing_at_all() -> None:
    """A sum of nothing is nothing, and its gradient 0; the first term after it starts the sum."""
    a, b = draw(1, 150, 2), torch.full((1, 150, 2), -math.inf, dtype=torch.float64)
    first = torch.full((1, 2), -math.inf, dtype=torch.float64)
    assert (logsum(a, b, first) == -math.inf).all()
    b[:, 90, 0] = 0.5
    expected = torch.cat((b[:, 90:91, 0], 0.5 + a[:, 91:, 0].cumsum(1)), 1)
    torch.testing.assert_close(logsum(a, b, first)[:, 90:, 0], expected)
    of_a, of_b, of_first = gradients(lambda *x: logsum(*x).masked_fill(logsum(*x) == -math.inf, 0.0), (a, b, first))
    assert (of_first == 0).all()
    assert of_b.isfinite().all() and (of_b[..., 1] == 0).all()
    assert of_a.isfinite().all() and (of_a[:, :91] == 0).all() and (of_a[:, 91:, 0] != 0).all()


@pytest.mark.parametrize("back", [False, True])
def test_a_constant_forgets_everything(back: bool) -> None:
    a, b, first = draw(2, 200, 3), draw(2, 200, 3, seed=1), draw(2, 3, seed=2)
    a[:, 100], b[:, 100, 2] = -math.inf, -math.inf
    b[0, 40 if not back else 160] = torch.nan
    b[1, 50 if not back else 150] = math.inf
    late = slice(0, 101) if back else slice(100, None)
    expected = loop(a[:, late], b[:, late], torch.zeros_like(first), back)
    torch.testing.assert_close(logsum(a, b, first, back)[:, late], expected)
    finite = [x.nan_to_num(posinf=0.0, neginf=-math.inf) for x in (a, b, first)]
    of_a, of_b, of_first = gradients(lambda *x: logsum(*x, back)[:, late, :2], finite)
    assert (of_first == 0).all() and (of_a[:, 100] == 0).all() and of_b.isfinite().all()


def test_far_apart() -> None:
    """Terms that differ by more than exp can hold."""
    a, b, first = 500 * draw(2, 130, 3), 500 * draw(2, 130, 3, seed=1), draw(2, 3, seed=2)
    assert_same(logsum, loop, (a, b, first))


def test_long_sequence() -> None:
    tensors = (-draw(1, 5000, 2).abs(), draw(1, 5000, 2, seed=1), draw(1, 2, seed=2))
    assert_long(logsum, loop, tensors)


def test_transformed_and_traced() -> None:
    tensors = (draw(2, 66, 1), draw(2, 66, 3, seed=1), draw(2, 3, seed=2))
    assert_traced(logsum, loop, tensors)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("n", [1, 3, 17])
@pytest.mark.parametrize("back", [False, True])
def test_matrices(length: int, n: int, back: bool) -> None:
    tensors = (draw(1, length, 1, n, n), draw(2, length, 2, n, seed=1), draw(2, 2, n, seed=2))
    assert_same(lambda *x: logsum_matrix(*x, back), lambda *x: matrix_loop(*x, back), tensors)


@pytest.mark.parametrize(("n", "length"), [(4, 70), (64, 1100)])
def test_one_matrix_for_all_points(n: int, length: int) -> None:
    """Also where the shares are made in several pieces."""
    tensors = (draw(1, 1, n, n), draw(1, length, n, seed=1), draw(1, n, seed=2))
    assert_same(logsum_matrix, matrix_loop, tensors)


def test_forward_algorithm() -> None:
    """The likelihood of a hidden Markov model over all paths: states that cannot be reached have probability 0."""
    moves = draw(3, 3).softmax(1)
    moves[0, 2] = moves[1, 0] = 0
    seen = draw(1, 6, 3, seed=1)
    A = moves.log() + seen[:, :, None]
    first = torch.tensor([[0.0, -math.inf, -math.inf]], dtype=torch.float64)
    nothing = torch.full((1, 1, 3), -math.inf, dtype=torch.float64)
    state, expected = first.exp(), []
    for t in range(6):
        state = (state @ moves) * seen[:, t].exp()
        expected.append(state.log())
    torch.testing.assert_close(logsum_matrix(A, nothing, first), torch.stack(expected, 1))
    every = gradients(lambda *x: logsum_matrix(*x)[:, -1].logsumexp(-1), (A, nothing, first))
    assert all(x.isfinite().all() for x in every)
    torch.testing.assert_close(
        every[0].sum((0, 2, 3)).abs(), torch.full((6,), 0.5, dtype=torch.float64)
    )  # one move a point


def test_matrices_transformed_and_traced() -> None:
    tensors = (draw(1, 1, 1, 3, 3), draw(2, 66, 2, 3, seed=1), draw(2, 2, 3, seed=2))
    assert_traced(logsum_matrix, matrix_loop, tensors)
