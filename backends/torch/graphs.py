"""The algorithm `sequential` on a graph: level after level of the topological order."""

from __future__ import annotations

from dataclasses import dataclass, replace

from recdsl.backends.torch import depth
from recdsl.backends.torch.expressions import Printer
from recdsl.backends.torch.layout import permuted
from recdsl.backends.torch.precision import narrowed, wide_states, widen
from recdsl.backends.torch.reads import base_name
from recdsl.backends.torch.scope import Receiver, Scope
from recdsl.backends.torch.statements import comment

from recdsl.emit.environment import render
from recdsl.emit.names import safe_local
from recdsl.emit.precedence import ATOM, Text
from recdsl.ir.expr import Expr, Read, walk
from recdsl.ir.graph import results_of
from recdsl.ir.module import Depth, Equation
from recdsl.ir.types import ValueType
from recdsl.lower.plan import Recurrence


def whole_receiver(scope: Scope) -> Receiver:
    """All nodes, or all edges, receive at once."""
    if scope.on_edges:
        scope.owner.file.helpers.add("Graph.pairs")
        return Receiver(
            "", "graph.source", "graph.source[graph.incoming]", "graph.incoming", "graph.outgoing", "graph.edges"
        )
    return Receiver("", "", "graph.source", "", "graph.target", "graph.nodes")


NODES = Receiver("level.nodes", "", "level.source", "level.edges", "level.target", "level.count")
EDGES = Receiver("level.leaving", "level.tail", "level.origin", "level.incoming", "level.outgoing", "level.leavers")


def place_of(type: ValueType) -> str:
    """Where a value of a graph layer lives."""
    return "edges" if "edge" in type.axis_names else "nodes"


def statement(scope: Scope, stage: Recurrence) -> None:
    """Print the loop over levels of one component."""
    Levels(scope, stage).print()


@dataclass(slots=True)
class Levels:
    scope: Scope
    stage: Recurrence

    def print(self) -> None:
        scope = self.scope
        inner = scope.inner(frozenset())
        inner.widens = bool(self.wide)
        scope.owner.file.helpers.add("Graph.levels")
        starts = []
        for value in self._values():
            starts.append(self._buffer(inner, value))
        for item in sorted(self.stage.items, key=self._on_edges):
            if isinstance(item, Depth):
                self._depth(inner, item)
            else:
                self._equation(inner, item)
        context: dict[str, object] = {"starts": starts, "body": inner.lines}
        scope.lines.extend(render("torch", "levels.py.j2", context).splitlines())
        for value in self._values():
            scope.values[value] = replace(inner.values[value], wide=False)
            if value in self.wide:
                name = scope.values[value].code
                scope.line(f"{name} = {name}.to({scope.dtype})")

    @property
    def wide(self) -> frozenset[str]:
        return wide_states(self.stage, self.scope.module)

    def _on_edges(self, item: Equation | Depth) -> bool:
        """Nodes of a level come first: edges that leave them read what they just got."""
        return isinstance(item, Equation) and "edge" in item.type.axis_names

    def _values(self) -> list[str]:
        """The values that are needed on later levels, or outside."""
        edges = {v for item in self.stage.items if self._on_edges(item) for v in results_of(item)}
        tails = {
            read.value
            for item in self.stage.items
            if isinstance(item, Equation)
            for read in _reads(item.expr)
            if read.via
        }
        wanted = {*dict(self.stage.reach), *self.stage.kept, *tails, *edges}
        return [value for item in self.stage.items for value in results_of(item) if value in wanted]

    def _buffer(self, inner: Scope, value: str) -> tuple[str, str]:
        """A value of all nodes or edges, filled level by level."""
        scope = self.scope
        type = scope.module.type_of(value)
        name = scope.names.new(safe_local(base_name(value)))
        inner.values[value] = Text(name, scope.labels(type), type.kind, wide=value in self.wide)
        return name, self.zeros(value)

    def zeros(self, value: str) -> str:
        """A value of all nodes or edges before it is known anywhere."""
        type = self.scope.module.type_of(value)
        printer = Printer(self.scope)
        zero = printer.spread(Text("0", kind="int", number=True), type, self.scope.labels(type))
        return widen(printer, zero).code if value in self.wide else zero.code

    def _equation(self, inner: Scope, item: Equation) -> None:
        local = self.value(inner, item, buffered=item.id in self._values())
        if item.id in self._values():
            buffer = inner.values[item.id].code
            inner.line(f"{buffer} = {buffer}.index_copy(0, {receiver_of(inner).here}, {local})")

    def value(self, inner: Scope, item: Equation, buffered: bool) -> str:
        """A value on one level under a name; one that is `buffered` with all dims, in its kind and dtype."""
        scope = self.scope
        inner.on_edges = self._on_edges(item)
        inner.graph = EDGES if inner.on_edges else NODES
        if inner.on_edges:
            scope.help("Graph.leaving")
        inner.lengths[scope.module.axes[0]] = inner.lengths["edge"] = inner.graph.count
        self._place(inner)
        comment(inner, item)
        self._outside(inner, _reads(item.expr), inner.graph.here)
        printer = Printer(inner)
        labels = scope.labels(item.type)
        text = printer.text(item.expr)
        if buffered:
            text = printer.spread(printer.cast(text, item.type.kind), item.type, labels)
            if item.id not in self.wide:
                text = narrowed(printer, text)
            elif not text.wide:
                text = widen(printer, text)
        elif not text.number:
            text = printer.cast(text, item.type.kind)
            text = permuted(text, [label for label in labels if label in text.labels])
        local = scope.names.new(safe_local(f"{base_name(item.id)}_level"))
        inner.line(f"{local} = {text.code}")
        key = (item.id, (), "")
        inner.reads[key] = Text(local, text.labels, item.type.kind, number=text.number, wide=text.wide)
        return local

    def _depth(self, inner: Scope, item: Depth) -> None:
        """A `repeat` or `loop` at the nodes of the level."""
        inner.on_edges, inner.graph = False, NODES
        self._outside(inner, [*(read for _, read in item.captured), *(each.start for each in item.carried)], NODES.here)
        buffers = {carry.result: inner.values.pop(carry.result, None) for carry in item.carried}
        inner.lengths[self.scope.module.axes[0]] = NODES.count
        self._place(inner)
        depth.statement(inner, item)
        for value, buffer in buffers.items():
            inner.reads[value, (), ""] = inner.values[value]
            if buffer is not None:
                inner.line(f"{buffer.code} = {buffer.code}.index_copy(0, {NODES.here}, {inner.values[value].code})")
                inner.values[value] = buffer

    def _place(self, inner: Scope) -> None:
        """The numbers of the nodes of the level, which is all nodes as well."""
        (axis,) = self.scope.module.axes
        inner.positions[axis] = Text(f"graph.own[{NODES.here}]", (axis,), "int")

    def _outside(self, inner: Scope, reads: list[Read], here: str) -> None:
        """Values from outside at the nodes or edges of the level."""
        inside = {value for each in self.stage.items for value in results_of(each)}
        for read in reads:
            key = inner.read_key(read)
            if read.value in inside or read.via:
                continue
            text = self.scope.values[read.value]
            if text.labels and text.labels[0] in (self.scope.module.axes[0], "edge"):
                inner.reads[key] = Text(f"{text.at(ATOM)}[{here}]", text.labels, text.kind)


def receiver_of(scope: Scope) -> Receiver:
    """Who receives where a scope stands."""
    assert scope.graph is not None
    return scope.graph


def _reads(expr: Expr) -> list[Read]:
    return [each for each in walk(expr) if isinstance(each, Read)]
