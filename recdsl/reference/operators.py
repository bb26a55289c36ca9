"""What each operator does at one point: a function from the frame, the application and the point to a cell with the
dims of `expr.type`. Operands are expressions, evaluated at as many points as the operator needs.

Elementwise operators come from the operator table, the other families are here and in the files beside this one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from recdsl.ir.expr import Apply, Expr, Read
from recdsl.ir.operators.table import OPERATORS
from recdsl.ir.operators.unite import text
from recdsl.ir.sizes import Size
from recdsl.reference import shapes, windows
from recdsl.reference.named import DTYPES, line_up
from recdsl.reference.reductions import REDUCE, along, reduction, stack

if TYPE_CHECKING:
    from recdsl.reference.frame import Frame, Point


def apply(frame: Frame, expr: Apply, point: Point) -> Tensor:
    """The value of an operator applied to operands at a point."""
    if expr.operator in REDUCE:
        return reduction(frame, expr, point)
    if expr.operator in SPECIAL:
        return SPECIAL[expr.operator](frame, expr, point)
    return elementwise(frame, expr, point)


def elementwise(frame: Frame, expr: Apply, point: Point) -> Tensor:
    operator = OPERATORS[expr.operator]
    assert operator.evaluate is not None, expr.operator
    assert operator.kinds is not None, expr.operator
    kinds, _ = operator.kinds(tuple([each.type.kind for each in expr.operands]))
    lined = [
        line_up(frame.eval(each, point), each.type.dim_names, expr.type.dim_names).to(DTYPES[kind])
        for each, kind in zip(expr.operands, kinds, strict=True)
    ]
    result: Tensor = operator.evaluate(torch, *lined)
    return frame.typed(result, expr.type.dim_names, expr.type)


def where(frame: Frame, expr: Apply, point: Point) -> Tensor:
    """The branch that the condition takes. A branch that no element takes is not asked for, so that a sum over earlier
    points, `sum[s](where(s < t, h[t->s], 0))`, may stand in what defines `h`."""
    chosen = frame.eval(expr.operands[0], point)
    taken = [branch for branch, some in zip(expr.operands[1:], (chosen.any(), (~chosen).any()), strict=True) if some]
    if len(taken) != 1:
        return elementwise(frame, expr, point)
    cell = line_up(frame.eval(taken[0], point), taken[0].type.dim_names, expr.type.dim_names)
    sizes = [int(frame.number(dim.size)) for dim in expr.type.dims]
    return frame.typed(cell.expand(sizes), expr.type.dim_names, expr.type)


def dropout(frame: Frame, expr: Apply, point: Point) -> Tensor:
    """x, in training with a share `rate` of its elements at 0 and the others larger by 1 / (1 - rate)."""
    x, rate = (frame.eval(each, point) for each in expr.operands)
    if not frame.run.training:
        return x
    return torch.where(torch.rand(x.shape, dtype=torch.float64) < rate, 0.0, x / (1 - rate))


def noise(frame: Frame, expr: Apply, point: Point) -> Tensor:
    std = expr.operands[0]
    scale = frame.typed(frame.eval(std, point), std.type.dim_names, expr.type)
    return scale * torch.randn(scale.shape, dtype=torch.float64)


def batchnorm(frame: Frame, expr: Apply, point: Point) -> Tensor:
    """(x - mean) / sqrt(variance + eps) * weight + bias, in training with the mean and variance of all points."""
    x, *others = expr.operands
    cell, weight, bias, mean, variance = (
        line_up(frame.eval(each, point), each.type.dim_names, expr.type.dim_names) for each in expr.operands
    )
    if frame.run.training:
        mean, variance = _statistics(frame, expr, x, others[0].type.dim_names)
    eps = expr.attribute("eps")
    if isinstance(eps, Size):
        eps = float(frame.number(eps))
    assert isinstance(eps, (int, float)), eps
    return (cell - mean) / (variance + eps).sqrt() * weight + bias


def _statistics(frame: Frame, expr: Apply, x: Expr, kept: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """The mean and the variance over everything but the dims `kept`, lined up with x."""
    if (id(expr), "mean") not in frame.memo:
        cells = stack(frame, x, frame.everywhere(x.type.axes))
        over = [index for index, name in enumerate(("", *x.type.dim_names)) if name not in kept]
        mean = cells.mean(over, keepdim=True)
        frame.memo[id(expr), "mean"] = mean[0]
        frame.memo[id(expr), "variance"] = ((cells - mean) ** 2).mean(over, keepdim=True)[0]
    return frame.memo[id(expr), "mean"], frame.memo[id(expr), "variance"]


def extern(frame: Frame, expr: Apply, point: Point) -> Tensor:
    """What the host bound to the name, called on the cells at this point."""
    name = text(expr.attribute("name"))
    bound = frame.run.externals.get(frame.scope.prefix + name)
    if bound is None:
        raise ValueError(f"bind a function to {frame.scope.prefix}{name} with externals={{...}}")
    return frame.typed(bound(*(frame.eval(each, point) for each in expr.operands)), expr.type.dim_names, expr.type)


def gradient(frame: Frame, expr: Apply, point: Point) -> Tensor:
    """The derivative of the sum of a loss by a read: everything at this point is evaluated anew with the read in its
    place, what is read at other points stands as it is."""
    loss, read = expr.operands
    assert isinstance(read, Read), read
    with torch.enable_grad():
        leaf = frame.read(read, point).clone()
        leaf = leaf if leaf.requires_grad else leaf.requires_grad_()
        value = frame.refocused(point, read, leaf).eval(loss, point).sum()
        if not value.requires_grad:
            return frame.zeros(expr.type)
        (result,) = torch.autograd.grad(value, leaf, create_graph=True, materialize_grads=True)
    return frame.typed(result, read.type.dim_names, expr.type)


SPECIAL: dict[str, Callable[[Frame, Apply, Point], Tensor]] = {
    "where": where,
    "dropout": dropout,
    "softmax": along,
    "cumsum": along,
    "topk": along,
    "linear": windows.linear,
    "matrix": windows.matrix,
    "conv": windows.conv,
    "rename": shapes.rename,
    "pick": shapes.pick,
    "merge": shapes.merge,
    "split": shapes.split,
    "concat": shapes.concat,
    "stack": shapes.stack_dims,
    "slice": shapes.slice_dim,
    "flip": shapes.flip,
    "gather": shapes.gather,
    "scatter": shapes.scatter,
    "maxpool": windows.pool,
    "avgpool": windows.pool,
    "upsample": windows.upsample,
    "broadcast": shapes.broadcast,
    "diagonal": shapes.diagonal,
    "inverse": shapes.inverse,
    "noise": noise,
    "batchnorm": batchnorm,
    "extern": extern,
    "grad": gradient,
}
