"""`line_graph`: the helper of that name on gates, sources and marks for each head, keys, values and queries of nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from recdsl.backends.torch import graphs
from recdsl.backends.torch.expressions import Printer
from recdsl.backends.torch.layout import permuted, spread, tuple_code
from recdsl.backends.torch.reads import base_name
from recdsl.backends.torch.scope import Scope
from recdsl.backends.torch.solve.levels import Affine
from recdsl.backends.torch.statements import comment

from recdsl.emit.names import safe_local
from recdsl.emit.precedence import Text
from recdsl.ir.expr import Expr, reads
from recdsl.ir.module import Equation
from recdsl.lower.plan import Link, Reading, Recurrence


def statement(scope: Scope, stage: Recurrence) -> None:
    """All that is read of the state."""
    assert stage.solve is not None
    Attended(scope, stage, stage.solve).print()


@dataclass(slots=True)
class Attended(Affine):
    """One state over heads, a key and a value."""

    def print(self) -> None:
        scope, solve = self.scope, self.solve
        for item in self.stage.items:
            if isinstance(item, Equation) and item.id == self.state:
                comment(scope, item)
        scope.help("Graph.plans")
        link, *marks = solve.links
        place = self.place(self.state)
        gate = f'("{self.field(place, self.state, link.via)}", {self._heads(self.along(solve.role("gate"), link), "pred")})'
        source = self._heads(self._at(place, solve.role("source")), "edge" if place == "edges" else self.nodes)
        key = self._of_nodes(solve.role("key"), solve.keys)
        value = self._of_nodes(solve.role("value"), solve.values)
        readings = [self._reading(mark, each) for mark, each in zip(marks, solve.readings, strict=True)]
        names = [scope.names.new(safe_local(f"{base_name(each.result)}_all")) for each in solve.readings]
        left = f"({names[0]},)" if len(names) == 1 else ", ".join(names)
        call = ["graph", f'"{place}"', gate, source, key, value, tuple_code(readings)]
        scope.line(f"{left} = {scope.help('line_graph')}({', '.join(call)})")
        for name, each in zip(names, solve.readings, strict=True):
            self._result(name, each)

    @property
    def state(self) -> str:
        return self.solve.states[0]

    @property
    def nodes(self) -> str:
        """The label of nodes."""
        return self.scope.module.axes[0]

    @property
    def rest(self) -> tuple[str, ...]:
        sides = (*self.solve.keys, *self.solve.values)
        return tuple(name for name in self.dims if name not in sides)

    def _at(self, place: str, expr: Expr) -> Text:
        """A coefficient for each node or edge."""
        scope = replace(self.scope, on_edges=place == "edges")
        return self.tensor(Printer(replace(scope, graph=graphs.whole_receiver(scope))), expr)

    def _of_nodes(self, expr: Expr, dims: Sequence[str]) -> str:
        """A coefficient [nodes, heads, dims]; what an edge reads at the node that it leaves is read there."""
        scope = replace(self.scope, on_edges=False, reads=dict(self.scope.reads))
        for read in reads(expr):
            if read.via == "tail":
                scope.reads[read.value, (), "tail"] = self.scope.values[read.value]
        text = self.tensor(Printer(replace(scope, graph=graphs.whole_receiver(scope))), expr)
        return self._shaped(text, (self.nodes, *self.rest, *dims), len(dims))

    def _reading(self, link: Link, reading: Reading) -> str:
        own = link.via == ""
        role = self.solve.role(link.role)
        mark = self._at("nodes", role) if own else self.along(role, link)
        ends = "own" if own else self.field("nodes", self.state, link.via)
        heads = self._heads(mark, self.nodes if own else "pred")
        return f'("{ends}", {heads}, {self._of_nodes(reading.query, self.solve.keys)})'

    def _heads(self, text: Text, lead: str) -> str:
        """A number for each head, [nodes or edges or pairs or 1, heads]."""
        if lead not in text.labels:
            return self._shaped(Text(self._spread(text, self.rest), self.rest), self.rest, 0) + "[None]"
        return self._shaped(text, (lead, *self.rest), 0)

    def _shaped(self, text: Text, order: Sequence[str], behind: int) -> str:
        """The tensor with all of these dimensions, those of the heads as one."""
        code = self._spread(text, order)
        count = len(self.rest)
        if count == 1:
            return code
        return f"{code}.flatten({-count - behind}, {-1 - behind})" if count else f"{code}.unsqueeze({-1 - behind})"

    def _spread(self, text: Text, order: Sequence[str]) -> str:
        if set(text.labels) == set(order):
            return permuted(text, order).code
        type = self.scope.module.type_of(self.state)
        lengths = {self.nodes: "graph.nodes", "edge": "graph.edges"}

        def size(label: str) -> str:
            return lengths.get(label) or self.scope.whole(type.dim(label).size).code

        return spread(text, order, size).code

    def _result(self, name: str, reading: Reading) -> None:
        scope = self.scope
        code = name
        if len(self.rest) > 1:
            sizes = [self.scope.whole(scope.module.type_of(self.state).dim(each).size).code for each in self.rest]
            code = f"{code}.unflatten(1, {tuple_code(sizes)})"
        elif not self.rest:
            code = f"{code}.squeeze(1)"
        text = Text(code, (self.nodes, *self.rest, *self.solve.values))
        labels = scope.labels(scope.module.type_of(reading.result))
        local = scope.local(safe_local(base_name(reading.result)))
        scope.line(f"{local} = {permuted(text, labels).code}.to({scope.dtype})")
        scope.values[reading.result] = Text(local, labels)
