"""The algorithm `sequential` on a grid: wave after wave of the schedule, all points of a wave at once.

Values from outside are split into waves once; each value of the component is a list of waves, so that a read at an offset finds its
neighbours in the wave that lies as far back as the schedule says. With two axes one of which the schedule advances by 1 a point, waves
are slices, otherwise lists of points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from recdsl.backends.torch import depth
from recdsl.backends.torch.expressions import Printer
from recdsl.backends.torch.layout import permuted, tuple_code
from recdsl.backends.torch.precision import narrowed, wide_states
from recdsl.backends.torch.reads import base_name, outside
from recdsl.backends.torch.scope import Scope
from recdsl.backends.torch.statements import comment

from recdsl.emit.environment import render
from recdsl.emit.names import safe_local
from recdsl.emit.precedence import BATCH, WAVE, Text
from recdsl.ir.expr import Read, walk
from recdsl.ir.graph import results_of
from recdsl.ir.module import Depth, Equation
from recdsl.ir.types import ValueType
from recdsl.lower.plan import Recurrence
from recdsl.rewrite.order import item_reads


def statement(scope: Scope, stage: Recurrence) -> None:
    """Print the loop over the waves of one component."""
    Waves(scope, stage).print()


def waves(scope: Scope, stage: Recurrence, offsets: Sequence[tuple[int, ...]]) -> str:
    """What knows the waves of a recurrence that reads at these offsets."""
    type = _some_state(scope, stage)
    shape = tuple_code([scope.size_of(axis, type) for axis in scope.module.axes])
    device = f"{scope.like}.device"
    if len(scope.module.axes) == 2 and 1 in map(abs, stage.vector):
        return f"{scope.help('SlantedWaves')}({shape}, {stage.vector}, {device})"
    return f"{scope.help('Waves')}({shape}, {stage.vector}, {tuple(offsets)}, {device})"


def _some_state(scope: Scope, stage: Recurrence) -> ValueType:
    """The type of a value of the recurrence; all of them have the same points."""
    return scope.module.type_of(results_of(stage.items[0])[0])


@dataclass(slots=True)
class Waves:
    scope: Scope
    stage: Recurrence
    lists: dict[str, str] = field(default_factory=dict)  # the list of waves of each value

    @property
    def axes(self) -> tuple[str, ...]:
        return self.scope.module.axes

    def print(self) -> None:
        scope = self.scope
        self.lists = {value: scope.names.new(safe_local(f"{base_name(value)}_all")) for value in self._stored()}
        inner = scope.inner(frozenset(self.axes))
        inner.wave = True
        inner.widens = bool(self.wide)
        split = self._outside_values(inner)
        self._positions(inner)
        for item in self.stage.items:
            self._item(inner, item)
        for value, name in self.lists.items():  # last, so that every read counts waves from the same end
            inner.line(f"{name}.append({inner.values[value].code})")
        context: dict[str, object] = {
            "waves": waves(scope, self.stage, self._offsets()),
            "lists": [(name, self._empty(value)) for value, name in self.lists.items()],
            "names": ", ".join(name for name, _ in split),
            "split": [source for _, source in split],
            "body": inner.lines,
        }
        scope.lines.extend(render("torch", "waves.py.j2", context).splitlines())
        for value in self.stage.kept:
            self._joined(value)

    @property
    def wide(self) -> frozenset[str]:
        return wide_states(self.stage, self.scope.module)

    def _stored(self) -> list[str]:
        wanted = {*dict(self.stage.reach), *self.stage.kept}
        return [value for item in self.stage.items for value in results_of(item) if value in wanted]

    def _reads(self) -> list[Read]:
        return [read for item in self.stage.items for read in item_reads(item)]

    def _offset(self, read: Read) -> tuple[int, ...]:
        return tuple(dict(read.offsets).get(axis, 0) for axis in self.axes)

    def _offsets(self) -> list[tuple[int, ...]]:
        """Every offset at which the component reads itself."""
        inside = [self._offset(read) for read in self._reads() if read.value in self.lists]
        return list(dict.fromkeys(offset for offset in inside if any(offset)))

    def _back(self, offset: tuple[int, ...]) -> int:
        """How many waves back an offset leads."""
        return -sum(step * amount for step, amount in zip(self.stage.vector, offset, strict=True))

    # ---- before the loop

    def _outside_values(self, inner: Scope) -> list[tuple[str, str]]:
        """Values from outside, split into waves: (name in the loop, what is split)."""
        inside = {value for item in self.stage.items for value in results_of(item)}
        found: dict[str, str] = {}
        for read in self._reads():
            if read.value in inside:
                continue
            text = self.scope.values[read.value]
            if not any(axis in text.labels for axis in self.axes):
                continue
            rest = tuple(label for label in text.labels if label not in (BATCH, *self.axes))
            everywhere = replace(read.type, axes=_some_state(self.scope, self.stage).axes)
            whole = Printer(self.scope).spread(text, everywhere, (BATCH, *self.axes, *rest))
            name = safe_local(f"{base_name(read.value)}_wave")
            found[name] = f"waves.split({whole.code})"
            inner.values[read.value] = Text(name, (BATCH, WAVE, *rest), text.kind)
        return list(found.items())

    def _positions(self, inner: Scope) -> None:
        for place, axis in enumerate(self.axes):
            inner.positions[axis] = Text(f"waves.place({place}, wave)", (WAVE,), "int")

    def _empty(self, value: str) -> str:
        """Waves before the first one, without points."""
        scope = self.scope
        type = scope.module.type_of(value)
        dims = [scope.size_of(name, type) for name in type.dim_names]
        empty = f"{scope.like}.new_zeros({', '.join([scope.batch, '0', *dims])}"
        empty += {"int": ", dtype=torch.int64)", "bool": ", dtype=torch.bool)"}.get(type.kind, ")")
        reads = [self._offset(read) for read in self._reads() if read.value == value]
        count = max((self._back(offset) for offset in reads), default=1)
        if value in self.wide:
            empty = f"{scope.help('wide')}({empty})"
        return f"[{empty}]" if count <= 1 else f"[{empty}] * {count}"

    # ---- inside

    def _item(self, inner: Scope, item: Equation | Depth) -> None:
        comment(inner, item)
        if isinstance(item, Depth):
            depth.statement(inner, item)
        else:
            self._equation(inner, item)

    def _equation(self, inner: Scope, item: Equation) -> None:
        for read in walk(item.expr):
            if isinstance(read, Read) and read.value in self.lists and any(self._offset(read)):
                self._neighbour(inner, read)
        printer = Printer(inner)
        text = printer.text(item.expr)
        if item.id in self.lists:
            text = printer.full(text, item.type)
            text = text if item.id in self.wide else narrowed(printer, text)
        elif not text.number:
            text = printer.cast(text, item.type.kind)
            text = permuted(text, [label for label in inner.labels(item.type) if label in text.labels])
        name = self.scope.names.new(safe_local(f"{base_name(item.id)}_here"))
        inner.line(f"{name} = {text.code}")
        inner.values[item.id] = Text(name, text.labels, text.kind, number=text.number, wide=text.wide)

    def _neighbour(self, inner: Scope, read: Read) -> None:
        """One line for each read at another point."""
        key = inner.read_key(read)
        if key in inner.reads:
            return
        offset = self._offset(read)
        name = self.scope.names.new(safe_local(f"{base_name(read.value)}_near"))
        start = outside(Printer(inner), read)
        earlier = f"{self.lists[read.value]}[-{self._back(offset)}]"
        extra = "" if start is None else f", {start}"
        inner.line(f"{name} = waves.near({offset}, wave, {earlier}{extra})")
        inner.reads[key] = Text(name, inner.labels(read.type), read.type.kind, wide=read.value in self.wide)

    # ---- after the loop

    def _joined(self, value: str) -> None:
        scope = self.scope
        type = scope.module.type_of(value)
        name = scope.names.new(safe_local(base_name(value)))
        narrow = f".to({scope.dtype})" if value in self.wide else ""
        scope.line(f"{name} = waves.join({self.lists[value]}){narrow}")
        scope.values[value] = Text(name, (BATCH, *self.axes, *type.dim_names), type.kind)
