"""`powers`: the helper of that name on one matrix for all points."""

from __future__ import annotations

from recdsl.backends.torch.scope import Scope
from recdsl.backends.torch.solve.dense import Dense

from recdsl.lower.plan import Recurrence


def statement(scope: Scope, stage: Recurrence) -> None:
    """h = transition @ h[t-1] + input."""
    dense = Dense(scope, stage)
    dense.print("powers", [dense.transition(())], dense.breaks())
