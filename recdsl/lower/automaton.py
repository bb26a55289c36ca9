"""The algorithm `automaton`: h = table[h[t-1]] as a scan over maps between finitely many values.

Valid for one state of whole numbers that provably lie in 0 … n-1, or of truth values, which is read at the point before, element by
element. Work and memory grow with n (Ladner and Fischer 1980). Roles: `table`, whole numbers along the further dim in `values`.
"""

from __future__ import annotations

from recdsl.classify.automaton import Automaton, find
from recdsl.classify.count import count, number
from recdsl.ir.build import apply, const
from recdsl.ir.expr import Expr
from recdsl.lower.closed import form_or_refused, one_back, scan_cost
from recdsl.lower.draft import Case, Cost, Draft

NAME = "automaton"


def plan(case: Case) -> Draft:
    """The plan of a recurrence. Raises `Refused` (R545, R546 for reads farther away)."""
    form = form_or_refused(case, find, "R545")
    return Draft(
        NAME,
        (form.state,),
        one_back(case, form.read, "R546"),
        (("table", form.table),),
        ((form.state, _next(form)),),
        _cost(case, form),
        values=(form.values.name,),
    )


def _next(form: Automaton) -> Expr:
    truth = form.read.type.kind == "bool"
    place = apply("where", form.read, const(1), const(0)) if truth else form.read
    found = apply("gather", form.table, place, name=form.values.name)
    return apply("gt", found, const(0)) if truth else found


def _cost(case: Case, form: Automaton) -> Cost:
    """Of a scan over tables of n whole numbers of eight bytes."""
    cost, entries = scan_cost(case, form.state, 1, 1), count(form.values.size)
    return Cost(cost.work * entries, cost.depth, number(2) * cost.bytes * entries)
