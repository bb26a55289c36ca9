"""What an expression becomes when the truth of some comparisons is known.

Used to prove that a sum over `s` ends at `t` (`where(s <= t, …)` is neutral for later `s`) and that a loop has settled
once its `until` holds. Values that are multiplied by zero are taken to be finite.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from recdsl.ir.expr import Apply, Call, Const, Expr
from recdsl.ir.types import ValueType

Known = Callable[[Expr], bool | None]


def assume(expr: Expr, known: Known) -> Expr:
    """`expr` with every comparison that `known` decides replaced, and what follows from it folded."""
    truth = known(expr)
    if truth is not None:
        return Const(truth, ValueType("bool"))
    match expr:
        case Apply():
            return _fold(replace(expr, operands=tuple(assume(each, known) for each in expr.operands)))
        case Call():
            return replace(expr, operands=tuple(assume(each, known) for each in expr.operands))
        case _:
            return expr


def constant(expr: Expr) -> bool | int | float | None:
    """The value of a literal, None for anything else."""
    return expr.value if isinstance(expr, Const) else None


def _fold(expr: Apply) -> Expr:
    values = [constant(each) for each in expr.operands]
    match expr.operator, expr.operands, values:
        case "where", (_, then, otherwise), (bool() as truth, _, _):
            return then if truth else otherwise
        case "and", (left, right), (a, b):
            if a is False or b is False:
                return _literal(False, expr)
            return right if a is True else left if b is True else expr
        case "or", (left, right), (a, b):
            if a is True or b is True:
                return _literal(True, expr)
            return right if a is False else left if b is False else expr
        case "not", _, (bool() as truth,):
            return _literal(not truth, expr)
        case "mul", (left, right), (a, b):
            if a == 0 or b == 0:
                return _literal(0, expr)
            return right if a == 1 else left if b == 1 else expr
        case "add", (left, right), (a, b):
            if a == 0 or b == 0:
                return right if a == 0 else left
            return _literal(-math.inf, expr) if -math.inf in (a, b) else expr
        case "sub", (left, _), (a, b):
            return left if b == 0 else _literal(-math.inf, expr) if a == -math.inf else expr
        case "div", _, (a, _):
            return _literal(0, expr) if a == 0 else _literal(a, expr) if a == -math.inf else expr
        case "exp" | "sigmoid" | "softmax" | "relu", _, (a,) if a == -math.inf:
            return _literal(0, expr)
        case "neg", _, (int() | float() as a,):
            return _literal(-a, expr)
        case "sum" | "mean" | "abs" | "rename" | "broadcast" | "stop", _, (a,) if a == 0:
            return _literal(0, expr)
        case "rename" | "broadcast", _, (int() | float() as a,):
            return _literal(a, expr)
    return expr


def _literal(value: bool | int | float, expr: Apply) -> Const:
    return Const(value, ValueType("bool" if isinstance(value, bool) else "real"), expr.span)
