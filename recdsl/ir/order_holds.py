"""Invariants of components: I13, I15 and I16."""

from __future__ import annotations

from collections.abc import Iterator

from recdsl.check.schedule import Unschedulable, components
from recdsl.ir.expr import Apply, Call, Expr, Read, operands, walk
from recdsl.ir.graph import node_of, results_of
from recdsl.ir.module import Equation, Module, Program
from recdsl.ir.operators.table import OPERATORS
from recdsl.ir.violation import Violation, direct_reads

Found = Iterator[Violation]
COSTLY = frozenset({"contraction", "reduction", "along"})


def scheduled(module: Module, program: Program) -> Found:
    """I13."""
    try:
        components(module, program)
    except Unschedulable as error:
        yield Violation(", ".join(error.items), str(error))


def hoisted(module: Module, program: Program) -> Found:
    """I15. Products that only spread their operands over more dims are cheap to keep, and values along `pred` live
    nowhere else."""
    items = {node_of(item): item for item in module.items}
    for component in components(module, program):
        group = [items[name] for name in component.items]
        inside = {each for item in group for each in results_of(item)}
        for item in group if component.recurrent else ():
            if isinstance(item, Equation):
                for expr in independent(item.expr, inside):
                    if _costly(expr) and not (module.domain == "graph" and _along_edges(expr)):
                        yield Violation(expr, f"stands in the recurrence of {', '.join(component.items)}")


def ordered(module: Module, program: Program) -> Found:
    """I16."""
    items = {node_of(item): item for item in module.items}
    ready = {given.name for given in module.inputs}
    for component in components(module, program):
        group = [items[name] for name in component.items]
        ready.update(each for item in group for each in results_of(item))
        for item in group:
            late = [read.value for read in direct_reads(item) if read.value not in ready]
            if late:
                yield Violation(node_of(item), f"is computed before {late[0]}, which it reads")


def independent(expr: Expr, inside: set[str]) -> Iterator[Expr]:
    """The largest parts of an expression that read nothing of a component."""
    if not any(isinstance(each, Read) and each.value in inside for each in walk(expr)):
        yield expr
        return
    for each in operands(expr):
        yield from independent(each, inside)


def _costly(expr: Expr) -> bool:
    """Whether a value that varies is computed by more than one operation an element."""
    varies = any(isinstance(each, Read) for each in walk(expr))
    return varies and any(
        isinstance(each, Call) or (isinstance(each, Apply) and OPERATORS[each.operator].family in COSTLY)
        for each in walk(expr)
    )


def _along_edges(expr: Expr) -> bool:
    return any(isinstance(each, Read) and each.via for each in walk(expr))
