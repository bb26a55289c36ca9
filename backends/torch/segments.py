"""The algorithm `sequential` in segments: the loop over the points of one is a function, which the backward pass calls again.

A segment gets the states just before it and its part of what is read at the points; it gives what is kept of its points,
and the states behind it, which are what a call in pieces would hand on.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from recdsl.backends.torch.depth import borrowed_names
from recdsl.backends.torch.layout import tuple_code
from recdsl.backends.torch.reads import base_name
from recdsl.backends.torch.scope import Scope
from recdsl.backends.torch.sequential import Given, Loop, Track
from recdsl.backends.torch.starts import kept_past
from recdsl.backends.torch.statements import newest, remember, remember_more

from recdsl.emit.environment import render
from recdsl.emit.names import safe_local
from recdsl.emit.precedence import Text
from recdsl.ir.graph import results_of
from recdsl.lower.plan import Recurrence
from recdsl.rewrite.order import item_reads


def statement(scope: Scope, stage: Recurrence) -> None:
    """Print the loop of one component, in segments."""
    Segments(Loop(scope, stage)).print()


@dataclass(slots=True)
class Segments:
    """One loop; `tracks` are the lists in it, by value."""

    loop: Loop
    tracks: dict[str, Track] = field(default_factory=dict)

    def print(self) -> None:
        loop, scope = self.loop, self.scope
        shared = self._shared()
        scope.held |= {text.code for text in scope.values.values()}
        inner = loop.inner()
        self.tracks = loop.tracks()
        before = {value: self._before(value) for value in self._states()}
        starts = {value: scope.names.new(safe_local(f"{base_name(value)}_start")) for value in before}
        given = loop.outside_values(inner)
        parts = {each.code: scope.names.new(safe_local(f"{_word(each)}_part")) for each in given if each.at == 1}
        loop.body(inner, self.tracks)
        after = scope.inner(frozenset())
        results, behind = self._results(), self._behind(after)
        name = scope.names.new("points")
        context: dict[str, object] = {
            "name": name,
            "arguments": [*starts.values(), *shared, *parts.values()],
            "tracks": [(track.name, self._first(track.value, starts)) for track in self.tracks.values()],
            "head": self._head(inner, given, parts),
            "body": inner.lines,
            "segment": self.stateful,
            "after": after.lines,
            "results": tuple_code(list(results.values())),
            "behind": tuple_code(list(behind.values())),
        }
        scope.lines.extend(render("torch", "segments.py.j2", context).splitlines())
        layers = tuple_code(["self", *borrowed_names(scope.module)])
        tensors = [tuple_code(list(each)) for each in (before.values(), shared, parts)]
        self._take([layers, name, loop.length, *tensors], list(results), list(behind))

    @property
    def scope(self) -> Scope:
        return self.loop.scope

    @property
    def stateful(self) -> bool:
        """Whether the states behind the last segment are those of the next call."""
        return self.scope.stateful and not self.loop.backwards

    # ---- what goes in

    def _states(self) -> list[str]:
        """The values that are read at other points."""
        return [value for value in self.tracks if self.loop.depth(value)]

    def _shared(self) -> list[str]:
        """The names of tensors from outside that are whole for each segment, so that gradients reach them."""
        loop, found = self.loop, dict[str, None]()
        inside = {value for item in loop.stage.items for value in results_of(item)}
        for read in (read for item in loop.stage.items for read in item_reads(item)):
            if read.value not in inside:
                text = self.scope.values[read.value]
                if not text.number and text.labels[1:2] != (loop.axis,):
                    found[text.code] = None
        return list(found)

    def _before(self, value: str) -> str:
        """What stands before the first point: [batch, dims...], or [batch, count, dims...] with the oldest first."""
        if self.stateful:
            return kept_past(self.scope, value)
        starts = self.loop.starts(value)
        return starts[0] if len(starts) == 1 else f"torch.stack({tuple_code(starts)}, 1)"

    def _first(self, value: str, starts: dict[str, str]) -> str:
        """How the list of a value begins."""
        if value not in starts:
            return "[]"
        return f"[{starts[value]}]" if self.loop.depth(value) == 1 else f"list({starts[value]}.unbind(1))"

    def _head(self, inner: Scope, given: list[Given], parts: dict[str, str]) -> str:
        """`t, x_t, y_t in zip(places, …)`, from the end when the recurrence looks ahead."""
        loop = self.loop
        pairs = [(each.name, _points(each, parts)) for each in given]
        if loop.counts(inner) or not pairs:
            pairs.insert(0, (loop.counter if loop.counts(inner) else "_", "places"))
        names, sources = ", ".join(name for name, _ in pairs), [source for _, source in pairs]
        if len(sources) == 1:
            return f"{names} in {f'reversed({sources[0]})' if loop.backwards else sources[0]}"
        each = f"zip({', '.join(sources)}, strict=True)"
        return f"{names} in {f'reversed(list({each}))' if loop.backwards else each}"

    # ---- what comes out

    def _results(self) -> dict[str, str]:
        """What is kept of the points of a segment, by value."""
        scope, loop = self.scope, self.loop
        found = {}
        for value in (each for each in self.tracks if each in loop.stage.kept):
            track, depth, type = self.tracks[value], loop.depth(value), loop.type_of(value)
            order = f"{track.name}[::-1]" if loop.backwards else track.name
            if depth:
                found[value] = f"torch.stack({order}, 1)[:, {f':-{depth}' if loop.backwards else f'{depth}:'}]"
            else:
                sizes = ", ".join(scope.size_of(label, type) for label in scope.labels(type))
                found[value] = f"torch.stack({order}, 1) if {track.name} else {scope.like}.new_zeros({sizes})"
        return found

    def _behind(self, after: Scope) -> dict[str, str]:
        """The states behind a segment, by value; printed in `after`."""
        found = {}
        for value in self._states():
            track, depth = self.tracks[value], self.loop.depth(value)
            if self.stateful:
                found[value] = newest(after, value, track.name, depth)
            else:
                found[value] = f"{track.name}[-1]" if depth == 1 else f"torch.stack({track.name}[-{depth}:], 1)"
        return found

    def _take(self, call: list[str], results: list[str], states: list[str]) -> None:
        """Call it, and name what it gives."""
        scope = self.scope
        ends = {
            value: scope.names.new(safe_local(f"{base_name(value)}_end")) for value in states if self._is_end(value)
        }
        names = {value: self._result_name(value) for value in results}
        left = tuple_code(list(names.values())) if names else "_"
        right = tuple_code([ends.get(value, "_") for value in states]) if ends else "_"
        back = ["backwards=True"] if self.loop.backwards else []
        scope.line(f"{left}, {right} = {scope.help('in_segments')}({', '.join([*call, *back])})")
        for value, name in ends.items():
            scope.owner.updates[scope.owner.kept["history", value]] = name
        for value, name in names.items():
            self._kept(value, name, value in ends)

    def _is_end(self, value: str) -> bool:
        """Whether the state behind the last segment is all that anybody needs of the past of a value."""
        return self.stateful and not (value in self.loop.stage.kept and self._shifted(value))

    def _shifted(self, value: str) -> bool:
        """Whether a value is read at other points outside of the loop."""
        others = (item for item in self.scope.module.items if item not in self.loop.stage.items)
        return any(read.value == value and read.offsets for item in others for read in item_reads(item))

    def _result_name(self, value: str) -> str:
        wish = safe_local(base_name(value))
        return self.scope.names.new(f"{wish}_wide") if value in self.loop.wide else self.scope.local(wish)

    def _kept(self, value: str, name: str, ended: bool) -> None:
        """A value at all points: with what stood before it where that is read, in the module's own dtype."""
        scope, type = self.scope, self.loop.type_of(value)
        labels = scope.labels(type)
        scope.values[value] = Text(name, labels, type.kind)
        if value in self.loop.wide:
            local = scope.local(safe_local(base_name(value)))
            scope.line(f"{local} = {name}.to({scope.dtype})")
            if self.stateful and not ended:
                remember(scope, value)
                scope.wide_tracks.add(value)
            scope.values[value] = Text(local, labels, type.kind)
        if ended:
            remember_more(scope, value)
        elif value not in self.loop.wide:
            remember(scope, value)


def _word(given: Given) -> str:
    return given.code.rsplit(".", 1)[-1]


def _points(given: Given, parts: dict[str, str]) -> str:
    """The points of a segment of what is read from outside."""
    if given.code in parts:
        return f"{parts[given.code]}.unbind(1)"
    assert given.at == 0, given
    return f"{given.code}[places.start : places.stop].unbind(0)"
