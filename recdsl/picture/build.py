"""Checked program → scene: one group for the entry module, one for each layer below it that holds a recurrence.

Equations are boxes, reads arrows. The equations of one recurrent component stand in a group of their own under its
schedule; a `repeat` or `loop` is a group with its body in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from recdsl.check.schedule import Component, components
from recdsl.ir.expr import Read, reads
from recdsl.ir.module import Depth, Equation, Item, Module, Program
from recdsl.ir.types import ValueType
from recdsl.picture.scene import Arrow, Box, Group, boxes

_LONGEST_DETAIL = 52
_ORDERS: dict[tuple[int, ...], str] = {(1,): "from the start", (-1,): "from the end"}


def scenes(program: Program) -> tuple[Group, ...]:
    """The groups to draw, the entry module first."""
    found: dict[str, Group] = {}
    waiting = [program.main]
    while waiting:
        key = waiting.pop(0)
        if key in found:
            continue
        module = program.modules[key]
        group = _Scene(program, module, f"{key}/").group()
        if key == program.main or _is_worth_drawing(group):
            found[key] = group
        waiting.extend(_called(module, program))
    return tuple(found.values())


def _is_worth_drawing(group: Group) -> bool:
    return any(isinstance(child, Group) or child.loop for child in group.children)


def _called(module: Module, program: Program) -> Iterator[str]:
    """The modules that a module calls, through its `repeat`s and `loop`s, in the order of the source."""
    for item in module.items:
        if isinstance(item, Depth):
            yield from _called(program.modules[item.body], program)
    yield from (instance.module for instance in module.instances)


@dataclass(frozen=True, slots=True)
class _Scene:
    """Draws one module, or the body of `depth`; `prefix` keeps its keys apart from those of others."""

    program: Program
    module: Module
    prefix: str
    depth: Depth | None = None

    def group(self) -> Group:
        module = self.module
        over = f" over {', '.join(module.axes)}" if module.axes else ""
        kind = f" in {'graph' if module.cyclic_graph else 'dag'}" if module.domain == "graph" else ""
        return Group(self.prefix, "module", f"{module.name}{over}{kind}", *self._content())

    def _content(self) -> tuple[tuple[Box | Group, ...], tuple[Arrow, ...]]:
        items = {_key(item): item for item in self.module.items}
        children: list[Box | Group] = [*self._inputs()]
        inside: dict[str, int] = {}
        groups: list[Component] = []
        for component in components(self.module, self.program):
            inside.update(dict.fromkeys(component.items, len(groups)))
            groups.append(component)
        arrows = list(self._arrows(inside))
        for number, component in enumerate(groups):
            members = [self._item(items[key], arrows) for key in component.items]
            if not component.recurrent:
                children.extend(members)
            else:
                own = [arrow for arrow in arrows if self._both_in(arrow, members)]
                arrows = [arrow for arrow in arrows if arrow not in own]
                title = _component_title(component, self.module)
                children.append(Group(f"{self.prefix}{number}", "component", title, tuple(members), tuple(own)))
        loops = {arrow for arrow in arrows if arrow.source == arrow.target}
        return tuple(children), tuple(arrow for arrow in arrows if arrow not in loops)

    def _both_in(self, arrow: Arrow, members: Sequence[Box | Group]) -> bool:
        keys = {box.key for member in members for box in boxes(member)} | {member.key for member in members}
        return arrow.source in keys and arrow.target in keys and arrow.source != arrow.target

    def _inputs(self) -> Iterator[Box]:
        for given in self.module.inputs:
            note = "static" if given.static else f"token[{given.vocabulary}]" if given.vocabulary else ""
            yield Box(self.prefix + given.name, "input", given.name, _dims(given.type), note)

    def _item(self, item: Item, arrows: list[Arrow]) -> Box | Group:
        match item:
            case Depth():
                return self._depth(item)
            case Equation():
                key = self.prefix + item.id
                loop = next((arrow.label for arrow in arrows if arrow.source == arrow.target == key), "")
                is_result = any(output.value == item.id for output in self.module.outputs) and self.depth is None
                return Box(
                    key, "output" if is_result else "equation", self._title(item), _dims(item.type), _detail(item), loop
                )

    def _title(self, equation: Equation) -> str:
        if self.depth is not None and self.depth.until == equation.id:
            return "until"
        return "·" if equation.id.startswith("%") else equation.name

    def _depth(self, depth: Depth) -> Group:
        body = self.program.modules[depth.body]
        scene = _Scene(self.program, body, f"{self.prefix}{depth.name}/", depth)
        children, arrows = scene._content()
        turns = tuple(
            Arrow(scene.prefix + carry.body_out, scene.prefix + carry.body_in, "next turn", again=True)
            for carry in depth.carried
            if carry.body_in != carry.body_out
        )
        copies = "copies" if depth.kind == "repeat" else "turns"
        title = f"{depth.kind} {depth.name}: {depth.count} {copies}"
        return Group(self.prefix + depth.name, "depth", title, children, (*arrows, *turns))

    # ---- arrows

    def _arrows(self, inside: dict[str, int]) -> Iterator[Arrow]:
        """One arrow for each pair of boxes, with all shifts of its reads."""
        shifts: dict[tuple[str, str, bool], list[str]] = {}
        for reader, read, target in self._reads():
            source, producer = self._source(read.value)
            shift = _shift(read)
            again = producer is not None and inside[producer] == inside[reader] and bool(shift)
            found = shifts.setdefault((source, target, again), [])
            if shift and shift not in found:
                found.append(shift)
        for (source, target, again), labels in shifts.items():
            yield Arrow(source, target, ", ".join(labels), again)

    def _reads(self) -> Iterator[tuple[str, Read, str]]:
        """Every read: the item that reads, the read, the key of the box that the arrow ends at."""
        for item in self.module.items:
            match item:
                case Equation():
                    for expr in (item.expr, item.init):
                        for read in reads(expr) if expr is not None else ():
                            yield item.id, read, self.prefix + item.id
                case Depth():
                    prefix = f"{self.prefix}{item.name}/"
                    for name, read in item.captured:
                        yield item.name, read, prefix + name
                    for carry in item.carried:
                        yield item.name, carry.start, prefix + carry.body_in

    def _source(self, value: str) -> tuple[str, str | None]:
        """The key of the box that shows a value, and the item that gives it (None for an input)."""
        for item in self.module.items:
            if isinstance(item, Equation) and item.id == value:
                return self.prefix + value, item.id
            if isinstance(item, Depth):
                for carry in item.carried:
                    if carry.result == value:
                        return f"{self.prefix}{item.name}/{carry.body_out}", item.name
        return self.prefix + value, None


def _key(item: Item) -> str:
    return item.id if isinstance(item, Equation) else item.name


def _dims(type_: ValueType) -> str:
    kind = [type_.kind] if type_.kind not in ("real", "int") else []
    return " ".join([*type_.dim_names, *kind])


def _detail(equation: Equation) -> str:
    """The expression as it was written, shortened."""
    span = equation.expr.span
    text = " ".join(span.text.split()) if span else ""
    return text if len(text) <= _LONGEST_DETAIL else f"{text[: _LONGEST_DETAIL - 1]}…"


def _shift(read: Read) -> str:
    """How a read at another point is written, "" for one at the same point."""
    name = read.value.split("~")[0]
    if read.via == "pred":
        return f"{name}[pred]"
    return f"{name}[{', '.join(f'{axis}{offset:+d}' for axis, offset in read.offsets)}]" if read.offsets else ""


def _component_title(component: Component, module: Module) -> str:
    if module.domain == "graph":
        return "recurrence along the edges"
    order = _ORDERS.get(component.vector, f"schedule ({', '.join(map(str, component.vector))})")
    return f"recurrence over {', '.join(module.axes)}, {order}"
