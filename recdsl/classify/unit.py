"""Vectors that are at most 1 long because they have been divided by their length.

x * rsqrt(sum(x * x) + eps)     x / sqrt(sum(x ^ 2) + eps)     x / norm(x)     x / max(norm(x), eps)     x / (norm(x) + eps)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from recdsl.ir import sizes
from recdsl.ir.build import const
from recdsl.ir.expr import Apply, Call, Const, Expr, Number, Read
from recdsl.ir.module import Module, Program
from recdsl.ir.operators.unite import names
from recdsl.ir.sizes import Size


def is_unit(expr: Expr, over: frozenset[str], module: Module, program: Program) -> bool:
    """Whether an expression of a module is at most 1 long along these dims. Sub-layers that divide are seen into."""
    match expr:
        case Read(value=value, offsets=(), via=""):
            equation = next((each for each in module.equations() if each.id == value), None)
            return equation is not None and is_unit(equation.expr, over, module, program)
        case Call():
            return _call_is_unit(expr, over, module, program)
    return _Division(over, {}).holds(expr)


def _call_is_unit(call: Call, over: frozenset[str], module: Module, program: Program) -> bool:
    callee = program.callee(module, call.instance)
    inside = frozenset(each.dim for each in call.bound if {dim.name for dim in each.stands_for} & over)
    outside = {dim.name for each in call.bound if each.dim in inside for dim in each.stands_for}
    equation = next((each for each in callee.equations() if each.id == callee.outputs[call.output].value), None)
    if outside != over or equation is None:
        return False
    values = {each.name: each.default for each in callee.parameters if each.default is not None}
    values |= dict(module.instance(call.instance).arguments)
    return _Division(inside, values).holds(equation.expr)


@dataclass(frozen=True, slots=True)
class _Division:
    """The search for a division by the length along `over`; `values` are the parameters that are known."""

    over: frozenset[str]
    values: Mapping[str, Size]

    def holds(self, expr: Expr) -> bool:
        match expr:
            case Apply(operator="mul", operands=(Apply(operator="rsqrt", operands=(below,)), x)):
                return self._is_at_least(below, x, squared=True)
            case Apply(operator="mul", operands=(x, Apply(operator="rsqrt", operands=(below,)))):
                return self._is_at_least(below, x, squared=True)
            case Apply(operator="div", operands=(x, Apply(operator="sqrt", operands=(below,)))):
                return self._is_at_least(below, x, squared=True)
            case Apply(operator="div", operands=(x, below)):
                return self._is_at_least(below, x, squared=False)
        return False

    def _is_at_least(self, expr: Expr, x: Expr, squared: bool) -> bool:
        """Whether an expression is at least the length of x, or the square of that."""
        match expr:
            case Apply(operator="add", operands=(inner, more)) if self._is_not_negative(more):
                return self._is_at_least(inner, x, squared)
            case Apply(operator="add", operands=(more, inner)) if self._is_not_negative(more):
                return self._is_at_least(inner, x, squared)
            case Apply(operator="maximum", operands=(left, right)):
                return self._is_at_least(left, x, squared) or self._is_at_least(right, x, squared)
            case Apply(operator="norm", operands=(inner,)) if not squared:
                return inner == x and set(names(expr.attribute("over"))) == self.over
            case Apply(operator="sum", operands=(inner,)) if squared:
                return _is_square(inner, x) and set(names(expr.attribute("over"))) == self.over
        return False

    def _is_not_negative(self, expr: Expr) -> bool:
        match expr:
            case Const(value=value):
                return value >= 0
            case Number(size=size):
                try:
                    return sizes.evaluate(sizes.substitute(size, self.values), {}) >= 0
                except (KeyError, ZeroDivisionError):
                    return False
        return False


def _is_square(expr: Expr, x: Expr) -> bool:
    match expr:
        case Apply(operator="mul", operands=(left, right)):
            return left == x and right == x
        case Apply(operator="pow", operands=(base, exponent)):
            return base == x and exponent == const(2)
    return False
