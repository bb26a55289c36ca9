"""`repeat` and `loop`: Python loops over sub-modules, carrying values from turn to turn."""

from __future__ import annotations

from dataclasses import dataclass, replace

from recdsl.backends.torch.bodies import path_attribute
from recdsl.backends.torch.expressions import Printer
from recdsl.backends.torch.layout import tuple_code
from recdsl.backends.torch.precision import narrowed
from recdsl.backends.torch.reads import base_name
from recdsl.backends.torch.scope import Scope
from recdsl.backends.torch.statements import comment

from recdsl.emit.names import safe, safe_local
from recdsl.emit.precedence import Text
from recdsl.ir.expr import Read
from recdsl.ir.module import Carry, Depth, Module
from recdsl.ir.types import ValueType
from recdsl.lower.plan import Traits


def statement(scope: Scope, item: Depth) -> None:
    """Print one `repeat` or `loop`."""
    comment(scope, item)
    Turns(scope, item).print()


def body_results(item: Depth) -> list[str]:
    """The values that the body of a depth item returns."""
    return [*(carry.body_out for carry in item.carried), *((item.until,) if item.until is not None else ())]


def borrowed_names(module: Module) -> list[str]:
    """The arguments under which a body gets instances of the module around."""
    return [safe_local(each.path) for each in module.instances if each.borrowed]


@dataclass(slots=True)
class Turns:
    scope: Scope
    item: Depth

    @property
    def body(self) -> Module:
        return self.scope.program.modules[self.item.body].module

    @property
    def traits(self) -> Traits:
        return self.scope.program.modules[self.item.body].traits

    @property
    def code(self) -> str:
        return f"self.{safe(self.item.name)}"

    @property
    def stateful(self) -> bool:
        return self.traits.stateful

    def print(self) -> None:
        carried: dict[str, str] = {}
        for place, carry in enumerate(self.item.carried):
            reads = [each.start for each in self.item.carried[place + 1 :]] + [read for _, read in self.item.captured]
            carried[carry.body_in] = self._begin(carry, [Printer(self.scope).text(read).code for read in reads])
        arguments = self._arguments(carried)
        names = list(carried.values())
        key = self._key() if self.stateful and self.scope.stateful else None
        if self.scope.pathed == self.item.name and self.scope.module.domain != "graph":
            self._along_path(names, arguments, key)
        else:
            self._plain(names, arguments, key)
        for carry in self.item.carried:
            labels = self.scope.labels(self._carried(carry))
            self.scope.values[carry.result] = Text(carried[carry.body_in], labels, carry.type.kind)

    # ---- what goes in

    def _begin(self, carry: Carry, live: list[str]) -> str:
        """The local that carries a value from turn to turn, with its start; the names in `live` are still read."""
        scope = self.scope
        printer = Printer(scope)
        text = narrowed(printer, printer.full(printer.text(carry.start), self._carried(carry)))
        wish = safe_local(base_name(carry.result))
        name = scope.names.new(wish) if wish in live else scope.local(wish)
        if text.code != name:
            scope.line(f"{name} = {text.code}")
        return name

    def _arguments(self, carried: dict[str, str]) -> list[str]:
        captured = dict(self.item.captured)
        found = []
        for given in self.body.inputs:
            if given.name in carried:
                found.append(carried[given.name])
            elif given.name == self.item.turn:
                found.append(safe_local(given.name))
            else:
                found.append(self._captured(captured[given.name]))
        return [*found, *self._borrowed()]

    def _captured(self, read: Read) -> str:
        """A value of the module around, laid out as the body takes it."""
        scope = self.scope
        printer = Printer(scope)
        text = narrowed(printer, printer.tensor(printer.text(read), read.type.kind))
        if self.body.domain != "pointwise":
            return printer.full(text, read.type).code
        lead = self.scope.labels(self._leading())
        order = (*lead, *read.type.dim_names)
        return printer.spread(text, ValueType(read.type.kind, self._leading().axes, read.type.dims), order).code

    def _carried(self, carry: Carry) -> ValueType:
        """The type of a carried value, with all axes where the body is pointwise."""
        if self.body.domain != "pointwise":
            return carry.type
        return replace(carry.type, axes=self._leading().axes)

    def _leading(self) -> ValueType:
        """The axes that a pointwise body is repeated along: those of all that goes in."""
        reads = [carry.type for carry in self.item.carried] + [read.type for _, read in self.item.captured]
        axes = {axis.name: axis for type in reads for axis in type.axes}
        return ValueType("real", tuple(axes.values()))

    def _borrowed(self) -> list[str]:
        mine = {each.path: each for each in self.scope.module.instances}
        return [
            safe_local(each.path) if mine[each.path].borrowed else f"self.{safe(each.path)}"
            for each in self.body.instances
            if each.borrowed
        ]

    def _key(self) -> str:
        """The entry of the state: a list with the state of each turn."""
        scope = self.scope
        key = scope.owner.keys.new(self.item.name)
        if self.scope.pathed == self.item.name:
            begin = f"[{scope.help('begin')}({self.code}, layers, batch) for layers in path]"
        elif self.item.path is not None:
            begin = f"[{self.code}[layer].init_state(batch) for layer in {path_attribute(self.item)}]"
        elif self.item.kind == "repeat":
            begin = f"[{self._one()}.init_state(batch) for {self._one()} in {self.code}]"
        else:
            begin = f"[{self.code}.init_state(batch) for _ in range({self._count()})]"
        scope.owner.begins[key] = begin
        return key

    def _one(self) -> str:
        """The name of one copy."""
        return "layer" if self.item.turn is not None else safe_local(self.item.name)

    def _count(self) -> str:
        return self.scope.whole(self.item.count).code

    # ---- the loop

    def _extra(self, state: str | None) -> list[str]:
        """What a body takes behind its inputs."""
        steps = {"sequence": ["steps"] if self.traits.points else [], "graph": ["graph"]}
        return [*([state] if state else []), *steps.get(self.body.domain, [])]

    def _plain(self, names: list[str], arguments: list[str], key: str | None) -> None:
        one = self.scope.names.new(self._one()) if self.item.kind == "repeat" and self.item.path is None else ""
        layer = one or (f"{self.code}[layer]" if self.item.kind == "repeat" else self.code)
        before = "before" if key else f"{layer}.init_state({self.scope.batch})" if self.stateful else None
        states = self.scope.names.new(f"{safe_local(self.item.name)}_states") if key else ""
        if key:
            self.scope.line(f"{states} = []")
            self.scope.owner.updates[key] = states
        self.scope.line(f"for {self._head(one, key)}:")
        self._body(names, f"{layer}({', '.join([*arguments, *self._extra(before)])})", states)

    def _head(self, one: str, key: str | None) -> str:
        """`turn, (block, before) in enumerate(zip(self.block, state["block"]))` and its simpler kin."""
        parts: list[tuple[str, str]] = []
        if self.item.kind == "repeat":
            parts.append((one, self.code) if one else ("layer", self._path()))
        if key:
            parts.append(("before", f'state["{key}"]'))
        turn = safe_local(self.item.turn) if self.item.turn is not None else None
        if not parts:
            return f"{turn or '_'} in range({self._count()})"
        names, source = parts[0]
        if len(parts) > 1:
            names, source = ", ".join(name for name, _ in parts), f"zip({', '.join(s for _, s in parts)}, strict=True)"
        if turn is None:
            return f"{names} in {source}"
        return f"{turn}, {f'({names})' if len(parts) > 1 else names} in enumerate({source})"

    def _path(self) -> str:
        """The copies to go through: those that the caller says, who has one path for all nodes of a graph, or the default."""
        return "path" if self.scope.pathed == self.item.name else path_attribute(self.item)

    def _body(self, names: list[str], call: str, states: str) -> None:
        scope = self.scope
        done = scope.names.new("done") if self.item.until is not None else ""
        left = ", ".join([*names, *([done] if done else [])]) or "_"
        if self.stateful:
            after = "after" if states else "_"
            left = f"({left}), {after}" if "," in left else f"{left}, {after}"
        scope.line(f"    {left} = {call}")
        if states:
            scope.line(f"    {states}.append(after)")
        if done:
            conditions = ["not torch.compiler.is_compiling()"] if self.item.settled else []
            conditions += [done, *(["not steps.keep"] if states else [])]
            scope.line(f"    if {' and '.join(conditions)}:")
            scope.line("        break")

    def _along_path(self, names: list[str], arguments: list[str], key: str | None) -> None:
        """Through the copies that the path names; samples may take different ones."""
        scope = self.scope
        visit = scope.help("visit")
        inputs = [given.name for given in self.body.inputs]
        carried = {carry.body_in for carry in self.item.carried}
        order = [carry.body_in for carry in self.item.carried]
        values = tuple_code(names)
        places = [order.index(name) if name in carried else None for name in inputs]
        others = [
            code
            for code, place in zip(arguments, [*places, *[None] * len(self._borrowed())], strict=True)
            if place is None
        ]
        parts = [("layers", "path"), *([("before", f'state["{key}"]')] if key else [])]
        source = parts[0][1] if len(parts) == 1 else f"zip({', '.join(s for _, s in parts)}, strict=True)"
        loop = f"{', '.join(name for name, _ in parts)} in {source}"
        turn = safe_local(self.item.turn) if self.item.turn is not None else None
        if turn is not None:
            loop = f"{turn}, {'(layers, before)' if key else 'layers'} in enumerate({source})"
        if key:
            states = scope.names.new(f"{safe_local(self.item.name)}_states")
            scope.line(f"{states} = []")
            scope.owner.updates[key] = states
        scope.line(f"for {loop}:")
        before = "before" if key else "None"
        if self.stateful and not key:
            before = f"{scope.help('begin')}({self.code}, layers, {scope.batch})"
        shared = tuple_code(others) if others else "()"
        steps = "steps" if self.traits.points else "None"
        call = f"{self.code}, layers, {values}, {shared}, {before}, {steps}"
        scope.line(f"    {values}, {'after' if key else '_'} = {visit}({call})")
        if key:
            scope.line(f"    {states}.append(after)")
