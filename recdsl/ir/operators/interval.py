"""Intervals on the extended real line, with open and closed ends, and the arithmetic on them.

What is said is about real numbers: `sigmoid` lies in (0, 1), although it rounds to 1 in floating point. NaN is
in no interval; a closed infinite end says that the infinity itself may occur.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

INF = math.inf


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`; an open end is not in it."""

    low: float
    high: float
    low_open: bool = False
    high_open: bool = False

    def __contains__(self, value: float) -> bool:
        above = value > self.low or (value == self.low and not self.low_open)
        below = value < self.high or (value == self.high and not self.high_open)
        return above and below

    @property
    def is_point(self) -> bool:
        return self.low == self.high

    def within(self, other: Interval) -> bool:
        """Whether every number of this interval is in the other."""
        above = self.low > other.low or (self.low == other.low and (self.low_open or not other.low_open))
        below = self.high < other.high or (self.high == other.high and (self.high_open or not other.high_open))
        return above and below

    def __str__(self) -> str:
        return f"{'(' if self.low_open else '['}{self.low + 0.0:g}, {self.high + 0.0:g}{')' if self.high_open else ']'}"


def closed(low: float, high: float) -> Interval:
    return Interval(low, high)


def opened(low: float, high: float) -> Interval:
    return Interval(low, high, True, True)


def point(value: float) -> Interval:
    return Interval(value, value)


REAL = opened(-INF, INF)
TRUTH = closed(0, 1)
NOT_NEGATIVE = Interval(0, INF, False, True)

End = tuple[float, bool]  # a number and whether it is open


def ends(x: Interval) -> tuple[End, End]:
    return (x.low, x.low_open), (x.high, x.high_open)


def spanned(*candidates: End) -> Interval:
    """The interval between the least and the greatest of some ends; an end that is closed once is closed."""
    low = min(value for value, _ in candidates)
    high = max(value for value, _ in candidates)
    return Interval(
        low,
        high,
        all(is_open for value, is_open in candidates if value == low),
        all(is_open for value, is_open in candidates if value == high),
    )


def hull(*intervals: Interval) -> Interval:
    """The smallest interval around all of these."""
    return spanned(*(end for each in intervals for end in ends(each)))


def intersect(x: Interval, y: Interval) -> Interval:
    """What is in both; where nothing is, `y`."""
    low = max(ends(x)[0], ends(y)[0])
    high = min((x.high, not x.high_open), (y.high, not y.high_open))
    return Interval(low[0], high[0], low[1], not high[1]) if low[0] <= high[0] else y


def increasing(function: Callable[[float], float]) -> Callable[[Interval], Interval]:
    """The rule of a strictly increasing function (also at the infinities)."""

    def rule(x: Interval) -> Interval:
        return Interval(function(x.low), function(x.high), x.low_open, x.high_open)

    return rule


def not_decreasing(function: Callable[[float], float], within: Interval = REAL) -> Callable[[Interval], Interval]:
    """The rule of an increasing function with flat parts; an end is closed where the function may be flat.
    `within` is the range of the function, whose infinite ends stay open."""

    def rule(x: Interval) -> Interval:
        low, high = function(x.low), function(x.high)
        return Interval(low, high, x.low_open and low == -INF, x.high_open and high == INF and within.high == INF)

    return rule


def unchanged(x: Interval) -> Interval:
    return x


def negate(x: Interval) -> Interval:
    return Interval(-x.high, -x.low, x.high_open, x.low_open)


def add(x: Interval, y: Interval) -> Interval:
    low, high = x.low + y.low, x.high + y.high
    return Interval(
        -INF if math.isnan(low) else low,
        INF if math.isnan(high) else high,
        x.low_open or y.low_open,
        x.high_open or y.high_open,
    )


def subtract(x: Interval, y: Interval) -> Interval:
    return add(x, negate(y))


def _times(x: End, y: End) -> End:
    (a, a_open), (b, b_open) = x, y
    if a == 0 or b == 0:  # a closed zero is reached whatever the other end is
        reached = (a == 0 and not a_open) or (b == 0 and not b_open)
        return 0.0, not reached
    return a * b, a_open or b_open


def multiply(x: Interval, y: Interval) -> Interval:
    return spanned(*(_times(a, b) for a in ends(x) for b in ends(y)))


def reciprocal(x: Interval) -> Interval:
    if x.low < 0 <= x.high and not (x.high == 0 and x.high_open):  # 1/0 counts as +inf
        return closed(-INF, INF)
    low = -INF if x.high == 0 and x.low < 0 else _inverse(x.high)
    high = INF if x.low == 0 else _inverse(x.low)
    return Interval(low, high, x.high_open, x.low_open)


def _inverse(value: float) -> float:
    return INF if value == 0 else 1 / value


def divide(x: Interval, y: Interval) -> Interval:
    return multiply(x, reciprocal(y))


def square(x: Interval) -> Interval:
    return even_power(x, 2)


def magnitude(x: Interval) -> Interval:
    """The range of the absolute value."""
    if x.low >= 0:
        return x
    if x.high <= 0:
        return negate(x)
    return spanned((0.0, False), *((abs(value), is_open) for value, is_open in ends(x)))


def even_power(x: Interval, exponent: float) -> Interval:
    size = magnitude(x)
    return Interval(raised(size.low, exponent), raised(size.high, exponent), size.low_open, size.high_open)


def raised(base: float, exponent: float) -> float:
    """`base ^ exponent` for a base of at least 0, where it overflows infinite."""
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return INF
