"""Numbers that are known when a module is built stay numbers; booleans known when compiling decide.

In: an operator and its operands. Out: what it folds to, None where it is computed at run time.
"""

from __future__ import annotations

import math

from recdsl.diagnostics import Span
from recdsl.ir import sizes
from recdsl.ir.expr import Const, Expr, Number
from recdsl.ir.types import ValueType

_SIZE_OPERATORS = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "mod": "%", "pow": "^", "neg": "neg",
    "maximum": "max", "minimum": "min", "sqrt": "sqrt", "floor": "floor", "ceil": "ceil",
}  # fmt: skip


def number(size: sizes.Size, span: Span, whole: bool = False) -> Expr:
    """A number known when the module is built, as an expression; `whole` for dims and what is computed of them."""
    if size.operator == "number":
        value = size.operands[0]
        assert isinstance(value, (int, float))
        return Const(value, ValueType("int" if isinstance(value, int) else "real"), span)
    return Number(size, ValueType("int" if whole else "real"), span)


def folded(name: str, operands: tuple[Expr, ...], span: Span) -> Expr | None:
    """The number or the branch that an operator on these is, when that is known."""
    if name in _SIZE_OPERATORS:
        parts = [_as_size(each) for each in operands]
        known = [each for each in parts if each is not None]
        if len(known) == len(parts):
            try:
                whole = name not in ("div", "pow", "sqrt") and all(each.type.kind == "int" for each in operands)
                return number(sizes.apply(_SIZE_OPERATORS[name], *known), span, whole)
            except (ArithmeticError, ValueError):
                return None
    values = [each.value if isinstance(each, Const) and each.type.kind == "bool" else None for each in operands]
    match name, values:
        case "not", [bool() as truth]:
            return Const(not truth, ValueType("bool"), span)
        case "and" | "or", [bool() as truth, _]:
            return operands[1] if truth is (name == "and") else operands[0]
        case "and" | "or", [_, bool() as truth]:
            return operands[0] if truth is (name == "and") else operands[1]
        case "where", [bool() as truth, _, _]:
            return operands[1] if truth else operands[2]
    return None


def _as_size(expr: Expr) -> sizes.Size | None:
    if expr.type.axes or expr.type.dims:
        return None  # stands for a value whose operands are not all known yet
    match expr:
        case Number():
            return expr.size
        case Const(value=int() | float() as value) if not isinstance(value, bool) and math.isfinite(value):
            return sizes.number(value)
    return None
