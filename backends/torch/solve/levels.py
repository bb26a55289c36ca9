"""`levels`: affine recurrences on a graph by the helper of that name, others as rules for `level_by_level`."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace

from recdsl.backends.torch import graphs
from recdsl.backends.torch.expressions import Printer
from recdsl.backends.torch.layout import permuted, tuple_code
from recdsl.backends.torch.reads import base_name
from recdsl.backends.torch.scope import Scope
from recdsl.backends.torch.solve.common import unsqueezed
from recdsl.backends.torch.statements import comment, settled

from recdsl.emit.names import safe_local
from recdsl.emit.precedence import Text
from recdsl.ir.expr import Expr, reads
from recdsl.ir.module import Equation
from recdsl.lower.plan import Link, Recurrence, Solve

FIELDS = {  # of a level, by where the reader and what it reads live
    ("nodes", "nodes", "pred"): "source",
    ("nodes", "edges", "pred"): "edges",
    ("edges", "edges", "pred"): "incoming",
    ("edges", "nodes", "pred"): "origin",
    ("edges", "nodes", "tail"): "tail",
}


def statement(scope: Scope, stage: Recurrence) -> None:
    """The states at all nodes and edges, and what else of the component is read outside."""
    assert stage.solve is not None
    if stage.solve.roles:
        Affine(scope, stage, stage.solve).print()
    else:
        Rules(scope, stage, stage.solve).print()


@dataclass(slots=True)
class OnGraph:
    """One stage on a graph that is being printed."""

    scope: Scope
    stage: Recurrence
    solve: Solve

    @property
    def states(self) -> tuple[str, ...]:
        return self.solve.states

    @property
    def equations(self) -> list[Equation]:
        return [item for item in self.stage.items if isinstance(item, Equation)]

    def place(self, value: str) -> str:
        return graphs.place_of(self.scope.module.type_of(value))

    def field(self, into: str, of: str, via: str) -> str:
        """What says where a state is read by what lives at `into`."""
        found = FIELDS[into, self.place(of), via]
        if found in ("incoming", "origin"):
            self.scope.help("Graph.pairs")
        return found

    def finish(self, codes: list[str]) -> None:
        """Give the states their names and dtype; then what else is read outside, at all points at once."""
        scope = self.scope
        for value, code in zip(self.states, codes, strict=True):
            if not self._is_read(value):
                continue
            type = scope.module.type_of(value)
            name = scope.local(safe_local(base_name(value)))
            last = f"{code}.to({scope.dtype})" if type.kind == "real" else code
            if last != name:
                scope.line(f"{name} = {last}")
            scope.values[value] = Text(name, scope.labels(type), type.kind)
        for equation in self._others():
            self._whole(equation)

    def unpacked(self) -> list[str]:
        """A local for each state as it comes, `_` for one that nobody reads afterwards."""
        names = self.scope.names
        return [names.new(safe_local(f"{base_name(each)}_all")) if self._is_read(each) else "_" for each in self.states]

    def _is_read(self, state: str) -> bool:
        beside = (read.value for each in self._others() for read in reads(each.expr))
        return state in self.stage.kept or state in beside

    def _others(self) -> Iterator[Equation]:
        """Equations beside the states that are read outside, and what these need."""
        equations = {each.id: each for each in self.equations}
        wanted = [each for each in self.stage.kept if each not in self.states]
        needed: set[str] = set()
        while wanted:
            name = wanted.pop()
            if name not in needed and name not in self.states and name in equations:
                needed.add(name)
                wanted += [read.value for read in reads(equations[name].expr)]
        return (each for each in self.equations if each.id in needed)

    def _whole(self, equation: Equation) -> None:
        scope = self.scope
        comment(scope, equation)
        scope.on_edges = self.place(equation.id) == "edges"
        scope.graph = graphs.whole_receiver(scope)
        printer = Printer(scope)
        text = settled(printer, equation, printer.text(equation.expr))
        name = scope.local(safe_local(base_name(equation.id)))
        scope.line(f"{name} = {text.code}")
        scope.values[equation.id] = Text(name, text.labels, text.kind)


@dataclass(slots=True)
class Affine(OnGraph):
    """s = Σ gate * s' + input, for states of the same dims."""

    def print(self) -> None:
        scope = self.scope
        for each in self.equations:
            comment(scope, each)
        scope.help("Graph.plans")
        links = [self._link(each) for each in self.solve.links]
        gates = [self.gate(each) for each in self.solve.links]
        given = [self._input(place, state) for place, state in enumerate(self.states)]
        places = [f'"{self.place(state)}"' for state in self.states]
        parts = [tuple_code(each) for each in (places, links, gates, given)]
        names = self.unpacked()
        left = f"({names[0]},)" if len(names) == 1 else ", ".join(names)
        scope.line(f"{left} = {scope.help('levels')}(graph, {', '.join(parts)})")
        self.finish([self._own_order(state, name) for state, name in zip(self.states, names, strict=True)])

    @property
    def dims(self) -> tuple[str, ...]:
        """The dims of all states in the order of the first."""
        return self.scope.module.type_of(self.states[0]).dim_names

    def _link(self, link: Link) -> str:
        into, of = self.states.index(link.into), self.states.index(link.of)
        return f'({into}, {of}, "{self.field(self.place(link.into), link.of, link.via)}")'

    def gate(self, link: Link) -> str:
        """The gate of a link [edges or pairs, dims...]."""
        text = self.along(self.solve.role(link.role), link)
        label = "pred" if link.via == "pred" else "edge"
        return unsqueezed(text, (label, *self.dims))

    def along(self, expr: Expr, link: Link) -> Text:
        """An expression for each edge or pair of edges along which a link passes something on."""
        scope = replace(self.scope, on_edges=self.place(link.into) == "edges", pred=link.via == "pred")
        scope = replace(scope, graph=graphs.whole_receiver(scope))
        return self.tensor(Printer(scope), expr)

    def _input(self, place: int, state: str) -> str:
        scope = replace(self.scope, on_edges=self.place(state) == "edges")
        printer = Printer(replace(scope, graph=graphs.whole_receiver(scope)))
        type = scope.module.type_of(state)
        order = (scope.labels(type)[0], *self.dims)
        return printer.spread(self.tensor(printer, self.solve.role(f"input[{place}]")), type, order).code

    def tensor(self, printer: Printer, expr: Expr) -> Text:
        """A coefficient as a tensor, in float32 at least."""
        scope = printer.scope
        kind = scope.module.type_of(self.states[0]).kind
        text = printer.text(expr)
        if text.number and kind == "real" and scope.like is not None:
            return Text(f"{scope.help('wide')}({scope.like}).new_tensor({text.code})", (), kind)
        text = printer.cast(printer.tensor(text, kind), kind)
        return Text(f"{scope.help('wide')}({text.code})", text.labels, text.kind) if kind == "real" else text

    def _own_order(self, state: str, code: str) -> str:
        """The state with its own order of dims."""
        labels = self.scope.labels(self.scope.module.type_of(state))
        return permuted(Text(code, (labels[0], *self.dims)), labels).code


@dataclass(slots=True)
class Rules(OnGraph):
    """One function for nodes and one for edges, each for the states that live there."""

    def print(self) -> None:
        scope = self.scope
        scope.help("Graph.levels")
        outside = (each.value for equation in self.equations for each in reads(equation.expr))
        scope.held |= {scope.values[each].code for each in outside if each in scope.values}
        levels = graphs.Levels(scope, self.stage)
        rules = [self._rule(levels, place) for place in ("nodes", "edges") if self._own(place)]
        zeros = [levels.zeros(state) for state in self.states]
        names = self.unpacked()
        left = f"({names[0]},)" if len(names) == 1 else ", ".join(names)
        call = f"{scope.help('level_by_level')}(graph, {tuple_code(rules)}, {tuple_code(zeros)})"
        scope.line(f"{left} = {call}")
        self.finish(names)

    def _own(self, place: str) -> list[str]:
        return [state for state in self.states if self.place(state) == place]

    def _rule(self, levels: graphs.Levels, place: str) -> str:
        """Define the function of a place; gives the rule with it."""
        scope = self.scope
        inner = scope.inner(frozenset())
        inner.names, inner.widens = deepcopy(scope.names), bool(levels.wide)
        equations = [each for each in self.equations if self.place(each.id) == place]
        given = {read: self._before(levels, inner, read) for each in equations for read in self._reads(each)}
        own = self._own(place)
        lines = [levels.value(inner, each, buffered=each.id in own) for each in equations]
        results = [line for line, each in zip(lines, equations, strict=True) if each.id in own]
        gives = [str(self.states.index(each.id)) for each in equations if each.id in own]
        where = [f'({self.states.index(value)}, "{self.field(place, value, via)}")' for value, via in given]
        name = scope.names.new(safe_local(f"{base_name(self.states[0])}_at_{place}"))
        arguments = ["level: Level", *(f"{each}: Tensor" for each in given.values())]
        scope.line(f"def {name}({', '.join(arguments)}) -> tuple[Tensor, ...]:")
        for line in (*inner.lines, f"return {tuple_code(results)}"):
            scope.line(f"    {line}")
        scope.line("")
        at = "nodes" if place == "nodes" else "leaving"
        return f'Rule("{at}", {name}, {tuple_code(gives)}, {tuple_code(where) if where else "()"})'

    def _reads(self, equation: Equation) -> Iterator[tuple[str, str]]:
        """The states that an equation reads along edges, and in which way."""
        return ((each.value, each.via) for each in reads(equation.expr) if each.via and each.value in self.states)

    def _before(self, levels: graphs.Levels, inner: Scope, read: tuple[str, str]) -> str:
        """The argument that holds a state where it is read."""
        value, via = read
        known = inner.reads.get((value, (), via))
        if known is not None:
            return known.code
        type = self.scope.module.type_of(value)
        name = inner.names.new(safe_local(f"{base_name(value)}_{'before' if via == 'pred' else 'here'}"))
        label = "pred" if via == "pred" else "edge"
        inner.reads[value, (), via] = Text(name, (label, *type.dim_names), type.kind, wide=value in levels.wide)
        return name
