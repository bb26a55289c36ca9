"""The logarithm of a decay, without taking the logarithm of what has been an exponential: `sigmoid(x)^(1/16)` is `logsigmoid(x)/16`."""

from __future__ import annotations

import math

from recdsl.classify.bounds import Bounds
from recdsl.ir.build import apply, const, simplified
from recdsl.ir.expr import Apply, Const, Expr, Read


def logarithm(expr: Expr, bounds: Bounds) -> Expr | None:
    """log(expr) written with the arguments of its exponentials, -inf where a choice gives 0; None where it has another form. Values are
    followed to their equations."""
    equations = bounds.polynomials.equations
    match expr:
        case Const(value=bool()):
            return None
        case Const(value=value) if value > 0:
            return const(math.log(value))
        case Read(value=value, offsets=(), via="") if value in equations:
            return logarithm(equations[value].expr, bounds)
        case Apply(operator="exp", operands=(x,)):
            return x
        case Apply(operator="sigmoid", operands=(x,)):
            return simplified("logsigmoid", x)
        case Apply(operator="sub", operands=(Const(value=1 | 1.0), right)):
            inside = _seen(right, bounds)
            if isinstance(inside, Apply) and inside.operator == "sigmoid":
                return simplified("logsigmoid", simplified("neg", inside.operands[0]))
        case Apply(operator="pow", operands=(base, exponent)) if is_positive(base, bounds):
            found = logarithm(base, bounds)
            return None if found is None else simplified("mul", found, exponent)
        case Apply(operator="mul", operands=(left, right)):
            parts = logarithm(left, bounds), logarithm(right, bounds)
            return None if parts[0] is None or parts[1] is None else simplified("add", parts[0], parts[1])
        case Apply(operator="sqrt", operands=(x,)):
            found = logarithm(x, bounds)
            return None if found is None else simplified("mul", const(0.5), found)
        case Apply(operator="where", operands=(condition, then, otherwise)):
            branches = tuple(
                const(-math.inf) if _is_zero(each) else logarithm(each, bounds) for each in (then, otherwise)
            )
            if branches[0] is not None and branches[1] is not None:
                return apply("where", condition, branches[0], branches[1])
    return None


def is_positive(expr: Expr, bounds: Bounds) -> bool:
    """Whether an expression is above 0 for all inputs and weights."""
    found = bounds.of(expr)
    return found.low > 0 or (found.low == 0 and found.low_open)


def _is_zero(expr: Expr) -> bool:
    return isinstance(expr, Const) and expr.value == 0


def _seen(expr: Expr, bounds: Bounds) -> Expr:
    """What a value is, by its equation."""
    equations = bounds.polynomials.equations
    if isinstance(expr, Read) and not expr.offsets and not expr.via and expr.value in equations:
        return equations[expr.value].expr
    return expr
