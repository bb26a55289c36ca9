"""How gradients go back through one point of a recurrence: from those of the states to those of the states before.

    h : H = tanh(h_x + linear(h[t-1]))      →     part = 1 - h * h                           at all points at once
                                                  result: linear(h_grad * part, transposed)  point after point

In: the equations of one point in order, and the reads of the earlier states. Out: the products of the gradients with the Jacobian, as
equations that are linear in the gradients; what these need of the point itself stands apart as `parts`, so that it can be computed for
all points at once. Refuses what `grad` refuses.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from recdsl.ir.build import const, simplified
from recdsl.ir.expr import Apply, Call, Expr, Position, Read, rebuild, walk
from recdsl.ir.module import Equation, Module, Program
from recdsl.rewrite.derivative import Derivative
from recdsl.rewrite.equations import Equations
from recdsl.rewrite.fresh import Stems, stem_of


@dataclass(frozen=True, slots=True)
class Pullback:
    """`gradients` read what has arrived at the states; `results[j]` is what goes on to the j-th earlier state.

    `values` are equations of the point, in order, from which come the `parts` that `equations` and `results` read.
    """

    gradients: tuple[Read, ...]
    values: tuple[Equation, ...]
    parts: tuple[Read, ...]
    equations: tuple[Equation, ...]
    results: tuple[Expr, ...]


def pullback(module: Module, program: Program, items: Iterable[Equation], earlier: tuple[Read, ...]) -> Pullback:
    """The gradients of these reads, of the states one point before, from those of the states.

    Raises RecdslError (R507, R508) where a derivative cannot be written.
    """
    work = Equations(program, replace(module, items=tuple(items)))
    names = Stems(module)
    work.fresh = names
    gradients = tuple(Read(names.new(f"{stem_of(each.value)}_grad"), each.type) for each in earlier)
    results = tuple(_back(work, names, read, earlier, gradients) for read in earlier)
    results = tuple(rebuild(each, lambda part: work.named.get(part, part)) for each in results)
    names.stem = "part"
    (axis,) = {name for read in earlier for name, _ in read.offsets}
    parting = _Parting(work, axis, {each.value for each in gradients})
    equations = tuple(parting.equation(each) for each in work.needed(results) if parting.moves(each.expr))
    ends = tuple(parting.parted(each) for each in results)
    parts = tuple(parting.parts)
    return Pullback(gradients, tuple(work.needed(parts)), parts, equations, ends)


def _back(work: Equations, names: Stems, variable: Read, states: tuple[Read, ...], gradients: tuple[Read, ...]) -> Expr:
    """The gradient that reaches one earlier state; 0 where none does."""
    loss: Expr = const(0.0)
    for state, gradient in zip(states, gradients, strict=True):
        loss = simplified("add", loss, simplified("mul", gradient, Read(state.value, state.type)))
    back = _Back(work, names, variable)
    if not back.active(loss):
        return const(0.0)
    found = back.of(loss, variable.type)
    assert isinstance(found, Read)
    return work.by_id.pop(found.value).expr


class _Back(Derivative):
    """The derivative by one earlier state, its equations named after the values that they are gradients of."""

    def __init__(self, work: Equations, names: Stems, variable: Read) -> None:
        super().__init__(work, work.by_id.get, variable, None)
        self.names = names
        names.stem = "part"

    def through(self, value: str) -> None:
        self.names.stem = f"{stem_of(value)}_grad"
        super().through(value)


class _Parting:
    """Puts what gradients are multiplied by under names of its own: `parts`."""

    def __init__(self, work: Equations, axis: str, moving: set[str]) -> None:
        self.work, self.axis = work, axis
        self.known = dict.fromkeys(moving, True)  # which values depend on the gradients
        self.parts: dict[Read, None] = {}

    def moves(self, expr: Expr) -> bool:
        """Whether an expression depends on the gradients."""
        match expr:
            case Read(offsets=(), value=value):
                if value not in self.known:
                    equation = self.work.by_id.get(value)
                    self.known[value] = equation is not None and self.moves(equation.expr)
                return self.known[value]
            case Apply() | Call():
                return any(self.moves(each) for each in expr.operands)
        return False

    def equation(self, equation: Equation) -> Equation:
        return replace(equation, expr=self.parted(equation.expr))

    def parted(self, expr: Expr) -> Expr:
        """The expression with its largest parts that do not depend on the gradients, but on the point, by their names."""
        if self.moves(expr):
            if not isinstance(expr, (Apply, Call)):
                return expr
            return replace(expr, operands=tuple(self.parted(each) for each in expr.operands))
        if not any(isinstance(each, (Read, Position)) and self.axis in each.type.axis_names for each in walk(expr)):
            return self._written_out(expr)
        read = self.work.name(expr, None)
        if not isinstance(read, Read) or read.offsets:
            read = self.work.define(expr, expr.type, None)
        self.parts[replace(read, span=None)] = None
        return read

    def _written_out(self, expr: Expr) -> Expr:
        """The expression without names for what is the same at all points: no part and no equation of the way back has it."""

        def meaning(each: Expr) -> Expr:
            equation = self.work.by_id.get(each.value) if isinstance(each, Read) else None
            return each if equation is None else self._written_out(equation.expr)

        return rebuild(expr, meaning)
