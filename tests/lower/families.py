"""What the tests of the closed families share: which algorithm a program gets, and that it means the same."""

from __future__ import annotations

from recdsl import pipeline
from recdsl.lower.lower import lower
from recdsl.lower.plan import ModulePlan, Recurrence
from recdsl.verify import assert_equivalent


def plan(source: str, schedule: str = "auto") -> ModulePlan:
    return lower(pipeline.check(pipeline.load(source)).program, schedule).entry


def algorithms(source: str, schedule: str = "auto") -> set[str]:
    """The algorithms of all recurrences of a program."""
    return {stage.algorithm for stage in plan(source, schedule).stages if isinstance(stage, Recurrence)}


def agrees(source: str, algorithm: str) -> None:
    """Every recurrence gets the algorithm, and the compiled program is the reference."""
    assert algorithms(source) == {algorithm}
    assert_equivalent(source, examples=4)
