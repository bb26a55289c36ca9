"""The class `mobius`: the next state is a ratio of two linear functions of the state.

    h = (a * h[t-1] + b) / (c * h[t-1] + d)
    h = x + 1 / h[t-1]                                a = x, b = 1, c = 1, d = 0
    p = q + p[t-1] - p[t-1] ^ 2 / (p[t-1] + r)        a = q + r, b = q * r, c = 1, d = r: squares that cancel

Such functions compose as 2 x 2 matrices. One state, read at one point, element by element. The walk keeps values as ratios of
polynomials in the state, whose coefficients are joined where they are equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest

from recdsl.classify.closed import ClosedWalk, NotClosed, only_read, outside, refused
from recdsl.classify.group import Group
from recdsl.ir.build import const, simplified
from recdsl.ir.expr import Apply, Const, Expr, Read

MOST = 4  # the degree up to which polynomials are multiplied

Polynomial = tuple[Expr, ...]  # coefficients, lowest first, the last of them not 0; () is 0


@dataclass(frozen=True, slots=True)
class Ratio:
    """`above / below`, polynomials in the state."""

    above: Polynomial
    below: Polynomial


@dataclass(frozen=True, slots=True)
class Mobius:
    """The next value of `state` is ``(a * read + b) / (c * read + d)``."""

    state: str
    read: Read
    a: Expr
    b: Expr
    c: Expr
    d: Expr


def find(group: Group) -> Mobius:
    """The form of a component. Raises `NotClosed`."""
    read = only_read(group)
    kind = group.module.type_of(read.value).kind
    if kind != "real":
        raise NotClosed(f"the state is of kind {kind}", group.items[0].span)
    work = Ratios(group, read)
    found = work.state()
    degree = max(len(found.above), len(found.below)) - 1
    if degree > 1:
        reason = f"it is a ratio of polynomials of degree {degree} in the state"
        raise outside(work.equations[read.value].expr, reason)
    if len(found.below) < 2:
        raise NotClosed("nothing is divided by the state", group.items[0].span)
    zero = const(0.0)
    b, a = (*found.above, zero, zero)[:2]
    d, c = (*found.below, zero, zero)[:2]
    return Mobius(read.value, read, a, b, c, d)


@dataclass(slots=True)
class Ratios(ClosedWalk[Ratio]):
    """The walk."""

    def free(self, expr: Expr) -> Ratio:
        return Ratio(self._trimmed([expr]), (const(1.0),))

    def earlier(self) -> Ratio:
        return Ratio((const(0.0), const(1.0)), (const(1.0),))

    def apply(self, expr: Apply) -> Ratio:
        match expr.operator, expr.operands:
            case "neg", (x,):
                return self._times(expr, self.of(x), self.free(const(-1.0)))
            case "add", (left, right):
                return self._sum(expr, self.of(left), self.of(right))
            case "sub", (left, right):
                negative = self._times(expr, self.of(right), self.free(const(-1.0)))
                return self._sum(expr, self.of(left), negative)
            case "mul", (left, right):
                return self._times(expr, self.of(left), self.of(right))
            case "div", (left, right):
                return self._times(expr, self.of(left), self._inverse(expr, self.of(right)))
            case "reciprocal", (x,):
                return self._inverse(expr, self.of(x))
            case "pow", (x, Const(value=value)) if value in (-2, -1, 1, 2) and not isinstance(value, bool):
                base = self.of(x) if value > 0 else self._inverse(expr, self.of(x))
                return base if abs(value) == 1 else self._times(expr, base, base)
            case "where", (condition, then, otherwise) if self.is_free(condition):
                return self._chosen(condition, self.of(then), self.of(otherwise))
        raise refused(expr, "a ratio of linear functions")

    def _sum(self, expr: Apply, left: Ratio, right: Ratio) -> Ratio:
        if left.below == right.below:
            return Ratio(self._plus(left.above, right.above), left.below)
        one = self._product(expr, left.above, right.below)
        other = self._product(expr, right.above, left.below)
        return Ratio(self._plus(one, other), self._product(expr, left.below, right.below))

    def _times(self, expr: Apply, left: Ratio, right: Ratio) -> Ratio:
        for one, other in ((left, right), (right, left)):
            if one.above == other.below:
                return Ratio(other.above, one.below)
        return Ratio(self._product(expr, left.above, right.above), self._product(expr, left.below, right.below))

    def _inverse(self, expr: Apply, value: Ratio) -> Ratio:
        if not value.above:
            raise outside(expr, "it divides by zero")
        return Ratio(value.below, value.above)

    def _chosen(self, condition: Expr, then: Ratio, otherwise: Ratio) -> Ratio:
        def pick(one: Polynomial, other: Polynomial) -> Polynomial:
            pairs = zip_longest(one, other, fillvalue=const(0.0))
            return self._trimmed([simplified("where", condition, *pair) for pair in pairs])

        return Ratio(pick(then.above, otherwise.above), pick(then.below, otherwise.below))

    # ---- polynomials

    def _plus(self, left: Polynomial, right: Polynomial) -> Polynomial:
        return self._trimmed([simplified("add", *pair) for pair in zip_longest(left, right, fillvalue=const(0.0))])

    def _product(self, expr: Apply, left: Polynomial, right: Polynomial) -> Polynomial:
        if not left or not right:
            return ()
        if len(left) + len(right) - 2 > MOST:
            raise outside(expr, f"the state is raised to a power above {MOST}")
        total: list[Expr] = [const(0.0)] * (len(left) + len(right) - 1)
        for i, one in enumerate(left):
            for j, other in enumerate(right):
                total[i + j] = simplified("add", total[i + j], simplified("mul", one, other))
        return self._trimmed(total)

    def _trimmed(self, coefficients: list[Expr]) -> Polynomial:
        """Coefficients in normal form, without zeros at the end."""
        found = [self.normal(each) for each in coefficients]
        while found and isinstance(found[-1], Const) and found[-1].value == 0:
            found.pop()
        return tuple(found)
