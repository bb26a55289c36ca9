"""Recurrences that are solved for all points at once: one file an algorithm, named like its file in `recdsl.lower`.

Each prints the call of the helper that computes it (`helpers/NAME.py.j2`), with the coefficients lined up as it wants them.
"""

from __future__ import annotations

from collections.abc import Callable

from recdsl.backends.torch.scope import Scope
from recdsl.backends.torch.solve import (
    automaton,
    block,
    clamp,
    delta,
    diagonal,
    folded,
    fourier,
    mobius,
    powers,
    rank_one,
    semiring,
    stepwise,
)

from recdsl.lower.plan import Recurrence

PRINTERS: dict[str, Callable[[Scope, Recurrence], None]] = {
    "automaton": automaton.statement,
    "block": block.statement,
    "clamp": clamp.statement,
    "delta": delta.statement,
    "diagonal": diagonal.statement,
    "folded": folded.statement,
    "fourier": fourier.statement,
    "newton": stepwise.newton,
    "mobius": mobius.statement,
    "powers": powers.statement,
    "rank_one": rank_one.statement,
    "stepwise": stepwise.stepwise,
    "semiring": semiring.statement,
}


def statement(scope: Scope, stage: Recurrence) -> None:
    """Print one stage that an algorithm solves."""
    PRINTERS[stage.algorithm](scope, stage)
