"""`clamp`: the helper `clamped` on scale, input and bounds."""

from __future__ import annotations

from recdsl.backends.torch.scope import Scope
from recdsl.backends.torch.solve.closed import Family

from recdsl.lower.plan import Recurrence


def statement(scope: Scope, stage: Recurrence) -> None:
    """h = clamp(scale * h[t-1] + input, low, high)."""
    family = Family(scope, stage)
    scale = family.local("scales", family.role("scale"))
    given = family.local("given", family.input("input", ("scale", "low", "high")))
    low, high = family.role("low"), family.role("high")
    first = family.first(family.state)
    start = family.start(scope.labels(family.type_of(family.state)))
    fresh = [] if start is None else [(given, f"{scale} * {start} + {given}")]
    family.restart([*fresh, (scale, "0.0")])
    name = family.named(family.state, family.call("clamped", [scale, given, low, high, first]))
    family.finish(family.state, name, first)
