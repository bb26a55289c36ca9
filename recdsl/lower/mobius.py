"""The algorithm `mobius`: h = (a * h[t-1] + b) / (c * h[t-1] + d) as a scan over matrices [[a, b], [c, d]].

Valid for one state that is read at the point before, element by element. Only the ratios of the four count, so that products of the
matrices are kept in range by dividing them. Roles: `a`, `b`, `c`, `d`.
"""

from __future__ import annotations

from recdsl.classify.mobius import find
from recdsl.ir.build import apply
from recdsl.ir.expr import Expr, Read
from recdsl.lower.closed import form_or_refused, one_back, scan_cost
from recdsl.lower.draft import Case, Draft, plus, times

NAME = "mobius"


def plan(case: Case) -> Draft:
    """The plan of a recurrence. Raises `Refused` (R540, R541 for reads farther away)."""
    form = form_or_refused(case, find, "R540")
    ratio = apply("div", _linear(form.a, form.read, form.b), _linear(form.c, form.read, form.d))
    return Draft(
        NAME,
        (form.state,),
        one_back(case, form.read, "R541"),
        (("a", form.a), ("b", form.b), ("c", form.c), ("d", form.d)),
        ((form.state, ratio),),
        scan_cost(case, form.state, 4, 14),
    )


def _linear(slope: Expr, read: Read, offset: Expr) -> Expr:
    return plus(times(slope, read), offset)
