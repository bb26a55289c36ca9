"""Which points a value needs of each value that it reads.

In: an expression and the axes of its module. Out: for every read, an interval of offsets along each axis: `h[t-1]` is
(-1, -1), a causal window of any width (-∞, 0), a reduction over the whole axis (-∞, ∞).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from recdsl.ir import sizes
from recdsl.ir.assume import Known, assume, constant
from recdsl.ir.expr import Apply, Attribute, Call, Const, Expr, Number, Position, Read, rebuild, walk
from recdsl.ir.module import Depth, Module, Program
from recdsl.ir.sizes import Size
from recdsl.ir.types import ValueType

Interval = tuple[float, float]
HERE: Interval = (0, 0)
EARLIER: Interval = (-math.inf, 0)
ANYWHERE: Interval = (-math.inf, math.inf)

NEUTRAL: dict[str, float] = {"sum": 0, "prod": 1, "max": -math.inf, "logsumexp": -math.inf, "softmax": -math.inf, "min": math.inf}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Dependence:
    """`read` is needed at the current point plus `offsets` (one interval an axis of the module). `along` is true for
    a read along an edge of a graph."""

    read: Read
    offsets: tuple[Interval, ...]
    along: bool = False


Relative = dict[str, tuple[str, Interval]]  # axis of the module → the axis it is counted from, and the interval


def dependences(expr: Expr, module: Module, program: Program) -> Iterator[Dependence]:
    """All that one expression of a module depends on.

    A value over a renamed axis, such as the scores of attention, depends on what its readers make of it: for them
    it is written out, for itself it counts as needing the current point.
    """
    own = has_renamed_axes(expr.type, module)
    for read, relative in _Walk(module, program).of(_written_out(expr, module)):
        if own:
            relative = {axis: (axis, HERE) for axis in module.axes}
        offsets = tuple(
            interval if origin == axis else ANYWHERE
            for axis in module.axes
            for origin, interval in (relative.get(axis, (axis, HERE)),)
        )
        yield Dependence(read, offsets, along=read.via == "pred")


def has_renamed_axes(type_: ValueType, module: Module) -> bool:
    """Whether a value varies along an axis that a rename has made."""
    return module.domain != "graph" and any(axis.name not in module.axes for axis in type_.axes)


def _written_out(expr: Expr, module: Module) -> Expr:
    defined = {each.id: each.expr for each in module.equations() if has_renamed_axes(each.type, module)}
    if not defined:
        return expr

    def written(each: Expr, trail: frozenset[str]) -> Expr:
        def change(part: Expr) -> Expr:
            if not isinstance(part, Read) or part.offsets or part.value not in defined or part.value in trail:
                return part
            return written(defined[part.value], trail | {part.value})

        return rebuild(each, change)

    return written(expr, frozenset())


def depth_dependences(depth: Depth, module: Module, program: Program) -> Iterator[Dependence]:
    """All that a `repeat` or `loop` depends on: its captured values and its starts, through its body."""
    body = program.modules[depth.body]
    interval = module_interval(body)
    for read in (*(read for _, read in depth.captured), *(carry.start for carry in depth.carried)):
        shifts = dict(read.offsets)
        offsets = tuple(_plus(interval, (shifts.get(axis, 0),) * 2) for axis in module.axes)
        yield Dependence(read, offsets, along=read.via == "pred")


def module_interval(callee: Module) -> Interval:
    """The points of its inputs that a module needs for one point of its outputs."""
    if callee.domain == "pointwise":
        return HERE
    return EARLIER if callee.causality.axis is not None else ANYWHERE


@dataclass(frozen=True, slots=True)
class _Walk:
    module: Module
    program: Program

    def of(self, expr: Expr) -> Iterator[tuple[Read, Relative]]:
        match expr:
            case Read():
                shifts = dict(expr.offsets)
                yield expr, {axis: (axis, (shifts.get(axis, 0),) * 2) for axis in self.module.axes}
            case Apply():
                yield from self._apply(expr)
            case Call():
                callee = self.program.callee(self.module, expr.instance)
                interval = module_interval(callee)
                ran = [outer for _, outer in expr.axes] if callee.axes else []
                yield from self._spread(expr.operands, dict.fromkeys(ran, interval))
            case _:
                return

    def _apply(self, expr: Apply) -> Iterator[tuple[Read, Relative]]:
        attributes = dict(expr.attributes)
        match expr.operator:
            case "rename":
                old, new = str(attributes["old"]), str(attributes["new"])
                for read, relative in self.of(expr.operands[0]):
                    yield read, {a: (new if origin == old else origin, i) for a, (origin, i) in relative.items()}
            case "conv":
                yield from self._spread(expr.operands, _windows(expr))
            case "cumsum":
                yield from self._spread(expr.operands, dict.fromkeys(_names(attributes["over"]), EARLIER))
            case "flip" | "merge" | "split":
                yield from self._spread(expr.operands, dict.fromkeys(_moved(attributes), ANYWHERE))
            case "maxpool" | "avgpool" | "upsample" | "batchnorm":
                axes = expr.operands[0].type.axis_names
                yield from self._spread(expr.operands, dict.fromkeys(axes, ANYWHERE))
            case "pick" | "gather":
                yield from self._spread(expr.operands, {str(attributes["name"]): ANYWHERE})
            case operator if "over" in attributes:
                yield from self._reduction(operator, expr, _names(attributes["over"]))
            case _:
                yield from self._spread(expr.operands, {})

    def _spread(self, operands: tuple[Expr, ...], touched: dict[str, Interval]) -> Iterator[tuple[Read, Relative]]:
        for operand in operands:
            for read, relative in self.of(operand):
                yield (
                    read,
                    {
                        axis: (origin, _plus(interval, touched.get(origin, HERE)))
                        for axis, (origin, interval) in relative.items()
                    },
                )

    def _reduction(self, operator: str, expr: Apply, over: tuple[str, ...]) -> Iterator[tuple[Read, Relative]]:
        bounds = {
            axis: bound
            for axis in over
            if (bound := _last_point(expr.operands[0], axis, self.module.axes, NEUTRAL.get(operator))) is not None
        }
        for read, relative in self.of(expr.operands[0]):
            found: Relative = {}
            for axis, (origin, interval) in relative.items():
                if origin in bounds:
                    start, last = bounds[origin]
                    found[axis] = (start, (-math.inf, last + interval[1]))
                elif origin in over or over == ("*",):
                    found[axis] = (axis, ANYWHERE)
                else:
                    found[axis] = (origin, interval)
            yield read, found


def _moved(attributes: dict[str, Attribute]) -> tuple[str, ...]:
    """The dims and axes that a flip, merge or split moves."""
    return _names(attributes["names"]) if "names" in attributes else (str(attributes["name"]),)


def _names(value: object) -> tuple[str, ...]:
    assert isinstance(value, tuple), value
    return tuple(map(str, value))


def _plus(left: Interval, right: Interval) -> Interval:
    return left[0] + right[0], left[1] + right[1]


def _windows(expr: Apply) -> dict[str, Interval]:
    """How far a convolution reaches along each of its axes."""
    attributes = dict(expr.attributes)
    reach: dict[str, Interval] = {}
    strides, windows, dilations = (attributes[key] for key in ("stride", "window", "dilation"))
    assert isinstance(strides, tuple) and isinstance(windows, tuple) and isinstance(dilations, tuple)
    for axis, stride, window, dilation in zip(_names(attributes["axes"]), strides, windows, dilations, strict=True):
        assert isinstance(stride, Size) and isinstance(window, Size) and isinstance(dilation, Size)
        if stride != sizes.number(1):
            reach[axis] = ANYWHERE
        elif window == sizes.number(1):
            reach[axis] = HERE
        else:
            reach[axis] = EARLIER if attributes["causal"] else ANYWHERE
    return reach


def _last_point(arg: Expr, axis: str, starts: tuple[str, ...], neutral: float | None) -> tuple[str, int] | None:
    """(t, c) when the reduced value is neutral at every point of `axis` behind t + c, for an axis t of the module."""
    if neutral is None:
        return None
    for each in walk(arg):
        for start in starts:
            if start == axis:
                continue
            bound = _limit(each, axis, start)
            if bound is not None and constant(assume(arg, behind(axis, start, bound))) == neutral:
                return start, bound
    return None


def _limit(expr: Expr, axis: str, start: str) -> int | None:
    """c when `expr` is a comparison that changes at `axis = start + c`: `axis <= start + c` or `axis > start + c`."""
    upper = upper_bound(expr, axis, start)
    if upper is not None:
        return upper
    lower = upper_bound(expr, start, axis)  # start <= axis + lower
    return None if lower is None else -lower - 1


def behind(axis: str, start: str, bound: int) -> Known:
    """What is known where `axis` stands behind `start + bound`."""

    def known(expr: Expr) -> bool | None:
        upper = upper_bound(expr, axis, start)
        if upper is not None and upper <= bound:
            return False
        lower = upper_bound(expr, start, axis)  # start <= axis + lower
        if lower is not None and -lower <= bound + 1:
            return True
        return None

    return known


def upper_bound(expr: Expr, axis: str, start: str) -> int | None:
    """c when `expr` is a comparison that says `axis <= start + c`."""
    if not isinstance(expr, Apply) or expr.operator not in ("le", "lt", "ge", "gt"):
        return None
    left, right = expr.operands
    if expr.operator in ("ge", "gt"):
        left, right = right, left
    difference = _linear(left), _linear(right)
    if difference[0] is None or difference[1] is None:
        return None
    total = dict(difference[0])
    for name, factor in difference[1].items():
        total[name] = total.get(name, 0) - factor
    rest = total.pop("", 0)
    total = {name: factor for name, factor in total.items() if factor}
    if total != {axis: 1, start: -1}:
        return None
    return -rest - (1 if expr.operator in ("lt", "gt") else 0)


def _linear(expr: Expr) -> dict[str, int] | None:
    """A whole-number combination of positions, the constant under the empty name; None for anything else."""
    match expr:
        case Position():
            return {expr.name: 1}
        case Const(value=int() as value) if not isinstance(value, bool):
            return {"": value}
        case Number(size=Size("number", (int() as value,))):
            return {"": value}
        case Apply(operator="add" | "sub", operands=(left, right)):
            a, b = _linear(left), _linear(right)
            if a is None or b is None:
                return None
            sign = 1 if expr.operator == "add" else -1
            return {name: a.get(name, 0) + sign * b.get(name, 0) for name in {*a, *b}}
    return None
