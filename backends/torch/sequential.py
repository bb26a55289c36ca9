"""The algorithm `sequential` along one axis: a loop over its points, with the state in lists.

Values from outside are unbound once; each value that is read at other points has a list that begins with what stands before
the first point, so that `h[t-d]` is the d-th entry from its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from recdsl.backends.torch import depth
from recdsl.backends.torch.expressions import Printer
from recdsl.backends.torch.layout import permuted, place
from recdsl.backends.torch.precision import narrowed, wide_states
from recdsl.backends.torch.reads import base_name, outside
from recdsl.backends.torch.scope import Scope
from recdsl.backends.torch.starts import first_value, kept_past
from recdsl.backends.torch.statements import comment, keep_history, read_here, remember

from recdsl.emit.environment import render
from recdsl.emit.names import safe_local
from recdsl.emit.precedence import ATOM, BATCH, SUM, Text
from recdsl.ir.expr import Apply, Expr, Position, Read, walk
from recdsl.ir.graph import results_of
from recdsl.ir.module import Depth, Equation
from recdsl.ir.types import ValueType
from recdsl.lower.plan import Recurrence


@dataclass(frozen=True, slots=True)
class Track:
    """A list of one value: its name, and the value of the current point."""

    value: str
    name: str
    local: str


@dataclass(frozen=True, slots=True)
class Given:
    """A value from outside that is read at the point: its name there, the code of the whole, the place of the axis in it."""

    name: str
    code: str
    at: int

    @property
    def points(self) -> str:
        return f"{self.code}.unbind({self.at})"


def statement(scope: Scope, stage: Recurrence) -> None:
    """Print the loop of one component."""
    Loop(scope, stage).print()


@dataclass(slots=True)
class Loop:
    scope: Scope
    stage: Recurrence

    def print(self) -> None:
        inner, tracks = self.inner(), self.tracks()
        zipped = self.outside_values(inner)
        pasts = [self._so_far(inner, value) for value in self._renamed()]
        self._shorten(inner)
        self.body(inner, tracks)
        for value, (name, _) in zip(self._renamed(), pasts, strict=True):
            inner.line(f"{name}.append({inner.values[value].code})")
        self._render(inner, tracks, zipped, pasts)
        for track in tracks.values():
            self._joined(track)

    def inner(self) -> Scope:
        """The body of the loop, empty."""
        inner = self.scope.inner(frozenset({self.axis}))
        inner.on_edges = False
        inner.widens = bool(self.wide)
        return inner

    def body(self, inner: Scope, tracks: dict[str, Track]) -> None:
        """What is done at a point."""
        self._reads(inner, tracks)
        for item in self.stage.items:
            self._item(inner, item, tracks)
        for track in tracks.values():
            inner.line(f"{track.name}.append({inner.values[track.value].code})")

    @property
    def axis(self) -> str:
        index = next(index for index, step in enumerate(self.stage.vector) if step)
        return self.scope.module.axes[index]

    @property
    def point(self) -> ValueType:
        """The type of a value of the recurrence; all of them have the same points."""
        return self.type_of(results_of(self.stage.items[0])[0])

    @property
    def length(self) -> str:
        """How many points the loop runs over."""
        return self.scope.size_of(self.axis, self.point)

    @property
    def whole_sequence(self) -> bool:
        return self.scope.whole_sequence(self.point)

    @property
    def wide(self) -> frozenset[str]:
        return wide_states(self.stage, self.scope.module)

    @property
    def counter(self) -> str:
        """The loop's variable."""
        return safe_local(self.axis)

    @property
    def backwards(self) -> bool:
        return sum(self.stage.vector) < 0

    def type_of(self, value: str) -> ValueType:
        return self.scope.module.type_of(value)

    # ---- before the loop

    def tracks(self) -> dict[str, Track]:
        """A list for each value that is read at other points, or is kept."""
        tracks = {}
        for value in dict.fromkeys((*dict(self.stage.reach), *self.stage.kept, *self._renamed())):
            base = base_name(value)
            name = self.scope.names.new(safe_local(f"{base}_all"))
            local = self.scope.names.new(safe_local(f"{base}_{self.axis}"))
            tracks[value] = Track(value, name, local)
        return tracks

    def _first(self, value: str) -> str:
        """What stands before the first point, oldest first."""
        depth = self.depth(value)
        if depth == 0:
            return "[]"
        if self.scope.stateful and not self.backwards:
            state = kept_past(self.scope, value)
            return f"[{state}]" if depth == 1 else f"list({state}.unbind(1))"
        starts = self.starts(value)
        if len(set(starts)) == 1 and depth > 1:
            return f"[{starts[0]}] * {depth}"
        return f"[{', '.join(starts)}]"

    def depth(self, value: str) -> int:
        """How many points before the first are known of a value that is read at other points; 0 for others."""
        reach = dict(self.stage.reach).get(value, 0)
        if not reach or self.backwards:
            return reach
        return max(reach, dict(self.scope.owner.plan.traits.histories).get(value, 0))

    def starts(self, value: str) -> list[str]:
        """What stands before the first point where no state says it, oldest first."""
        starts = [self._start(value, step) for step in range(self.depth(value), 0, -1)]
        return [f"{self.scope.help('wide')}({start})" for start in starts] if value in self.wide else starts

    def _start(self, value: str, step: int) -> str:
        """The value `step` points outside, whole."""
        length = self.length
        if not self.backwards:
            return first_value(self.scope, value, self.axis, f"-{step}")
        if step == 1:
            return first_value(self.scope, value, self.axis, length)
        return first_value(self.scope, value, self.axis, f"{length} + {step - 1}", SUM)

    # ---- the whole past of what is being computed

    def _renamed(self) -> list[str]:
        """Values of the component that it reads at all earlier points, under another name of the axis."""
        inside = {value for item in self.stage.items for value in results_of(item)}
        return [value for value in inside if value in self._histories()]

    def _so_far(self, inner: Scope, value: str) -> tuple[str, str]:
        """A list of all earlier points, and the tensor of it that the body reads."""
        scope, type = self.scope, self.type_of(value)
        assert not self.backwards, "the whole future is read from the end"
        name = scope.names.new(safe_local(f"{base_name(value)}_so_far"))
        first = "[]"
        if scope.stateful:
            first = f'list(state["{scope.owner.kept["cache", value]}"].unbind(1))'
        labels = inner.labels(type)
        sizes = [inner.size_of(label, type) for label in labels]
        whole = scope.names.new(safe_local(f"{base_name(value)}_past"))
        empty = f"{scope.like}.new_zeros({', '.join([sizes[0], '0', *sizes[1:]])})"
        inner.line(f"{whole} = torch.stack({name}, 1) if {name} else {empty}")
        inner.caches[value] = Text(whole, (BATCH, self.axis, *labels[1:]), type.kind)
        inner.until_now = f"{whole}.shape[1]"
        return name, first

    def _shorten(self, inner: Scope) -> None:
        """Values from outside that run over all points as far as the component has come."""
        for value, text in inner.values.items():
            for label in text.labels:
                if inner.until_now and label in inner.renamed:
                    code = f"{text.at(ATOM)}.narrow({place(text, label)}, 0, {inner.until_now})"
                    inner.values[value] = Text(code, text.labels, text.kind)

    def outside_values(self, inner: Scope) -> list[Given]:
        """Values from outside, and positions, that the body reads at its point."""
        found: dict[str, Given] = {}
        inside = {value for item in self.stage.items for value in results_of(item)}
        for expr in self._expressions():
            if isinstance(expr, Read) and expr.value not in inside and not expr.via:
                text = self.scope.values[expr.value]
                if self.axis in text.labels and expr.value not in self._histories():
                    self._unbind(inner, expr.value, text, found)
            elif isinstance(expr, Position) and expr.name == self.axis and self.scope.axis is not None:
                inner.positions[self.axis] = Text(f"{self.axis}_index", (BATCH,), "int")
                found[f"{self.axis}_index"] = Given(f"{self.axis}_index", "steps.index", 1)
        if f"{self.axis}_index" not in found:
            inner.positions[self.axis] = self._counter()
        inner.positions["#" + self.axis] = Text(self.counter, (), "int", number=True)
        return list(found.values())

    def _counter(self) -> Text:
        """The position inside the loop: along a sequence it is that in the document."""
        if not self.whole_sequence:
            return Text(self.counter, (), "int", number=True)
        return Text(f"steps.index[:, {self.counter}]", (BATCH,), "int")

    def _histories(self) -> set[str]:
        """Outside values that the body reads at all points at once."""
        found: set[str] = set()
        for expr in self._expressions():
            if isinstance(expr, Apply) and expr.operator == "rename" and expr.attribute("old") == self.axis:
                found.update(each.value for each in walk(expr.operands[0]) if isinstance(each, Read))
        return found

    def _unbind(self, inner: Scope, value: str, text: Text, found: dict[str, Given]) -> None:
        name = f"{text.code}_{self.axis}"
        found.setdefault(name, Given(name, text.code, text.labels.index(self.axis)))
        labels = tuple(label for label in text.labels if label != self.axis)
        inner.values[value] = Text(name, labels, text.kind)

    def _expressions(self) -> Iterator[Expr]:
        for item in self.stage.items:
            match item:
                case Equation():
                    yield from walk(item.expr)
                case Depth():
                    yield from (read for _, read in item.captured)
                    yield from (carry.start for carry in item.carried)

    # ---- inside

    def _reads(self, inner: Scope, tracks: dict[str, Track]) -> None:
        """One line for each read at another point."""
        for expr in self._expressions():
            key = inner.read_key(expr) if isinstance(expr, Read) else None
            if not isinstance(expr, Read) or expr.value not in tracks or key in inner.reads or key is None:
                continue
            offset = dict(expr.offsets).get(self.axis, 0)
            if offset:
                inner.reads[key] = self._read(inner, expr, offset, tracks[expr.value])

    def _read(self, inner: Scope, expr: Read, offset: int, track: Track) -> Text:
        labels = inner.labels(expr.type)
        entry = f"{track.name}[-{abs(offset)}]"
        word = "before" if offset < 0 else "after"
        wish = f"{base_name(expr.value)}_{word}{'' if abs(offset) == 1 else f'_{abs(offset)}'}"
        name = self.scope.names.new(safe_local(wish))
        if self.scope.steps and self.whole_sequence:
            start = outside(Printer(inner), expr)
            extra = "" if start is None else f", {start}"
            inner.line(f"{name} = steps.at({self.axis}, {offset}, {entry}{extra})")
        else:
            inner.line(f"{name} = {entry}")
        return Text(name, labels, expr.type.kind, wide=expr.value in self.wide)

    def _item(self, inner: Scope, item: Equation | Depth, tracks: dict[str, Track]) -> None:
        comment(inner, item)
        if isinstance(item, Depth):
            depth.statement(inner, item)
            return
        printer = Printer(inner)
        text = printer.text(item.expr)
        if item.id in tracks:
            text = printer.full(text, item.type)
            text = text if item.id in self.wide else narrowed(printer, text)
        elif not text.number:
            text = printer.cast(text, item.type.kind)
            order = [label for label in inner.labels(item.type) if label in text.labels]
            text = permuted(text, order)
        name = (
            tracks[item.id].local
            if item.id in tracks
            else self.scope.names.new(safe_local(f"{base_name(item.id)}_{self.axis}"))
        )
        inner.line(f"{name} = {text.code}")
        inner.values[item.id] = Text(name, text.labels, text.kind, number=text.number, wide=text.wide)

    def _render(
        self, inner: Scope, tracks: dict[str, Track], zipped: list[Given], pasts: list[tuple[str, str]]
    ) -> None:
        counted = self.counts(inner)
        context: dict[str, object] = {
            "tracks": [*((track.name, self._first(track.value)) for track in tracks.values()), *pasts],
            "head": self._head(zipped, counted),
            "body": inner.lines,
        }
        self.scope.lines.extend(render("torch", "sequential.py.j2", context).splitlines())

    def counts(self, inner: Scope) -> bool:
        """Whether the body uses the loop's counter."""
        return any(_mentions(line, self.counter) for line in inner.lines)

    def _head(self, zipped: list[Given], counted: bool) -> str:
        """`t, (x_t, y_t) in enumerate(zip(…))`, from the end when the recurrence looks ahead."""
        names = ", ".join(each.name for each in zipped)
        length = self.length
        if not zipped:
            count = f"range({length})"
            return f"{self.counter if counted else '_'} in {f'reversed({count})' if self.backwards else count}"
        sources = [each.points for each in zipped]
        each = sources[0] if len(sources) == 1 else f"zip({', '.join(sources)}, strict=True)"
        if not counted:
            if self.backwards:
                each = f"reversed({each})" if len(sources) == 1 else f"reversed(list({each}))"
            return f"{names} in {each}"
        pair = names if len(zipped) == 1 else f"({names})"
        each = f"reversed(list(enumerate({each})))" if self.backwards else f"enumerate({each})"
        return f"{self.counter}, {pair} in {each}"

    # ---- after the loop

    def _joined(self, track: Track) -> None:
        """The list as a tensor: with what was kept in front where somebody needs the past."""
        scope, type = self.scope, self.type_of(track.value)
        labels = scope.labels(type)
        at = labels.index(self.axis)
        reach = self.depth(track.value)
        name = scope.local(safe_local(base_name(track.value)))
        order = f"{track.name}[::-1]" if self.backwards else track.name
        kept = track.value in (*self.stage.kept, *self._renamed())
        if not reach:
            empty = f"{scope.like}.new_zeros({', '.join(scope.size_of(label, type) for label in labels)})"
            scope.line(f"{name} = torch.stack({order}, {at}) if {track.name} else {empty}")
        else:
            stateful = scope.stateful and not self.backwards
            whole = name
            if stateful:
                whole = scope.names.new(safe_local(f"{base_name(track.value)}_track"))
                scope.tracks[track.value] = whole
                if track.value in self.wide:
                    scope.wide_tracks.add(track.value)
            if stateful or kept:
                scope.line(f"{whole} = torch.stack({order}, {at})")
            if stateful:
                keep_history(scope, track.value)
            if kept and stateful and not read_here(scope, track.value):
                name = whole
            elif kept:
                cut = f":-{reach}" if self.backwards else f"{reach}:"
                narrow = f".to({scope.dtype})" if track.value in self.wide else ""
                scope.line(f"{name} = {whole}[{':, ' * at}{cut}]{narrow}")
        if kept:
            scope.values[track.value] = Text(name, labels, type.kind)
            remember(scope, track.value)


def _mentions(line: str, name: str) -> bool:
    """Whether a printed line uses a name."""
    words = "".join(c if c.isalnum() or c == "_" else " " for c in line.split("#")[0]).split()
    return name in words
