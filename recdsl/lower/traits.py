"""What each module needs beside its inputs: pasts that it keeps, positions, knowledge of documents.

In: a program whose kept values have names (`separate`). Out: `Traits` by module key, callees first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from recdsl.ir.expr import Apply, Call, Expr, Position, Read, walk
from recdsl.ir.module import Depth, Module, Program
from recdsl.ir.sizes import Size, axis_length, number, same
from recdsl.lower.plan import Traits
from recdsl.lower.separate import names_of

_MIXING = frozenset({"flip", "merge", "split", "gather", "maxpool", "avgpool", "upsample", "slice"})
_REDUCTIONS = frozenset({"sum", "mean", "max", "min", "prod", "logsumexp", "norm", "argmax", "all", "any"})
_ALONG = frozenset({"softmax", "cumsum", "topk"})


def callees_first(program: Program) -> list[Module]:
    """Every module that the entry point needs, each after those that it calls."""
    order: dict[str, Module] = {}

    def visit(module: Module) -> None:
        if module.key in order:
            return
        for instance in module.instances:
            visit(program.modules[instance.module])
        for item in module.items:
            if isinstance(item, Depth):
                visit(program.modules[item.body])
        order[module.key] = module

    visit(program.entry)
    return list(order.values())


def traits(program: Program) -> dict[str, Traits]:
    """The traits of every module that the entry point needs."""
    found: dict[str, Traits] = {}
    for module in callees_first(program):
        found[module.key] = _Collect(module, program, found).traits()
    return found


def expressions(module: Module) -> Iterator[Expr]:
    """Every expression of a module, starts included, with all that is below it."""
    for equation in module.equations():
        yield from walk(equation.expr)
        if equation.init is not None:
            yield from walk(equation.init)


def captured_reads(module: Module) -> Iterator[Read]:
    """What the depth items of a module read."""
    for item in module.items:
        if isinstance(item, Depth):
            yield from (read for _, read in item.captured)
            yield from (carry.start for carry in item.carried)


def all_reads(module: Module) -> Iterator[Read]:
    yield from (each for each in expressions(module) if isinstance(each, Read))
    yield from captured_reads(module)


@dataclass(slots=True)
class _Collect:
    module: Module
    program: Program
    known: dict[str, Traits]
    histories: dict[str, int] = field(default_factory=dict)
    caches: dict[str, None] = field(default_factory=dict)
    windows: dict[str, None] = field(default_factory=dict)
    unmeant: dict[str, str] = field(default_factory=dict)
    index: bool = False
    points: bool = False
    stateful: bool = False

    def traits(self) -> Traits:
        if self.module.domain == "sequence":
            self._sequence(self.module.axes[0])
        return Traits(
            tuple(self.histories.items()),
            tuple(self.caches),
            tuple(self.windows),
            self.index,
            self.points,
            self.stateful and self.module.causality.axis is not None and _has_whole_inputs(self.module),
            tuple(self.unmeant.items()),
        )

    def _sequence(self, axis: str) -> None:
        for read in all_reads(self.module):
            offset = dict(read.offsets).get(axis, 0)
            self.points |= offset != 0
            if offset < 0:
                self.histories[read.value] = max(self.histories.get(read.value, 0), -offset)
        for expr in expressions(self.module):
            match expr:
                case Position() if expr.type.axes:
                    self.index = self.points = True
                case Apply():
                    self._apply(expr, axis)
                case Call():
                    self._inner(self.known[self.module.instance(expr.instance).module], own=_on_own_axis(expr, axis))
        for item in self.module.items:
            if isinstance(item, Depth):
                self._inner(self.known[item.body], own=True)
                self.points |= item.until is not None
        self.stateful |= bool(self.histories or self.caches or self.windows or self.index)
        for output in self.module.outputs:
            if axis not in self.module.type_of(output.value).axis_names:
                self._refuse("reset", f"{output.value} is one value for the whole sequence")

    def _apply(self, expr: Apply, axis: str) -> None:
        if expr.operator == "rename" and expr.attribute("old") == axis:
            operand = expr.operands[0]
            if isinstance(operand, Read):
                self.caches[operand.value] = None
            self.index = self.points = True
        elif expr.operator == "conv" and axis in names_of(expr, "axes"):
            self._conv(expr)
        elif expr.operator in _REDUCTIONS | _ALONG and axis in names_of(expr, "over"):
            self.points = True
            self._refuse("reset", f"{expr.operator} works along the whole sequence")
        elif expr.operator == "pick" and expr.attribute("name") == axis:
            self.points = True
            self._refuse("reset", "a point is picked from the whole sequence")
        elif expr.operator in _MIXING and axis in expr.operands[0].type.axis_names and _moves(expr, axis):
            for word in ("lengths", "reset"):
                self._refuse(word, f"{expr.operator} rearranges the whole sequence")
        elif expr.operator == "batchnorm":
            for word in ("lengths", "reset"):
                self._refuse(word, "batchnorm mixes all points of the batch")

    def _conv(self, expr: Apply) -> None:
        self.points = True
        strides = expr.attribute("stride")
        assert isinstance(strides, tuple)
        if any(stride != number(1) for stride in strides):
            for word in ("lengths", "reset"):
                self._refuse(word, "a convolution with a stride makes points of its own")
        if expr.attribute("causal"):
            operand = expr.operands[0]
            assert isinstance(operand, Read)
            self.windows[operand.value] = None

    def _inner(self, inner: Traits, own: bool) -> None:
        if own:
            self.index |= inner.index
            self.points |= inner.points
            self.stateful |= inner.stateful
            self.unmeant.update({word: why for word, why in inner.unmeant if word not in self.unmeant})
        elif inner.points:
            for word in ("lengths", "reset"):
                self._refuse(word, "a sub-layer runs over points that are not those of the sequence")

    def _refuse(self, word: str, reason: str) -> None:
        self.unmeant.setdefault(word, reason)


def _has_whole_inputs(module: Module) -> bool:
    """Whether a body gets values of its layer's own points, not those that pooling made of whole sequences."""
    return all(each.length == axis_length(each.name) for given in module.inputs for each in given.type.axes)


def _moves(expr: Apply, axis: str) -> bool:
    named = {key: value for key, value in expr.attributes if key in ("name", "names", "axes")}
    return any(axis == value or (isinstance(value, tuple) and axis in value) for value in named.values())


def _on_own_axis(expr: Call, axis: str) -> bool:
    """Whether a sub-layer over one axis runs over the points of the sequence itself."""
    if not expr.axes:
        return True
    return all(caller == axis and _full(expr, axis) for _, caller in expr.axes)


def _full(expr: Call, axis: str) -> bool:
    lengths: list[Size] = [each.length for operand in expr.operands for each in operand.type.axes if each.name == axis]
    return all(same(length, axis_length(axis)) for length in lengths)
