"""What is read of a large state inside of its loop, so that the state need not be kept at every point.

S : K V = f(S[t-1], k, v)                   S : K V = f(S[t-1], k, v)
y : D = linear(sum[K](q * S))          →    y_S = sum[K](q * S)           beside S
                                            y : D = linear(y_S)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import networkx as nx

from recdsl.classify.cost import elements
from recdsl.classify.count import Count, Factors
from recdsl.ir.dependence import dependences
from recdsl.ir.expr import Apply, Call, Expr, Read, operands, rebuild, walk
from recdsl.ir.graph import equation_graph, node_of, results_of
from recdsl.ir.module import Depth, Equation, Item, Module, Program
from recdsl.ir.types import ValueType
from recdsl.rewrite.fresh import fresh_name, names_taken, stem_of
from recdsl.rewrite.hoist import Lift
from recdsl.rewrite.order import body_results, item_reads, ordered_components


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop over the points of a sequence: the `items` that it computes at a point, and values that are written at
    every point whatever their size. `direction` is 1 or -1."""

    module: Module
    program: Program
    items: frozenset[str]
    direction: int
    written: frozenset[str] = frozenset()

    @property
    def axis(self) -> str:
        return self.module.axes[0]

    def writing(self, value: str) -> Loop:
        return replace(self, written=self.written | {value})

    def inside(self) -> Iterator[Item]:
        return (item for item in self.module.items if node_of(item) in self.items)

    def outside(self) -> Iterator[Item]:
        return (item for item in self.module.items if node_of(item) not in self.items)

    def values(self) -> frozenset[str]:
        return frozenset(each for item in self.inside() for each in results_of(item))

    def results(self) -> set[str]:
        """Values that leave the layer."""
        return {output.value for output in self.module.outputs} | body_results(self.module, self.program)

    def kept(self) -> list[str]:
        """Values that somebody needs at all points, in the order of the layer."""
        needed = self.results() | {read.value for item in self.outside() for read in item_reads(item)}
        return [each for item in self.inside() for each in results_of(item) if each in needed]

    def states(self) -> set[str]:
        """Values that are read at other points."""
        own = self.values()
        found = (read for item in self.inside() for read in item_reads(item))
        return {read.value for read in found if read.value in own and any(amount for _, amount in read.offsets)}

    # ---- sizes

    def large(self, value: str) -> bool:
        """Whether a value has several dims, and more than each value that is read or written at every point."""
        own = self.size(self.module.type_of(value))
        return degree(own) > 1 and not any(_within(own, self.size(each)) for each in self._streams())

    def size(self, type_: ValueType) -> Count:
        """The numbers at one point."""
        return elements(replace(type_, axes=tuple(axis for axis in type_.axes if axis.name != self.axis)))

    def _streams(self) -> Iterator[ValueType]:
        own = self.values()
        for value in dict.fromkeys(read.value for item in self.inside() for read in item_reads(item)):
            if value not in own and self.axis in self.module.type_of(value).axis_names:
                yield self.module.type_of(value)
        yield from (self.module.type_of(value) for value in self.written)

    # ---- what may be computed twice

    def repeatable(self) -> bool:
        """Whether the points of a segment can be computed again, from the values just before it."""
        return not any(
            self._all_points(each) or "extern" in operators(each, self.module, self.program) for each in self.inside()
        )

    def _all_points(self, item: Item) -> bool:
        """Whether an item reads something under another name of the axis."""
        return isinstance(item, Equation) and any(
            isinstance(each, Apply) and each.operator == "rename" and each.attribute("old") == self.axis
            for each in walk(item.expr)
        )


def operators(item: Item, module: Module, program: Program) -> set[str]:
    """The names of all operators in an item, with those of the layers that it calls."""
    if isinstance(item, Depth):
        body = program.modules[item.body]
        return set().union(*(operators(each, body, program) for each in body.items))
    found: set[str] = set()
    for each in walk(item.expr):
        if isinstance(each, Apply):
            found.add(each.operator)
        elif isinstance(each, Call):
            callee = program.callee(module, each.instance)
            found.update(*(operators(inner, callee, program) for inner in callee.items))
    return found


def degree(size: Count) -> int:
    """How many sizes are multiplied in it at most."""
    return max((len(factors) for factors in size.terms), default=0)


def _within(left: Count, right: Count) -> bool:
    """Whether `left` is at most a fixed number of times `right`, whatever the sizes are."""
    return all(any(_divides(term, other) for other in right.terms) for term in left.terms)


def _divides(left: Factors, right: Factors) -> bool:
    return not Counter(left) - Counter(right)


@dataclass(slots=True)
class Beside:
    """The search for what is read of one large value outside of its loop."""

    before: Loop
    value: str
    open: set[str] = field(default_factory=set)  # the value, and what has its size and is made of it
    made: dict[Expr, Read] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    beside: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)

    def loop(self) -> Loop | None:
        """The loop with all readings inside; None where the value is needed whole at every point."""
        module = self.before.module
        self.taken, self.open = names_taken(module), {self.value}
        if self.value in self.before.results():
            return None
        items = {node_of(item): item for item in module.items}
        for component in ordered_components(module, self.before.program):
            for name in component.items:
                if name in self.before.items or not self._reads_open(items[name]):
                    self.items.append(items[name])
                elif not self._reader(items[name], component.recurrent):
                    return None
        changed = replace(module, items=tuple(self.items))
        program = self.before.program.with_module(changed)
        found = replace(self.before, module=changed, program=program, items=self.before.items | self.beside)
        return found if all(self._fits(each, found) for each in self.beside) and self._free(found) else None

    def _reads_open(self, item: Item) -> bool:
        return any(read.value in self.open for read in item_reads(item))

    def _reader(self, item: Item, recurrent: bool) -> bool:
        """Take the readings out of an item. False where it needs the value whole, or is no part of one point."""
        if isinstance(item, Depth) or recurrent or item.init is not None:
            return False
        if "extern" in operators(item, self.before.module, self.before.program):
            return False
        found: list[Expr] = []
        if self._visit(item.expr, found):
            if item.id in self.before.results():
                return False
            self.open.add(item.id)
            found = [item.expr]
        for expr in dict.fromkeys(found):
            if expr not in self.made:
                self._make(expr, item)
        if item.id not in self.beside:
            self.items.append(replace(item, expr=rebuild(item.expr, lambda each: self.made.get(each, each))))
        return True

    def _visit(self, expr: Expr, found: list[Expr]) -> bool:
        """Whether the value is read in an expression outside of the parts that are smaller than it; those become `found`."""
        if isinstance(expr, Read):
            return expr.value in self.open
        below = [self._visit(each, found) for each in operands(expr)]
        own = self.before.module.type_of(self.value)
        if any(below) and degree(self.before.size(expr.type)) < degree(self.before.size(own)):
            found.append(expr)
            return False
        return any(below)

    def _make(self, expr: Expr, reader: Equation) -> None:
        """An equation for a reading; what in it needs no state comes before the loop."""
        if expr == reader.expr:
            name, type_ = reader.id, reader.type
        else:
            name, type_ = (
                fresh_name(f"{stem_of(reader.name)}_{stem_of(self.value)}", self.taken),
                ValueType(expr.type.kind, expr.type.axes, expr.type.dims),
            )
        inside = self.before.values() | self.beside
        lift = Lift(self.before.module, inside, self.taken, known=self._known())
        made = lift.equation(Equation(name, reader.name, type_, expr, span=reader.span))
        self.items.extend((*lift.lifted, made))
        self.beside.add(name)
        self.made[expr] = Read(name, type_, span=expr.span)

    def _known(self) -> dict[Expr, Read]:
        """Equations outside of the loop, by what they say."""
        found = (item for item in self.before.outside() if isinstance(item, Equation) and item.init is None)
        return {each.expr: Read(each.id, each.type) for each in found if each.expr.type == each.type}

    def _fits(self, name: str, loop: Loop) -> bool:
        """Whether a reading needs nothing but its own point, and states that the loop has had by then."""
        equation = next(each for each in loop.module.equations() if each.id == name)
        if equation.type.axis_names != (loop.axis,):
            return False
        own = loop.values()
        for each in dependences(equation.expr, loop.module, loop.program):
            ((low, high),) = each.offsets
            if low != high or low * loop.direction > 0 or (low and each.read.value not in own):
                return False
        return True

    def _free(self, loop: Loop) -> bool:
        """Whether nothing that the readings need comes from the recurrence by a way around the loop."""
        graph = equation_graph(loop.module, loop.program)
        behind = set().union(*(nx.descendants(graph, name) for name in self.before.items)) - loop.items
        return not any(set(graph.predecessors(name)) & behind for name in loop.items)
