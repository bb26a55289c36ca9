"""Reductions, and operators along dims or axes: all the cells they work along are gathered, then torch's own is used."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from recdsl.ir.expr import Apply, Expr
from recdsl.ir.operators.table import OPERATORS
from recdsl.ir.operators.unite import names
from recdsl.ir.sizes import axis_length
from recdsl.ir.types import Axis
from recdsl.reference.named import DTYPES, line_up

if TYPE_CHECKING:
    from recdsl.reference.frame import Frame, Point


def _logsumexp(x: Tensor) -> Tensor:
    """Where all is -inf, torch's own has no gradient; here it is 0."""
    nothing = (x == -math.inf).all(-1, keepdim=True)
    return torch.where(nothing, 0.0, x).logsumexp(-1).masked_fill(nothing.squeeze(-1), -math.inf)


REDUCE: dict[str, Callable[[Tensor], Tensor]] = {
    "sum": lambda x: x.sum(-1),
    "mean": lambda x: x.mean(-1),
    "max": lambda x: x.amax(-1),
    "min": lambda x: x.amin(-1),
    "prod": lambda x: x.prod(-1),
    "logsumexp": _logsumexp,
    "norm": lambda x: torch.linalg.vector_norm(x, dim=-1),
    "argmax": lambda x: x.argmax(-1),
    "all": lambda x: x.all(-1),
    "any": lambda x: x.any(-1),
}
PRED = Axis("pred", axis_length("pred"))
EMPTY = {"mean": 0.0, "max": -math.inf, "min": math.inf, "argmax": 0}


def reduction(frame: Frame, expr: Apply, point: Point) -> Tensor:
    operand, over = expr.operands[0], names(expr.attribute("over"))
    if over == ("*",):
        points, over = list(frame.everywhere(operand.type.axes)), operand.type.dim_names
    else:
        points = points_over(frame, expr, point)
    cells, kept = worked_along(frame, expr, over, points)
    if cells.shape[-1] == 0 and expr.operator in EMPTY:
        reduced = torch.full(cells.shape[:-1], EMPTY[expr.operator])
    else:
        reduced = REDUCE[expr.operator](cells)
    return frame.typed(reduced, tuple(kept), expr.type)


def along(frame: Frame, expr: Apply, point: Point) -> Tensor:
    """softmax, cumsum and topk: computed for all of `over` at once, then the cell of this point taken out."""
    operand, over = expr.operands[0], names(expr.attribute("over"))
    points = points_over(frame, expr, point)
    key = (id(expr), *sorted((name, at) for name, at in point.items() if name not in over))
    if key not in frame.memo:
        cells, _ = worked_along(frame, expr, over, points)
        frame.memo[key] = _along(frame, expr, cells, point)
    result = frame.memo[key]
    inner = [dim for dim in operand.type.dims if dim.name in over]
    inner.sort(key=lambda dim: over.index(dim.name))
    result = result.reshape(*result.shape[:-1], len(points), *frame.scope.shape(tuple(inner)))
    kept = [name for name in operand.type.dim_names if name not in over]
    result = result.select(len(kept), points.index(point))
    return frame.typed(result, (*kept, *(dim.name for dim in inner)), expr.type)


def _along(frame: Frame, expr: Apply, cells: Tensor, point: Point) -> Tensor:
    match expr.operator:
        case "softmax":
            return cells.softmax(-1)
        case "cumsum":
            return cells.cumsum(-1)
        case "topk":
            count = int(frame.eval(expr.operands[1], point))
            order = torch.argsort(cells.detach(), dim=-1, descending=True, stable=True)
            return torch.zeros(cells.shape, dtype=torch.bool).scatter(-1, order[..., :count], True)
    raise AssertionError(expr.operator)


def stack(frame: Frame, expr: Expr, points: Iterable[Point]) -> Tensor:
    """The values of an expression at these points, `[points, dims...]`."""
    cells = [frame.eval(expr, point) for point in points]
    return torch.stack(cells) if cells else frame.zeros(expr.type)[None][:0]


def points_over(frame: Frame, expr: Apply, point: Point) -> list[Point]:
    """The point at every coordinate of the axes that an operator works along (`pred` also where nothing varies)."""
    operand, over = expr.operands[0], names(expr.attribute("over"))
    axes = tuple(
        [PRED if name == "pred" else operand.type.axis(name) for name in over if name not in operand.type.dim_names]
    )
    return list(frame.spread(point, axes))


def worked_along(frame: Frame, expr: Apply, over: tuple[str, ...], points: list[Point]) -> tuple[Tensor, list[str]]:
    """The operand at these points with the dims in `over` made one with the points: `[kept..., n]`, the kept names."""
    operand = expr.operands[0]
    kept = [name for name in operand.type.dim_names if name not in over]
    along = [name for name in over if name in operand.type.dim_names]
    cells = stack(frame, operand, points).to(brought(expr))
    cells = line_up(cells, ("", *operand.type.dim_names), (*kept, "", *along))
    return cells.reshape(*cells.shape[: len(kept)], cells.shape[len(kept) :].numel()), kept


def brought(expr: Apply) -> torch.dtype:
    """The dtype that the first operand is brought to."""
    rule = OPERATORS[expr.operator].kinds
    assert rule is not None, expr.operator
    return DTYPES[rule(tuple([each.type.kind for each in expr.operands]))[0][0]]
