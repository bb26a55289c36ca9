"""Affine recurrences on grids by waves, by rows and by halves, against a plain walk over the points."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from rendered import rendered
from torch import Tensor

Links = tuple[tuple[int, int, tuple[int, ...]], ...]
Solver = Callable[[Links, Sequence[Tensor], Sequence[Tensor]], tuple[Tensor, ...]]


helpers = rendered(
    "diagonal", "interleaved", "block", "grid", "wavefront", "rows", "divide", single=True, far=True, coupled=True
)


def walk(links: Links, gates: Sequence[Tensor], given: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """The same point by point, each as soon as all that it reads is there."""
    axes = len(links[0][2])
    shape = given[0].shape[1 : 1 + axes]
    gates = [gate.expand_as(given[0]) for gate in gates]
    values: dict[tuple[int, tuple[int, ...]], Tensor] = {}

    def value(p: int, at: tuple[int, ...]) -> Tensor:
        if (p, at) not in values:
            total = given[p][(slice(None), *at)]
            for gate, (into, q, offset) in zip(gates, links, strict=True):
                there = tuple(a + by for a, by in zip(at, offset, strict=True))
                if into == p and all(0 <= a < size for a, size in zip(there, shape, strict=True)):
                    total = total + gate[(slice(None), *at)] * value(q, there)
            values[p, at] = total
        return values[p, at]

    points = list(itertools.product(*map(range, shape)))
    return tuple(
        torch.stack([value(p, at) for at in points], 1).view_as(x) if points else x for p, x in enumerate(given)
    )


# Links with a schedule, axes in an order that `rows` can take.
PLSTM: Links = ((0, 0, (0, -1)), (0, 1, (-1, 0)), (1, 0, (0, -1)), (1, 1, (-1, 0)))
NEIGHBOURS: dict[str, tuple[tuple[int, ...], Links]] = {
    "two states": ((1, 1), PLSTM),
    "one state": ((1, 1), ((0, 0, (0, -1)), (0, 0, (-1, 0)))),
    "another corner": ((-1, 1), ((0, 0, (0, -1)), (0, 1, (1, 0)), (1, 0, (1, -1)))),
    "the last corner": ((-1, -1), ((0, 0, (0, 1)), (0, 0, (1, 0)), (0, 0, (1, 1)))),
    "coupled in a row": ((1, 1), ((0, 0, (0, -1)), (0, 1, (0, -1)), (1, 0, (0, -1)), (1, 1, (-1, 0)))),
    "diagonal links": ((1, 1), ((0, 1, (-1, -1)), (1, 0, (-1, -1)), (0, 0, (0, -1)))),
    "three axes": ((1, 1, -1), ((0, 0, (0, -1, 1)), (1, 0, (-1, -1, 0)), (0, 1, (0, 0, 1)), (0, 0, (-1, 0, 0)))),
}
ONE_WAY: dict[str, tuple[tuple[int, ...], Links]] = {
    "a knight's move": ((2, 1), ((0, 0, (-1, 1)), (0, 0, (0, -1)))),
    "from all sides of a row": ((1, 0), ((0, 0, (-1, 1)), (0, 0, (-1, -1)), (0, 0, (-2, 0)))),
    "two points back": ((1, 1), ((0, 0, (-2, -1)), (0, 0, (0, -2)))),
    "ahead by two": ((-1, -1), ((0, 0, (2, 1)), (0, 0, (0, 2)), (0, 0, (1, 0)))),
    "two lags": ((1, 1), ((0, 0, (0, -1)), (0, 0, (0, -2)), (0, 0, (-1, 0)))),
    "coupled with lags": (
        (1, 1),
        ((0, 0, (0, -1)), (0, 1, (0, -1)), (1, 0, (0, -1)), (1, 1, (0, -2)), (0, 0, (-1, 0))),
    ),
}
OTHERS: dict[str, tuple[tuple[int, ...], Links]] = {
    "no steps of one": ((2, 3), ((0, 0, (-2, 1)), (0, 0, (1, -1)))),
    "a steep wave": ((-2, 1), ((0, 0, (1, 1)), (0, 0, (0, -1)), (0, 0, (2, 0)))),
    "a steep wave from the end": ((2, -1), ((0, 0, (-1, -1)), (0, 0, (0, 1)))),
    "one axis for all": ((0, 1), ((0, 0, (1, -1)), (0, 0, (-1, -1)), (0, 0, (0, -2)))),
    "three axes": ((1, 1, 2), ((0, 0, (0, 1, -1)), (0, 0, (-1, 0, 0)), (0, 0, (0, -1, 0)))),
}
SHAPES = {
    2: [(4, 5), (5, 3), (1, 4), (4, 1), (0, 3), (3, 0), (1, 1), (2, 7)],
    3: [(2, 3, 4), (1, 3, 2), (3, 0, 2), (2, 1, 1)],
}
GATES = ["one number", "per dim", "weights", "along the last axis", "the same for all rows"]


def some(solver: str, order: tuple[int, ...]) -> Solver:
    return functools.partial(helpers["wavefront"], order) if solver == "wavefront" else helpers[solver]


def cases() -> list[Any]:
    table = [
        ("wavefront", {**NEIGHBOURS, **ONE_WAY, **OTHERS}),
        ("rows", {**NEIGHBOURS, **ONE_WAY}),
        ("divide", NEIGHBOURS),
    ]
    return [
        pytest.param(some(solver, order), links, id=f"{solver}: {name}")
        for solver, own in table
        for name, (order, links) in own.items()
    ]


def draw(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def tensors(
    links: Links, sides: tuple[int, ...], kind: str = "one number", dtype: torch.dtype = torch.float64
) -> tuple[list[Tensor], list[Tensor]]:
    """Gates and inputs of a grid, batch 2, dims 3 and 2."""
    full = (2, *sides, 3, 2)
    shape = {
        "one number": (*full[:-2], 1, 1),
        "per dim": full,
        "weights": (*(1 for _ in full[:-1]), 2),
        "along the last axis": (2, *(1 for _ in sides[1:]), sides[-1], 3, 1),
        "the same for all rows": (1, *sides, 3, 1),
    }[kind]
    gates = [draw(*shape, seed=k, dtype=dtype) for k in range(len(links))]
    given = [draw(*full, seed=50 + p, dtype=dtype) for p in range(1 + max(link[0] for link in links))]
    return [gate / (1 + gate.abs()) for gate in gates], given


def gradients(solver: Solver, links: Links, gates: Sequence[Tensor], given: Sequence[Tensor]) -> list[Tensor]:
    leaves = [x.detach().clone().requires_grad_() for x in (*gates, *given)]
    states = solver(links, leaves[: len(links)], leaves[len(links) :])
    loss = sum((x * torch.linspace(0.5, 1.5, x.numel(), dtype=torch.float64).view_as(x)).sum().abs() for x in states)
    assert isinstance(loss, Tensor)
    found = torch.autograd.grad(loss, leaves, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for x, g in zip(leaves, found, strict=True)]


def assert_same(solver: Solver, links: Links, gates: Sequence[Tensor], given: Sequence[Tensor]) -> None:
    """The same values and gradients as point by point."""
    close = functools.partial(torch.testing.assert_close, rtol=1e-9, atol=1e-9)
    close(solver(links, gates, given), walk(links, gates, given))
    close(gradients(solver, links, gates, given), gradients(walk, links, gates, given))


@pytest.mark.parametrize(("solver", "links"), cases())
@pytest.mark.parametrize("kind", GATES)
def test_same_as_point_by_point(solver: Solver, links: Links, kind: str) -> None:
    for sides in SHAPES[len(links[0][2])]:
        assert_same(solver, links, *tensors(links, sides, kind))


@pytest.mark.parametrize("solver", ["wavefront", "rows", "divide"])
def test_complex_states(solver: str) -> None:
    assert_same(some(solver, (1, 1)), PLSTM, *tensors(PLSTM, (3, 4), dtype=torch.complex128))
    gates, _ = tensors(PLSTM, (3, 4))
    _, given = tensors(PLSTM, (3, 4), dtype=torch.complex128)
    assert_same(some(solver, (1, 1)), PLSTM, gates, given)


@pytest.mark.parametrize("solver", ["wavefront", "rows", "divide"])
def test_larger_grids(solver: str) -> None:
    gates, given = tensors(PLSTM, (9, 70), "per dim")
    assert_same(some(solver, (1, 1)), PLSTM, [0.6 * gate for gate in gates], given)


@st.composite
def random_links(draw: st.DrawFn) -> Links:
    """Links of up to three states from neighbours in one quarter of the plane."""
    count = draw(st.integers(1, 3))
    signs = draw(st.tuples(st.sampled_from([-1, 1]), st.sampled_from([-1, 1])))
    steps = st.sampled_from([(0, 1), (1, 0), (1, 1)])
    found = draw(
        st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1), steps), min_size=1, max_size=6)
    )
    top = max(p for p, _, _ in found)
    links = [(p, min(q, top), (signs[0] * a, signs[1] * b)) for p, q, (a, b) in found]
    links += [
        (top, top, offset)
        for axis, offset in enumerate(((signs[0], 0), (0, signs[1])))
        if not any(o[axis] for *_, o in links)
    ]
    return tuple(dict.fromkeys(links))


@given(random_links(), st.integers(1, 6), st.integers(1, 6), st.sampled_from(GATES))
@settings(max_examples=60)
def test_random_links(links: Links, height: int, width: int, kind: str) -> None:
    gates, given = tensors(links, (height, width), kind)
    order = tuple(-1 if any(link[2][axis] > 0 for link in links) else 1 for axis in range(2))
    for solver in ("wavefront", "rows", "divide"):
        assert_same(some(solver, order), links, gates, given)


@pytest.mark.parametrize("solver", ["wavefront", "rows", "divide"])
def test_second_derivatives(solver: str) -> None:
    gates, given = tensors(PLSTM, (2, 3))
    leaves = [x.requires_grad_() for x in (*gates, *given)]

    def states(*leaves: Tensor) -> tuple[Tensor, ...]:
        return some(solver, (1, 1))(PLSTM, leaves[:4], leaves[4:])

    assert torch.autograd.gradcheck(states, leaves)
    assert torch.autograd.gradgradcheck(states, leaves)


@pytest.mark.parametrize("solver", ["wavefront", "rows", "divide"])
@pytest.mark.parametrize("mapped", [(0, 0), (0, None), (None, 2)])
def test_vmap(solver: str, mapped: tuple[int | None, int | None]) -> None:
    gates, given = tensors(PLSTM, (3, 4))
    into = [(gates, mapped[0]), (given, mapped[1])]
    many = [[x if dim is None else torch.stack((x, 0.5 * x, -x), dim) for x in group] for group, dim in into]

    def loss(f: Solver) -> Callable[..., Tensor]:
        return lambda gates, given: torch.stack([x.square().sum() for x in f(PLSTM, gates, given)]).sum()

    for wanted in (lambda f: functools.partial(f, PLSTM), lambda f: torch.func.grad(loss(f), (0, 1))):
        found, expected = (torch.vmap(wanted(f), mapped)(*many) for f in (some(solver, (1, 1)), walk))
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("solver", ["wavefront", "rows", "divide"])
def test_compile(solver: str) -> None:
    torch._dynamo.reset()
    compiled = torch.compile(some(solver, (1, 1)), backend="aot_eager")
    assert_same(compiled, PLSTM, *tensors(PLSTM, (3, 4)))


@pytest.mark.parametrize("solver", ["wavefront", "rows", "divide"])
def test_autocast_leaves_the_states_alone(solver: str) -> None:
    gates, given = ([x.float() for x in each] for each in tensors(PLSTM, (3, 4)))
    expected = some(solver, (1, 1))(PLSTM, gates, given)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = some(solver, (1, 1))(PLSTM, gates, given)
    assert {x.dtype for x in found} == {torch.float32}
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("solver", ["wavefront", "rows"])
def test_bad_values_reach_only_those_who_read_them(solver: str) -> None:
    gates, given = tensors(PLSTM, (3, 4))
    given[0][0, 1, 2, 0, 0] = torch.nan
    states = some(solver, (1, 1))(PLSTM, gates, given)
    torch.testing.assert_close(states, walk(PLSTM, gates, given), equal_nan=True)
    assert torch.isfinite(states[0][:, 0]).all()
    assert states[1][0, 2, 3, 0, 0].isnan()


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.parametrize("which", ["gate", "given"])
def test_halves_keep_bad_values_to_what_lies_behind(which: str, bad: float) -> None:
    gates, given = tensors(PLSTM, (5, 6))
    expected = walk(PLSTM, gates, given)
    (gates if which == "gate" else given)[0][0, 1, 4, 0, 0] = bad
    leaves = [x.requires_grad_() for x in (*gates, *given)]
    states = some("divide", (1, 1))(PLSTM, leaves[:4], leaves[4:])
    clean = torch.ones(2, 5, 6, 3, 2, dtype=torch.bool)
    clean[0, 1:, 4:] = False
    for found, right in zip(states, expected, strict=True):
        torch.testing.assert_close(found[clean], right[clean])
    for found, right in zip(states, walk(PLSTM, gates, given), strict=True):
        assert not bool(found[~right.isfinite()].isfinite().any())
    assert bool(states[0][0, 4, 5, 0, 0].isnan())
    slopes = torch.autograd.grad(sum(x[clean].sum() for x in states), leaves[4:])
    assert all(bool(x[1].isfinite().all()) for x in slopes)


@pytest.mark.parametrize("solver", ["wavefront", "rows", "divide"])
def test_products_of_gates_that_overflow_meet_no_state(solver: str) -> None:
    gates, given = tensors(PLSTM, (5, 6))
    large = [torch.full_like(gate, 1e300) for gate in gates]
    only_last = [torch.zeros_like(x) for x in given]
    only_last[0][:, -1, -1] = 1.0
    torch.testing.assert_close(some(solver, (1, 1))(PLSTM, large, only_last), tuple(only_last))
