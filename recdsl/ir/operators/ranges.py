"""Range rules: intervals of the operands to an interval of the result."""

from __future__ import annotations

import math
from collections.abc import Callable

from recdsl.ir.expr import Apply
from recdsl.ir.operators import interval as iv
from recdsl.ir.operators.interval import INF, Interval
from recdsl.ir.operators.operator import RangeRule


def on(rule: Callable[..., Interval]) -> RangeRule:
    """A rule that needs the intervals of the operands only."""

    def ruled(node: Apply, operands: tuple[Interval, ...]) -> Interval:
        return rule(*operands)

    return ruled


def always(result: Interval) -> RangeRule:
    """The same bounds whatever the operands are."""

    def ruled(node: Apply, operands: tuple[Interval, ...]) -> Interval:
        return result

    return ruled


def first(node: Apply, operands: tuple[Interval, ...]) -> Interval:
    """What the first operand can be: its elements are moved about, not changed."""
    return operands[0]


def any_of(node: Apply, operands: tuple[Interval, ...]) -> Interval:
    """An element of one of the operands."""
    return iv.hull(*operands)


# ---- functions that stay finite where the argument does not


def exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return INF


def log(x: float) -> float:
    return -INF if x <= 0 else math.log(x)


def expm1(x: float) -> float:
    try:
        return math.expm1(x)
    except OverflowError:
        return INF


def log1p(x: float) -> float:
    return -INF if x <= -1 else math.log1p(x)


def sinh(x: float) -> float:
    try:
        return math.sinh(x)
    except OverflowError:
        return math.copysign(INF, x)


def sigmoid(x: float) -> float:
    return 1 / (1 + exp(-x)) if x >= 0 else exp(x) / (1 + exp(x))


def softplus(x: float) -> float:
    return x + math.log1p(exp(-x)) if x > 0 else math.log1p(exp(x))


def log_add(x: float, y: float) -> float:
    if math.isinf(x) or math.isinf(y):
        return max(x, y)
    return max(x, y) + math.log1p(exp(-abs(x - y)))


def whole(function: Callable[[float], float]) -> Callable[[float], float]:
    """floor and its kin, which leave infinities as they are."""
    return lambda x: x if math.isinf(x) else function(x)


# ---- rules of single functions


def cosh(x: Interval) -> Interval:
    size = iv.magnitude(x)
    return Interval(_cosh(size.low), _cosh(size.high), size.low_open, size.high_open)


def _cosh(x: float) -> float:
    return INF if x > 700 else math.cosh(x)


def dipped(function: Callable[[float], float], bottom_at: float, bottom: float) -> Callable[[Interval], Interval]:
    """silu, gelu and mish: they fall from 0 to `bottom`, reached at `bottom_at`, and rise from there."""

    def at(x: float) -> float:
        return 0.0 if x == -INF else INF if x == INF else function(x)

    def rule(x: Interval) -> Interval:
        if x.low >= bottom_at:
            return Interval(at(x.low), at(x.high), x.low_open, x.high_open)
        if x.high <= bottom_at:
            return Interval(at(x.high), at(x.low), x.high_open, x.low_open)
        highest = max((at(x.low), x.low_open), (at(x.high), x.high_open), key=lambda end: (end[0], not end[1]))
        return Interval(bottom, highest[0], False, highest[1])

    return rule


def square_root(x: Interval) -> Interval:
    inside = iv.intersect(x, iv.NOT_NEGATIVE)
    return Interval(math.sqrt(inside.low), math.sqrt(inside.high), inside.low_open, inside.high_open)


def logarithm(x: Interval) -> Interval:
    return Interval(log(x.low), log(x.high), x.low_open or x.low < 0, x.high_open)


def logarithm_plus(x: Interval) -> Interval:
    return Interval(log1p(x.low), log1p(x.high), x.low_open or x.low < -1, x.high_open)


def sign(x: Interval) -> Interval:
    low = 1.0 if x.low > 0 or (x.low == 0 and x.low_open) else 0.0 if x.low == 0 else -1.0
    high = -1.0 if x.high < 0 or (x.high == 0 and x.high_open) else 0.0 if x.high == 0 else 1.0
    return iv.closed(low, high)


# ---- rules of two and three operands


def maximum(x: Interval, y: Interval) -> Interval:
    low = max((x.low, x.low_open), (y.low, y.low_open))
    high = max((x.high, not x.high_open), (y.high, not y.high_open))
    return Interval(low[0], high[0], low[1], not high[1])


def minimum(x: Interval, y: Interval) -> Interval:
    return iv.negate(maximum(iv.negate(x), iv.negate(y)))


def clamp(x: Interval, low: Interval, high: Interval) -> Interval:
    return minimum(maximum(x, low), high)


def power(x: Interval, y: Interval) -> Interval:
    if y.is_point and y.low == int(y.low if math.isfinite(y.low) else 0.5):
        return _whole_power(x, int(y.low))
    if x.low < 0 and not y.is_point:
        return iv.closed(-INF, INF)
    base = iv.intersect(x, iv.NOT_NEGATIVE)
    exponents = iv.multiply(y, logarithm(base))
    result = iv.increasing(exp)(exponents)
    if 0 in base and y.high > 0:
        result = iv.hull(result, iv.point(0))
    return iv.hull(result, iv.point(1)) if 0 in y else result


def _whole_power(x: Interval, exponent: int) -> Interval:
    if exponent == 0:
        return iv.point(1)
    if exponent < 0:
        return iv.reciprocal(_whole_power(x, -exponent))
    if exponent % 2 == 0:
        return iv.even_power(x, exponent)
    return iv.increasing(lambda base: math.copysign(iv.raised(abs(base), exponent), base))(x)


def remainder(x: Interval, y: Interval) -> Interval:
    """The sign of the right operand, and smaller than it."""
    low = 0.0 if y.low >= 0 else y.low
    high = 0.0 if y.high <= 0 else y.high
    return Interval(low, high, y.low < 0, y.high > 0)


def log_sum(x: Interval, y: Interval) -> Interval:
    return Interval(
        log_add(x.low, y.low), log_add(x.high, y.high), x.low_open or y.low_open, x.high_open or y.high_open
    )


def chosen(condition: Interval, then: Interval, otherwise: Interval) -> Interval:
    if condition.is_point:
        return then if condition.low else otherwise
    return iv.hull(then, otherwise)


def thinned(x: Interval, rate: Interval) -> Interval:
    """dropout: 0, or the value divided by what is kept; the value itself outside training."""
    kept = iv.subtract(iv.point(1), rate)
    return iv.hull(iv.point(0), x, iv.divide(x, iv.intersect(kept, iv.NOT_NEGATIVE)))
