"""Calls of sub-layers: how the caller's axes and dims stand for the callee's.

axis of the callee      the caller's axis that `Call.axes` says
any other axis          an ambient coordinate `^t` of the callee, which is repeated along it
dim of the callee       the caller's dims that `Call.bound` says, merged, the first slowest
carried dim             an ambient coordinate `@H`: the callee is applied for each index on its own
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from torch import Tensor

from recdsl.ir.expr import Call, Expr
from recdsl.ir.module import Input
from recdsl.ir.sizes import axis_length, number
from recdsl.ir.types import Axis, Dim, ValueType
from recdsl.reference.named import DTYPES, line_up
from recdsl.reference.scope import Scope

if TYPE_CHECKING:
    from recdsl.reference.frame import Cell, Frame, Point


def callee(caller: Frame, call: Call) -> Frame:
    """The frame of a called layer, with inputs that evaluate the operands in the caller's frame."""
    names = _coordinates(caller, call)
    own = _own_axes(caller, call)
    axes = {axis.name: axis for operand in call.operands for axis in operand.type.axes}
    ambient = (*(inner for inner in names if inner not in own), *(f"@{dim.name}" for dim in call.carried))
    inputs: dict[str, Cell] = {}

    def lengths(document: int) -> dict[str, int]:
        mapped = {inner: axes.get(outer, Axis(outer, axis_length(outer))) for inner, outer in own.items()}
        return {inner: caller.length(axis, document) for inner, axis in mapped.items()}

    def around() -> Iterator[Point]:
        extra = tuple([axis for axis in axes.values() if axis.name not in own.values()])
        for point in caller.everywhere(extra):
            for inner in inward(caller, call, point):
                yield {name: inner[name] for name in ambient}

    frame = replace(
        caller,
        scope=caller.scope.instance(call.instance),
        inputs=inputs,
        ambient=ambient,
        lengths=lengths,
        around=around,
        focus=None,
    )
    for given, operand in zip(frame.scope.module.inputs, call.operands, strict=True):
        inputs[given.name] = _operand(caller, call, frame, given, operand)
    return frame


def inward(caller: Frame, call: Call, point: Point) -> Iterator[Point]:
    """The callee's points at a point of the caller, one for every index of the carried dims, the first slowest."""
    here = {inner: point[outer] for inner, outer in _coordinates(caller, call).items() if outer in point}
    ranges = [range(caller.scope.dim(dim)) for dim in call.carried]
    for index in itertools.product(*ranges):
        yield {**here, **{f"@{dim.name}": at for dim, at in zip(call.carried, index, strict=True)}}


def outward(call: Call, type: ValueType, callee: Scope) -> tuple[Dim, ...]:
    """The caller's dims of an output of the callee: the carried ones, then its own, translated."""
    bound = {each.dim: each.stands_for for each in call.bound}
    dims = [bound.get(dim.name, (Dim(dim.name, number(callee.dim(dim))),)) for dim in type.dims]
    return (*call.carried, *itertools.chain.from_iterable(dims))


def _own_axes(caller: Frame, call: Call) -> dict[str, str]:
    """The callee's own axes and the caller's for each; a graph comes with its edges."""
    graph = caller.scope.instance(call.instance).module.domain == "graph"
    return {**dict(call.axes), **({"edge": "edge"} if graph else {})}


def _coordinates(caller: Frame, call: Call) -> dict[str, str]:
    """Every coordinate that the callee's points have (but for carried dims), and the caller's coordinate for it."""
    own = _own_axes(caller, call)
    extra = [axis.name for operand in call.operands for axis in operand.type.axes if axis.name not in own.values()]
    ambient = {name if name == "*" else f"^{name}": name for name in (*caller.ambient, *extra)}
    return {**ambient, **own}


def _operand(caller: Frame, call: Call, callee: Frame, given: Input, operand: Expr) -> Cell:
    """An input of the callee: 0 outside its axes, inside them the operand where the caller is, its dims translated."""
    names = _coordinates(caller, call)
    bound = {each.dim: each.stands_for for each in call.bound}
    wanted = [
        dim
        for each in given.type.dims
        for dim in bound.get(each.name, (Dim(each.name, number(callee.scope.dim(each))),))
    ]
    carried = [dim.name for dim in call.carried if dim.name in operand.type.dim_names]
    rest = [name for name in operand.type.dim_names if name not in carried]

    def cell(place: Point) -> Tensor:
        if not callee.inside(given.type, place):
            return callee.zeros(given.type)
        value = caller.eval(operand, {outer: place[inner] for inner, outer in names.items() if inner in place})
        value = line_up(value, operand.type.dim_names, (*carried, *rest))
        value = value[tuple([place[f"@{name}"] for name in carried])]
        value = line_up(value, rest, [dim.name for dim in wanted]).expand(caller.scope.shape(tuple(wanted)))
        return value.reshape(callee.scope.shape(given.type.dims)).to(DTYPES[given.type.kind])

    return cell
