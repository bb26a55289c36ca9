"""Recurrences of a grid that hand their states on whole, as one: together they need not be whole.

D = a * D[i-1] + s * k * v                      D runs down the columns; R, along the rows, gets all of D:
R = b * R[j-1] + c * D[i-1] + t * k * v         as one recurrence of two states they are read in sums only
o = sum[K](q * R)
"""

from __future__ import annotations

import networkx as nx

from recdsl.check.schedule import Component, Unschedulable, component, schedule_vector
from recdsl.ir.graph import equation_graph
from recdsl.ir.module import Equation, Module, Program
from recdsl.lower.plan import Link
from recdsl.rewrite.order import ordered_components


def joint(module: Module, program: Program, first: Component) -> Component | None:
    """A recurrence with all others that its states go into whole, or through values of the same dims; None where there are none."""
    if module.domain != "grid":
        return None
    graph = equation_graph(module, program)
    wide = _whole_values(module, first)
    others = [each for each in ordered_components(module, program) if each.recurrent and set(each.items) <= wide]
    reached = set(first.items)
    for each in others:
        if each.items != first.items and reached & _before(graph, each.items, wide):
            reached |= set(each.items)
    if reached == set(first.items):
        return None
    between = wide & _before(graph, reached, wide) & _before(graph.reverse(copy=False), first.items, wide)
    try:
        return component(frozenset(reached | between), graph, module)
    except Unschedulable:
        return None


def _whole_values(module: Module, first: Component) -> set[str]:
    """The equations with all dims of the states of a recurrence."""
    equations = {each.id: each for each in module.items if isinstance(each, Equation)}
    states = [equations[name] for name in first.items if name in equations]
    dims = {name for each in states for name in each.type.dim_names}
    return {name for name, each in equations.items() if dims <= set(each.type.dim_names)}


def _before(graph: nx.MultiDiGraph[str], items: tuple[str, ...] | set[str], wide: set[str]) -> set[str]:
    """What some items need through values that are whole, themselves included."""
    own = graph.subgraph(wide)
    return set(items).union(*(nx.ancestors(own, name) for name in items if name in own))


def order_of(links: tuple[Link, ...]) -> tuple[int, ...]:
    """The order of points for the links of a joint recurrence."""
    vector = schedule_vector({tuple((amount, amount) for amount in each.offset) for each in links})
    assert vector is not None
    return vector
