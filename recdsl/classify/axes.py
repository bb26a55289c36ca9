"""Along which axes of a grid a recurrence runs, and where it joins points of the others.

h = a * h[j-1] + x              runs along j: every row is a sequence of its own
h = a * h[i-1, j-1] + x         runs along i and j
h = h[j-1] + mean[i](h[j-1])    runs along j, but its rows need each other
"""

from __future__ import annotations

from collections.abc import Iterator

from recdsl.classify.group import Group
from recdsl.ir.expr import Apply, Attribute, Expr, Read, operands
from recdsl.ir.types import Axis, Dim


def moving_axes(group: Group) -> tuple[str, ...]:
    """The axes along which states are read at other points, in the order of the layer."""
    moved = {axis for read in group.reads() for axis, amount in read.offsets if amount}
    return tuple(axis for axis in group.module.axes if axis in moved)


def crossing(group: Group, axis: str) -> Apply | None:
    """The first operation on a value of the recurrence that joins or moves points of other axes than `axis`."""
    others = frozenset(group.module.axes) - {axis}
    inside = group.equations()

    def search(expr: Expr) -> tuple[bool, Apply | None]:
        """Whether an expression depends on the recurrence, and what joins points in it."""
        if isinstance(expr, Read):
            return expr.value in inside, None
        found = [search(each) for each in operands(expr)]
        depends = any(each for each, _ in found)
        first = next((each for _, each in found if each is not None), None)
        if first is None and depends and isinstance(expr, Apply) and _joins(expr, others):
            return True, expr
        return depends, first

    return next((found for each in inside.values() if (found := search(each.expr)[1]) is not None), None)


def _joins(expr: Apply, others: frozenset[str]) -> bool:
    """Whether an operation works along one of these axes, or along everything."""
    named = {name for _, attribute in expr.attributes for name in _names(attribute)}
    return bool(named & (others | {"*"}))


def _names(attribute: Attribute) -> Iterator[str]:
    match attribute:
        case str():
            yield attribute
        case Axis(name=name) | Dim(name=name):
            yield name
        case tuple():
            for each in attribute:
                yield from _names(each)
