"""What `explain` answers: an `Explanation`, as text for people (`str`) and as data (`to_json`).

Counts are formulas over the parameters, and lengths of axes (`|t|`), for one row of a batch and one run of the layer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from recdsl.diagnostics import Span
from recdsl.explain.text import recurrence_lines


@dataclass(frozen=True, slots=True)
class Algorithm:
    """An algorithm that is valid: `work` in multiply-adds, `depth` in steps that must wait for each other, `bytes` moved to and
    from memory, reals as float32. `remark` is what there is to say beside."""

    name: str
    work: str
    depth: str
    bytes: str
    taken: bool
    remark: str = ""

    def to_json(self) -> dict[str, object]:
        return {
            "name": self.name,
            "work": self.work,
            "depth": self.depth,
            "bytes": self.bytes,
            "taken": self.taken,
            "remark": self.remark,
        }


@dataclass(frozen=True, slots=True)
class Refusal:
    """An algorithm that is not valid: its name, a code, why, and the sub-expression in the way."""

    algorithm: str
    code: str
    reason: str
    span: Span | None

    def to_json(self) -> dict[str, object]:
        return {"algorithm": self.algorithm, "code": self.code, "reason": self.reason, "span": place(self.span)}


@dataclass(frozen=True, slots=True)
class Remark:
    """What may go wrong in a recurrence, and where."""

    code: str
    reason: str
    span: Span | None

    def to_json(self) -> dict[str, object]:
        return {"code": self.code, "reason": self.reason, "span": place(self.span)}


@dataclass(frozen=True, slots=True)
class RecurrenceReport:
    """One recurrence of the layer with the key `layer`.

    `vector` is the schedule over the axes (empty along a graph and in depth), `along` are the axes along which it reads other points. `schedule` is the algorithm that is taken, `work`,
    `depth` and `bytes` are its costs. `memory` is what has to be kept of the states, in bytes. `stable` is what is known of their
    growth, `unstable` the coefficient in the way of a proof; `refused` are the algorithms that are not valid.
    """

    layer: str
    states: tuple[str, ...]
    axes: tuple[str, ...]
    domain: str
    class_: str
    vector: tuple[int, ...]
    algorithms: tuple[Algorithm, ...]
    memory: str
    stable: str
    unstable: Span | None = None
    refused: tuple[Refusal, ...] = ()
    remarks: tuple[Remark, ...] = ()
    along: tuple[str, ...] = ()

    @property
    def taken(self) -> Algorithm:
        return next(each for each in self.algorithms if each.taken)

    @property
    def schedule(self) -> str:
        return self.taken.name

    @property
    def work(self) -> str:
        return self.taken.work

    @property
    def depth(self) -> str:
        return self.taken.depth

    @property
    def bytes(self) -> str:
        return self.taken.bytes

    def to_json(self) -> dict[str, object]:
        return {
            "layer": self.layer,
            "states": list(self.states),
            "axes": list(self.axes),
            "domain": self.domain,
            "class": self.class_,
            "schedule": self.schedule,
            "vector": list(self.vector),
            "along": list(self.along),
            "work": self.work,
            "depth": self.depth,
            "bytes": self.bytes,
            "memory": self.memory,
            "stable": self.stable,
            "unstable": place(self.unstable),
            "algorithms": [each.to_json() for each in self.algorithms],
            "refused": [each.to_json() for each in self.refused],
            "remarks": [each.to_json() for each in self.remarks],
        }

    def __str__(self) -> str:
        return "\n".join(recurrence_lines(self))


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
        for each in self.recurrences:
            if each.layer == layer.layer:
                yield f"{each}\n"
        yield str(layer)


def place(span: Span | None) -> list[str | int] | None:
    """A span as data: file, line, column."""
    return None if span is None else [span.source.path, *span.place]
