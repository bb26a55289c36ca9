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
    gated_product,
    grid,
    levels,
    line_graph,
    mobius,
    powers,
    quasi_newton,
    rank_one,
    semiring,
    stepwise,
    wavewise,
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
    "gated_product": gated_product.statement,
    "levels": levels.statement,
    "line_graph": line_graph.statement,
    "newton": stepwise.newton,
    "mobius": mobius.statement,
    "powers": powers.statement,
    "quasi_newton": quasi_newton.statement,
    "rank_one": rank_one.statement,
    "stepwise": stepwise.stepwise,
    "semiring": semiring.statement,
    "wavefront": grid.wavefront,
    "rows": grid.rows,
    "divide": grid.divide,
    "wavewise": wavewise.statement,
}


def statement(scope: Scope, stage: Recurrence) -> None:
    """Print one stage that an algorithm solves."""
    PRINTERS[stage.algorithm](scope, stage)
