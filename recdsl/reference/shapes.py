"""Operators that move elements about, along dims inside a cell and along axes by asking for another point."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from recdsl.ir.expr import Apply
from recdsl.ir.operators.unite import dims, names, one_dim, size, text
from recdsl.ir.types import Axis
from recdsl.reference.named import DTYPES, line_up
from recdsl.reference.reductions import stack

if TYPE_CHECKING:
    from recdsl.reference.frame import Frame, Point


def rename(frame: Frame, expr: Apply, point: Point) -> Tensor:
    x, old, new = expr.operands[0], text(expr.attribute("old")), text(expr.attribute("new"))
    if old in x.type.axis_names:
        return moved(frame, expr, {**point, old: point[new]})
    have = tuple([new if name == old else name for name in x.type.dim_names])
    return frame.typed(frame.eval(x, point), have, expr.type)


def moved(frame: Frame, expr: Apply, point: Point) -> Tensor:
    """The first operand at another point."""
    x = expr.operands[0]
    return frame.typed(frame.eval(x, point), x.type.dim_names, expr.type)


def pick(frame: Frame, expr: Apply, point: Point) -> Tensor:
    """One point of an axis, 0 where it does not reach that far, or one index of a dim; a negative index counts from the end."""
    x, name = expr.operands[0], text(expr.attribute("name"))
    index = int(frame.eval(expr.operands[1], point))
    if name in x.type.axis_names:
        length = frame.length(x.type.axis(name), point["*"])
        place = index + length if index < 0 else index
        if not 0 <= place < length:
            return frame.typed(frame.zeros(x.type), x.type.dim_names, expr.type)
        return moved(frame, expr, {**point, name: place})
    have = tuple([each for each in x.type.dim_names if each != name])
    return frame.typed(frame.eval(x, point).select(x.type.dim_names.index(name), index), have, expr.type)


def merge(frame: Frame, expr: Apply, point: Point) -> Tensor:
    x, merged, into = expr.operands[0], names(expr.attribute("names")), expr.attribute("into")
    if isinstance(into, Axis):
        rest, place = point[into.name], dict(point)
        for name in reversed(merged):
            rest, place[name] = divmod(rest, frame.length(x.type.axis(name), point["*"]))
        return moved(frame, expr, place)
    kept = tuple([name for name in x.type.dim_names if name not in merged])
    cell = line_up(frame.eval(x, point), x.type.dim_names, (*kept, *merged))
    return frame.typed(cell.reshape(*cell.shape[: len(kept)], -1), (*kept, one_dim(into).name), expr.type)


def split(frame: Frame, expr: Apply, point: Point) -> Tensor:
    x, name, into = expr.operands[0], text(expr.attribute("name")), expr.attribute("into")
    assert isinstance(into, tuple)
    if name in x.type.axis_names:
        index = 0
        for axis in into:
            assert isinstance(axis, Axis)
            index = index * frame.length(axis, point["*"]) + point[axis.name]
        return moved(frame, expr, {**point, name: index})
    parts, at = dims(into), x.type.dim_names.index(name)
    have = (*x.type.dim_names[:at], *(dim.name for dim in parts), *x.type.dim_names[at + 1 :])
    cell = frame.eval(x, point)
    shape = (*cell.shape[:at], *frame.scope.shape(parts), *cell.shape[at + 1 :])
    return frame.typed(cell.reshape(shape), have, expr.type)


def concat(frame: Frame, expr: Apply, point: Point) -> Tensor:
    """The operands after each other along a dim; along their other dims they are repeated where they lack one."""
    joined = one_dim(expr.attribute("dim")).name
    have = expr.type.dim_names
    cells = [line_up(frame.eval(each, point), each.type.dim_names, have) for each in expr.operands]
    shape = list(frame.scope.shape(expr.type.dims))
    shape[have.index(joined)] = -1
    return torch.cat([cell.expand(shape).to(DTYPES[expr.type.kind]) for cell in cells], have.index(joined))


def stack_dims(frame: Frame, expr: Apply, point: Point) -> Tensor:
    new = one_dim(expr.attribute("dim")).name
    have = tuple([name for name in expr.type.dim_names if name != new])
    type = expr.type.without((new,))
    cells = [frame.typed(frame.eval(each, point), each.type.dim_names, type) for each in expr.operands]
    return frame.typed(torch.stack(cells), (new, *have), expr.type)


def slice_dim(frame: Frame, expr: Apply, point: Point) -> Tensor:
    x, name = expr.operands[0], text(expr.attribute("name"))
    if name in x.type.axis_names:
        points = range(frame.length(x.type.axis(name), point["*"]))
    else:
        points = range(frame.scope.dim(x.type.dim(name)))
    start, stop = (math.floor(frame.number(size(expr.attribute(key)), point.get("*"))) for key in ("start", "stop"))
    if name in x.type.axis_names:
        return moved(frame, expr, {**point, name: points[start:stop][point[name]]})
    cell = frame.eval(x, point).index_select(x.type.dim_names.index(name), torch.tensor(points[start:stop]))
    return frame.typed(cell, x.type.dim_names, expr.type)


def flip(frame: Frame, expr: Apply, point: Point) -> Tensor:
    x, flipped = expr.operands[0], names(expr.attribute("names"))
    axes = [axis for axis in x.type.axes if axis.name in flipped]
    mirrored = {axis.name: frame.length(axis, point["*"]) - 1 - point[axis.name] for axis in axes}
    cell = frame.eval(x, {**point, **mirrored})
    cell = cell.flip([index for index, name in enumerate(x.type.dim_names) if name in flipped])
    return frame.typed(cell, x.type.dim_names, expr.type)


def gather(frame: Frame, expr: Apply, point: Point) -> Tensor:
    """x at `index` along a dim or an axis, for every combination of the other dims of both. The index may have a dim
    of the same name, so what is gathered along has none here."""
    x, index, name = *expr.operands, text(expr.attribute("name"))
    if name in x.type.axis_names:
        cell, have = stack(frame, x, frame.spread(point, (x.type.axis(name),))), ["", *x.type.dim_names]
    else:
        cell, have = frame.eval(x, point), ["" if each == name else each for each in x.type.dim_names]
    shape = frame.scope.shape(expr.type.dims)
    chosen = line_up(frame.eval(index, point), index.type.dim_names, expr.type.dim_names).expand(shape)
    cell = line_up(cell, have, ("", *expr.type.dim_names)).expand(-1, *shape)
    return cell.gather(0, chosen[None])[0]


def scatter(frame: Frame, expr: Apply, point: Point) -> Tensor:
    """x at `index` along a new dim, 0 elsewhere."""
    x, index, new = *expr.operands, one_dim(expr.attribute("dim"))
    x_cell = line_up(frame.eval(x, point), x.type.dim_names, expr.type.dim_names)
    chosen = line_up(frame.eval(index, point), index.type.dim_names, expr.type.dim_names)
    positions = line_up(torch.arange(frame.scope.dim(new)), (new.name,), expr.type.dim_names)
    return frame.typed(torch.where(chosen == positions, x_cell, 0), expr.type.dim_names, expr.type)


def broadcast(frame: Frame, expr: Apply, point: Point) -> Tensor:
    return moved(frame, expr, point)


def diagonal(frame: Frame, expr: Apply, point: Point) -> Tensor:
    """x where two dims have the same index, along one of them."""
    x = expr.operands[0]
    pair = [text(expr.attribute(key)) for key in ("kept", "taken")]
    have = [name for name in x.type.dim_names if name not in pair]
    cell = line_up(frame.eval(x, point), x.type.dim_names, (*have, *pair))
    return frame.typed(cell.diagonal(dim1=-2, dim2=-1), (*have, pair[0]), expr.type)


def inverse(frame: Frame, expr: Apply, point: Point) -> Tensor:
    x = expr.operands[0]
    matrix = [text(expr.attribute("rows")), text(expr.attribute("columns"))]
    have = [name for name in x.type.dim_names if name not in matrix] + matrix
    cell = line_up(frame.eval(x, point), x.type.dim_names, have)
    return frame.typed(torch.linalg.inv(cell), tuple(have), expr.type)
