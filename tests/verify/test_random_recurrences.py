"""Random recurrences: every class and every algorithm comes up, and under every schedule that is valid the compiled module is the program."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from recdsl import pipeline
from recdsl.lower.algorithms import PLANS
from recdsl.lower.lower import prepared
from recdsl.lower.parallel import Decision, parallelise
from recdsl.rewrite.differentiate import expand_gradients
from recdsl.verify import Limits, assert_equivalent, programs, recurrent_programs

CLASSES = ("lti", "diagonal", "rank-one", "delta", "block", "semiring", "clamp", "mobius", "automaton", "nonlinear")
DRAWS = 400
SEEDED = settings(
    derandomize=True,
    max_examples=DRAWS,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
SMALL = Limits(statements=1, nesting=1, helpers=0, size=2)
MIXED = Limits(statements=2, nesting=2, helpers=0, size=2)
PARTS = 4  # of the 300 programs that are compared, so that they can run beside each other
PART = 80


def decisions(text: str) -> tuple[Decision, ...]:
    program = expand_gradients(pipeline.check(pipeline.load(text)).program)
    return parallelise(prepared(program)).decisions


@pytest.fixture(scope="module")
def come_up() -> tuple[Counter[str], Counter[str]]:
    """How often each class, and each algorithm that is valid, comes up in `DRAWS` programs."""
    classes: Counter[str] = Counter()
    algorithms: Counter[str] = Counter()

    @seed(1)
    @SEEDED
    @given(recurrent_programs(SMALL))
    def run(text: str) -> None:
        for each in decisions(text):
            classes[each.case.verdict.class_] += 1
            algorithms.update(draft.algorithm for draft in each.options.drafts)

    run()
    return classes, algorithms


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_comes_up(name: str, come_up: tuple[Counter[str], Counter[str]]) -> None:
    assert come_up[0][name] >= 1


@pytest.mark.parametrize("name", PLANS)
def test_every_algorithm_comes_up(name: str, come_up: tuple[Counter[str], Counter[str]]) -> None:
    assert come_up[1][name] >= 1


def compare(strategy: SearchStrategy[str], count: int, part: int | None = None) -> None:
    """`count` programs against the reference, under every valid schedule: those of a part, or any."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)

    @settings(SEEDED, max_examples=count, derandomize=part is not None, phases=[Phase.generate, Phase.shrink])
    @given(strategy)
    def run(text: str) -> None:
        assert_equivalent(text, examples=1)

    try:
        (run if part is None else seed(part)(run))()
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("part", range(PARTS))
def test_random_recurrences_agree_with_the_reference(part: int) -> None:
    compare(recurrent_programs(SMALL), PART, part)


@pytest.mark.long
def test_many_random_recurrences_agree_with_the_reference() -> None:
    compare(recurrent_programs(Limits(statements=2, nesting=2, helpers=0)), 15_000)


@pytest.mark.long
def test_many_random_sequences_agree_with_the_reference() -> None:
    compare(programs(("sequence",), MIXED), 10_000)
