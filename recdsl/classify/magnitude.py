"""How large coefficients can be in absolute value: each on its own, and sums of several."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from recdsl.classify.bounds import Bounds
from recdsl.ir.build import apply, const, simplified
from recdsl.ir.expr import Apply, Expr, Read
from recdsl.ir.operators import interval as iv
from recdsl.ir.operators.interval import NOT_NEGATIVE, Interval


@dataclass(frozen=True, slots=True)
class Magnitudes:
    """Ranges of absolute values in the module of some bounds."""

    bounds: Bounds

    def of(self, expr: Expr) -> Interval:
        """The range of |expr|, for real and complex values."""
        if expr.type.kind != "complex":
            return iv.magnitude(self.bounds.of(expr))
        match expr:
            case Read(value=value, offsets=(), via="") if value in self.bounds.polynomials.equations:
                return self.of(self.bounds.polynomials.equations[value].expr)
            case Apply(operator="mul", operands=(left, right)):
                return iv.multiply(self.of(left), self.of(right))
            case Apply(operator="div", operands=(left, right)):
                return iv.divide(self.of(left), self.of(right))
            case Apply(operator="exp", operands=(x,)):
                return self.bounds.of(apply("exp", self.real(x)))
            case Apply(operator="add" | "sub", operands=(left, right)):
                total = iv.add(self.of(left), self.of(right))
                return Interval(0, total.high, False, total.high_open)
            case Apply(operator="complex", operands=(x, y)):
                total = iv.add(iv.square(self.bounds.of(x)), iv.square(self.bounds.of(y)))
                return Interval(math.sqrt(total.low), math.sqrt(total.high), total.low_open, total.high_open)
            case Apply(operator="where", operands=(_, x, y)):
                return iv.hull(self.of(x), self.of(y))
            case Apply(operator="neg" | "conj" | "broadcast" | "rename" | "stop", operands=(x,)):
                return self.of(x)
        return NOT_NEGATIVE

    def real(self, expr: Expr) -> Expr:
        """The real part of a complex value, taken apart as far as the operators say."""
        match expr:
            case Read(value=value, offsets=(), via="") if value in self.bounds.polynomials.equations:
                return self.real(self.bounds.polynomials.equations[value].expr)
            case Apply(operator="complex", operands=(x, _)):
                return x
            case Apply(operator="mul", operands=(left, right)) if left.type.kind != "complex":
                return simplified("mul", left, self.real(right))
            case Apply(operator="mul", operands=(left, right)) if right.type.kind != "complex":
                return simplified("mul", self.real(left), right)
            case Apply(operator="add" | "sub" as operator, operands=(left, right)):
                return simplified(operator, self.real(left), self.real(right))
            case Apply(operator="neg", operands=(x,)):
                return simplified("neg", self.real(x))
        return expr if expr.type.kind != "complex" else apply("real", expr)

    def sum(self, exprs: Iterable[Expr]) -> Interval:
        """The range of the sum of absolute values; equal parts of real ones are joined: |a b| + |a (1 - b)| = |a|."""
        given = list(exprs)
        if any(each.type.kind == "complex" for each in given):
            total = iv.point(0)
            for each in given:
                total = iv.add(total, self.of(each))
            return total
        whole: Expr = const(0.0)
        for each in given:
            whole = simplified("add", whole, self._absolute(each))
        return iv.magnitude(self.bounds.of(whole))

    def _absolute(self, expr: Expr) -> Expr:
        found = self.bounds.of(expr)
        if found.low >= 0:
            return expr
        if found.high <= 0:
            return simplified("neg", expr)
        match expr:
            case Apply(operator="mul", operands=(left, right)):
                return simplified("mul", self._absolute(left), self._absolute(right))
            case Apply(operator="neg", operands=(x,)):
                return self._absolute(x)
        return apply("abs", expr)
