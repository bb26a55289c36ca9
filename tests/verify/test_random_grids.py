"""Random recurrences of grids of two and three axes: along one axis and along several, under every schedule that is valid."""

from __future__ import annotations

from collections import Counter

import pytest
from random_programs import SMALL, compare, counts

from recdsl.verify import Limits, programs, recurrent_programs

CLASSES = ("lti", "diagonal", "rank-one", "delta", "block", "semiring", "clamp", "mobius", "automaton", "nonlinear")
ALGORITHMS = (
    "diagonal", "rank_one", "delta", "folded", "powers", "block", "fourier", "separable", "semiring", "clamp", "mobius", "automaton",
    "wavefront", "rows", "divide", "stepwise", "newton",
)  # fmt: skip
SEVERAL = Limits(statements=4, nesting=1, helpers=0, size=2)
DRAWS = 500
PARTS = 3  # of the programs that are compared, so that they can run beside each other
PART = 35


@pytest.fixture(scope="module")
def come_up() -> tuple[Counter[str], Counter[str]]:
    return counts(recurrent_programs(SEVERAL, "grid"), DRAWS)


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_comes_up(name: str, come_up: tuple[Counter[str], Counter[str]]) -> None:
    assert come_up[0][name] >= 1


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_of_grids_comes_up(name: str, come_up: tuple[Counter[str], Counter[str]]) -> None:
    assert come_up[1][name] >= 1


@pytest.mark.parametrize("part", range(PARTS))
def test_random_grids_agree_with_the_reference(part: int) -> None:
    compare(recurrent_programs(SMALL, "grid"), PART, part)


@pytest.mark.long
def test_many_random_grid_recurrences_agree_with_the_reference() -> None:
    compare(recurrent_programs(Limits(statements=2, nesting=2, helpers=0), "grid"), 10_000)


@pytest.mark.long
def test_many_random_grids_agree_with_the_reference() -> None:
    compare(programs(("grid",), Limits(statements=2, nesting=2, helpers=0, size=2)), 10_000)
