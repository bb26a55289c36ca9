"""The class `clamp`: the next state is an affine function of the state between two bounds.

    h = relu(a * h[t-1] + b)                       scale a, offset b, low 0, high inf
    v = clamp(v[t-1] - k * v[t-1] + i, 0, 1)       scale 1 - k
    h = -2 * min(max(a * h[t-1], l), b)            the bounds change places with the sign

Such functions are closed under composition whatever the sign of the scale. One state, read at one point, element by element.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from recdsl.classify.closed import ClosedWalk, NotClosed, only_read, outside, refused
from recdsl.classify.group import Group
from recdsl.ir.build import apply, const, simplified
from recdsl.ir.expr import Apply, Const, Expr, Read

INF = float("inf")


@dataclass(frozen=True, slots=True)
class Bounded:
    """``clamp(scale * state + offset, low, high)`` with low <= high."""

    scale: Expr
    offset: Expr
    low: Expr
    high: Expr

    @property
    def is_affine(self) -> bool:
        return _is_number(self.low, -INF) and _is_number(self.high, INF)


@dataclass(frozen=True, slots=True)
class Clamp:
    """The next value of `state` is `bounded` of `read`."""

    state: str
    read: Read
    bounded: Bounded


def find(group: Group) -> Clamp:
    """The form of a component. Raises `NotClosed`."""
    read = only_read(group)
    kind = group.module.type_of(read.value).kind
    if kind != "real":
        raise NotClosed(f"the state is of kind {kind}", group.items[0].span)
    work = Clamped(group, read)
    found = work.state()
    parts = (work.normal(each) for each in (found.scale, found.offset, found.low, found.high))
    return Clamp(read.value, read, Bounded(*parts))


@dataclass(slots=True)
class Clamped(ClosedWalk[Bounded]):
    """The walk."""

    def free(self, expr: Expr) -> Bounded:
        return Bounded(const(0.0), expr, const(-INF), const(INF))

    def earlier(self) -> Bounded:
        return Bounded(const(1.0), const(0.0), const(-INF), const(INF))

    def apply(self, expr: Apply) -> Bounded:
        match expr.operator, expr.operands:
            case "neg", (x,):
                return self._scaled(self.of(x), const(-1.0))
            case "add", (left, right):
                return self._sum(expr, self.of(left), self.of(right))
            case "sub", (left, right):
                return self._sum(expr, self.of(left), self._scaled(self.of(right), const(-1.0)))
            case "mul", (left, right) if self.is_free(left):
                return self._scaled(self.of(right), left)
            case "mul", (left, right) if self.is_free(right):
                return self._scaled(self.of(left), right)
            case "div", (left, right) if self.is_free(right):
                return self._scaled(self.of(left), simplified("div", const(1.0), right))
            case (("maximum" | "minimum"), (left, right)):
                return self._joined(expr, self.of(left), self.of(right))
            case "relu", (x,):
                return at_least(self.of(x), const(0.0))
            case "hardtanh", (x,):
                return at_most(at_least(self.of(x), const(-1.0)), const(1.0))
            case "hardsigmoid", (x,):
                sixth = self._scaled(self.of(x), const(1 / 6))
                return at_most(at_least(_shifted(sixth, const(0.5)), const(0.0)), const(1.0))
            case "clamp", (x, low, high) if self.is_free(low) and self.is_free(high):
                return at_most(at_least(self.of(x), low), high)
            case "where", (condition, then, otherwise) if self.is_free(condition):
                return _chosen(condition, self.of(then), self.of(otherwise))
        raise refused(expr, "affine between two bounds")

    def _sum(self, expr: Apply, left: Bounded, right: Bounded) -> Bounded:
        for one, other in ((left, right), (right, left)):
            if _is_number(one.scale, 0) and one.is_affine:
                return _shifted(other, one.offset)
        if left.is_affine and right.is_affine:
            scale, offset = simplified("add", left.scale, right.scale), simplified("add", left.offset, right.offset)
            return replace(left, scale=scale, offset=offset)
        raise outside(expr, "two values that both depend on the state are added, and one of them is bounded")

    def _joined(self, expr: Apply, left: Bounded, right: Bounded) -> Bounded:
        """The greater or smaller of two values: one of them state-free, or both with one scale and no bound on the other side."""
        largest = expr.operator == "maximum"
        for one, other in ((left, right), (right, left)):
            if _is_number(one.scale, 0) and one.is_affine:
                return at_least(other, one.offset) if largest else at_most(other, one.offset)
        open_side = all(_is_number(each.high, INF) if largest else _is_number(each.low, -INF) for each in (left, right))
        if not open_side or self.normal(left.scale) != self.normal(right.scale):
            raise outside(expr, f"{expr.operator} joins two different functions of the state")
        pick = _higher if largest else _lower
        offset = pick(left.offset, right.offset)
        return Bounded(left.scale, offset, pick(left.low, right.low), pick(left.high, right.high))

    def _scaled(self, value: Bounded, factor: Expr) -> Bounded:
        """`factor * value`; a negative factor makes the low bound the high one."""
        scale, offset = simplified("mul", factor, value.scale), simplified("mul", factor, value.offset)
        if value.is_affine:
            return replace(value, scale=scale, offset=offset)
        found = self.group.bounds.of(factor)
        same = _times(factor, value.low, -INF), _times(factor, value.high, INF)
        if found.low >= 0:
            return Bounded(scale, offset, *same)
        swapped = _times(factor, value.high, -INF), _times(factor, value.low, INF)
        if found.high <= 0:
            return Bounded(scale, offset, *swapped)
        negative = apply("lt", factor, const(0))
        pairs = zip(swapped, same, strict=True)
        low, high = (simplified("where", negative, *pair) for pair in pairs)
        return Bounded(scale, offset, low, high)


def at_least(value: Bounded, bound: Expr) -> Bounded:
    """max(value, bound)."""
    return replace(value, low=_higher(value.low, bound), high=_higher(value.high, bound))


def at_most(value: Bounded, bound: Expr) -> Bounded:
    """min(value, bound)."""
    return replace(value, low=_lower(value.low, bound), high=_lower(value.high, bound))


def _shifted(value: Bounded, by: Expr) -> Bounded:
    """`value + by`."""
    return Bounded(value.scale, *(_plus(each, by) for each in (value.offset, value.low, value.high)))


def _plus(bound: Expr, by: Expr) -> Expr:
    """`bound + by`; what is infinite stays so."""
    return bound if _is_infinite(bound) else simplified("add", bound, by)


def _chosen(condition: Expr, then: Bounded, otherwise: Bounded) -> Bounded:
    def pick(one: Expr, other: Expr) -> Expr:
        return simplified("where", condition, one, other)

    return Bounded(
        pick(then.scale, otherwise.scale),
        pick(then.offset, otherwise.offset),
        pick(then.low, otherwise.low),
        pick(then.high, otherwise.high),
    )


def _times(factor: Expr, bound: Expr, infinity: float) -> Expr:
    """`factor * bound`; an infinite bound becomes this infinity, also where the factor is 0 and their product does not exist."""
    if _is_infinite(bound):
        return const(infinity)
    if isinstance(bound, Apply) and bound.operator == "where":
        condition, then, otherwise = bound.operands
        return simplified("where", condition, _times(factor, then, infinity), _times(factor, otherwise, infinity))
    return simplified("mul", factor, bound)


def _higher(left: Expr, right: Expr) -> Expr:
    return _extreme("maximum", left, right, INF)


def _lower(left: Expr, right: Expr) -> Expr:
    return _extreme("minimum", left, right, -INF)


def _extreme(operator: str, left: Expr, right: Expr, strongest: float) -> Expr:
    """maximum or minimum without what decides nothing."""
    for one, other in ((left, right), (right, left)):
        if _is_infinite(one):
            return one if _is_number(one, strongest) else other
    if isinstance(left, Const) and isinstance(right, Const):
        return left if (left.value > right.value) == (operator == "maximum") else right
    return left if left == right else apply(operator, left, right)


def _is_infinite(expr: Expr) -> bool:
    return _is_number(expr, INF) or _is_number(expr, -INF)


def _is_number(expr: Expr, value: float) -> bool:
    return isinstance(expr, Const) and not isinstance(expr.value, bool) and expr.value == value
