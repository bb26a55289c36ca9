"""How many values a state of whole numbers can take: n such that it always lies in 0 … n-1, proved from the program.

    c = (c[t-1] + x) % K                          K, by the remainder
    c = clamp(c[t-1] + x, 0, 5)                   6, by the bounds
    c = where(c[t-1] == 9, 0, c[t-1] + 1)         10, by trying every value

The first two go by induction: where the earlier state lies in the range, so does the next.
"""

from __future__ import annotations

import math
import operator as python
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from recdsl.classify.closed import NotClosed, outside
from recdsl.classify.group import Group
from recdsl.ir import sizes
from recdsl.ir.build import const, simplified
from recdsl.ir.expr import Apply, Const, Expr, Number, Position, Read
from recdsl.ir.sizes import Size

MOST = 64  # values, where their number is known now
INF = math.inf
NONE, ONE = sizes.number(0), sizes.number(1)


@dataclass(frozen=True, slots=True)
class Range:
    """Whole numbers from `low`, below `count`; None is no bound."""

    low: float
    count: Size | None


EARLIER = Range(0, NONE)  # the state is not below 0, and adds nothing to the count that bounds it


def count_of(group: Group, read: Read) -> Size:
    """The number of values of the state that `read` reads. Raises `NotClosed`."""
    work = _Search(group, read)
    start = next(each.init for each in group.module.equations() if each.id == read.value) or const(0)
    begun = work.of(start)
    found = _hull(begun, work.of(group.equations()[read.value].expr))
    if found.low < 0 or found.count is None:
        tried = work.tried(begun)
        if tried is None:
            raise outside(
                group.equations()[read.value].expr, "it is not known to stay among finitely many values from 0 on"
            )
        return tried
    if found.count.operator == "number" and sizes.evaluate(found.count, {}) > MOST:
        raise NotClosed(f"the state has {found.count} values, more than {MOST}", group.items[0].span)
    return found.count


@dataclass(slots=True)
class _Search:
    group: Group
    read: Read

    def of(self, expr: Expr) -> Range:
        """The range of an expression, where the earlier state lies in the range that is looked for."""
        match expr:
            case Const(value=int() as value):
                return Range(value, sizes.number(max(0, int(value) + 1)))
            case Position() if expr.type.dims:
                return Range(0, expr.type.dims[0].size)
            case Number(size=size) if self._is_whole(size):
                return Range(1, sizes.apply("+", size, ONE))
            case Number(size=Size("-", (Size() as size, Size("number", (1,))))) if self._is_whole(size):
                return Range(0, size)
            case Read() if expr.value in self.group.equations() and expr.offsets:
                return EARLIER
            case Read(value=value) if (tokens := self._vocabulary(value)) is not None:
                return Range(0, tokens if tokens.operator == "number" else None)
            case Read(offsets=(), via="") if expr.value in self.group.polynomials.equations:
                return self.of(self.group.polynomials.equations[expr.value].expr)
            case Apply(operator="broadcast", operands=(x,)):
                return self.of(x)
            case Apply(operator="where", operands=(_, then, otherwise)):
                return _hull(self.of(then), self.of(otherwise))
            case Apply(operator="mod", operands=(_, Const(value=int() as value))) if value > 0:
                return Range(0, sizes.number(value))
            case Apply(operator="mod", operands=(_, Number(size=size))) if self._is_whole(size):
                return Range(0, size)
            case Apply(operator="maximum", operands=(left, right)):
                return _greater(self.of(left), self.of(right))
            case Apply(operator="relu", operands=(x,)):
                return _greater(self.of(x), Range(0, ONE))
            case Apply(operator="minimum", operands=(left, right)):
                return _smaller(self.of(left), self.of(right))
            case Apply(operator="clamp", operands=(x, low, high)):
                return _smaller(_greater(self.of(x), self.of(low)), self.of(high))
            case Apply(operator="add", operands=(left, right)):
                return Range(self.of(left).low + self.of(right).low, None)
        bounds = self.group.bounds.of(expr)
        least = -INF if bounds.low == -INF else math.ceil(bounds.low)
        return Range(least, None if bounds.high == INF else sizes.number(max(0, math.floor(bounds.high) + 1)))

    def _vocabulary(self, value: str) -> Size | None:
        """How many tokens an input may be; where that is a parameter it may be too many for a table."""
        return next((each.vocabulary for each in self.group.module.inputs if each.name == value), None)

    def _is_whole(self, size: Size) -> bool:
        """Whether a size is positive and whole for every choice of dims."""
        match size.operator, size.operands:
            case "number", (value,):
                return isinstance(value, int) and value > 0
            case "name", (name,):
                return any(each.name == name and each.is_dim for each in self.group.module.parameters)
            case (("+" | "*"), _):
                return all(self._is_whole(each) for each in size.parts)
        return False

    # ---- trying

    def tried(self, begun: Range) -> Size | None:
        """The number of values that are reached from 0 … `begun` and closed under every step; None where that does not end."""
        if begun.low < 0 or begun.count is None or begun.count.operator != "number":
            return None
        count, value = int(sizes.evaluate(begun.count, {})), 0
        while value < count <= MOST:
            bounds = self.group.bounds.of(self.at(self.group.equations()[self.read.value].expr, value))
            if bounds.low < 0 or bounds.high > MOST:
                return None
            count, value = max(count, math.floor(bounds.high) + 1), value + 1
        return sizes.number(count) if count <= MOST else None

    def at(self, expr: Expr, value: int) -> Expr:
        """An expression with a number for the earlier state."""
        equations = self.group.equations()
        if isinstance(expr, Read) and expr.value in equations:
            return const(value) if expr.offsets else self.at(equations[expr.value].expr, value)
        if isinstance(expr, Apply):
            operands = tuple(self.at(each, value) for each in expr.operands)
            return expr if operands == expr.operands else _folded(replace(expr, operands=operands))
        return expr


def _folded(expr: Apply) -> Expr:
    """An application with what is known of its operands worked out."""
    match expr.operator, expr.operands:
        case (("and" | "or"), (left, right)):
            for one, other in ((left, right), (right, left)):
                if isinstance(one, Const):
                    return other if bool(one.value) == (expr.operator == "and") else one
        case "not", (Const(value=value),):
            return const(not value)
        case operator, (Const(value=left), Const(value=right)) if operator in _ON_NUMBERS:
            return const(_ON_NUMBERS[operator](left, right))
        case "broadcast", (Const() as x,):
            return x
    return simplified(expr.operator, *expr.operands, **dict(expr.attributes))


_ON_NUMBERS: Mapping[str, Callable[[float, float], float]] = {
    "eq": python.eq,
    "ne": python.ne,
    "lt": python.lt,
    "le": python.le,
    "gt": python.gt,
    "ge": python.ge,
    "maximum": max,
    "minimum": min,
}


def _hull(left: Range, right: Range) -> Range:
    return Range(min(left.low, right.low), _either(left.count, right.count))


def _greater(left: Range, right: Range) -> Range:
    return Range(max(left.low, right.low), _either(left.count, right.count))


def _smaller(left: Range, right: Range) -> Range:
    low = min(left.low, right.low)
    known = [each.count for each in (left, right) if each.count is not None]
    numbers = [each for each in known if each.operator == "number"]
    if len(numbers) == 2:
        return Range(low, min(numbers, key=lambda each: sizes.evaluate(each, {})))
    return Range(low, known[0] if known else None)


def _either(left: Size | None, right: Size | None) -> Size | None:
    """The larger of two counts."""
    if left is None or right is None:
        return None
    for one, other in ((left, right), (right, left)):
        if one in (NONE, other) or (one == ONE and other != NONE):
            return other
    return sizes.apply("max", left, right)
