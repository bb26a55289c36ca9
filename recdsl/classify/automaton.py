"""The class `automaton`: the state is one of finitely many values, and a point says where each of them goes.

    odd = odd[t-1] != x                       two values
    c = (c[t-1] + step) % 10                  ten
    s = where(on, min(s[t-1] + 1, 3), 0)      four

Maps between n values compose by indexing. One state of whole numbers or truth values, read at one point, element by element.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from recdsl.classify.closed import NotClosed, only_read, outside
from recdsl.classify.finite import count_of
from recdsl.classify.group import Group
from recdsl.ir import sizes
from recdsl.ir.build import apply, const, index
from recdsl.ir.expr import Apply, Call, Expr, Read
from recdsl.ir.operators.table import OPERATORS
from recdsl.ir.types import Dim


@dataclass(frozen=True, slots=True)
class Automaton:
    """The next value of `state` is ``table[values = read]``; truth values count as 0 and 1."""

    state: str
    read: Read
    table: Expr
    values: Dim


def find(group: Group) -> Automaton:
    """The form of a component. Raises `NotClosed`."""
    read = only_read(group)
    kind = group.module.type_of(read.value).kind
    if kind not in ("int", "bool"):
        raise NotClosed(f"the state is of kind {kind}, not a whole number or a truth value", group.items[0].span)
    values = Dim(_new_name(group), sizes.number(2))
    table = _Table(group, values).value(read.value)
    if kind == "int":
        values = Dim(values.name, count_of(group, read))
        table = _Table(group, values).value(read.value)
    if table.type.kind == "bool":
        table = apply("where", table, const(1), const(0))
    if values.name not in table.type.dim_names:
        table = apply("broadcast", table, dims=(values,))
    return Automaton(read.value, read, table, values)


def _new_name(group: Group) -> str:
    """A name for the dim of the table's entries."""
    module = group.module
    taken = {each.name for each in module.parameters} | {n for e in module.equations() for n in e.type.dim_names}
    name = "values"
    while name in taken:
        name += "_"
    return name


@dataclass(slots=True)
class _Table:
    """The next state with every possible value in the place of the state, along a dim of its own."""

    group: Group
    values: Dim
    known: dict[str, Expr] = field(default_factory=dict)

    def value(self, name: str) -> Expr:
        if name not in self.known:
            self.known[name] = self.of(self.group.equations()[name].expr)
        return self.known[name]

    def of(self, expr: Expr) -> Expr:
        match expr:
            case Read() if expr.value in self.group.equations():
                if not expr.offsets:
                    return self.value(expr.value)
                every = index(self.values)
                return apply("gt", every, const(0)) if expr.type.kind == "bool" else every
            case Apply():
                operands = tuple(self.of(each) for each in expr.operands)
                return expr if operands == expr.operands else self._applied(expr, operands)
            case Call() if any(self.of(each) != each for each in expr.operands):
                raise outside(expr, "it goes through a layer that cannot be taken apart")
        return expr

    def _applied(self, expr: Apply, operands: tuple[Expr, ...]) -> Expr:
        if expr.operator == "broadcast":
            return operands[0]
        if OPERATORS[expr.operator].family != "elementwise":
            raise outside(expr, f"{expr.operator} joins or moves elements of the state")
        return apply(expr.operator, *operands, span=expr.span, **dict(expr.attributes))
