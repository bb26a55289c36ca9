"""All algorithms, and which of them a recurrence gets.

Each class has its algorithms in the order in which they are tried: the one that does least work per point first, `sequential` last. Some
are only taken when they are asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from recdsl.check.causality import source_name
from recdsl.lower import (
    automaton,
    block,
    clamp,
    delta,
    diagonal,
    divide,
    folded,
    fourier,
    gated_product,
    levels,
    line_graph,
    mobius,
    newton,
    powers,
    quasi_newton,
    rank_one,
    rows,
    semiring,
    separable,
    stepwise,
    wavefront,
    wavewise,
)
from recdsl.lower.draft import Case, Draft, Refused

SEQUENTIAL = "sequential"
PLANS: dict[str, Callable[[Case], Draft]] = {
    module.NAME: module.plan
    for module in (
        rank_one,
        delta,
        folded,
        diagonal,
        powers,
        block,
        fourier,
        separable,
        semiring,
        clamp,
        mobius,
        automaton,
        gated_product,
        wavefront,
        rows,
        divide,
        wavewise,
        line_graph,
        levels,
        stepwise,
        newton,
        quasi_newton,
    )
}
ON_REQUEST = frozenset({quasi_newton.NAME})  # `auto` never takes these
NAMES = (*PLANS, SEQUENTIAL)


@dataclass(frozen=True, slots=True)
class Options:
    """Every algorithm that is valid for a recurrence, best first, and why the others are not."""

    drafts: tuple[Draft, ...]
    refused: tuple[tuple[str, Refused], ...]

    @property
    def best(self) -> Draft | None:
        """What `auto` takes; None for `sequential`."""
        return next((each for each in self.drafts if each.algorithm not in ON_REQUEST), None)


def _in_words_of_the_source(reason: str, case: Case) -> str:
    """A reason with the text of expressions in the place of the ids of their nameless equations, `%1`."""
    return re.sub(r"%\d+", lambda found: source_name(found[0], case.group.module), reason)


def options(case: Case) -> Options:
    """What each algorithm answers. `sequential` is always valid and has no draft."""
    drafts: list[Draft] = []
    refused: list[tuple[str, Refused]] = []
    for name, plan in PLANS.items():
        try:
            drafts.append(plan(case))
        except Refused as why:
            refused.append((name, Refused(why.code, _in_words_of_the_source(why.reason, case), why.span)))
    return Options(tuple(drafts), tuple(refused))
