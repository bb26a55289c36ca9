"""Random recurrences: every class and every algorithm comes up, and under every schedule that is valid the compiled module is the program."""

from __future__ import annotations

from collections import Counter

import pytest
from random_programs import SMALL, compare, counts

from recdsl.lower.algorithms import PLANS
from recdsl.verify import Limits, programs, recurrent_programs

CLASSES = ("lti", "diagonal", "rank-one", "delta", "block", "semiring", "clamp", "mobius", "automaton", "nonlinear")
ELSEWHERE = frozenset(
    {"separable", "wavefront", "wavewise", "rows", "divide", "gated_product", "levels", "line_graph"}
)  # grids, graphs
DRAWS = 400
MIXED = Limits(statements=2, nesting=2, helpers=0, size=2)
PARTS = 4  # of the 300 programs that are compared, so that they can run beside each other
PART = 80


@pytest.fixture(scope="module")
def come_up() -> tuple[Counter[str], Counter[str]]:
    return counts(recurrent_programs(SMALL), DRAWS)


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_comes_up(name: str, come_up: tuple[Counter[str], Counter[str]]) -> None:
    assert come_up[0][name] >= 1


@pytest.mark.parametrize("name", [name for name in PLANS if name not in ELSEWHERE])
def test_every_algorithm_comes_up(name: str, come_up: tuple[Counter[str], Counter[str]]) -> None:
    assert come_up[1][name] >= 1


@pytest.mark.parametrize("part", range(PARTS))
def test_random_recurrences_agree_with_the_reference(part: int) -> None:
    compare(recurrent_programs(SMALL), PART, part)


@pytest.mark.long
def test_many_random_recurrences_agree_with_the_reference() -> None:
    compare(recurrent_programs(Limits(statements=2, nesting=2, helpers=0)), 15_000)


@pytest.mark.long
def test_many_random_sequences_agree_with_the_reference() -> None:
    compare(programs(("sequence",), MIXED), 10_000)
