"""The algorithm `clamp`: h = clamp(scale * h[t-1] + input, low, high) as a scan over such functions.

Valid for one state that is read at the point before, element by element, whatever the sign of the scale, but not where `semiring` is:
that does less work. Where the value is exactly at a bound the gradient goes to the value, as that of `clamp`. Roles: `scale`, `input`, `low`, `high`; bounds may be infinite.
"""

from __future__ import annotations

from recdsl.classify.clamp import find
from recdsl.classify.semiring import is_semiring
from recdsl.ir.build import apply
from recdsl.lower.closed import form_or_refused, one_back, scan_cost
from recdsl.lower.draft import Case, Draft, Refused, plus, times

NAME = "clamp"


def plan(case: Case) -> Draft:
    """The plan of a recurrence. Raises `Refused` (R535, R536 for reads farther away, R537 for folds)."""
    form = form_or_refused(case, find, "R535")
    if is_semiring(case.group):
        raise Refused("R537", f"{form.state} is a fold of the state and an offset: semiring does less work", case.span)
    found = form.bounded
    inside = plus(times(found.scale, form.read), found.offset)
    return Draft(
        NAME,
        (form.state,),
        one_back(case, form.read, "R536"),
        (("scale", found.scale), ("input", found.offset), ("low", found.low), ("high", found.high)),
        ((form.state, apply("clamp", inside, found.low, found.high)),),
        scan_cost(case, form.state, 4, 8),
    )
