"""Affine recurrences on grids: the helper of the algorithm on the gates of all links and on what each state gets beside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recdsl.backends.torch.expressions import Printer
from recdsl.backends.torch.layout import permuted, tuple_code
from recdsl.backends.torch.reads import base_name, outside_text
from recdsl.backends.torch.scope import Scope
from recdsl.backends.torch.solve.common import Solving, lined_up

from recdsl.emit.names import safe_local
from recdsl.emit.precedence import ATOM, BATCH, PRODUCT, Text
from recdsl.ir.expr import Read, walk
from recdsl.ir.module import Equation
from recdsl.ir.types import ValueType
from recdsl.lower.plan import Link, Recurrence
from recdsl.lower.rows import Rows


def wavefront(scope: Scope, stage: Recurrence) -> None:
    """Wave after wave of the schedule."""
    solving = Grid(scope, stage)
    solving.statement("wavefront", [tuple_code([str(speed) for speed in solving.along(stage.vector)])])


def rows(scope: Scope, stage: Recurrence) -> None:
    """Slice after slice along one axis, lines of each as scans."""
    solving = Grid(scope, stage)
    found = Rows(solving.solve.links, scope.module.axes, solving.solve.axes)
    for scan in found.scans():
        if len(scan) > 1:
            scope.help("block")
        else:
            scope.help("diagonal")
            if found.distance(scan[0]) > 1:
                scope.help("interleaved")
    solving.statement("rows")


def divide(scope: Scope, stage: Recurrence) -> None:
    """By halves of the grid."""
    Grid(scope, stage).statement("divide")


class Grid(Solving):
    """States on a grid, lined up with the axes along which they read each other in front."""

    def type_of(self, value: str) -> ValueType:
        return self.scope.module.type_of(value)

    @property
    def order(self) -> tuple[str, ...]:
        own = self.solve.axes
        idle = (axis for axis in self.scope.module.axes if axis not in own)
        return (BATCH, *own, *idle, *self.type_of(self.state).dim_names)

    def along(self, each: Sequence[int]) -> tuple[int, ...]:
        """What there is for every axis of the layer, for those of the recurrence."""
        by_axis = dict(zip(self.scope.module.axes, each, strict=True))
        return tuple(by_axis[axis] for axis in self.solve.axes)

    def statement(self, helper: str, arguments: Sequence[str] = ()) -> None:
        """`R, D = helper(…, links, gates, inputs)`."""
        scope, solve = self.scope, self.solve
        places = {state: place for place, state in enumerate(solve.states)}
        links = tuple((places[each.into], places[each.of], self.along(each.offset)) for each in solve.links)
        gates = [self.role(each.role, self.order) for each in solve.links]
        given = [self._given(place) for place in range(len(solve.states))]
        call = ", ".join([*arguments, repr(links), tuple_code(gates), tuple_code(given)])
        names = [self.whole(state) for state in solve.states]
        scope.line(f"{', '.join(names)}{',' if len(names) == 1 else ''} = {scope.help(helper)}({call})")
        for state, name in zip(solve.states, names, strict=True):
            order = scope.labels(self.type_of(state))
            self.finish(state, permuted(Text(name, self.order), order).at(ATOM), "")

    def whole(self, state: str) -> str:
        """A name for a state at all points, if somebody outside reads it."""
        wish = safe_local(f"{base_name(state)}_all")
        return self.scope.names.new(wish) if state in self.stage.kept else "_"

    def _given(self, place: int) -> str:
        """What a state gets beside the others, with that from reads outside of the grid."""
        state = self.solve.states[place]
        code = self.spread(self.solve.role(f"input[{place}]"), self.order, self.type_of(self.state))
        return " + ".join([code, *(self._borders(state))])

    def _borders(self, state: str) -> Iterator[str]:
        for link in self.solve.links:
            start = outside_text(Printer(self.scope), self._read(link)) if link.into == state else None
            if start is not None:
                code = lined_up(start, self.order).at(PRODUCT + 1)
                shape = tuple_code(
                    [self.scope.size_of(axis, self.scope.module.type_of(state)) for axis in self.solve.axes]
                )
                gate = f"{self.role(link.role, self.order)} * {code}"
                yield f"{self.scope.help('border')}({gate}, {self.along(link.offset)}, {shape})"

    def _read(self, link: Link) -> Read:
        """The read that a link stands for."""
        for item in self.stage.items:
            assert isinstance(item, Equation)
            for each in walk(item.expr):
                if isinstance(each, Read) and each.value == link.of and each.offsets:
                    offsets = dict(each.offsets)
                    if link.offset == tuple(offsets.get(axis, 0) for axis in self.scope.module.axes):
                        return each
        raise KeyError(link)
