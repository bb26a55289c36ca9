"""What the tests of random programs share: how they are drawn, what lowering finds in them, the comparison with the reference."""

from __future__ import annotations

from collections import Counter

import torch
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.strategies import SearchStrategy

from recdsl import pipeline
from recdsl.lower.lower import prepared
from recdsl.lower.parallel import Decision, parallelise
from recdsl.rewrite.differentiate import expand_gradients
from recdsl.verify import Limits, assert_equivalent

SEEDED = settings(
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)
SMALL = Limits(statements=1, nesting=1, helpers=0, size=2)


def decisions(text: str) -> tuple[Decision, ...]:
    program = expand_gradients(pipeline.check(pipeline.load(text)).program)
    return parallelise(prepared(program)).decisions


def counts(strategy: SearchStrategy[str], draws: int) -> tuple[Counter[str], Counter[str]]:
    """How often each class, and each algorithm that is valid, comes up."""
    classes: Counter[str] = Counter()
    algorithms: Counter[str] = Counter()

    @seed(1)
    @settings(SEEDED, max_examples=draws)
    @given(strategy)
    def run(text: str) -> None:
        for each in decisions(text):
            classes[each.case.verdict.class_] += 1
            algorithms.update(draft.algorithm for draft in each.options.drafts)

    run()
    return classes, algorithms


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
