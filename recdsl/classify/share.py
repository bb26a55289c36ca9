"""Shares: parts of a whole, whose absolute values add up to 1 at most along some dims or over the edges that come in.

abs(x) / sum[pred](abs(x))     x / (0.5 + sum[pred](abs(x)))     x / max(1, sum[pred](abs(x)))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from recdsl.classify.polynomial import Polynomials
from recdsl.ir.expr import Apply, Expr, Read
from recdsl.ir.operators.interval import Interval
from recdsl.ir.operators.unite import names

Ranges = Callable[[Expr], Interval]


def shared_along(part: Expr, whole: Expr, polynomials: Polynomials, of: Ranges) -> frozenset[str]:
    """The dims (or `pred`) along which |part / whole| adds up to 1 at most, none where that does not show; `of` gives ranges."""
    size = part if of(part).low >= 0 else Apply("abs", (part,), part.type)
    summands = polynomials.monomials(size)
    found = (each for each in _sums(whole, polynomials, of) if polynomials.monomials(each.operands[0]) == summands)
    return frozenset(name for each in found for name in names(each.attribute("over")))


def _sums(whole: Expr, polynomials: Polynomials, of: Ranges) -> Iterator[Apply]:
    """Sums that a divisor is never below."""
    match whole:
        case Read(value=value, offsets=(), via="") if value in polynomials.equations and value not in polynomials.held:
            yield from _sums(polynomials.equations[value].expr, polynomials, of)
        case Apply(operator="add", operands=(left, right)):
            yield from _sums(left, polynomials, of) if of(right).low >= 0 else ()
            yield from _sums(right, polynomials, of) if of(left).low >= 0 else ()
        case Apply(operator="maximum", operands=(left, right)):
            yield from (*_sums(left, polynomials, of), *_sums(right, polynomials, of))
        case Apply(operator="sum"):
            yield whole
