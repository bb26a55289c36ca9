"""Docstrings: what a class is, and the shapes of what goes in and out."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass

from recdsl.backends.torch.scope import Class

from recdsl.emit.format import LINE_LENGTH
from recdsl.emit.names import safe_local
from recdsl.ir.module import Module
from recdsl.ir.types import ValueType


@dataclass(frozen=True, slots=True)
class Documentation:
    """The words of one class; `results` are the values that its computing method returns."""

    owner: Class
    results: tuple[str, ...]

    def of_class(self) -> list[str]:
        title = f"{self.owner.module.name}"
        if self.owner.module.axes:
            title += f" over {', '.join(self.owner.module.axes)}"
        lines = [f"{title}."]
        if self.owner.module.documentation:
            lines = [*(line.strip() for line in self.owner.module.documentation.strip().split("\n"))]
        lines += ["", *self.shapes()]
        if self.owner.plan.traits.stateful:
            lines += ["", f"state: {', '.join(self._state_shapes())}"]
        if self.owner.solves:
            lines += [
                "",
                "solves: for each recurrence the iterations of the last call, and the rows that had to be computed point by point",
            ]
        return [part for line in lines for part in textwrap.wrap(line, LINE_LENGTH - 8) or [""]]

    def shapes(self) -> list[str]:
        """`x [batch, t, D] -> y [batch, t, D]`."""
        module = self.owner.module
        inputs = ", ".join(f"{safe_local(g.name)} {shape_text(g.type, module, g.static)}" for g in module.inputs)
        results = []
        names = {output.value: output.name for output in module.outputs}
        for value in self.results:
            name = names.get(value) or value.split("~")[0].lstrip("%")
            results.append(f"{name} {shape_text(module.type_of(value), module, False)}")
        return [f"{inputs} -> {', '.join(results)}" if inputs else f"-> {', '.join(results)}"]

    def _state_shapes(self) -> Iterator[str]:
        if self.owner.plan.traits.index:
            yield "index [batch]"
        for (kind, value), key in self.owner.kept.items():
            type = self.owner.module.type_of(value)
            count = dict(self.owner.plan.traits.histories)[value] if kind == "history" else 0
            middle = (
                []
                if count == 1
                else [str(count)]
                if kind == "history"
                else ["past"]
                if kind == "cache"
                else [str(self.owner.windows[value])]
            )
            yield f"{key} [{', '.join(['batch', *middle, *(str(dim.size) for dim in type.dims)])}]"
        for key in self.owner.begins:
            yield f"{key} (its own)"


def shape_text(type: ValueType, module: Module, static: bool) -> str:
    """The shape of a value in words."""
    axes = [] if static else [axis.name for axis in type.axes]
    lead = ["..."] if module.domain == "pointwise" else [] if module.domain == "graph" else ["batch"]
    if module.domain == "graph":
        axes = ["nodes" if name == module.axes[0] else "edges" for name in axes]
    return f"[{', '.join([*lead, *axes, *(str(dim.size) for dim in type.dims)])}]"


def result_hint(count: int, stateful: bool) -> str:
    """The annotation of a method that returns so many tensors, and a state."""
    result = "Tensor" if count == 1 else f"tuple[{', '.join(['Tensor'] * count)}]"
    return f"tuple[{result}, State]" if stateful else result
