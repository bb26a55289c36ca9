"""h[t] = A h[t-1] + b[t] with one matrix for all points, against a loop."""

from __future__ import annotations

import pytest
import torch
from loops import assert_same, block_loop, draw, gradients, some_breaks
from monoids import LENGTHS, assert_compiled, assert_exported, assert_second_derivative, assert_transformed
from rendered import rendered
from torch import Tensor

powers = rendered("two_level", "powers")["powers"]


def loop(A: Tensor, b: Tensor, first: Tensor, breaks: Tensor | None = None, back: bool = False) -> Tensor:
    return block_loop(A[None, None], b, first, breaks, back)


def matrix(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return draw(*shape, seed=4, dtype=dtype) / (1.5 * shape[-1] ** 0.5)


@pytest.mark.parametrize("length", [*LENGTHS, 31, 32, 33, 1100])
@pytest.mark.parametrize("dims", [(3,), (2, 1), (3, 2, 2)])
@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("cut", [False, True])
def test_same_as_the_loop(length: int, dims: tuple[int, ...], back: bool, cut: bool) -> None:
    breaks = some_breaks(2, length) if cut else None
    tensors = (matrix(*dims, dims[-1]), draw(2, length, *dims, seed=1), draw(2, *dims, seed=2))
    assert_same(lambda *x: powers(*x, breaks, back), lambda *x: loop(*x, breaks, back), tensors)


@pytest.mark.parametrize("back", [False, True])
def test_complex(back: bool) -> None:
    tensors = tuple(
        f(dtype=torch.complex128)
        for f in (
            lambda dtype: matrix(2, 3, 3, dtype=dtype),
            lambda dtype: draw(2, 70, 2, 3, seed=1, dtype=dtype),
            lambda dtype: draw(2, 2, 3, seed=2, dtype=dtype),
        )
    )
    breaks = some_breaks(2, 70)
    assert_same(lambda *x: powers(*x, breaks, back), lambda *x: loop(*x, breaks, back), tensors)
    assert_same(lambda *x: powers(*x, None, back), lambda *x: loop(*x, None, back), tensors)


def test_broadcast() -> None:
    assert_same(powers, loop, (matrix(1, 3, 3), draw(2, 70, 4, 3, seed=1), draw(1, 1, 3, seed=2)))
    assert_same(powers, loop, (matrix(4, 3, 3), draw(1, 70, 1, 3, seed=1), draw(2, 1, 3, seed=2)))


@pytest.mark.parametrize("A", [torch.zeros(2, 2), torch.eye(2), -torch.eye(2), torch.tensor([[0.0, 1.0], [0.0, 0.0]])])
def test_exact_matrices(A: Tensor) -> None:
    assert_same(powers, loop, (A.double(), draw(2, 130, 2, seed=1), draw(2, 2, seed=2)))


def test_an_overflow_of_unused_powers() -> None:
    """A direction that grows but is never excited, and documents short enough for one that is."""
    A = torch.diag(torch.tensor([1.9, 0.5], dtype=torch.float64))
    b, first = draw(1, 5000, 2, seed=1), torch.zeros(1, 2, dtype=torch.float64)
    b[..., 0] = 0
    torch.testing.assert_close(powers(A, b, first), loop(A, b, first))
    breaks = torch.arange(5000)[None] % 37 == 0
    b[..., 0] = 1
    torch.testing.assert_close(powers(A, b, first, breaks), loop(A, b, first, breaks))


@pytest.mark.parametrize("back", [False, True])
def test_bad_values_stay_in_their_row_and_document(back: bool) -> None:
    A, b, first = matrix(3, 2, 2), draw(2, 200, 3, 2, seed=1), draw(2, 3, 2, seed=2)
    b[0, 100, 0] = torch.nan
    breaks = torch.zeros(2, 200, dtype=torch.bool)
    breaks[:, 70] = breaks[:, 130] = True
    for cut in (breaks, None):
        found, expected = powers(A, b, first, cut, back), loop(A, b, first, cut, back)
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9, equal_nan=True)


def test_long_sequence() -> None:
    tensors = (matrix(2, 2), draw(1, 40_000, 2, seed=1), draw(1, 2, seed=2))
    torch.testing.assert_close(
        powers(*tensors)[:, -100:], powers(tensors[0], tensors[1][:, -1000:], tensors[2])[:, -100:]
    )
    assert all(x.isfinite().all() for x in gradients(powers, tensors))


def test_transformed_and_traced() -> None:
    tensors = (matrix(2, 3, 3), draw(2, 34, 2, 3, seed=1), draw(2, 2, 3, seed=2))
    breaks = some_breaks(2, 34)
    assert_transformed(powers, tensors)
    assert_compiled(lambda *x: powers(*x, breaks), tensors)
    assert_exported(lambda *x: powers(*x, breaks), tensors)
    assert_second_derivative(lambda *x: powers(*x, breaks), lambda *x: loop(*x, breaks), tensors)
    mapped = torch.vmap(lambda x: powers(*tensors, x))(torch.stack((breaks, ~breaks)))
    torch.testing.assert_close(mapped[1], powers(*tensors, ~breaks))
