"""The components of a module in an order in which every value that is read has been computed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import networkx as nx

from recdsl.check.schedule import Component, components
from recdsl.ir.expr import Expr, Read, rebuild, walk
from recdsl.ir.graph import node_of, results_of
from recdsl.ir.module import Depth, Equation, Item, Module, Program


def item_reads(item: Item) -> Iterator[Read]:
    """Every read of an item, those of its start included."""
    match item:
        case Equation():
            yield from _reads(item.expr)
            if item.init is not None:
                yield from _reads(item.init)
        case Depth():
            yield from (read for _, read in item.captured)
            yield from (carry.start for carry in item.carried)


def body_results(module: Module, program: Program) -> set[str]:
    """Values of a body that the depth item around it takes out."""
    wanted: set[str] = set()
    for around in program.modules.values():
        for item in around.items:
            if isinstance(item, Depth) and item.body == module.key:
                wanted.update(carry.body_out for carry in item.carried)
                wanted.update({item.until} if item.until is not None else ())
    return wanted


def _reads(expr: Expr) -> Iterator[Read]:
    return (each for each in walk(expr) if isinstance(each, Read))


def ordered_components(module: Module, program: Program) -> list[Component]:
    """The components; those that need each other at no point keep the order of the source."""
    found = components(module, program)
    items = {node_of(item): item for item in module.items}
    place = {name: index for index, name in enumerate(items)}
    home = {
        value: index for index, each in enumerate(found) for name in each.items for value in results_of(items[name])
    }
    needs: nx.DiGraph[int] = nx.DiGraph()
    needs.add_nodes_from(range(len(found)))
    for index, each in enumerate(found):
        for name in each.items:
            for read in item_reads(items[name]):
                if read.value in home and home[read.value] != index:
                    needs.add_edge(home[read.value], index)
    order = nx.lexicographical_topological_sort(
        needs, key=lambda index: min(place[name] for name in found[index].items)
    )
    return [found[index] for index in order]


def inline_between(module: Module, program: Program) -> Module:
    """Puts equations between a recurrence and itself into the recurrence.

        w = softmax[s](where(s < t, q * h[t->s], -inf))
        h = sum[s](w * h[t->s]) + x                      →    h = sum[s](softmax[s](…) * h[t->s]) + x

    Only equations along axes that are not the module's own can stand between: they are seen through when the order
    of the points is determined.
    """
    equations = {each.id: each for each in module.equations()}
    for component in components(module, program):
        if not component.recurrent:
            continue
        between = _between(component, equations, module)
        for name in component.items:
            if name in equations:
                equations[name] = replace(equations[name], expr=_inlined(equations[name].expr, between))
    return replace(module, items=tuple(equations.get(node_of(item), item) for item in module.items))


def _between(component: Component, equations: dict[str, Equation], module: Module) -> dict[str, Equation]:
    """Equations outside of a component that need it, along further axes."""
    inside = set(component.items)
    found: dict[str, Equation] = {}
    grown = True
    while grown:
        grown = False
        for name, each in equations.items():
            spread = any(axis not in module.axes for axis in each.type.axis_names)
            if name not in inside and name not in found and spread and module.domain != "graph":
                needs = any(read.value in inside or read.value in found for read in _reads(each.expr))
                if needs:
                    found[name] = each
                    grown = True
    return found


def _inlined(expr: Expr, between: dict[str, Equation]) -> Expr:
    def change(each: Expr) -> Expr:
        if isinstance(each, Read) and each.value in between and not each.offsets:
            return _inlined(between[each.value].expr, between)
        return each

    return rebuild(expr, change)
