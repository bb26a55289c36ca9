"""The equations of a module while a pass adds to them.

New equations have ids of their own and are put before the first that reads them; those that nothing reads are left
out. `name` makes a value an equation, once for equal expressions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from recdsl.diagnostics import Span
from recdsl.ir.expr import Apply, Call, Expr, Read, reads, rebuild, walk
from recdsl.ir.module import Depth, Equation, Item, Module, Program
from recdsl.ir.operators.table import OPERATORS
from recdsl.ir.types import ValueType
from recdsl.rewrite.fresh import Fresh
from recdsl.rewrite.inline import inline_call


class Equations:
    """The work on one module; `by_id` holds its equations and the new ones."""

    def __init__(self, program: Program, module: Module) -> None:
        self.program, self.module = program, module
        self.fresh = Fresh(module)
        self.by_id: dict[str, Equation] = {each.id: each for each in module.equations()}
        self.named: dict[Expr, Read] = {}

    def assembled(self) -> Module:
        """The module with all equations in order."""
        items: list[Item] = []
        placed = {each.id for each in self.module.equations()}
        for item in self.module.items:
            if isinstance(item, Equation):
                self._place(self.by_id[item.id], items, placed)
            else:
                items.append(item)
        return replace(self.module, items=tuple(items))

    def _place(self, equation: Equation, items: list[Item], placed: set[str]) -> None:
        for read in reads(equation.expr):
            if read.value in self.by_id and read.value not in placed:
                placed.add(read.value)
                self._place(self.by_id[read.value], items, placed)
        items.append(equation)

    def needed(self, wanted: Iterable[Expr]) -> Iterator[Equation]:
        """The equations that some expressions need at this point, each after those that it needs."""
        seen: set[str] = set()

        def visit(expr: Expr) -> Iterator[Equation]:
            for read in reads(expr):
                if not (read.offsets or read.via or read.value in seen) and read.value in self.by_id:
                    seen.add(read.value)
                    equation = self.by_id[read.value]
                    yield from visit(equation.expr)
                    yield equation

        for each in wanted:
            yield from visit(each)

    def depth_of(self, value: str) -> Depth | None:
        """The `repeat` or `loop` that a value comes out of."""
        depths = (item for item in self.module.items if isinstance(item, Depth))
        return next((each for each in depths if any(carry.result == value for carry in each.carried)), None)

    def define(self, expr: Expr, of: ValueType, span: Span | None) -> Read:
        """A new equation."""
        name = self.fresh()
        self.by_id[name] = Equation(name, name, of, expr, span=expr.span or span)
        return Read(name, of, span=expr.span)

    def name(self, expr: Expr, span: Span | None) -> Expr:
        """The value as an equation, one for equal expressions; leaves, and what no equation can hold, as they are."""
        if not isinstance(expr, (Apply, Call)) or not self.storable(expr):
            return expr
        if expr not in self.named or not _repeatable(expr):
            self.named[expr] = self.define(expr, expr.type, span)
        return self.named[expr]

    def storable(self, expr: Expr) -> bool:
        """Whether an equation can hold a value: in a sum over edges there is one for every pair of edges."""
        edge = ("edge",) if self.module.domain == "graph" else ()
        return set(expr.type.axis_names) <= {*self.module.axes, *edge}

    def inline(self, call: Call) -> Expr:
        """The result of a sub-layer, taken apart into equations; where none can hold its values, into one expression."""
        made = inline_call(self.program, self.module, call, self.fresh)
        if all(self.storable(each.expr) for each in made.equations):
            self.by_id.update((each.id, each) for each in made.equations)
            return made.result
        return _joined(made.result, {each.id: each.expr for each in made.equations})


def _joined(expr: Expr, values: dict[str, Expr]) -> Expr:
    """The expression with the values put in place of their reads."""

    def change(node: Expr) -> Expr:
        return _joined(values[node.value], values) if isinstance(node, Read) and node.value in values else node

    return rebuild(expr, change)


def _repeatable(expr: Expr) -> bool:
    """Whether an expression has the same value each time, as far as it can be told."""
    return not any(isinstance(each, Call) or is_impure(each) for each in walk(expr))


def is_impure(expr: Expr) -> bool:
    """Whether an operator may give another value each time: a draw, or what the host binds."""
    return isinstance(expr, Apply) and not OPERATORS[expr.operator].pure
