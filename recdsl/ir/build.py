"""Building expressions: operators applied with the type that their rule gives.

`apply` applies and nothing else; `simplified` also drops what does nothing (`0*x`, `x*1`, `x + 0`), for passes that
build long expressions from parts. Raises TypeRuleError for operands that an operator cannot take.
"""

from __future__ import annotations

import operator as python
from collections.abc import Callable, Iterable, Mapping
from typing import TypeGuard

from recdsl.diagnostics import Span
from recdsl.ir import sizes
from recdsl.ir.expr import Apply, Attribute, Const, Expr, Number
from recdsl.ir.operators import unite
from recdsl.ir.operators.formula import Formula
from recdsl.ir.operators.leaves import const, index, number
from recdsl.ir.operators.operator import Operator
from recdsl.ir.operators.table import OPERATORS, TypeRuleError
from recdsl.ir.sizes import Size
from recdsl.ir.types import ValueType

__all__ = [
    "TypeRuleError",
    "apply",
    "const",
    "index",
    "instantiate",
    "local_derivative",
    "number",
    "simplified",
    "union",
]


def union(types: Iterable[ValueType]) -> ValueType:
    """Axes and dims united by name in the order in which they appear first, kinds joined.

    Raises TypeRuleError where one name has two sizes.
    """
    return unite.union(types)


def apply(operator: str, *operands: Expr, span: Span | None = None, **attributes: Attribute) -> Apply:
    """`operator` on operands, with the type that its rule gives.

    Raises TypeRuleError for a wrong number of operands, and where the rule refuses their types.
    """
    entry = OPERATORS[operator]
    _check_count(entry, len(operands))
    complete = {**dict(entry.defaults), **attributes}
    known = {*entry.required, *(name for name, _ in entry.defaults)}
    assert set(complete) == known, f"{operator} has the attributes {sorted(known)}, not {sorted(complete)}"
    result = entry.type_rule(tuple(each.type for each in operands), complete)
    return Apply(operator, operands, result, tuple(sorted(complete.items(), key=lambda item: item[0])), span)


def _check_count(entry: Operator, count: int) -> None:
    least, most = entry.arity
    if count < least or (most is not None and count > most):
        wanted = f"{least}" if most == least else f"at least {least}" if most is None else f"{least} to {most}"
        raise TypeRuleError(f"{entry.name} takes {wanted} value{'s' if wanted != '1' else ''}, and {count} are given")


def instantiate(formula: Formula, operands: tuple[Expr, ...], out: Expr) -> Expr:
    """The expression that a formula stands for, with `operands` for X, Y, Z and `out` for OUT."""
    match formula.operator, formula.parts:
        case "operand", (int() as position,):
            return operands[position]
        case "out", ():
            return out
        case "const", (int() | float() as value,):
            return const(value)
    parts = (part for part in formula.parts if isinstance(part, Formula))
    return simplified(formula.operator, *(instantiate(part, operands, out) for part in parts))


def local_derivative(node: Apply, position: int) -> Expr | None:
    """The derivative of an elementwise application by one of its operands; None where no gradient flows.

    Raises KeyError for operators without partials.
    """
    partials = OPERATORS[node.operator].partials
    if partials is None:
        raise KeyError(node.operator)
    formula = partials[position]
    return None if formula is None else instantiate(formula, node.operands, node)


# ---- dropping what does nothing


def simplified(operator: str, *operands: Expr, **attributes: Attribute) -> Expr:
    """`operator` on operands without `0*x`, `x*1`, `x + 0` and the like, and with arithmetic on constants done.

    A zero loses the dims that it had: it is constant along all of them.
    """
    folded = _folded(operator, operands)
    if folded is None and operator in _RULES:
        folded = _RULES[operator](*operands)
    return apply(operator, *operands, span=None, **attributes) if folded is None else folded


_ON_NUMBERS: Mapping[str, Callable[[float, float], float]] = {
    "add": python.add,
    "sub": python.sub,
    "mul": python.mul,
    "eq": python.eq,
    "lt": python.lt,
}
_ON_SIZES = {"add": "+", "sub": "-", "mul": "*", "div": "/"}


def _folded(operator: str, operands: tuple[Expr, ...]) -> Expr | None:
    """Arithmetic on two numbers that are known now or when a module is built."""
    if len(operands) != 2:
        return None
    values = tuple(_value(each) for each in operands)
    left, right = values
    if left is not None and right is not None and operator in _ON_NUMBERS:
        return const(_ON_NUMBERS[operator](left, right))
    if operator in _ON_SIZES and any(isinstance(each, Number) for each in operands):
        parts = tuple(_size(each) for each in operands)
        known = tuple(part for part in parts if part is not None)
        return number(sizes.apply(_ON_SIZES[operator], *known)) if len(known) == 2 else None
    return None


def _value(expr: Expr) -> int | float | None:
    """The number that a literal is."""
    return expr.value if isinstance(expr, Const) and not isinstance(expr.value, bool) else None


def _size(expr: Expr) -> Size | None:
    value = _value(expr)
    if value is not None:
        return sizes.number(value)
    return expr.size if isinstance(expr, Number) else None


def _add(x: Expr, y: Expr) -> Expr | None:
    if _value(x) == 0:
        return y
    if _value(y) == 0:
        return x
    if x == y:
        return simplified("mul", const(2), x)
    return simplified("sub", x, y.operands[0]) if _is(y, "neg") else None


def _sub(x: Expr, y: Expr) -> Expr | None:
    if _value(y) == 0:
        return x
    if _value(x) == 0:
        return simplified("neg", y)
    return simplified("add", x, y.operands[0]) if _is(y, "neg") else None


def _mul(x: Expr, y: Expr) -> Expr | None:
    """Numbers stand in front, signs outside, and a factor of 1 or 0 by a condition becomes the choice itself."""
    for one, other in ((x, y), (y, x)):
        if _value(one) == 0:
            return const(0.0)
        if _value(one) == 1:
            return other
        if _value(one) == -1:
            return simplified("neg", other)
    for one, other, swapped in ((x, y, False), (y, x, True)):
        if _is(one, "neg"):
            inside = one.operands[0]
            return simplified("neg", simplified("mul", *((other, inside) if swapped else (inside, other))))
        if _is(one, "where") and all(_value(branch) in (0, 1) for branch in one.operands[1:]):
            then, otherwise = (simplified("mul", other, branch) for branch in one.operands[1:])
            return simplified("where", one.operands[0], then, otherwise)
    if _value(y) is not None:
        return simplified("mul", y, x)
    if _value(x) is not None and _is(y, "mul") and _value(y.operands[0]) is not None:
        return simplified("mul", simplified("mul", x, y.operands[0]), y.operands[1])
    return None


def _div(x: Expr, y: Expr) -> Expr | None:
    if _value(x) == 0:
        return const(0.0)
    return x if _value(y) == 1 else None


def _pow(x: Expr, y: Expr) -> Expr | None:
    if _value(y) == 1:
        return x
    return const(1.0) if _value(y) == 0 else None


def _neg(x: Expr) -> Expr | None:
    value = _value(x)
    if value is not None:
        return const(-value)
    return x.operands[0] if _is(x, "neg") else None


def _where(condition: Expr, then: Expr, otherwise: Expr) -> Expr | None:
    if isinstance(condition, Const):
        return then if condition.value else otherwise
    return then if then == otherwise else None


def _is(expr: Expr, operator: str) -> TypeGuard[Apply]:
    return isinstance(expr, Apply) and expr.operator == operator


_RULES: Mapping[str, Callable[..., Expr | None]] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "pow": _pow,
    "neg": _neg,
    "where": _where,
}
