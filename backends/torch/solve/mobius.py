"""`mobius`: the helper of that name on the four coefficients."""

from __future__ import annotations

from recdsl.backends.torch.scope import Scope
from recdsl.backends.torch.solve.closed import Family

from recdsl.lower.plan import Recurrence


def statement(scope: Scope, stage: Recurrence) -> None:
    """h = (a * h[t-1] + b) / (c * h[t-1] + d)."""
    family = Family(scope, stage)
    type = family.type_of(family.state)
    order = scope.labels(type)
    names = [family.local(role, family.spread(family.solve.role(role), order, type)) for role in ("a", "b", "c", "d")]
    a, b, c, d = names
    first = family.first(family.state)
    start = family.start(order)
    fresh = [] if start is None else [(b, f"{a} * {start} + {b}"), (d, f"{c} * {start} + {d}")]
    family.restart([*fresh, (a, "0.0"), (c, "0.0")])
    # Behind the end of a row nothing changes, so that no division by zero there comes back as a gradient.
    kept = [family.cut(name, fill) for name, fill in zip(names, (1, 0, 0, 1), strict=True)]
    name = family.named(family.state, family.call("mobius", [*kept, first]))
    family.finish(family.state, name, first)
