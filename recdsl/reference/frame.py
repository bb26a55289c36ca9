"""The interpreter's heart: the values of one module, computed on demand, one cell at a time, and remembered.

A cell is the value of an equation, an input or a depth result at a *point*, which says for every axis where we are.
Beside the module's own axes a point has *ambient* coordinates, along which the whole module is repeated: the document
(`*`), further axes of the values that it was called on (`^t`), and dims that the call carries along (`@H`).

    at      the cell of a value at a place; outside its axes, its `init` or 0
    read    at, moved by the offsets of a read or along an edge
    eval    an expression at a point
    call    an output of a sub-layer, which is a frame of its own whose inputs are expressions of this one
    result  what a `repeat` or `loop` ends with: every turn is a frame that reads the turn before
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import torch
from torch import Tensor

from recdsl.ir.expr import Apply, Call, Const, Expr, Number, Position, Read, Weight
from recdsl.ir.module import Carry, Depth, Equation, Input, Program
from recdsl.ir.sizes import Size, Value
from recdsl.ir.types import Axis, ValueType
from recdsl.reference import calls, operators
from recdsl.reference.documents import Document
from recdsl.reference.graph import Graph
from recdsl.reference.named import DTYPES, line_up
from recdsl.reference.scope import Scope, number

Point = dict[str, int]
Cell = Callable[[Point], Tensor]
Kept = Callable[[Apply, Tensor], Tensor]


def whole(node: Apply, value: Tensor) -> Tensor:
    """What is kept of the value of an operator: all of it."""
    return value


@dataclass(frozen=True, slots=True)
class Run:
    """What all frames of one evaluation share. `forward` and `backward` are the graph with and against its edges; `kept` is
    what stays of the value that an operator gives."""

    program: Program
    parameters: Mapping[str, Tensor]
    documents: tuple[Document, ...]
    forward: Graph
    backward: Graph
    externals: Mapping[str, Callable[..., Tensor]]
    training: bool
    kept: Kept = whole


@dataclass(frozen=True, slots=True)
class Focus:
    """A point at which a frame is evaluated anew, apart from `base`, with one read replaced by `leaf`, so that a
    gradient by that read can be taken. At all other points `base` is asked."""

    base: Frame
    point: Point
    read: Read
    leaf: Tensor

    def here(self, place: Point) -> bool:
        return all(self.point.get(name, index) == index for name, index in place.items())


@dataclass(eq=False)
class Frame:
    """The values of one module. `lengths` gives the lengths of its axes in a document, `around` every ambient point."""

    run: Run
    scope: Scope
    inputs: Mapping[str, Cell]
    ambient: tuple[str, ...]
    lengths: Callable[[int], Mapping[str, int]]
    around: Callable[[], Iterator[Point]]
    focus: Focus | None = None
    memo: dict[object, Tensor] = field(default_factory=dict, init=False)
    _callees: dict[int, Frame] = field(default_factory=dict, init=False)
    _turns: dict[tuple[str, tuple[int, ...]], Frame] = field(default_factory=dict, init=False)
    _turn_counts: dict[str, int] = field(default_factory=dict, init=False)

    # ---- points

    @property
    def graph(self) -> Graph:
        return self.run.backward if self.scope.backward else self.run.forward

    def length(self, axis: Axis, document: int) -> int:
        """How many points an axis has in a document."""
        return math.floor(self.number(axis.length, document))

    def number(self, size: Size, document: int | None = None) -> Value:
        """A size with the parameters of the module and the axis lengths of a document."""
        return self.scope.number(size, None if document is None else self.lengths(document))

    def place(self, type: ValueType, point: Point) -> Point:
        """The coordinates of a point that a value of this type depends on."""
        return {name: point[name] for name in (*self.ambient, *type.axis_names)}

    def inside(self, type: ValueType, place: Point) -> bool:
        return all(0 <= place[axis.name] < self.length(axis, place["*"]) for axis in type.axes)

    def indices(self, axis: Axis, point: Point) -> range | tuple[int, ...]:
        """The coordinates along an axis at a point; `pred` runs over the edges into the node, or into the tail."""
        if axis.name != "pred":
            return range(self.length(axis, point["*"]))
        if "edge" in point:
            return self.graph.incoming[self.graph.tails[point["edge"]]]
        node = point.get(self.scope.module.axes[0])
        return range(len(self.graph.tails)) if node is None else self.graph.incoming[node]

    def spread(self, point: Point, axes: tuple[Axis, ...]) -> Iterator[Point]:
        """The point at every coordinate along these axes, the first of them slowest."""
        if not axes:
            yield point
            return
        for index in self.indices(axes[0], point):
            yield from self.spread({**point, axes[0].name: index}, axes[1:])

    def everywhere(self, axes: tuple[Axis, ...]) -> Iterator[Point]:
        """Every point there is: all documents, all that this module is repeated along, and these axes."""
        axes = tuple(sorted(axes, key=lambda axis: axis.name == "pred"))
        for point in self.around():
            yield from self.spread(point, axes)

    # ---- values

    def read(self, read: Read, point: Point) -> Tensor:
        if self.focus and read == self.focus.read and self.focus.here(point):
            return self.focus.leaf
        definition = self.scope.definitions[read.value]
        type = definition[1].type if isinstance(definition, tuple) else definition.type
        return self.at(read.value, self.place(type, self.move(read, type, point)))

    def move(self, read: Read, type: ValueType, point: Point) -> Point:
        """The point that a read of a value of this type means."""
        node = self.scope.module.axes[0] if read.via else ""
        if read.via == "tail":
            return {**point, node: self.graph.tails[point["edge"]]}
        if read.via == "pred" and "edge" in type.axis_names:
            return {**point, "edge": point["pred"]}
        if read.via == "pred":
            return {**point, node: self.graph.tails[point["pred"]]}
        return {**point, **{axis: point[axis] + offset for axis, offset in read.offsets}}

    def at(self, value: str, place: Point) -> Tensor:
        """The cell of a value; computed once."""
        if self.focus and not self.focus.here(place):
            return self.focus.base.at(value, place)
        key = (value, *place.values())
        if key not in self.memo:
            self.memo[key] = self.compute(value, place)
        return self.memo[key]

    def compute(self, value: str, place: Point) -> Tensor:
        match self.scope.definitions[value]:
            case Input():
                return self.inputs[value](place)
            case Equation() as equation:
                return self.equation(equation, place)
            case (Depth() as depth, Carry() as carry):
                return self.result(depth, carry, place)
            case other:
                raise AssertionError(f"no value: {other}")

    def equation(self, equation: Equation, place: Point) -> Tensor:
        if self.inside(equation.type, place):
            return self.typed(self.eval(equation.expr, place), equation.expr.type.dim_names, equation.type)
        given = self.given_start(equation, place)
        if given is not None:
            return self.typed(given, equation.type.dim_names, equation.type)
        if equation.init is None:
            return self.zeros(equation.type)
        return self.typed(self.eval(equation.init, place), equation.init.type.dim_names, equation.type)

    def given_start(self, equation: Equation, place: Point) -> Tensor | None:
        """What the caller gave to stand before the first point, the latest value last."""
        if self.scope.prefix or equation.id not in self.run.documents[place["*"]].initial:
            return None
        given = self.run.documents[place["*"]].initial[equation.id]
        back = -place[equation.type.axes[0].name]
        values = given if given.ndim > len(equation.type.dims) else given[None]
        return values[-back] if 0 < back <= len(values) else None

    def zeros(self, type: ValueType) -> Tensor:
        return torch.zeros(self.scope.shape(type.dims), dtype=DTYPES[type.kind])

    def typed(self, tensor: Tensor, have: tuple[str, ...], type: ValueType) -> Tensor:
        """A tensor with dims `have` as a cell of this type: in its order, repeated along dims it lacks, of its kind."""
        return line_up(tensor, have, type.dim_names).expand(self.scope.shape(type.dims)).to(DTYPES[type.kind])

    # ---- expressions

    def eval(self, expr: Expr, point: Point) -> Tensor:
        """The value of an expression at a point: a tensor with the dims of its type."""
        match expr:
            case Const():
                return torch.tensor(expr.value, dtype=DTYPES[expr.type.kind])
            case Number():
                return torch.tensor(number(self.number(expr.size, point.get("*"))), dtype=DTYPES[expr.type.kind])
            case Position() if expr.type.axes:
                return torch.tensor(point[expr.name])
            case Position():
                return torch.arange(self.scope.dim(expr.type.dims[0]))
            case Read():
                return self.read(expr, point)
            case Weight():
                weight = self.run.parameters[self.scope.prefix + expr.path].to(DTYPES[expr.type.kind])
                return weight.reshape(self.scope.shape(expr.type.dims))
            case Apply():
                return self.run.kept(expr, operators.apply(self, expr, point))
            case Call():
                return self.call(expr, point)

    # ---- sub-layers

    def call(self, call: Call, point: Point) -> Tensor:
        """The cell of a call: the callee's output where we are, for every index of the carried dims."""
        if id(call) not in self._callees:
            self._callees[id(call)] = calls.callee(self, call)
        callee = self._callees[id(call)]
        module = callee.scope.module
        value = module.outputs[call.output].value
        output = Read(value, module.type_of(value))
        cells = [callee.read(output, inner) for inner in calls.inward(self, call, point)]
        dims = calls.outward(call, output.type, callee.scope)
        stacked = torch.stack(cells).reshape(self.scope.shape(dims))
        return self.typed(stacked, tuple([dim.name for dim in dims]), call.type)

    def refocused(self, point: Point, read: Read, leaf: Tensor) -> Frame:
        """This frame with `leaf` in place of a read at a point."""
        return replace(self, focus=Focus(self, point, read, leaf))

    # ---- depth

    def result(self, depth: Depth, carry: Carry, place: Point) -> Tensor:
        """What a carried name holds after the last turn."""
        chain = self.chain(depth, place["*"])
        if not chain:
            return self.typed(self.read(carry.start, place), carry.start.type.dim_names, carry.type)
        turn = self.turn(depth, chain)
        type = turn.scope.module.type_of(carry.body_out)
        return self.typed(turn.read(Read(carry.body_out, type), place), type.dim_names, carry.type)

    def chain(self, depth: Depth, document: int) -> tuple[int, ...]:
        """The copies that a document goes through, in order."""
        if depth.kind == "loop":
            return (0,) * self.turns(depth)
        chosen = self.run.documents[document].paths.get(depth.name) if not self.scope.prefix else None
        path = depth.path if chosen is None else chosen
        count = self.scope.count(depth)
        if path is None:
            return tuple(range(count))
        if not all(0 <= copy < count for copy in path):
            raise ValueError(f"the path of {depth.name} names copies {list(path)}, but there are {count}, from 0")
        return path

    def turns(self, depth: Depth) -> int:
        """How many turns a loop runs: until its condition holds after one, everywhere."""
        if depth.name not in self._turn_counts:
            count = self.scope.count(depth)
            self._turn_counts[depth.name] = next(
                (turns for turns in range(1, count + 1) if self.ends(depth, (0,) * turns)), count
            )
        return self._turn_counts[depth.name]

    def ends(self, depth: Depth, chain: tuple[int, ...]) -> bool:
        if depth.until is None:
            return False
        turn = self.turn(depth, chain)
        until = Read(depth.until, turn.scope.module.type_of(depth.until))
        return all(bool(turn.read(until, point).all()) for point in turn.everywhere(until.type.axes))

    def turn(self, depth: Depth, chain: tuple[int, ...]) -> Frame:
        """The body's frame after the copies in `chain`, the last of which it is."""
        key = (depth.name, chain)
        if key not in self._turns:
            inputs: dict[str, Cell] = {name: partial(self.read, read) for name, read in depth.captured}
            inputs |= {carry.body_in: self.carried_input(depth, carry, chain) for carry in depth.carried}
            if depth.turn is not None:
                inputs[depth.turn] = lambda place: torch.tensor(len(chain) - 1)
            self._turns[key] = self.body(depth, chain[-1], inputs)
        return self._turns[key]

    def body(self, depth: Depth, copy: int, inputs: dict[str, Cell]) -> Frame:
        """The frame of one copy. A pointwise body has no axes of its own and is repeated along those of what it reads."""
        scope = self.scope.body(depth, copy)
        if scope.module.domain != "pointwise":
            return replace(self, scope=scope, inputs=inputs, focus=None)
        types = [carry.type for carry in depth.carried] + [read.type for _, read in depth.captured]
        axes = tuple({axis.name: axis for type in types for axis in type.axes}.values())
        ambient = (*self.ambient, *(axis.name for axis in axes))
        around = partial(self.everywhere, axes)
        return replace(self, scope=scope, inputs=inputs, ambient=ambient, around=around, focus=None)

    def carried_input(self, depth: Depth, carry: Carry, chain: tuple[int, ...]) -> Cell:
        if len(chain) == 1:
            return lambda place: self.typed(self.read(carry.start, place), carry.start.type.dim_names, carry.type)
        before = self.turn(depth, chain[:-1])
        read = Read(carry.body_out, before.scope.module.type_of(carry.body_out))
        return lambda place: self.typed(before.read(read, place), read.type.dim_names, carry.type)
