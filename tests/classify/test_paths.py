"""How many paths there are between states, against counting them."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recdsl.classify.paths import Offset, Step, one_path

FAR = 6  # steps of a counted path


def most(steps: set[Step]) -> int:
    """The largest number of paths of at most FAR steps from a state at a point to another."""
    found: Counter[tuple[str, str, Offset]] = Counter()
    axes = len(next(iter(steps)).offset)
    ends = {(each.of, each.of, (0,) * axes): 1 for each in steps}
    for _ in range(FAR):
        after: Counter[tuple[str, str, Offset]] = Counter()
        for (start, state, moved), count in ends.items():
            for step in steps:
                if step.of == state:
                    place = tuple(a + b for a, b in zip(moved, step.offset, strict=True))
                    after[start, step.into, place] += count
        found.update(after)
        ends = after
    return max(found.values(), default=0)


@st.composite
def systems(draw: st.DrawFn) -> set[Step]:
    axes = draw(st.integers(1, 3))
    offsets = st.tuples(*[st.integers(-1, 0)] * axes).filter(any)
    steps = st.builds(Step, st.sampled_from("abc"), st.sampled_from("abc"), offsets)
    return draw(st.sets(steps, min_size=1, max_size=5))


@settings(max_examples=400, deadline=None)
@given(systems())
def test_one_path_is_one_when_counted(steps: set[Step]) -> None:
    assert not one_path(steps) or most(steps) == 1


RIGHT, DOWN, IN = (0, 0, -1), (0, -1, 0), (-1, 0, 0)


def step(into: str, of: str, offset: Offset) -> Step:
    return Step(into, of, offset)


@pytest.mark.parametrize(
    ("steps", "one"),
    [
        ([step("r", "r", (-1,))], True),
        ([step("r", "r", (-1,)), step("r", "r", (-2,))], False),
        ([step("r", "r", (-2, -2)), step("s", "s", (-1, -1)), step("s", "r", (0, -1))], False),
        ([step("r", "r", (-1,)), step("s", "s", (-1,)), step("s", "r", (-1,))], False),
        ([step("r", "r", (0, -1)), step("d", "d", (-1, 0)), step("r", "d", (-1, 0))], True),
        ([step("r", "r", (0, -1)), step("d", "d", (-1, 0)), step("r", "d", (-1, 0)), step("d", "r", (0, -1))], False),
        ([step("r", "r", (0, -1)), step("d", "d", (-1, 0)), step("r", "d", (-1, 0)), step("r", "d", (-2, 0))], False),
    ],
)
def test_known_systems(steps: list[Step], one: bool) -> None:
    assert one_path(steps) is one
    assert (most(set(steps)) == 1) is one


def test_three_axes_without_turns_back() -> None:
    """Every direction hands over to the later ones: each of these systems has one path, and no more with a turn back."""
    names = {"i": IN, "d": DOWN, "r": RIGHT}
    own = [step(name, name, offset) for name, offset in names.items()]
    for size in range(4):
        for turns in itertools.combinations([("d", "i"), ("r", "i"), ("r", "d")], size):
            steps = own + [step(into, of, names[of]) for into, of in turns]
            assert one_path(steps)
            assert most(set(steps)) == 1
    assert not one_path([*own, step("d", "i", IN), step("i", "d", DOWN)])
