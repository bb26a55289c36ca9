"""The algorithm `semiring`: h = fold(shift + h[t-1], input) in max, min or log-sum-exp, and (shift and h[t-1]) or input, as a scan.

Valid for one state that is read at the point before, element by element or folded along one of its dims (the matrix form).
The fold is the operator of the state's equation. Roles: `shift`, `input` (missing where nothing but the state is folded); in the matrix
form `keys` is the dim of the state, `values` what `shift` calls it in the earlier state.
"""

from __future__ import annotations

from recdsl.classify.count import count
from recdsl.classify.semiring import Semiring, find
from recdsl.ir.build import apply, simplified
from recdsl.ir.expr import Expr
from recdsl.ir.operators.shared import renamed
from recdsl.ir.types import Dim
from recdsl.lower.closed import form_or_refused, one_back, scan_cost
from recdsl.lower.draft import Case, Cost, Draft, plus

NAME = "semiring"
PAIR = {"max": "maximum", "min": "minimum", "logsumexp": "logaddexp", "or": "or"}


def plan(case: Case) -> Draft:
    """The plan of a recurrence. Raises `Refused` (R530, R531 for reads farther away)."""
    form = form_or_refused(case, find, "R530")
    roles = [("shift", form.shift)]
    if form.offset is not None:
        roles.append(("input", form.offset))
    return Draft(
        NAME,
        (form.state,),
        one_back(case, form.read, "R531"),
        tuple(roles),
        ((form.state, _next(form)),),
        _cost(case, form),
        keys=() if form.along is None else (form.along[0].name,),
        values=() if form.along is None else (form.along[1],),
    )


def _next(form: Semiring) -> Expr:
    if form.along is None:
        assert form.offset is not None
        stepped = apply("and", form.shift, form.read) if form.fold == "or" else plus(form.shift, form.read)
        return apply(PAIR[form.fold], stepped, form.offset)
    dim, before = form.along
    across = apply("add", form.shift, renamed(simplified, form.read, dim.name, Dim(before, dim.size)))
    folded = apply(form.fold, across, over=(before,))
    return folded if form.offset is None else apply(PAIR[form.fold], folded, form.offset)


def _cost(case: Case, form: Semiring) -> Cost:
    """Of a scan; in the matrix form over square matrices, whose products take another factor of their width."""
    if form.along is None:
        return scan_cost(case, form.state, 2, 3)
    cost, width = scan_cost(case, form.state, 1, 2), count(form.along[0].size)
    return Cost(cost.work * width * width, cost.depth, cost.bytes * width)
