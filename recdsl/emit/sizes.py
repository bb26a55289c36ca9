"""Sizes as Python expressions: exact whole numbers in shapes, ordinary arithmetic elsewhere."""

from __future__ import annotations

from collections.abc import Callable

from recdsl.emit.precedence import ATOM, POWER, PRODUCT, SUM, UNARY, Text
from recdsl.ir import sizes
from recdsl.ir.sizes import Size

Leaf = Callable[[Size], str]  # the code of a parameter or of the length of an axis

_STRENGTH = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "%": PRODUCT, "//": PRODUCT, "^": POWER}


def number_code(size: Size, leaf: Leaf) -> Text:
    """A size as a number: `/` divides with a remainder."""
    match size.operator:
        case "number":
            value = size.operands[0]
            assert isinstance(value, (int, float))
            return _literal(value)
        case "name" | "axis":
            return Text(leaf(size), kind="int", number=True)
        case "neg":
            return Text(f"-{number_code(size.parts[0], leaf).at(UNARY)}", strength=UNARY, number=True)
    parts = [number_code(each, leaf) for each in size.parts]
    if size.operator in _STRENGTH:
        return _infix(size.operator, *parts)
    function = {"floor": "math.floor", "ceil": "math.ceil", "sqrt": "math.sqrt", "log2": "math.log2"}
    name = function.get(size.operator, size.operator)
    return Text(f"{name}({', '.join(each.code for each in parts)})", number=True)


def whole_code(size: Size, leaf: Leaf) -> Text:
    """A size that is known to come out whole, as an int: `D/H/2` is `D // (H * 2)`."""
    top, bottom = fraction(size)
    if bottom != sizes.number(1):
        return _infix("//", whole_code(top, leaf), whole_code(bottom, leaf))
    match top.operator:
        case "floor" | "ceil":
            above, below = fraction(top.parts[0])
            if below == sizes.number(1):
                return whole_code(above, leaf)
            divided = _infix("//", whole_code(above, leaf), whole_code(below, leaf))
            if top.operator == "floor":
                return divided
            negated = Text(f"-{whole_code(above, leaf).at(UNARY)}", strength=UNARY)
            return Text(f"-({_infix('//', negated, whole_code(below, leaf)).code})", strength=UNARY, number=True)
        case "sqrt" | "log2":
            return Text(f"int({number_code(top, leaf).code})", number=True)
        case "max" | "min":
            parts = ", ".join(whole_code(each, leaf).code for each in top.parts)
            return Text(f"{top.operator}({parts})", number=True)
        case "+" | "-" | "*" | "%" | "^":
            return _infix(top.operator, *(whole_code(each, leaf) for each in top.parts))
    return number_code(top, leaf)


def fraction(size: Size) -> tuple[Size, Size]:
    """The size as a numerator and a denominator, so that it can be divided once and exactly."""
    one = sizes.number(1)
    if size.operator not in ("+", "-", "*", "/"):
        return size, one
    (a, b), (c, d) = (fraction(each) for each in size.parts)
    match size.operator:
        case "*":
            return sizes.apply("*", a, c), sizes.apply("*", b, d)
        case "/":
            return sizes.apply("*", a, d), sizes.apply("*", b, c)
    if b == one and d == one:
        return size, one
    return sizes.apply(size.operator, sizes.apply("*", a, d), sizes.apply("*", c, b)), sizes.apply("*", b, d)


def is_plain(size: Size) -> bool:
    """Whether a size cannot fail to be whole when its parameters are."""
    return fraction(size)[1] == sizes.number(1) and size.operator not in ("sqrt", "log2", "-", "max", "min", "neg")


def _infix(operator: str, left: Text, right: Text) -> Text:
    strength = _STRENGTH[operator]
    symbol = {"^": "**"}.get(operator, operator)
    first, second = (ATOM, UNARY) if operator == "^" else (strength, strength + 1)
    return Text(f"{left.at(first)} {symbol} {right.at(second)}", strength=strength, number=True)


def _literal(value: int | float) -> Text:
    return Text(
        repr(value),
        kind="int" if isinstance(value, int) else "real",
        strength=ATOM if value >= 0 else UNARY,
        number=True,
    )
