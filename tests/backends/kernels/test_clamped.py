"""h[t] = clamp(a h[t-1] + b, low, high) against a loop."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from loops import assert_same, draw, gradients
from monoids import LENGTHS, Shapes, assert_long, assert_traced, broadcasting, common, looped
from rendered import rendered
from torch import Tensor

clamped = rendered("two_level", "clamped")["clamped"]


def loop(a: Tensor, b: Tensor, low: Tensor, high: Tensor, first: Tensor, back: bool = False) -> Tensor:
    maps = a, b, low, high
    return looped(lambda h, a, b, low, high: (a * h + b).clamp(low, high), maps, first, common(maps, first), back)


def bounds(shape: tuple[int, ...], seed: int = 7) -> tuple[Tensor, Tensor]:
    """low < high, some of them infinite."""
    low, high = -draw(*shape, seed=seed).abs() - 0.05, draw(*shape, seed=seed + 1).abs() + 0.05
    return low.masked_fill(low < -1.5, -math.inf), high.masked_fill(high > 1.5, math.inf)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("back", [False, True])
def test_same_as_the_loop(length: int, back: bool) -> None:
    """Gates of any sign, also exactly 0, 1 and -1."""
    a, b, first = draw(2, length, 3), draw(2, length, 3, seed=1), draw(2, 3, seed=2)
    for k, exact in enumerate((0.0, 1.0, -1.0)):
        a[:, k::5] = exact
    tensors = (a, b, *bounds((2, length, 3)), first)
    assert_same(lambda *x: clamped(*x, back), lambda *x: loop(*x, back), tensors)


@given(broadcasting(2))
@settings(max_examples=30)
def test_broadcast(shapes: tuple[Shapes, tuple[int, ...]]) -> None:
    (a, b, first), _ = shapes
    assert_same(clamped, loop, (draw(*a), draw(*b, seed=1), *bounds(a), draw(*first, seed=2)))
    assert_same(clamped, loop, (draw(*b), draw(*a, seed=1), *bounds((1, *a[1:])), draw(*first, seed=2)))


@pytest.mark.parametrize("sign", [1, -1])
def test_relu(sign: int) -> None:
    """Independent units under relu, whose products of gates may be tiny or large."""
    low, high = torch.zeros(1, 1, 1, dtype=torch.float64), torch.full((1, 1, 1), math.inf, dtype=torch.float64)
    for scale in (1e-3, 0.9, 1.05):
        a, b, first = sign * scale * draw(1, 1, 4).sign(), draw(2, 300, 4, seed=1), draw(2, 4, seed=2)
        assert_same(clamped, loop, (a, b, low, high, first))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_products_that_overflow(dtype: torch.dtype) -> None:
    """Steep maps between finite bounds: their products leave the range of numbers, the result does not."""
    a, b = 30 * draw(2, 500, 6, dtype=dtype), draw(2, 500, 6, seed=1, dtype=dtype)
    a[:, :, :2] = 50.0 * a[:, :, :2].abs().clamp(min=1.0)
    b[:, :, :1] = 0.0
    high = torch.ones(1, 1, 1, dtype=dtype)
    first = torch.zeros(2, 6, dtype=dtype)
    found, expected = clamped(a, b, -high, high, first), loop(a, b, -high, high, first)
    assert found.isfinite().all()
    assert (found[..., 0] == 0).all()
    late = gradients(lambda *x: clamped(*x)[:, -1], (a, b, -high, high, first))
    assert all(x[..., 1:].isfinite().all() for x in (late[0], late[1], late[4]))
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_gradients_at_the_bounds() -> None:
    """At a bound the gradient goes to the argument; where the bounds are one value, beyond it to the upper one."""
    a, first = torch.full((1, 70, 1), 0.5, dtype=torch.float64), torch.zeros(1, 4, dtype=torch.float64)
    b = torch.tensor([-1.0, -2.0, 1.0, 2.0], dtype=torch.float64).expand(1, 70, 4).clone()
    low, high = torch.full_like(b, -1.0), torch.full_like(b, 1.0)
    low[:, 10:20] = high[:, 10:20]
    assert_same(lambda *x: clamped(*x)[:, :1], lambda *x: loop(*x)[:, :1], (a, b, low, high, first))
    of_low, of_high = gradients(lambda *x: clamped(*x)[:, 10:20].sum(), (a, b, low, high, first))[2:4]
    assert (of_low[:, 10:20] == 0).all()
    assert (of_high[:, 10:20, [0, 3]] == 0.5).all()


@pytest.mark.parametrize("back", [False, True])
def test_a_constant_forgets_everything(back: bool) -> None:
    a, b, first = draw(2, 200, 3), draw(2, 200, 3, seed=1), draw(2, 3, seed=2)
    low, high = bounds((1, 1, 3))
    a[:, 100] = 0
    b[0, 40 if not back else 160] = a[1, 50 if not back else 150, 1] = torch.nan
    late = slice(0, 101) if back else slice(100, None)
    expected = loop(a[:, late], b[:, late], low, high, torch.zeros_like(first), back)
    found = clamped(a, b, low, high, first, back)
    torch.testing.assert_close(found[:, late], expected)
    assert found[1, 60 if not back else 140, 1].isnan() and found[1, :, 0].isfinite().all()


def test_long_sequence() -> None:
    low, high = bounds((1, 1, 3))
    tensors = (draw(1, 5000, 3), draw(1, 5000, 3, seed=1), low, high, draw(1, 3, seed=2))
    assert_long(clamped, loop, tensors)


def test_transformed_and_traced() -> None:
    high = torch.ones(1, 1, 3, dtype=torch.float64)
    tensors = (draw(2, 66, 1), draw(2, 66, 3, seed=1), -high, high, draw(2, 3, seed=2))
    assert_traced(clamped, loop, tensors)
