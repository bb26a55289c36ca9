"""The logarithm of a decay, without taking the logarithm of what has been an exponential: `sigmoid(x)^(1/16)` is `logsigmoid(x)/16`."""

from __future__ import annotations

from recdsl.ir.build import apply, const, simplified
from recdsl.ir.expr import Apply, Const, Expr, Read
from recdsl.ir.module import Equation


def logarithm(expr: Expr, equations: dict[str, Equation]) -> Expr:
    """log(expr) for an expression that is not negative; values are followed to their equations."""
    match expr:
        case Const(value=1 | 1.0):
            return const(0.0)
        case Read(value=value, offsets=(), via="") if value in equations and _is_exponential(equations[value].expr):
            return logarithm(equations[value].expr, equations)
        case Apply(operator="exp", operands=(x,)):
            return x
        case Apply(operator="sigmoid", operands=(x,)):
            return simplified("logsigmoid", x)
        case Apply(operator="sub", operands=(Const(value=1 | 1.0), Apply(operator="sigmoid", operands=(x,)))):
            return simplified("logsigmoid", simplified("neg", x))
        case Apply(operator="sub", operands=(Const(value=1 | 1.0), Read(value=value, offsets=(), via=""))) if (
            value in equations and _is(equations[value].expr, "sigmoid")
        ):
            inside = equations[value].expr
            assert isinstance(inside, Apply)
            return simplified("logsigmoid", simplified("neg", inside.operands[0]))
        case Apply(operator="pow", operands=(base, exponent)):
            return simplified("mul", logarithm(base, equations), exponent)
        case Apply(operator="mul", operands=(left, right)):
            return simplified("add", logarithm(left, equations), logarithm(right, equations))
        case Apply(operator="sqrt", operands=(x,)):
            return simplified("mul", const(0.5), logarithm(x, equations))
    return apply("log", expr)


def _is(expr: Expr, operator: str) -> bool:
    return isinstance(expr, Apply) and expr.operator == operator


def _is_exponential(expr: Expr) -> bool:
    """Whether the logarithm of an expression is simpler than the expression."""
    return isinstance(expr, Apply) and expr.operator in ("exp", "sigmoid", "pow", "mul", "sqrt", "sub")
