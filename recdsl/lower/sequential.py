"""The algorithm `sequential`: point after point, in the order of the schedule.

Valid for every component that has a schedule. Cost: as many steps as there are points along the axes that the schedule
moves along (levels of the order, in a graph), each with the work of one point.
"""

from __future__ import annotations

from collections.abc import Iterator

from recdsl.check.causality import source_name
from recdsl.diagnostics import Diagnostic, Label, RecdslError
from recdsl.ir.expr import Apply, Call, Expr, Read, walk
from recdsl.ir.graph import results_of
from recdsl.ir.module import Depth, Equation, Item, Module
from recdsl.lower.plan import Recurrence


def sequential(
    module: Module, items: tuple[Item, ...], vector: tuple[int, ...], outside: frozenset[str], class_: str
) -> Recurrence:
    """The plan of one component; `outside` are the values that are read beyond it. Raises RecdslError (R506) for what has no such
    plan."""
    inside = tuple(each for item in items for each in results_of(item))
    if module.domain == "grid":
        _expect_no_whole_past(module, items, inside)
    reach = dict.fromkeys(inside, 0)
    for read in _reads(items):
        if read.value in reach:
            farthest = max((abs(amount) for _, amount in read.offsets), default=0)
            reach[read.value] = max(reach[read.value], farthest, int(bool(read.via)))
    return Recurrence(
        algorithm="sequential",
        class_=class_,
        domain=module.domain,
        items=items,
        vector=vector,
        reach=tuple((value, amount) for value, amount in reach.items() if amount),
        kept=tuple(value for value in inside if value in outside),
    )


def _expect_no_whole_past(module: Module, items: tuple[Item, ...], inside: tuple[str, ...]) -> None:
    """Points of a grid are computed a wave at a time, which holds no line of earlier points."""
    for item in items:
        for expr in walk(item.expr) if isinstance(item, Equation) else ():
            if not isinstance(expr, Apply) or expr.operator != "rename" or expr.attribute("old") not in module.axes:
                continue
            read = next((each for each in walk(expr) if isinstance(each, Read) and each.value in inside), None)
            if read is not None:
                before, state = f"[{expr.attribute('old')}-1]", source_name(read.value, module)
                text = "a recurrence on a grid cannot read all of its earlier points"
                help = f"carry what is needed of them along in a state of its own, such as total = total{before} + {state}{before}"
                raise RecdslError([Diagnostic("R506", text, (Label(expr.span),) if expr.span else (), help=help)])


def _reads(items: tuple[Item, ...]) -> Iterator[Read]:
    for item in items:
        match item:
            case Equation():
                yield from _in(item.expr)
            case Depth():
                yield from (read for _, read in item.captured)
                yield from (carry.start for carry in item.carried)


def _in(expr: Expr) -> Iterator[Read]:
    return (each for each in walk(expr) if isinstance(each, Read) and not isinstance(each, Call))
