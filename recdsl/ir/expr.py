"""Expressions of the graph: immutable, compared by structure, each with its type.

Leaves are constants, numbers, positions, reads and weights; everything else is an operator of the tables in
`recdsl.ir.operators` applied to operands, or a call of a sub-layer. Spans do not count in comparisons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from recdsl.diagnostics import Span
from recdsl.ir.sizes import Size
from recdsl.ir.types import Axis, Dim, ValueType

Attribute = bool | int | float | str | Size | Dim | Axis | tuple["Attribute", ...]


@dataclass(frozen=True, slots=True)
class Const:
    """A literal: bool, int or float (also inf and -inf)."""

    value: bool | int | float
    type: ValueType
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Number:
    """A number known when the module is built: the size of a dim or a number parameter. Type: scalar."""

    size: Size
    type: ValueType
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Position:
    """`index[N]` (type: int over dim N) or `index[t]` (type: int over axis t), counted from 0. Along a sequence it
    counts from the start of the document, and goes on where a `state` was left."""

    name: str
    type: ValueType
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Read:
    """The value of an equation, an input or a depth result, by its id in the module.

    `offsets` are the shifts along axes, `(("t", -1),)` for `h[t-1]`, zero shifts left out. In graph layers `via` is
    "pred" for `h[pred]` (a node value at the other end of the incoming edge, an edge value on that edge),
    "tail" for a node value read by an edge at the node it leaves, and "" otherwise.
    """

    value: str
    type: ValueType
    offsets: tuple[tuple[str, int], ...] = ()
    via: str = ""
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Weight:
    """A parameter or constant of the module, by its path in the state dict (see `WeightSpec`)."""

    path: str
    type: ValueType
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Apply:
    """An operator of the tables on operands; `attributes` are sorted by name and documented with the operator."""

    operator: str
    operands: tuple[Expr, ...]
    type: ValueType
    attributes: tuple[tuple[str, Attribute], ...] = ()
    span: Span | None = field(default=None, compare=False, repr=False)

    def attribute(self, name: str) -> Attribute:
        return dict(self.attributes)[name]


@dataclass(frozen=True, slots=True)
class Bound:
    """One dim of a called layer and the caller's dims that it stands for (several are merged, in this order)."""

    dim: str
    stands_for: tuple[Dim, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A sub-layer called on values: `instance` by its path in the module, operands in the order of the callee's
    inputs (a tuple of one for every input), `output` the index of the result.

    `bound` says how the callee's dims stand for the caller's; `axes` maps the callee's axes to the caller's;
    `carried` are further dims of the operands, for each of which the layer is applied on its own.
    The result has the axes of the operands, its dims are `carried` and then the callee's output dims, translated.
    """

    instance: str
    operands: tuple[Expr, ...]
    output: int
    type: ValueType
    bound: tuple[Bound, ...] = ()
    axes: tuple[tuple[str, str], ...] = ()
    carried: tuple[Dim, ...] = ()
    span: Span | None = field(default=None, compare=False, repr=False)


Expr = Const | Number | Position | Read | Weight | Apply | Call


def operands(expr: Expr) -> tuple[Expr, ...]:
    """The direct operands of an expression."""
    match expr:
        case Apply() | Call():
            return expr.operands
        case Const() | Number() | Position() | Read() | Weight():
            return ()


def walk(expr: Expr) -> Iterator[Expr]:
    """The expression and everything below it, operands first."""
    for each in operands(expr):
        yield from walk(each)
    yield expr


def reads(expr: Expr) -> Iterator[Read]:
    """Every read in an expression, left to right."""
    return (each for each in walk(expr) if isinstance(each, Read))


def rebuild(expr: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """The expression with `change` applied to every node, operands first."""
    if isinstance(expr, (Apply, Call)):
        changed = tuple(rebuild(each, change) for each in expr.operands)
        if any(new is not old for new, old in zip(changed, expr.operands, strict=True)):
            expr = replace(expr, operands=changed)
    return change(expr)
