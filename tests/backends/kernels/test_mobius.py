"""h[t] = (a h[t-1] + b) / (c h[t-1] + d) against a loop."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from loops import assert_same, draw, gradients
from monoids import LENGTHS, Shapes, assert_long, assert_traced, broadcasting, common, looped
from rendered import rendered
from torch import Tensor

mobius = rendered("two_level", "mobius")["mobius"]


def loop(a: Tensor, b: Tensor, c: Tensor, d: Tensor, first: Tensor, back: bool = False) -> Tensor:
    maps = a, b, c, d
    return looped(lambda h, a, b, c, d: (a * h + b) / (c * h + d), maps, first, common(maps, first), back)


def positive(*shape: int, seed: int = 0) -> Tensor:
    return draw(*shape, seed=seed).exp()


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("back", [False, True])
def test_same_as_the_loop(length: int, back: bool) -> None:
    maps = [positive(2, length, 3, seed=k) for k in range(4)]
    maps[0][:, ::3], maps[2][:, 1::3], maps[3][:, 2::21] = 0, 0, 0
    tensors = (*maps, positive(2, 3, seed=5))
    assert_same(lambda *x: mobius(*x, back), lambda *x: loop(*x, back), tensors)


@given(broadcasting(4))
@settings(max_examples=30)
def test_broadcast(shapes: tuple[Shapes, tuple[int, ...]]) -> None:
    assert_same(mobius, loop, [positive(*shape, seed=k) for k, shape in enumerate(shapes[0])])


def test_any_sign() -> None:
    """Rotations, which never settle: the solution goes through its poles again and again."""
    angle = 0.1 + draw(1, 130, 2).abs()
    tensors = (angle.cos(), -angle.sin(), angle.sin(), angle.cos(), draw(1, 2, seed=1))
    expected = torch.tan(torch.atan(tensors[-1])[:, None] - angle.cumsum(1))
    near = expected.abs() < 1e3
    found = mobius(*(tensors[0], tensors[1], tensors[2], tensors[3], tensors[4]))
    torch.testing.assert_close(found[near], expected[near], rtol=1e-8, atol=1e-8)


def test_a_kalman_filter() -> None:
    """The variance after each measurement: p <- (p + q) r / (p + q + r)."""
    q, r, first = positive(1, 500, 2), positive(1, 500, 2, seed=1), positive(1, 2, seed=2)
    expected, p = [], first
    for t in range(500):
        p = (p + q[:, t]) * r[:, t] / (p + q[:, t] + r[:, t])
        expected.append(p)
    torch.testing.assert_close(mobius(r, q * r, torch.ones_like(q), q + r, first), torch.stack(expected, 1))


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_only_ratios_count(scale: float) -> None:
    maps, first = [positive(2, 300, 3, seed=k).float() for k in range(4)], positive(2, 3, seed=5).float()
    torch.testing.assert_close(mobius(*(scale * x for x in maps), first), mobius(*maps, first))


@pytest.mark.parametrize("back", [False, True])
def test_a_constant_forgets_everything(back: bool) -> None:
    a, b, c, d, first = (*(positive(2, 200, 3, seed=k) for k in range(4)), positive(2, 3, seed=5))
    a[:, 100] = c[:, 100] = 0
    b[0, 40 if not back else 160] = d[1, 50 if not back else 150, 1] = torch.nan
    late = slice(0, 101) if back else slice(100, None)
    expected = loop(*(x[:, late] for x in (a, b, c, d)), torch.zeros_like(first), back)
    found = mobius(a, b, c, d, first, back)
    torch.testing.assert_close(found[:, late], expected)
    assert found[1, 60 if not back else 140, 1].isnan() and found[1, :, 0].isfinite().all()
    _, of_b, _, of_d, of_first = gradients(lambda *x: mobius(*x, back)[:, late], (a, b, c, d, first))
    assert of_b[:, late].isfinite().all() and of_d[:, late].isfinite().all() and (of_first[1, 0] == 0).all()


def test_long_sequence() -> None:
    tensors = (*(positive(1, 5000, 2, seed=k) for k in range(4)), positive(1, 2, seed=5))
    assert_long(mobius, loop, tensors)


def test_transformed_and_traced() -> None:
    shapes = [(2, 66, 3), (2, 66, 1), (1, 66, 3), (1, 1, 3), (2, 3)]
    tensors = tuple(positive(*shape, seed=k) for k, shape in enumerate(shapes))
    assert_traced(mobius, loop, tensors)
