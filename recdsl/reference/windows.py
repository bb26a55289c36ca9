"""Linear maps, windows of points, and axes that get shorter or longer."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from recdsl.ir.expr import Apply, Expr
from recdsl.ir.operators.unite import dims, names, size, size_list
from recdsl.reference.named import DTYPES, line_up
from recdsl.reference.shapes import moved

if TYPE_CHECKING:
    from recdsl.reference.frame import Frame, Point


def linear(frame: Frame, expr: Apply, point: Point) -> Tensor:
    x = frame.eval(expr.operands[0], point)
    return contract(frame, expr, point, x, expr.operands[0].type.dim_names, ())


def conv(frame: Frame, expr: Apply, point: Point) -> Tensor:
    """linear over a window: the point p reads p * stride - left + dilation * (0 … window - 1) along every axis."""
    axes = names(expr.attribute("axes"))
    ranges = []
    for axis, *numbers in zip(
        axes, *(size_list(expr.attribute(name)) for name in ("window", "stride", "dilation")), strict=True
    ):
        width, stride, dilation = (int(frame.number(each)) for each in numbers)
        extent = dilation * (width - 1) + 1
        left = extent - 1 if expr.attribute("causal") else max(extent - stride, 0) // 2
        first = point[axis] * stride - left
        ranges.append(range(first, first + extent, dilation))
    operand = expr.operands[0]
    cells = window(frame, operand, axes, itertools.product(*ranges), point)
    cells = cells.reshape(*(len(each) for each in ranges), *cells.shape[1:])
    taps = tuple([f"window {axis}" for axis in axes])
    return contract(frame, expr, point, cells, (*taps, *operand.type.dim_names), taps)


def contract(
    frame: Frame, expr: Apply, point: Point, x: Tensor, have: tuple[str, ...], taps: tuple[str, ...]
) -> Tensor:
    """x times the weight `[per..., into..., contract..., taps...]` (`transposed`: `[per..., contract..., into...]`),
    summed over contract and taps, plus the bias `[per..., into...]`. The dims in `into` may have the names of others,
    so they are numbered here."""
    per, summed, into = (tuple([d.name for d in dims(expr.attribute(key))]) for key in ("per", "contract", "into"))
    new = tuple([f"into {index}" for index in range(len(into))])
    letters = {name: index for index, name in enumerate((*have, *new))}
    result = [name for name in have if name not in (*summed, *taps)] + list(new)
    dtype = DTYPES[expr.type.kind]
    weight = frame.eval(expr.operands[1], point).to(dtype)
    turned = expr.operator == "linear" and expr.attribute("transposed")
    order = [letters[name] for name in ((*per, *summed, *new) if turned else (*per, *new, *summed, *taps))]
    y = torch.einsum(x.to(dtype), [letters[name] for name in have], weight, order, [letters[name] for name in result])
    if len(expr.operands) > 2:
        y = y + line_up(frame.eval(expr.operands[2], point), (*per, *new), result)
    renamed = dict(zip(new, into, strict=True))
    return frame.typed(y, tuple([renamed.get(name, name) for name in result]), expr.type)


def matrix(frame: Frame, expr: Apply, point: Point) -> Tensor:
    """A weight `[per..., rows..., columns...]` (`transposed`: `[per..., columns..., rows...]`) as a value."""
    per, rows, columns = (tuple([d.name for d in dims(expr.attribute(key))]) for key in ("per", "rows", "columns"))
    order = (*per, *columns, *rows) if expr.attribute("transposed") else (*per, *rows, *columns)
    return line_up(frame.eval(expr.operands[0], point), order, expr.type.dim_names)


def pool(frame: Frame, expr: Apply, point: Point) -> Tensor:
    """maxpool and avgpool: windows side by side along all axes."""
    x, axes = expr.operands[0], names(expr.attribute("axes"))
    width = int(frame.number(size(expr.attribute("window"))))
    ranges = [range(point[axis] * width, (point[axis] + 1) * width) for axis in axes]
    cells = window(frame, x, axes, itertools.product(*ranges), point)
    pooled = cells.amax(0) if expr.operator == "maxpool" else cells.mean(0)
    return frame.typed(pooled, x.type.dim_names, expr.type)


def upsample(frame: Frame, expr: Apply, point: Point) -> Tensor:
    factor = int(frame.number(size(expr.attribute("factor"))))
    return moved(frame, expr, {**point, **{axis: point[axis] // factor for axis in names(expr.attribute("axes"))}})


def window(frame: Frame, expr: Expr, axes: tuple[str, ...], places: Iterable[tuple[int, ...]], point: Point) -> Tensor:
    """The values of an expression at these coordinates along `axes`, 0 where they are outside."""
    cells = []
    for place in places:
        there = {**point, **dict(zip(axes, place, strict=True))}
        lengths = [frame.length(expr.type.axis(axis), point["*"]) for axis in axes]
        inside = all(0 <= at < length for at, length in zip(place, lengths, strict=True))
        cells.append(frame.eval(expr, there) if inside else frame.zeros(expr.type))
    return torch.stack(cells)
