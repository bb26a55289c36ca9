"""Formulas: derivatives of elementwise operators as data, written the way a table of derivatives is.

`X`, `Y`, `Z` are the operands and `OUT` is the result; `1 - OUT ** 2` is the derivative of tanh.
`recdsl.ir.build.instantiate` makes an expression of a formula.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Formula:
    """`operator` on `parts`. The leaves are `operand` (its position), `out` and `const` (a number)."""

    operator: str
    parts: tuple[Formula | float, ...] = ()

    def __add__(self, other: Formula | float) -> Formula:
        return call("add", self, other)

    def __radd__(self, other: float) -> Formula:
        return call("add", other, self)

    def __sub__(self, other: Formula | float) -> Formula:
        return call("sub", self, other)

    def __rsub__(self, other: float) -> Formula:
        return call("sub", other, self)

    def __mul__(self, other: Formula | float) -> Formula:
        return call("mul", self, other)

    def __rmul__(self, other: float) -> Formula:
        return call("mul", other, self)

    def __truediv__(self, other: Formula | float) -> Formula:
        return call("div", self, other)

    def __rtruediv__(self, other: float) -> Formula:
        return call("div", other, self)

    def __pow__(self, other: Formula | float) -> Formula:
        return call("pow", self, other)

    def __neg__(self) -> Formula:
        return call("neg", self)


def call(operator: str, *parts: Formula | float) -> Formula:
    """An operator of the tables on formulas and numbers."""
    return Formula(operator, tuple(part if isinstance(part, Formula) else number(part) for part in parts))


def number(value: float) -> Formula:
    return Formula("const", (value,))


def where(condition: Formula, then: Formula | float, otherwise: Formula | float) -> Formula:
    return call("where", condition, then, otherwise)


X, Y, Z = (Formula("operand", (position,)) for position in range(3))
OUT = Formula("out")
