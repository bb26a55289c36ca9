"""Rewrites of one expression that keep its value: each gives every form that it can make of the node on top."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from recdsl.check.builtins import REDUCTIONS, TERNARY, UNARY
from recdsl.parse import tree

Rewrite = Callable[[tree.Expression], Iterator[tree.Expression]]
_COMMUTE = ("max", "min", "logaddexp")
_PURE = {*UNARY, *TERNARY, *REDUCTIONS, "logaddexp", "atan2", "complex", "softmax"} - {"stop"}
_HALVES = {"2": "0.5", "4": "0.25", "8": "0.125"}


def is_pure(expr: tree.Expression) -> bool:
    """Whether an expression makes no weight, draws no number, and says its dims by itself."""
    return all(_name_of(each) in _PURE for each in tree.nodes(expr) if isinstance(each, tree.Call))


def _name_of(call: tree.Call) -> str:
    function = call.function.base if isinstance(call.function, tree.Index) else call.function
    return function.name if isinstance(function, tree.Name) else ""


def _binary(operator: str, left: tree.Expression, right: tree.Expression) -> tree.Binary:
    return tree.Binary(operator, left, right, left.span)


def _negated(expr: tree.Expression) -> tree.Expression:
    return tree.Unary("-", expr, expr.span)


def _swapped(expr: tree.Expression) -> Iterator[tree.Expression]:
    """a + b → b + a, a * b → b * a, max(a, b) → max(b, a)"""
    match expr:
        case tree.Binary(operator="+" | "*" | "and" | "or", left=left, right=right):
            yield replace(expr, left=right, right=left)
        case tree.Call(function=tree.Name(name=name), arguments=(tree.Positional() as one, tree.Positional() as other)):
            if name in _COMMUTE:
                yield replace(expr, arguments=(other, one))


def _regrouped(expr: tree.Expression) -> Iterator[tree.Expression]:
    """(a + b) + c → a + (b + c), and back; the same for products"""
    match expr:
        case tree.Binary(operator="+" | "*" as of, left=tree.Binary(operator=same, left=a, right=b), right=c):
            if same == of:
                yield _binary(of, a, _binary(of, b, c))
        case tree.Binary(operator="+" | "*" as of, left=a, right=tree.Binary(operator=same, left=b, right=c)):
            if same == of:
                yield _binary(of, _binary(of, a, b), c)


def _distributed(expr: tree.Expression) -> Iterator[tree.Expression]:
    """a * (b + c) → a * b + a * c, (a - b) / c → a / c - b / c"""
    match expr:
        case tree.Binary(operator="*", left=a, right=tree.Binary(operator="+" | "-" as of, left=b, right=c)):
            if is_pure(a):
                yield _binary(of, _binary("*", a, b), _binary("*", a, c))
        case tree.Binary(
            operator="*" | "/" as by, left=tree.Binary(operator="+" | "-" as of, left=a, right=b), right=c
        ):
            if is_pure(c):
                yield _binary(of, _binary(by, a, c), _binary(by, b, c))


def _factored(expr: tree.Expression) -> Iterator[tree.Expression]:
    """a * b + a * c → a * (b + c), a - a * b → a * (1 - b)"""
    if not (isinstance(expr, tree.Binary) and expr.operator in ("+", "-")):
        return
    for a, b in _products(expr.left):
        for other, c in _products(expr.right):
            if a == other and is_pure(a) and not isinstance(a, tree.Number):
                yield _binary("*", a, _binary(expr.operator, b, c))


def _products(expr: tree.Expression) -> Iterator[tuple[tree.Expression, tree.Expression]]:
    """An expression as factor and rest."""
    one = tree.Number("1", expr.span)
    yield expr, one
    if isinstance(expr, tree.Binary) and expr.operator == "*":
        yield expr.left, expr.right
        yield expr.right, expr.left


def _subtracted(expr: tree.Expression) -> Iterator[tree.Expression]:
    """a - b → a + (-1) * b,  -a → (-1) * a"""
    match expr:
        case tree.Binary(operator="-", left=left, right=right):
            yield _binary("+", left, _binary("*", _negated(tree.Number("1", right.span)), right))
        case tree.Unary(operator="-", operand=operand) if not isinstance(operand, tree.Number):
            yield _binary("*", _negated(tree.Number("1", operand.span)), operand)


def _turned(expr: tree.Expression) -> Iterator[tree.Expression]:
    """a - b → -(b - a)"""
    match expr:
        case tree.Binary(operator="-", left=left, right=right):
            yield _negated(_binary("-", right, left))


def _divided(expr: tree.Expression) -> Iterator[tree.Expression]:
    """x / 2 → 0.5 * x, 0.5 * x → x / 2, x / N → x * (1 / N)"""
    match expr:
        case tree.Binary(operator="/", left=left, right=tree.Number(text=text, span=span)) if text in _HALVES:
            yield _binary("*", tree.Number(_HALVES[text], span), left)
        case tree.Binary(operator="/", left=left, right=tree.Number() | tree.Name() as right) if _is_size(right):
            yield _binary("*", left, _binary("/", tree.Number("1", right.span), right))
        case tree.Binary(operator="*", left=tree.Number(text=text, span=span), right=right):
            for whole, part in _HALVES.items():
                if part == text:
                    yield _binary("/", right, tree.Number(whole, span))


def _is_size(expr: tree.Expression) -> bool:
    return isinstance(expr, tree.Number) or (isinstance(expr, tree.Name) and expr.name[:1].isupper())


def _other_branch(expr: tree.Expression) -> Iterator[tree.Expression]:
    """where(c, a, b) → where(not c, b, a)"""
    match expr:
        case tree.Call(function=tree.Name(name="where"), arguments=(tree.Positional() as condition, then, other)):
            turned = replace(condition, value=tree.Unary("not", condition.value, condition.value.span))
            yield replace(expr, arguments=(turned, other, then))


REWRITES: dict[str, Rewrite] = {
    "swap": _swapped,
    "regroup": _regrouped,
    "distribute": _distributed,
    "factor": _factored,
    "subtract by adding": _subtracted,
    "turn a difference": _turned,
    "divide by multiplying": _divided,
    "swap branches": _other_branch,
}
