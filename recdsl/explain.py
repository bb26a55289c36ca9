"""Which recurrences a program has, in which order each is computed and what that costs.

In: a checked program. Out: an `Explanation`, as text for people (`str`) and as data (`to_json`). Counts are formulas over the
parameters, and lengths of axes (`|t|`), for one row of a batch and one run of the layer. Nothing depends on names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from recdsl.check.causality import source_name
from recdsl.check.schedule import Component, components
from recdsl.classify.cost import turns, work
from recdsl.classify.states import depth_of, kept_bytes, states_of
from recdsl.ir.graph import node_of
from recdsl.ir.module import Depth, Item, Module, Program
from recdsl.rewrite.differentiate import expand_gradients
from recdsl.rewrite.hoist import hoist


@dataclass(frozen=True, slots=True)
class Refusal:
    """An algorithm that is not taken: its name, a code, why, and the place as (file, line, column)."""

    algorithm: str
    code: str
    reason: str
    span: tuple[str, int, int] | None

    def to_json(self) -> dict[str, object]:
        return {"algorithm": self.algorithm, "code": self.code, "reason": self.reason, "span": self.span}


@dataclass(frozen=True, slots=True)
class RecurrenceReport:
    """One recurrence of the layer with the key `layer`.

    `vector` is the schedule over the axes (empty along a graph and in depth). `work` is in multiply-adds, `depth` in steps
    that must wait for each other, `bytes` what has to be kept of the states, reals as float32.
    """

    layer: str
    states: tuple[str, ...]
    axes: tuple[str, ...]
    domain: str
    class_: str
    schedule: str
    vector: tuple[int, ...]
    work: str
    depth: str
    bytes: str
    stable: str
    refused: tuple[Refusal, ...]

    def to_json(self) -> dict[str, object]:
        return {
            "layer": self.layer,
            "states": list(self.states),
            "axes": list(self.axes),
            "domain": self.domain,
            "class": self.class_,
            "schedule": self.schedule,
            "vector": list(self.vector),
            "work": self.work,
            "depth": self.depth,
            "bytes": self.bytes,
            "stable": self.stable,
            "refused": [each.to_json() for each in self.refused],
        }

    def __str__(self) -> str:
        order = f"{self.schedule} ({', '.join(map(str, self.vector))})" if self.vector else self.schedule
        rows = (
            ("class", self.class_),
            ("schedule", order),
            ("work", f"{self.work} multiply-adds"),
            ("depth", self.depth),
            ("state", f"{self.bytes} bytes"),
            ("stable", self.stable),
            *(("not " + each.algorithm, f"{each.reason} [{each.code}]") for each in self.refused),
        )
        width = max(len(name) for name, _ in rows)
        lines = [f"  {', '.join(self.states)}: a recurrence over {', '.join(self.axes)} ({self.domain})"]
        return "\n".join([*lines, *(f"    {name:<{width}}  {value}" for name, value in rows)])


@dataclass(frozen=True, slots=True)
class LayerReport:
    """One layer: whether it can `step` (and why not), and what is computed for all points at once; `moved` are parts of
    recurrences that do not depend on them."""

    layer: str
    step: bool
    reason: str
    outside: tuple[str, ...]
    moved: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        return {
            "layer": self.layer,
            "step": self.step,
            "reason": self.reason,
            "outside": list(self.outside),
            "moved": list(self.moved),
        }

    def __str__(self) -> str:
        lines = []
        if self.outside:
            lines.append(f"  outside of recurrences: {', '.join(self.outside)}")
        if self.moved:
            lines.append(f"  moved out of them: {', '.join(self.moved)}")
        lines.append("  step: yes" if self.step else f"  step: no, {self.reason}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Explanation:
    """All layers that the entry point `program` needs, itself first, and their recurrences."""

    program: str
    layers: tuple[LayerReport, ...]
    recurrences: tuple[RecurrenceReport, ...]

    def to_json(self) -> dict[str, object]:
        return {
            "program": self.program,
            "recurrences": [each.to_json() for each in self.recurrences],
            "layers": [each.to_json() for each in self.layers],
        }

    def __str__(self) -> str:
        return "\n\n".join("\n".join(self._of_layer(layer)) for layer in self.layers)

    def _of_layer(self, layer: LayerReport) -> Iterator[str]:
        yield layer.layer
        yield from (str(each) for each in self.recurrences if each.layer == layer.layer)
        yield str(layer)


def explain(program: Program) -> Explanation:
    """What there is to say about a checked program. Raises RecdslError for a gradient that cannot be taken."""
    before = expand_gradients(program)
    after = hoist(before)
    layers: list[LayerReport] = []
    recurrences: list[RecurrenceReport] = []
    for module in _needed(after):
        known = {node_of(item) for item in before.modules[module.key].items}
        found = _recurrences(module, after)
        recurrences.extend(report for _, report in found)
        inside = {name for names, _ in found for name in names}
        names = [node_of(item) for item in module.items if node_of(item) not in inside]
        layers.append(
            LayerReport(
                module.key,
                module.causality.axis is not None,
                module.causality.reason,
                _shown((each for each in names if each in known), module),
                _shown((each for each in names if each not in known), module),
            )
        )
    return Explanation(after.entry.name, tuple(layers), tuple(recurrences))


def _shown(names: Iterable[str], module: Module) -> tuple[str, ...]:
    """Names as the source has them, each once; values that it does not name are left out."""
    return tuple(dict.fromkeys(source_name(each, module) for each in names if not each.startswith("%")))


def _needed(program: Program) -> list[Module]:
    """Every module that the entry point needs, callers first."""
    order: dict[str, Module] = {}

    def visit(module: Module) -> None:
        if module.key not in order:
            order[module.key] = module
            for item in module.items:
                if isinstance(item, Depth):
                    visit(program.modules[item.body])
            for instance in module.instances:
                visit(program.modules[instance.module])

    visit(program.entry)
    return list(order.values())


def _recurrences(module: Module, program: Program) -> list[tuple[tuple[str, ...], RecurrenceReport]]:
    """The recurrences of a module, each with the names of its items."""
    items = {node_of(item): item for item in module.items}
    found = []
    for component in components(module, program):
        group = tuple(items[name] for name in component.items)
        if component.recurrent:
            found.append((component.items, _along_axes(component, group, module, program)))
        for item in group:
            if isinstance(item, Depth):
                found.append(((item.name,), _in_depth(item, module, program)))
    return found


def _along_axes(component: Component, group: tuple[Item, ...], module: Module, program: Program) -> RecurrenceReport:
    states = states_of(group)
    return RecurrenceReport(
        layer=module.key,
        states=tuple(source_name(each, module) for each in states),
        axes=module.axes,
        domain=module.domain,
        class_="unclassified",
        schedule="sequential",
        vector=component.vector,
        work=str(work(group, module, program)),
        depth=depth_of(component.vector, group, module),
        bytes=str(kept_bytes(states, module)),
        stable="unknown",
        refused=(),
    )


def _in_depth(item: Depth, module: Module, program: Program) -> RecurrenceReport:
    carried = {carry.result: 1 for carry in item.carried}
    return RecurrenceReport(
        layer=module.key,
        states=tuple(source_name(each, module) for each in carried),
        axes=(item.name,),
        domain="depth",
        class_="unclassified",
        schedule="sequential",
        vector=(),
        work=str(work((item,), module, program)),
        depth=str(turns(item)),
        bytes=str(kept_bytes(carried, module, every_point=True)),
        stable="unknown",
        refused=(),
    )
