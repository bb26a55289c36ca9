"""Moves out of recurrences what does not depend on them.

    i : H = sigmoid(linear(x) + linear(h[t-1]))        i_x = linear(x)
    h = i * h[t-1]                                →    i : H = sigmoid(i_x + linear(h[t-1]))
                                                       h = i * h[t-1]

Every largest sub-expression of a recurrent component that reads nothing of the component becomes an equation before it, so that it is
computed for the whole sequence at once. Operations that only spread their operands over more dims (`k * v` for a matrix
state, `exp(dt * A)`) stay inside, because they would cost more memory than they save work; equal expressions become one equation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from recdsl.ir.expr import Apply, Call, Const, Expr, Number, Position, Read, Weight, walk
from recdsl.ir.graph import node_of, results_of
from recdsl.ir.module import Equation, Item, Module, Program
from recdsl.ir.operators.table import OPERATORS
from recdsl.rewrite.fresh import fresh_name, names_taken, stem_of
from recdsl.rewrite.order import ordered_components

_RANDOM = frozenset({"dropout", "noise", "extern"})  # two of these are never the same


def hoist(program: Program, solved: Mapping[str, frozenset[str]] | None = None) -> Program:
    """The program with every module hoisted, but for components with `solved` values (by the key of the module)."""
    for module in program.modules.values():
        program = program.with_module(_hoist_module(module, program, (solved or {}).get(module.key, frozenset())))
    return program


def _hoist_module(module: Module, program: Program, solved: frozenset[str]) -> Module:
    items = {node_of(item): item for item in module.items}
    taken = names_taken(module)
    moved: list[Item] = []
    for component in ordered_components(module, program):
        group = [items[name] for name in component.items]
        if component.recurrent and not solved & set(component.items):
            inside = frozenset(each for item in group for each in results_of(item))
            lift = Lift(module, inside, taken)
            group = [lift.equation(item) if isinstance(item, Equation) else item for item in group]
            moved.extend(lift.lifted)
        moved.extend(group)
    return replace(module, items=tuple(moved))


@dataclass(slots=True)
class Lift:
    """The work on one component; `lifted` are the new equations."""

    module: Module
    inside: frozenset[str]
    taken: set[str]
    lifted: list[Equation] = field(default_factory=list)
    known: dict[Expr, Read] = field(default_factory=dict)

    def equation(self, equation: Equation) -> Equation:
        return replace(equation, expr=self._expr(equation.expr, equation))

    def _expr(self, expr: Expr, equation: Equation) -> Expr:
        if self._free(expr):
            if _plain(expr) or not _tensor(expr):
                return expr
            if not _spreads(expr) and "pred" not in expr.type.axis_names and _stored(expr, self.module):
                return self._lift(expr, equation)
        if isinstance(expr, (Apply, Call)):
            return replace(expr, operands=tuple(self._expr(each, equation) for each in expr.operands))
        return expr

    def _free(self, expr: Expr) -> bool:
        return not any(isinstance(each, Read) and each.value in self.inside for each in walk(expr))

    def _lift(self, expr: Expr, equation: Equation) -> Read:
        random = any(isinstance(each, Apply) and each.operator in _RANDOM for each in walk(expr))
        if expr not in self.known or random:
            name = self._name(expr, equation)
            self.lifted.append(Equation(name, name, expr.type, expr, span=equation.span))
            self.known[expr] = Read(name, expr.type, span=expr.span)
        return self.known[expr]

    def _name(self, expr: Expr, equation: Equation) -> str:
        about = next((_word(each) for each in walk(expr) if isinstance(each, (Read, Weight))), "part")
        return fresh_name(f"{stem_of(equation.name)}_{about}", self.taken)


def _word(expr: Read | Weight) -> str:
    source = expr.value if isinstance(expr, Read) else expr.path.rsplit(".", 1)[-1]
    return stem_of(source)


def _plain(expr: Expr) -> bool:
    """Leaves that cost nothing inside the loop; a read at another point of an outside value is a shift, and moves."""
    match expr:
        case Read():
            return not any(amount for _, amount in expr.offsets) or bool(expr.via)
        case Const() | Number() | Position() | Weight():
            return True
        case Apply() | Call():
            return False


def _tensor(expr: Expr) -> bool:
    return any(isinstance(each, (Read, Weight, Position, Call)) for each in walk(expr))


def _stored(expr: Expr, module: Module) -> bool:
    """Whether an equation can hold it: in a graph layer, values live on nodes or edges."""
    via = any(isinstance(each, Read) and each.via for each in walk(expr))
    return module.domain != "graph" or not via


def _spreads(expr: Expr) -> bool:
    """An elementwise operation whose result is larger than all that it is made from: `k * v`, and so `exp(k * v) / 2`."""
    if not isinstance(expr, Apply) or OPERATORS[expr.operator].family != "elementwise":
        return False
    names = _extent(expr)
    return all(not names <= _extent(each) or _spreads(each) for each in expr.operands)


def _extent(expr: Expr) -> set[str]:
    """The dims that a value has; the axes too where it is a matrix, so that a weight becomes larger along them."""
    dims = set(expr.type.dim_names)
    return dims | set(expr.type.axis_names) if len(dims) > 1 else dims
