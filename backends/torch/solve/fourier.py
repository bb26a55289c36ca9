"""`fourier`: the helper of that name; with documents in a row, whose points a convolution would mix, the scan."""

from __future__ import annotations

from recdsl.backends.torch.scope import Scope
from recdsl.backends.torch.solve.common import Solving, unsqueezed

from recdsl.lower.plan import Recurrence


def statement(scope: Scope, stage: Recurrence) -> None:
    """h = decay * h[t-1] + input."""
    solving = Solving(scope, stage)
    state = solving.state
    type = solving.type_of(state)
    given = solving.spread(solving.solve.role("input"), scope.labels(type), type)
    decay = solving.role("decay")
    first = solving.first(state)
    start = solving.outside(solving.state_read(state))
    restarted = given
    if start is not None:
        restarted = f"steps.restart({solving.solve.offset}, {given}, {decay} * {start} + {given})"
    scope.help("fourier")
    back = "".join(f", {each}" for each in solving.direction())
    constant = unsqueezed(solving.tensor(solving.solve.role("decay")), type.dim_names)
    call = f"fourier({constant}, {given}, {first}{back})"
    for argument in solving.breaks():
        scope.help("diagonal")
        breaks = scope.names.new("breaks")
        scope.line(f"{breaks} = {argument}")
        call += f" if {breaks} is None else diagonal({decay}, {restarted}, {first}, {breaks}{back})"
    solving.finish(state, solving.named(state, call), first)
