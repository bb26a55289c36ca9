"""The product of gates on grids against a plain loop over its points: values, gradients, numbers that are not finite, vmap.

Every case runs whole and in tiles of several sizes, which attend to each other or hand matrix states on.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any, NamedTuple

import pytest
import torch
from rendered import rendered
from torch import Tensor

NAMES = rendered("shift", "grid", "wavefront", "gated_tiles", "gated_states", "gated_reads", "gated_product")
Links = tuple[tuple[int, int, tuple[int, ...]], ...]


class Case(NamedTuple):
    order: tuple[int, ...]
    links: Links
    sources: tuple[tuple[int, int], ...]
    marks: Links

    def random(self, shape: tuple[int, ...], heads: tuple[int, ...] = (2,), batch: int = 2) -> list[Tensor]:
        """q, k, v and gates."""
        torch.manual_seed(0)
        reads, pairs = 1 + max(r for r, *_ in self.marks), 1 + max(i for _, i in self.sources)
        gates = (len(self.links) + len(self.sources) + len(self.marks),)
        sizes = ((reads, 2), (pairs, 2), (pairs, 3), gates)
        return [torch.randn(batch, *shape, *heads, *each, dtype=torch.float64) for each in sizes]


FOUR = ((0, 0, (0, -1)), (0, 1, (-1, 0)), (1, 0, (0, -1)), (1, 1, (-1, 0)))
CASES = {
    "four transitions": Case((1, 1), FOUR, ((0, 0), (1, 0)), ((0, 0, (0, -1)), (0, 1, (-1, 0)))),
    "read after": Case((1, 1), FOUR, ((0, 0), (1, 0)), ((0, 0, (0, 0)), (0, 1, (0, 0)), (1, 0, (-1, -1)))),
    "one state": Case((1, 1), ((0, 0, (0, -1)), (0, 0, (-1, 0)), (0, 0, (-1, -1))), ((0, 0),), ((0, 0, (0, 0)),)),
    "corner": Case((1, -1), ((0, 0, (0, 1)), (0, 0, (-1, 0))), ((0, 0), (0, 1)), ((0, 0, (0, 1)), (1, 0, (0, 0)))),
    "far": Case((1, 1), ((0, 0, (0, -2)), (0, 0, (-1, 0))), ((0, 0),), ((0, 0, (-2, 0)),)),
    "both ways": Case((2, 1), ((0, 0, (-1, 1)), (0, 0, (0, -1))), ((0, 0),), ((0, 0, (0, 1)),)),
    "three axes": Case(
        (1, 1, 1),
        ((0, 1, (0, -1, 0)), (1, 2, (-1, 0, 0)), (2, 0, (0, 0, -1)), (0, 0, (0, 0, -1))),
        ((0, 0), (1, 0), (2, 1)),
        ((0, 0, (0, 0, 0)), (0, 1, (0, 0, -1)), (1, 2, (-1, -1, 0))),
    ),
}


def loop(order: tuple[int, ...], links: Links, sources: Any, marks: Links, *given: Tensor) -> Tensor:
    """The recurrence point by point, with whole states."""
    q, k, v, gates = given
    rank = len(order)
    shape = q.shape[1 : 1 + rank]
    empty = q.new_zeros(*q.shape[:1], *q.shape[1 + rank : -2], q.shape[-1], v.shape[-1])
    points = list(itertools.product(*map(range, shape)))
    states: dict[tuple[int, tuple[int, ...]], Tensor] = {}

    def near(p: int, point: tuple[int, ...], by: tuple[int, ...]) -> Tensor:
        return states.get((p, tuple(at + n for at, n in zip(point, by, strict=True))), empty)

    for point in sorted(points, key=lambda at: sum(n * m for n, m in zip(order, at, strict=True))):
        at = (slice(None), *point)
        gate = gates[at][..., None, None].unbind(-3)
        for p in range(1 + max(p for p, *_ in (*links, *sources))):
            own = [gate[n] * near(r, point, by) for n, (into, r, by) in enumerate(links) if into == p]
            for n, (into, i) in enumerate(sources, len(links)):
                if into == p:
                    own.append(gate[n] * k[at][..., i, :, None] * v[at][..., i, None, :])
            states[p, point] = functools.reduce(torch.add, own, empty)
    rows = []
    for point in points:
        at = (slice(None), *point)
        read = [torch.zeros_like(v[at][..., 0, :])] * q.shape[-2]
        for n, (r, p, by) in enumerate(marks, len(links) + len(sources)):
            read[r] = read[r] + gates[at][..., n, None] * (q[at][..., r, None, :] @ near(p, point, by)).squeeze(-2)
        rows.append(torch.stack(read, -2))
    return torch.stack(rows, 1).unflatten(1, shape)


def tiled(monkeypatch: pytest.MonkeyPatch, tile: int, scored: bool = True) -> None:
    """Have every grid cut in tiles of one size."""

    def tiles(shape: tuple[int, ...], reads: Any, *_: object) -> Any:
        return NAMES["GatedTiles"](shape, tuple(min(tile, size) for size in shape), reads, scored)

    monkeypatch.setitem(NAMES, "_gated_tiles", tiles)


def assert_is_the_loop(case: Case, given: list[Tensor]) -> None:
    leaves = [[x.clone().requires_grad_() for x in given] for _ in range(2)]
    found, expected = NAMES["gated_product"](*case, *leaves[0]), loop(*case, *leaves[1])
    torch.testing.assert_close(found, expected)
    weights = torch.linspace(-1.0, 2.0, expected.numel(), dtype=expected.dtype).view_as(expected)
    slopes = [
        torch.autograd.grad((y * weights).sum(), x, allow_unused=True, materialize_grads=True)
        for y, x in zip((found, expected), leaves, strict=True)
    ]
    torch.testing.assert_close(*slopes)


SHAPES = ((1, 1), (1, 5), (4, 3), (5, 7))


@pytest.mark.parametrize("scored", [True, False])
@pytest.mark.parametrize("tile", [1, 2, 3])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["four transitions", "read after", "one state", "corner"])
def test_in_tiles(name: str, shape: tuple[int, ...], tile: int, scored: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    tiled(monkeypatch, tile, scored)
    assert_is_the_loop(CASES[name], CASES[name].random(shape))


@pytest.mark.parametrize("scored", [True, False])
def test_reads_from_far_away(scored: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    tiled(monkeypatch, 2, scored)
    assert_is_the_loop(CASES["far"], CASES["far"].random((5, 6)))


@pytest.mark.parametrize("scored", [True, False])
def test_three_axes(scored: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    tiled(monkeypatch, 2, scored)
    assert_is_the_loop(CASES["three axes"], CASES["three axes"].random((3, 4, 2)))


@pytest.mark.parametrize("name", CASES)
def test_tiles_of_its_own_choice(name: str) -> None:
    case = CASES[name]
    for heads in ((), (2, 3)):
        assert_is_the_loop(case, case.random((4, 5, 3)[: len(case.order)], heads))


@pytest.mark.parametrize("name", CASES)
def test_small_states_of_many_points_go_wave_by_wave(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES[name]
    monkeypatch.delitem(NAMES, "_gated_tiles")
    for shape in ((5, 13), (13, 5)):
        assert_is_the_loop(case, case.random((*shape, 2)[: len(case.order)]))


@pytest.mark.parametrize("which", range(4))
def test_what_is_not_finite_stays_behind_on_the_way_by_states(which: int) -> None:
    case = CASES["four transitions"]
    given = case.random((9, 9))
    given[which][0, 4, 2, 1].view(-1)[0] = math.nan
    found, expected = NAMES["gated_product"](*case, *given), loop(*case, *given)
    torch.testing.assert_close(found, expected, equal_nan=True)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_without_points(shape: tuple[int, ...]) -> None:
    given = [x.requires_grad_() for x in CASES["four transitions"].random(shape)]
    o = NAMES["gated_product"](*CASES["four transitions"], *given)
    assert o.shape == (2, *shape, 2, 1, 3)
    o.sum().backward()


def test_without_a_batch() -> None:
    assert_is_the_loop(CASES["one state"], CASES["one state"].random((3, 4), batch=0))


@pytest.mark.parametrize("scored", [True, False])
def test_a_few_heads_at_a_time(scored: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as fit the cache, here one."""
    tiled(monkeypatch, 2, scored)
    monkeypatch.setattr(NAMES["GatedTiles"], "numbers", lambda self, width: 1 << 20)
    assert_is_the_loop(CASES["four transitions"], CASES["four transitions"].random((4, 5)))


def test_offsets_both_ways_are_one_tile() -> None:
    reads = tuple(sorted({(p, by) for _, p, by in (*CASES["both ways"].links, *CASES["both ways"].marks)}))
    assert NAMES["_gated_tiles"]((40, 50), reads, (1, 64), (1, 64), 8, True).tile == (40, 50)


def test_tiles_reach_as_far_as_the_reads() -> None:
    tiles = NAMES["_gated_tiles"]((40, 50), ((0, (-5, 0)), (0, (0, -1))), (1, 64), (1, 64), 8, True)
    assert 5 <= tiles.tile[0] < 40


def test_large_states_of_few_points_are_never_made() -> None:
    """Few points attend to each other, many hand states on."""
    reads = ((0, (0, -1)), (1, (-1, 0)))
    assert NAMES["_gated_tiles"]((16, 16), reads, (1, 64), (1, 64), 8, True).scored
    assert not NAMES["_gated_tiles"]((128, 128), reads, (1, 16), (1, 16), 8, True).scored


@pytest.mark.parametrize("scored", [True, False])
@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_stays_behind(which: int, bad: float, scored: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes out where the loop has it, and at no point, row of the batch or head that its point does not reach."""
    tiled(monkeypatch, 2, scored)
    case = CASES["four transitions"]
    given = case.random((4, 5))
    given[which][0, 1, 2, 1].view(-1)[0] = bad
    found, expected = NAMES["gated_product"](*case, *given), loop(*case, *given)
    assert found[~expected.isfinite()].isnan().all()
    reached = torch.zeros_like(found, dtype=torch.bool)
    reached[0, 1:, 2:, 1] = True
    assert found[~reached].isfinite().all()
    torch.testing.assert_close(found[~reached], expected[~reached])


@pytest.mark.parametrize("which", range(4))
def test_what_is_not_finite_comes_out_up_an_axis_too(which: int) -> None:
    case = CASES["both ways"]
    given = case.random((4, 5))
    given[which][0, 1, 2, 1].view(-1)[0] = math.nan
    found, expected = NAMES["gated_product"](*case, *given), loop(*case, *given)
    assert found[~expected.isfinite()].isnan().all()
    torch.testing.assert_close(found[0, 0], expected[0, 0])
    torch.testing.assert_close(found[1:], expected[1:])


def test_gradients_of_other_points_stay_finite() -> None:
    """With no gradient from where it comes out, a number that is not finite has none on others."""
    case = CASES["four transitions"]
    given = case.random((4, 5))
    given[2][0, 1, 2, 1, 0, 0] = math.nan
    leaves = [x.requires_grad_() for x in given]
    o = NAMES["gated_product"](*case, *leaves)
    torch.where(o.isfinite(), o, 0.0).sum().backward()
    assert all(x.grad is not None and x.grad.isfinite().all() for x in leaves)


def test_vmap_is_the_loop_over_its_dimension() -> None:
    case = CASES["read after"]
    given = [torch.stack([x, 2.0 * x, -x], 1) for x in case.random((3, 4))]
    product = functools.partial(NAMES["gated_product"], *case)

    def slopes(*args: Tensor) -> tuple[Tensor, ...]:
        return torch.func.grad(lambda *x: product(*x).square().sum(), argnums=(0, 1, 2, 3))(*args)

    dims = (1, 1, 1, 1)
    each = [[x[:, n] for x in given] for n in range(3)]
    torch.testing.assert_close(torch.vmap(product, dims)(*given), torch.stack([product(*x) for x in each]))
    expected = [torch.stack(x) for x in zip(*(slopes(*x) for x in each), strict=True)]
    torch.testing.assert_close(list(torch.vmap(slopes, dims)(*given)), expected)


def test_a_second_derivative_is_refused() -> None:
    given = [x.requires_grad_() for x in CASES["one state"].random((3, 3))]
    o = NAMES["gated_product"](*CASES["one state"], *given)
    (slope,) = torch.autograd.grad(o.square().sum(), given[0], create_graph=True)
    with pytest.raises(RuntimeError, match="no second derivative"):
        slope.sum().backward()


def test_autocast_leaves_it_alone() -> None:
    case = CASES["four transitions"]
    given = [x.float() for x in case.random((3, 4))]
    expected = NAMES["gated_product"](*case, *given)
    with torch.autocast("cpu", torch.bfloat16):
        found = NAMES["gated_product"](*case, *given)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected)
