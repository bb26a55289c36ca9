"""`wavewise`: the equations of one point as a function of what they read at other points, their derivatives as another, and the helper
that runs them wave after wave."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace

from recdsl.backends.torch.expressions import Printer
from recdsl.backends.torch.grids import waves
from recdsl.backends.torch.layout import tuple_code
from recdsl.backends.torch.reads import base_name, outside
from recdsl.backends.torch.scope import Scope
from recdsl.backends.torch.solve.stepwise import Body, Given

from recdsl.emit.names import safe_local
from recdsl.emit.precedence import ATOM, BATCH, WAVE, Text
from recdsl.ir.expr import Const, Expr, Position, Read
from recdsl.ir.types import ValueType
from recdsl.lower.plan import Recurrence


def statement(scope: Scope, stage: Recurrence) -> None:
    """The states wave after wave, with a wavefront for the gradient."""
    Wavewise(scope, stage).call()


@dataclass(slots=True)
class Wavewise(Body):
    """One recurrence on a grid as functions of some points of it."""

    @property
    def axes(self) -> tuple[str, ...]:
        return self.scope.module.axes

    def type_of(self, value: str) -> ValueType:
        return self.scope.module.type_of(value)

    def offset(self, read: Read) -> tuple[int, ...]:
        return tuple(dict(read.offsets).get(axis, 0) for axis in self.axes)

    def call(self) -> None:
        """The two functions, the call of the helper, and what comes out of it."""
        scope, states = self.scope, self.solve.states
        stem = safe_local(base_name(self.state))
        functions = [self._step(scope.names.new(f"{stem}_next")), self._slope(scope.names.new(f"{stem}_slope"))]
        reads = [(states.index(each.value), self.offset(each)) for each in self.earlier]
        links = tuple((p, *reads[k]) for p, k, _ in self._derivatives())
        starts = [outside(Printer(scope), each) or "0.0" for each in self.earlier]
        given = [each.code for each in self.inputs.values()]
        arguments = [
            waves(scope, self.stage, list(dict.fromkeys(offset for _, offset in reads))),
            *functions,
            repr(tuple(reads)),
            repr(links),
            tuple_code([self._empty(each) for each in states]),
            tuple_code(starts),
            tuple_code(given) if given else "()",
        ]
        points = scope.names.new(f"{stem}_points")
        scope.line(f"{points} = GridPoints({', '.join(arguments)})")
        whole = [self._whole(each) for each in states]
        left = f"({whole[0]},)" if len(whole) == 1 else ", ".join(whole)
        scope.line(f"{left} = {scope.help('wavewise')}({points})")
        for state, name in zip(states, whole, strict=True):
            self.finish(state, name, "")
        self._rest(f"{points}.next({points}.at_once({tuple_code(whole)}))[{len(states)} :]")

    def _whole(self, state: str) -> str:
        """A name for a state at all points, if somebody reads it there."""
        wish = safe_local(f"{base_name(state)}_all")
        return self.scope.names.new(wish) if state in self.stage.kept or self.others else "_"

    def _empty(self, state: str) -> str:
        """A state without points."""
        scope, type = self.scope, self.type_of(state)
        sizes = [scope.batch, "0", *(scope.size_of(name, type) for name in type.dim_names)]
        return f"{scope.help('wide')}({scope.like}).new_zeros({', '.join(sizes)})"

    def _derivatives(self) -> Iterator[tuple[int, int, Expr]]:
        """The state, the read and the derivative, wherever that is not 0."""
        reads, rows = self.earlier, self.jacobian().entries
        values = [each.value for each in reads]
        for p, state in enumerate(self.solve.states):
            for k, entry in enumerate(rows[values.index(state)]):
                if not (isinstance(entry, Const) and entry.value == 0):
                    yield p, k, entry

    # ---- what the functions are given

    def _input(self, leaf: Expr) -> None:
        """Make a leaf an argument where it differs from point to point; the rest is read from around."""
        scope = self.scope
        key = leaf.value if isinstance(leaf, Read) else leaf.name if isinstance(leaf, Position) else ""
        text = Printer(scope).text(leaf)
        if key in self.inputs or not set(self.axes) & set(text.labels):
            return
        rest = tuple(label for label in text.labels if label not in (BATCH, *self.axes))
        everywhere = replace(leaf.type, axes=self.scope.module.type_of(self.state).axes)
        code = Printer(scope).spread(text, everywhere, (BATCH, *self.axes, *rest)).code
        name = code if code.isidentifier() else safe_local(f"{base_name(key)}_given")
        self.inputs[key] = Given(name, code, Text(name, (BATCH, WAVE, *rest), text.kind, strength=ATOM))

    # ---- the functions

    def _slope(self, name: str) -> str:
        """The derivatives of the states by what they read, where they are not 0."""
        inner = self.inner()
        for equation in self.jacobian().equations:
            self.equation(inner, equation)
        found = [self._entry(inner, entry) for _, _, entry in self._derivatives()]
        self.define(name, inner, self.given(inner), tuple_code(found), "Tensors")
        return name

    def inner(self) -> Scope:
        """The inside of a function: any number of points in the place of the axes."""
        inner = self.scope.inner(frozenset(self.axes))
        inner.names = deepcopy(self.scope.names)
        inner.wave = inner.widens = True
        for read in self.earlier:
            name = inner.names.new(safe_local(f"{base_name(read.value)}_near"))
            labels = inner.labels(self.type_of(read.value))
            inner.reads[inner.read_key(read)] = Text(name, labels, read.type.kind, wide=True)
        for key, each in self.inputs.items():
            (inner.positions if key in self.axes else inner.values)[key] = each.text
        inner.lengths[WAVE] = f"{self._arguments(inner)[0]}.shape[1]"
        return inner
