"""The algorithm `levels`: a recurrence along the edges of a graph, one level of the topological order after another, without a tape.

    edge C = sum[pred](g * C[pred]) + x                  affine, element by element: one link with a gate for each pair of edges
    h = o * tanh(sum[pred](linear(h[pred])) + x)         anything else: rules, whose gradient is taken level by level

Valid for real and complex states on nodes and edges, whatever the function between. Affine systems whose states keep apart but for
products with numbers get the same recurrence against the edges as their gradient; of others each level is computed once more
for it. Roles of affine ones: `gate[k]` for the k-th link, `input[p]` for the p-th state; otherwise none, and the equations stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable

from recdsl.classify.cost import elements, work
from recdsl.classify.count import Count, count
from recdsl.ir.expr import Apply, Expr, walk
from recdsl.ir.module import Depth, Equation
from recdsl.ir.sizes import Size
from recdsl.ir.types import ValueType
from recdsl.lower.diagonal import refuse_sums
from recdsl.lower.draft import Case, Cost, Draft, Refused
from recdsl.lower.plan import Link
from recdsl.lower.stepwise import streams
from recdsl.rewrite.equations import is_impure
from recdsl.rewrite.fresh import names_taken
from recdsl.rewrite.hoist import Lift

NAME = "levels"
LEVELS = count(Size("name", ("levels",)))


def plan(case: Case) -> Draft:
    """The plan of a recurrence. Raises `Refused`."""
    refuse_other_domains(case)
    refuse_parts(case)
    try:
        links = links_of(case)
    except Refused:
        return _rules(case)
    return _affine(case, links)


def refuse_other_domains(case: Case) -> None:
    """Raise `Refused` unless the recurrence runs over a graph."""
    domain = case.group.module.domain
    if domain != "graph":
        raise Refused("R520", f"the recurrence runs over a {domain}, not a graph", case.span)


def refuse_parts(case: Case) -> None:
    """Raise `Refused` for what cannot be computed again or has no gradient."""
    for item in case.group.items:
        if isinstance(item, Depth):
            raise Refused("R510", f"the {item.kind} {item.name} stands in it", item.span)
        for each in walk(item.expr):
            if isinstance(each, Apply) and is_impure(each):
                raise Refused("R528", f"{each.operator} may give another value each time", each.span or item.span)
    kinds = {case.group.module.type_of(each).kind for each in case.group.states}
    if not kinds <= {"real", "complex"}:
        raise Refused("R527", f"its states are {' and '.join(sorted(kinds))}, not real", case.span)


def links_of(case: Case) -> tuple[Link, ...]:
    """The links of an affine recurrence on a graph whose states keep apart. Raises `Refused`."""
    system = case.affine()
    refuse_sums(system)
    types = [case.group.module.type_of(each) for each in system.states]
    if len({frozenset(each.dim_names) for each in types}) > 1:
        raise Refused("R513", f"{', '.join(system.states)} have different dims", case.span)
    if len({each.kind for each in types}) > 1:
        raise Refused("R527", f"{', '.join(system.states)} are of different kinds", case.span)
    return tuple(
        Link(each.state, each.read.value, (), f"gate[{place}]", each.read.via)
        for place, each in enumerate(system.links)
    )


def _affine(case: Case, links: tuple[Link, ...]) -> Draft:
    system = case.affine()
    gates = [(link.role, each.coefficient) for link, each in zip(links, system.links, strict=True)]
    inputs = [
        (f"input[{place}]", case.group.polynomials.normal(system.input_of(state)))
        for place, state in enumerate(system.states)
    ]
    roles = (*gates, *inputs)
    cost = Cost(link_work(case, links), LEVELS, streams(case.group, system.states))
    return Draft(NAME, system.states, 0, roles, _same(case), cost, parts=parts(case, roles), links=links)


def _same(case: Case) -> tuple[tuple[str, Expr], ...]:
    """The equations as they are; what is computed before them gets its names in them too."""
    return tuple((each.id, each.expr) for each in case.group.equations().values())


def parts(case: Case, roles: Iterable[tuple[str, Expr]]) -> tuple[Expr, ...]:
    """What equations and roles are made of that lives on nodes or edges and reads no state."""
    module, equations = case.group.module, case.group.equations()
    lift = Lift(module, frozenset(equations), names_taken(module))
    for equation in equations.values():
        lift.equation(equation)
    for name, expr in roles:
        lift.equation(Equation(name, name, expr.type, expr))
    return tuple(lift.known)


def link_work(case: Case, links: tuple[Link, ...]) -> Count:
    """A multiply-add for every element of a state that is passed on, and one more for what is given."""
    module = case.group.module
    passed = (items(case, link) * elements(ValueType("real", (), module.type_of(link.into).dims)) for link in links)
    return sum(passed, sum((elements(module.type_of(each)) for each in case.group.states), Count()))


def items(case: Case, link: Link) -> Count:
    """Over how many edges or pairs of edges a link passes a state on."""
    module = case.group.module
    to_edges = "edge" in module.type_of(link.into).axis_names
    return count(Size("axis", ("pairs" if to_edges and link.via == "pred" else "edge",)))


def _rules(case: Case) -> Draft:
    states = tuple(case.group.states)
    own = work(case.group.items, case.group.module, case.group.program)
    return Draft(NAME, states, 0, (), (), Cost(own, LEVELS, streams(case.group, states)))
