"""Reads that cancel are taken out of a recurrence: without them its values may need each other no longer.

    a = a[t-1] / 2 + b[t-1]                         a = a[t-1] / 2 + b[t-1]
    b = b[t-1] / 3 + a[t-1] - a[t-1] + x      →     b = b[t-1] / 3 + x

The two are then recurrences one after the other, and each gets its algorithm. Only the affine form shows what cancels. On a graph
equations stay as they are: a link that is not there costs nothing.
"""

from __future__ import annotations

from dataclasses import replace

from recdsl.classify.group import Group
from recdsl.classify.system import System
from recdsl.ir.build import apply, const, simplified
from recdsl.ir.expr import Expr, Read, reads
from recdsl.ir.module import Equation, Module
from recdsl.lower.block import applied
from recdsl.lower.draft import Case, plus, times


def cancelled(case: Case) -> Module | None:
    """The module with new equations for the states that need less than they read; None where there are none."""
    group, system = case.group, case.verdict.system
    if system is None or group.module.domain == "graph":
        return None
    equations = group.equations()
    known: dict[str, frozenset[Read]] = {}
    changed = {
        state: replace(equations[state], expr=_equation(group, system, state))
        for state in system.states
        if _reads(state, equations, known) - {each.read for each in system.terms_of(state)}
    }
    if not changed:
        return None
    items = tuple(changed.get(each.id, each) if isinstance(each, Equation) else each for each in group.module.items)
    return replace(group.module, items=items)


def _reads(value: str, equations: dict[str, Equation], known: dict[str, frozenset[Read]]) -> frozenset[Read]:
    """The reads at other points that a value makes, also through values at the same point; `known` keeps what was found."""
    if value not in known:
        own = [each for each in reads(equations[value].expr) if each.value in equations]
        through = (_reads(each.value, equations, known) for each in own if not each.offsets)
        known[value] = frozenset(each for each in own if each.offsets).union(*through)
    return known[value]


def _equation(group: Group, system: System, state: str) -> Expr:
    """What the affine form says of a state."""
    total: Expr = const(0.0)
    for link in system.links:
        if link.state == state:
            total = plus(total, times(link.coefficient, link.read))
    for term in system.low_rank:
        if term.state == state:
            inner = apply("sum", simplified("mul", term.inner, term.read), over=term.summed)
            total = plus(total, times(group.polynomials.normal(term.outer), inner))
    for each in system.dense:
        if each.state == state:
            total = plus(total, applied(each))
    return plus(total, group.polynomials.normal(system.input_of(state)))
