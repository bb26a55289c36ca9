"""The adjoint of a recurrence: how gradients go through it, as a recurrence that runs the other way.

    h : H = tanh(a * h[t-1] + x)      →     h_grad : H = h_given + h_back[t+1]         from outside, and from the point after
                                            h_back : H = h_grad * (1 - h * h) * a      on to the point before

In: a stage of a plan. Out: for every value the gradient at each point, as equations that are linear in the gradients; what reads at an
offset hand on comes from the opposite one, and on graphs along the edges turned round (`turned.py`). So the adjoint of a recurrence
of any class is affine. Gradients of inputs and weights follow from these by the same products, at all points at once; what arrives before
the first point is the gradient of the start. Nothing here is needed by a target whose kernels have a backward of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from recdsl.diagnostics import RecdslError, Span
from recdsl.ir.build import const, simplified
from recdsl.ir.expr import Const, Expr, Read, reads, rebuild
from recdsl.ir.module import Depth, Equation, Module, Program
from recdsl.lower.plan import Recurrence
from recdsl.lower.turned import Turned
from recdsl.rewrite.derivative import Derivative
from recdsl.rewrite.equations import Equations
from recdsl.rewrite.fresh import Stems, stem_of


@dataclass(frozen=True, slots=True)
class Adjoint:
    """`values` are the equations of the recurrence, with names for what gradients need again, in the order of one point.
    `equations` are the `gradients`, by value, in the order of one point under the schedule `vector`, in a graph on the edges turned round.
    They read `given`, which holds what has reached the values that are read outside."""

    values: tuple[Equation, ...]
    given: tuple[tuple[str, Read], ...]
    gradients: tuple[tuple[str, Read], ...]
    equations: tuple[Equation, ...]
    vector: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class NoAdjoint:
    """Why the adjoint of a recurrence cannot be written."""

    reason: str
    span: Span | None = None


def adjoint(recurrence: Recurrence, module: Module, program: Program) -> Adjoint | NoAdjoint:
    """The adjoint of a recurrence of a module."""
    for item in recurrence.items:
        if isinstance(item, Depth):
            return NoAdjoint(f"the {item.kind} {item.name} stands in it", item.span)
    items = tuple(item for item in recurrence.items if isinstance(item, Equation))
    kinds = {each.type.kind for each in items}
    if not kinds & {"real", "complex"}:
        return NoAdjoint(f"its values are {' and '.join(sorted(kinds))}", items[0].span)
    try:
        return _Work(module, program, items).adjoint(recurrence)
    except RecdslError as error:
        first = error.diagnostics[0]
        if not first.labels:
            return NoAdjoint(first.message)
        return NoAdjoint(f"{first.message}: {first.labels[0].text}", first.labels[0].span)


class _Work:
    """The equations of one recurrence, and those of its gradients while they are found."""

    def __init__(self, module: Module, program: Program, items: tuple[Equation, ...]) -> None:
        self.module, self.items = module, items
        self.equations = Equations(program, replace(module, items=items))
        self.names = Stems(module)
        self.equations.fresh = self.names
        self.inside = {each.id for each in items}
        self.gradients = {
            each.id: Read(self.names.new(f"{stem_of(each.id)}_grad"), each.type)
            for each in items
            if each.type.kind in ("real", "complex")
        }
        self.arrived: dict[str, list[Expr]] = {each: [] for each in self.gradients}
        self.leaving: dict[tuple[str, frozenset[tuple[str, int]]], list[Expr]] = {}  # to what is read at an offset

    def adjoint(self, recurrence: Recurrence) -> Adjoint:
        given = {each: self._given(each) for each in recurrence.kept if each in self.gradients}
        for value, read in given.items():
            self.arrived[value].append(read)
        for item in self.items:
            for read in self._read(item):
                product = self._product(item, read)
                if not (isinstance(product, Const) and product.value == 0):
                    self._arrive(item, read, product)
        for (value, offsets), products in self.leaving.items():
            self.arrived[value].append(self._moved(value, offsets, _added(products)))
        for value, gradient in self.gradients.items():
            total = _added(self.arrived[value])
            self.equations.by_id[gradient.value] = Equation(gradient.value, gradient.value, gradient.type, total)
        moving = tuple(self._moving())
        return Adjoint(
            tuple(self._values(moving)),
            tuple(given.items()),
            tuple(self.gradients.items()),
            moving,
            tuple(-each for each in recurrence.vector),
        )

    def _given(self, value: str) -> Read:
        return Read(self.names.new(f"{stem_of(value)}_given"), self.gradients[value].type)

    def _read(self, item: Equation) -> Iterator[Read]:
        """The values of the recurrence that an equation reads and gradients reach, each place once."""
        found: dict[tuple[str, str, frozenset[tuple[str, int]]], Read] = {}
        if item.id in self.gradients:
            for read in reads(item.expr):
                if read.value in self.gradients:
                    found.setdefault((read.value, read.via, frozenset(read.offsets)), read)
        yield from found.values()

    def _product(self, item: Equation, read: Read) -> Expr:
        """The gradient of what an equation reads, from that of its value, at the point of the equation."""
        flow = _Flow(self.equations, self.inside - {item.id}, self.names, read)
        return flow.product(Read(item.id, item.type), self.gradients[item.id])

    def _arrive(self, item: Equation, read: Read, product: Expr) -> None:
        """Take a product to the point that the equation reads."""
        if read.via:
            self.names.stem = f"{stem_of(read.value)}_back"
            turned = Turned(self.equations, self.module, frozenset(self._gradient_ids()))
            product = turned.arriving(item, read, product)
        if read.offsets:
            self.leaving.setdefault((read.value, frozenset(read.offsets)), []).append(product)
        else:
            self.arrived[read.value].append(product)

    def _moved(self, value: str, offsets: frozenset[tuple[str, int]], product: Expr) -> Read:
        """What comes from the point that reads a value at these offsets; products for one offset go together."""
        self.names.stem = f"{stem_of(value)}_back"
        held = (
            product if isinstance(product, Read) else self.equations.define(product, self.gradients[value].type, None)
        )
        return replace(held, offsets=tuple((axis, -amount) for axis, amount in sorted(offsets)))

    # ---- what stands at the points themselves, and what moves

    def _gradient_ids(self) -> Iterator[str]:
        yield from (each.value for each in self.gradients.values())

    def _values(self, moving: tuple[Equation, ...]) -> Iterator[Equation]:
        """The recurrence, and what gradients need of it; other names that were made on the way are gone again."""
        held = self.inside | {read.value for each in moving for read in reads(each.expr)}
        by_id = self.equations.by_id

        def whole(expr: Expr) -> Expr:
            if isinstance(expr, Read) and expr.value in by_id and expr.value not in held:
                return rebuild(by_id[expr.value].expr, whole)
            return expr

        wanted = [Read(each.id, each.type) for each in by_id.values() if each.id in held and each not in moving]
        for each in self.equations.needed(wanted):
            if each.id in held and each not in moving:
                yield replace(each, expr=rebuild(each.expr, whole))

    def _moving(self) -> Iterator[Equation]:
        """What the gradients need of each other, those of the last values first."""
        known = dict.fromkeys(self._gradient_ids(), True)
        wanted = [Read(each.value, each.type) for each in reversed(self.gradients.values())]
        backs = [Read(each.id, each.type) for each in self.equations.by_id.values()]
        read = {one.value for each in self.equations.by_id.values() for one in reads(each.expr)}
        wanted += [each for each in backs if each.value in read]
        yield from (each for each in self.equations.needed(wanted) if self._moves(each.id, known))

    def _moves(self, value: str, known: dict[str, bool]) -> bool:
        """Whether an equation depends on the gradients."""
        if value not in known:
            known[value] = False  # until a read says otherwise: values of the recurrence need each other
            equation = self.equations.by_id.get(value)
            known[value] = equation is not None and any(self._moves(each.value, known) for each in reads(equation.expr))
        return known[value]


class _Flow(Derivative):
    """The gradient of one read in one equation; `others` are values whose own equations it does not go through."""

    def __init__(self, work: Equations, others: set[str], names: Stems, variable: Read) -> None:
        super().__init__(work, lambda value: None if value in others else work.by_id.get(value), variable, None)
        self.names = names

    def product(self, value: Read, gradient: Read) -> Expr:
        """The gradient of the read, from that of a value; 0 where none goes on."""
        if not self.active(value):
            return const(0.0)
        self.names.stem = f"{stem_of(value.value)}_part"
        order = self.order(value)
        self.waiting[value.value] = [gradient]
        for each in reversed(order):
            self.through(each)
        return self.total() if self.found else const(0.0)


def _added(parts: list[Expr]) -> Expr:
    total: Expr = const(0.0)
    for part in parts:
        total = simplified("add", total, part)
    return total
