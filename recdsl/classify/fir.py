"""Equations of class `fir`: sums of values at a few points, weighted by what is the same at every point. Nothing feeds back.

m = p + a * p[t-1] + b * p[t+2]        with weights a and b
y = conv(x, 4, causal = yes, per = D)
"""

from __future__ import annotations

from recdsl.classify.count import Count, count, number
from recdsl.ir.expr import Apply, Expr, Read
from recdsl.ir.module import Equation, Module
from recdsl.ir.sizes import Size


def taps(equation: Equation, module: Module) -> dict[str, Count]:
    """The values that such an equation reads at other points, and how far away; none where it is no `fir`."""
    if module.domain != "sequence":
        return {}
    found: dict[str, Count] = {}
    return found if _collect(equation.expr, found) else {}


def _collect(expr: Expr, found: dict[str, Count]) -> bool:
    """Whether an expression is linear in values at points; those at other points are added to `found`."""
    match expr:
        case Read():
            farthest = max((abs(amount) for _, amount in expr.offsets), default=0)
            if farthest:
                found[expr.value] = number(farthest)
            return True
        case Apply(operator="add" | "sub", operands=(left, right)):
            return _collect(left, found) and _collect(right, found)
        case Apply(operator="neg" | "broadcast" | "linear", operands=(x, *_)):
            return _collect(x, found)
        case Apply(operator="mul", operands=(left, right)) if _is_fixed(left):
            return _collect(right, found)
        case Apply(operator="mul" | "div", operands=(left, right)) if _is_fixed(right):
            return _collect(left, found)
        case Apply(operator="conv", operands=(Read(value=value), *_)):
            found[value] = _window(expr)
            return True
    return _is_fixed(expr)


def _is_fixed(expr: Expr) -> bool:
    """Whether an expression is the same at every point."""
    return not expr.type.axis_names


def _window(expr: Apply) -> Count:
    """How far a window reaches."""
    windows, dilations = expr.attribute("window"), expr.attribute("dilation")
    assert isinstance(windows, tuple) and isinstance(dilations, tuple)
    (width,), (dilation,) = windows, dilations
    assert isinstance(width, Size) and isinstance(dilation, Size)
    return (count(width) + number(-1)) * count(dilation)
