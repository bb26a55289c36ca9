"""The state of a class: how it begins, and what it becomes."""

from __future__ import annotations

from dataclasses import dataclass

from recdsl.backends.torch.bodies import chain_call
from recdsl.backends.torch.precision import wide_values
from recdsl.backends.torch.scope import Class, Scope
from recdsl.backends.torch.starts import past_values, reads_values

from recdsl.emit.environment import render
from recdsl.emit.names import Names


def init_state(owner: Class, pathed: str) -> str:
    """The method that makes the state before the first point; `pathed` is the `repeat` whose path may be given."""
    return Beginning(owner, pathed).method()


@dataclass(slots=True)
class Beginning:
    owner: Class
    pathed: str

    def method(self) -> str:
        owner = self.owner
        scope = Scope(owner, Names(frozenset({"self", "batch", "path"})))
        scope.batch, scope.like = "batch", any_weight(owner)
        if scope.like is None:
            scope.like = origin(owner)
        axis = self.owner.module.axes[0]
        scope.lengths[axis] = "0"
        entries: dict[str, str] = {}
        if self.owner.plan.traits.index:
            entries["index"] = f"torch.zeros(batch, dtype=torch.int64{scope.device})"
        for (kind, value), key in owner.kept.items():
            entries[key] = self._empty(scope, kind, value)
        entries.update(owner.begins)
        arguments = ["batch: int"]
        lines = list(scope.lines)
        if self.pathed and self.pathed in owner.begins:
            arguments.append("path: Path | None = None")
            lines.insert(0, f"path = {chain_call(owner, self.pathed, 'batch')}")
            owner.file.helpers.add("chain")
        lines.append("return {" + ", ".join(f'"{key}": {code}' for key, code in entries.items()) + "}")
        return render(
            "torch",
            "method.py.j2",
            {
                "name": "init_state",
                "arguments": arguments,
                "documentation": ["The state before the first point."],
                "body": lines,
                "returns": "State",
            },
        )

    def _empty(self, scope: Scope, kind: str, value: str) -> str:
        """What stands in the state for one value before the first point."""
        type = self.owner.module.type_of(value)
        axis = self.owner.module.axes[0]
        if kind == "history":
            return self._past(scope, value)
        count = "0" if kind == "cache" else scope.whole(self.owner.windows[value]).code
        inner = scope.inner(frozenset({axis}))
        sizes = [inner.size_of(label, type) for label in inner.labels(type)]
        code = f"{scope.like}.new_zeros({', '.join([sizes[0], count, *sizes[1:]])}"
        return code + {"real": ")", "int": ", dtype=torch.int64)", "bool": ", dtype=torch.bool)"}.get(type.kind, ")")

    def _past(self, scope: Scope, value: str) -> str:
        if reads_values(scope, value):
            return "None"
        code = past_values(scope, value, dict(self.owner.plan.traits.histories)[value])
        return f"{scope.help('wide')}({code})" if value in wide_values(self.owner.plan) else code


def sorted_updates(owner: Class) -> list[tuple[str, str]]:
    """The new state in the order of the old one."""
    order = ["index", *owner.kept.values(), *owner.begins]
    return [(key, owner.updates[key]) for key in order if key in owner.updates]


def any_weight(owner: Class) -> str | None:
    """A real weight of the class or of a sub-layer, which has the module's dtype and device."""
    for spec in owner.module.weights:
        if spec.kind == "real":
            return owner.weights[spec.path]
    return None


def origin(owner: Class) -> str:
    """An empty buffer that says device and dtype where neither a weight nor an input does."""
    owner.origin = True
    return "self.origin"
