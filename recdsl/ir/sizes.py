"""Sizes: numbers that are known when a module is built, as expressions over its parameters.

`D/H/2` is a `Size`; so are `eps` and the length of an axis. Two sizes are the same when they have the same value
for every choice of the parameters, which `same` decides by evaluating both at fixed points (polynomial identity
testing: a wrong "same" has a chance below 1e-8 for the sizes that programs contain).
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

Value = int | float | Fraction


@dataclass(frozen=True, slots=True)
class Size:
    """`operator` applied to `operands`; the leaves are `number` (an int or float), `name` (a parameter) and
    `axis` (the length of an axis at run time)."""

    operator: str
    operands: tuple[Size | int | float | str, ...]

    @property
    def parts(self) -> tuple[Size, ...]:
        return tuple(each for each in self.operands if isinstance(each, Size))

    def __str__(self) -> str:
        return _text(self, 0)


def number(value: int | float) -> Size:
    return Size("number", (value,))


def name(parameter: str) -> Size:
    return Size("name", (parameter,))


def axis_length(axis: str) -> Size:
    return Size("axis", (axis,))


def apply(operator: str, *operands: Size) -> Size:
    """`operator` on sizes, folded where all operands are numbers and neutral elements dropped."""
    assert operator in OPERATORS, operator
    left, right = operands[0], operands[-1]
    if operator == "*" and left == number(1):
        return right
    if operator in ("*", "/") and right == number(1):
        return left
    if operator in ("+", "-") and right == number(0):
        return left
    if all(each.operator == "number" for each in operands):
        value = evaluate(Size(operator, operands), {})
        whole = abs(float(value)) < 2**53 and value == int(value)
        return number(int(value) if whole else float(value))
    return Size(operator, operands)


def product(sizes: tuple[Size, ...]) -> Size:
    result = number(1)
    for each in sizes:
        result = apply("*", result, each)
    return result


def _divide(left: Value, right: Value) -> Value:
    if isinstance(left, float) or isinstance(right, float):
        return left / right
    return Fraction(left) / Fraction(right)


def _power(left: Value, right: Value) -> Value:
    if isinstance(left, (int, Fraction)) and right == int(right) and abs(int(right)) < 64:
        return Fraction(left) ** int(right)
    return float(float(left) ** float(right))


OPERATORS: dict[str, Callable[..., Value]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": _divide,
    "%": lambda left, right: left % right,
    "^": _power,
    "neg": lambda operand: -operand,
    "max": max,
    "min": min,
    "floor": math.floor,
    "ceil": math.ceil,
    "sqrt": lambda operand: math.sqrt(operand),
    "log2": lambda operand: math.log2(operand),
}


def evaluate(size: Size, values: Mapping[str, Value]) -> Value:
    """The value of a size; parameters and axes are looked up in `values` (axes as `|t|`).

    Raises KeyError for a name that has no value and ZeroDivisionError where the size divides by zero.
    """
    match size.operator:
        case "number":
            leaf = size.operands[0]
            assert isinstance(leaf, (int, float))
            return leaf
        case "name":
            return values[str(size.operands[0])]
        case "axis":
            return values[f"|{size.operands[0]}|"]
    return OPERATORS[size.operator](*(evaluate(each, values) for each in size.parts))


def names_in(size: Size) -> Iterator[str]:
    """The parameters that a size reads, left to right."""
    if size.operator == "name":
        yield str(size.operands[0])
    for each in size.parts:
        yield from names_in(each)


def axes_in(size: Size) -> Iterator[str]:
    """The axes whose length a size reads."""
    if size.operator == "axis":
        yield str(size.operands[0])
    for each in size.parts:
        yield from axes_in(each)


def substitute(size: Size, replace: Mapping[str, Size]) -> Size:
    """The size with parameters (and axes, as `|t|`) replaced."""
    if size.operator == "name":
        return replace.get(str(size.operands[0]), size)
    if size.operator == "axis":
        return replace.get(f"|{size.operands[0]}|", size)
    if not size.parts:
        return size
    return apply(size.operator, *(substitute(each, replace) for each in size.parts))


def same(left: Size, right: Size) -> bool:
    """Whether two sizes agree for every choice of the parameters. A floor counts as exact division,
    because whether sizes divide is checked when a module is built."""
    if left == right:
        return True
    leaves = {*names_in(left), *names_in(right), *(f"|{a}|" for s in (left, right) for a in axes_in(s))}
    draw = random.Random(20)
    for _ in range(3):
        values: dict[str, Value] = {leaf: Fraction(draw.randrange(10**5, 10**6)) for leaf in sorted(leaves)}
        try:
            if _exact(left, values) != _exact(right, values):
                return False
        except ZeroDivisionError:
            return False
    return True


def _exact(size: Size, values: Mapping[str, Value]) -> Value:
    if size.operator in ("floor", "ceil"):
        return _exact(size.parts[0], values)
    if size.parts:
        return OPERATORS[size.operator](*(_exact(each, values) for each in size.parts))
    return evaluate(size, values)


_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2, "neg": 3, "^": 4}


def _text(size: Size, outer: int) -> str:
    if size.operator in ("number", "name"):
        return str(size.operands[0])
    if size.operator == "axis":
        return f"|{size.operands[0]}|"
    if size.operator == "neg":
        text = f"-{_text(size.parts[0], 3)}"
        return f"({text})" if outer > 3 else text
    if size.operator not in _PRECEDENCE:
        return f"{size.operator}({', '.join(_text(each, 0) for each in size.parts)})"
    strength = _PRECEDENCE[size.operator]
    left, right = size.parts
    space = " " if strength == 1 else ""
    text = f"{_text(left, strength)}{space}{size.operator}{space}{_text(right, strength + 1)}"
    return f"({text})" if strength < outer else text
