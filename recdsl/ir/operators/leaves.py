"""Leaves that rules put into the expressions they build."""

from __future__ import annotations

from recdsl.diagnostics import Span
from recdsl.ir.expr import Const, Expr, Number, Position
from recdsl.ir.sizes import Size
from recdsl.ir.types import Dim, ValueType


def const(value: bool | int | float, span: Span | None = None) -> Const:
    """A literal: bool, int or real by the type of `value`."""
    kind = "bool" if isinstance(value, bool) else "int" if isinstance(value, int) else "real"
    return Const(value, ValueType(kind), span)


def number(size: Size, span: Span | None = None) -> Expr:
    """A size as a real value: a literal where it is known."""
    if size.operator == "number":
        value = size.operands[0]
        assert isinstance(value, (int, float))
        return const(value, span)
    return Number(size, ValueType("real"), span)


def index(dim: Dim) -> Position:
    """`index[N]`: 0 … N-1 along a dim."""
    return Position(dim.name, ValueType("int", (), (dim,)))
