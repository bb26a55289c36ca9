"""`diagonal`: the helper of that name on the two coefficients."""

from __future__ import annotations

from recdsl.backends.torch.scope import Scope
from recdsl.backends.torch.solve.common import Solving

from recdsl.lower.plan import Recurrence


def statement(scope: Scope, stage: Recurrence) -> None:
    """h = decay * h[t-d] + input."""
    solving = Solving(scope, stage)
    state, far = solving.state, abs(solving.solve.offset)
    decay, given = solving.role("decay"), solving.input("input", ("decay",))
    first = solving.first(state)
    start = solving.outside(solving.state_read(state))
    if start is not None:
        given = f"steps.restart({solving.solve.offset}, {given}, {decay} * {start} + {given})"
    scope.help("diagonal")
    call = [decay, given, first, *solving.breaks(), *solving.direction()]
    if far == 1:
        name = solving.named(state, f"diagonal({', '.join(call)})")
    else:
        scope.help("interleaved")
        name = solving.named(state, f"interleaved({far}, {', '.join(call)})")
    solving.finish(state, name, first)
