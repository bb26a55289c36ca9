"""Adjoints of the operators that move elements about: the same moves backwards.

A gradient that lacks a dim is constant along it, and then most of the moves have nothing to do.
"""

from __future__ import annotations

from recdsl.ir import sizes
from recdsl.ir.expr import Apply, Expr
from recdsl.ir.operators.leaves import const, index, number
from recdsl.ir.operators.operator import Make, NoAdjointError
from recdsl.ir.operators.shared import filled, renamed, sized_like
from recdsl.ir.operators.unite import dims, names, one_dim, size, text
from recdsl.ir.types import Dim

Gradients = tuple[Expr | None, ...]


def _has(gradient: Expr, name: str) -> bool:
    return name in gradient.type.dim_names or name in gradient.type.axis_names


def rename(make: Make, node: Apply, upstream: Expr) -> Gradients:
    old, new = text(node.attribute("old")), text(node.attribute("new"))
    if not _has(upstream, new):
        return (upstream,)
    of = node.operands[0].type
    if old in of.axis_names:
        return (make("rename", upstream, old=new, new=old),)
    return (renamed(make, upstream, new, of.dim(old)),)


def pick(make: Make, node: Apply, upstream: Expr) -> Gradients:
    """The gradient at the index, 0 elsewhere."""
    x, at = node.operands
    name = text(node.attribute("name"))
    if name not in x.type.dim_names:
        raise NoAdjointError(f"it picks a point of the axis {name}")
    dim = x.type.dim(name)
    counted = make("where", make("lt", at, const(0)), make("add", at, number(dim.size)), at)
    return make("where", make("eq", index(dim), counted), upstream, const(0.0)), None


def merge(make: Make, node: Apply, upstream: Expr) -> Gradients:
    (x,) = node.operands
    into = node.attribute("into")
    if not isinstance(into, Dim):
        raise NoAdjointError("it merges axes")
    if not _has(upstream, into.name):
        return (upstream,)
    parts = tuple(x.type.dim(name) for name in names(node.attribute("names")))
    return (make("split", upstream, name=into.name, into=parts),)


def split(make: Make, node: Apply, upstream: Expr) -> Gradients:
    (x,) = node.operands
    name = text(node.attribute("name"))
    if name not in x.type.dim_names:
        raise NoAdjointError("it splits an axis")
    parts = tuple(dim.name for dim in dims(node.attribute("into")))
    if not any(_has(upstream, part) for part in parts):
        return (upstream,)
    full = filled(make, upstream, node.type, parts)
    return (make("merge", full, names=parts, into=x.type.dim(name)),)


def concat(make: Make, node: Apply, upstream: Expr) -> Gradients:
    dim = one_dim(node.attribute("dim"))
    if not _has(upstream, dim.name):
        return (upstream,) * len(node.operands)
    start = sizes.number(0)
    gradients = []
    for operand in node.operands:
        width = operand.type.dim(dim.name).size
        stop = width if start == sizes.number(0) else sizes.apply("+", start, width)
        gradients.append(make("slice", upstream, name=dim.name, start=start, stop=stop))
        start = stop
    return tuple(gradients)


def stack(make: Make, node: Apply, upstream: Expr) -> Gradients:
    dim = one_dim(node.attribute("dim"))
    if not _has(upstream, dim.name):
        return (upstream,) * len(node.operands)
    return tuple(make("pick", upstream, const(position), name=dim.name) for position in range(len(node.operands)))


def slice_(make: Make, node: Apply, upstream: Expr) -> Gradients:
    """The gradient between zeros."""
    (x,) = node.operands
    name = text(node.attribute("name"))
    if name not in x.type.dim_names:
        raise NoAdjointError(f"it takes a part of the axis {name}")
    start, stop, dim = size(node.attribute("start")), size(node.attribute("stop")), x.type.dim(name)
    full = filled(make, upstream, node.type, (name,))
    before, after = start, sizes.apply("-", dim.size, stop)
    parts = [full]
    if not sizes.same(start, sizes.number(0)):
        parts.insert(0, _zeros(make, full, Dim(name, before)))
    if not sizes.same(stop, dim.size):
        parts.append(_zeros(make, full, Dim(name, after)))
    return (make("concat", *parts, dim=dim) if len(parts) > 1 else full,)


def _zeros(make: Make, like: Expr, dim: Dim) -> Expr:
    """Zeros with the dims of a value, one of them of another size."""
    return make("broadcast", const(0.0), dims=tuple(dim if each.name == dim.name else each for each in like.type.dims))


def flip(make: Make, node: Apply, upstream: Expr) -> Gradients:
    turned = tuple(name for name in names(node.attribute("names")) if _has(upstream, name))
    return (make("flip", upstream, names=turned) if turned else upstream,)


def gather(make: Make, node: Apply, upstream: Expr) -> Gradients:
    """Every gradient goes to where its value came from; where several did, they add up."""
    x, at = node.operands
    name = text(node.attribute("name"))
    if name not in x.type.dim_names:
        raise NoAdjointError(f"it gathers points of the axis {name}")
    full = filled(make, upstream, node.type, at.type.dim_names)
    apart = name
    if name in at.type.dim_names:  # the index runs along the dim that it indexes
        apart = _fresh(name, (*node.type.dim_names, *x.type.dim_names))
        full = make("rename", full, old=name, new=apart)
        at = make("rename", at, old=name, new=apart)
    spread = make("scatter", full, at, dim=x.type.dim(name))
    extra = tuple(each for each in at.type.dim_names if each not in x.type.dim_names)
    return make("sum", spread, over=extra) if extra else spread, None


def _fresh(name: str, taken: tuple[str, ...]) -> str:
    return next(fresh for number in range(2, 99) if (fresh := f"{name}_{number}") not in taken)


def scatter(make: Make, node: Apply, upstream: Expr) -> Gradients:
    x, at = node.operands
    name = one_dim(node.attribute("dim")).name
    if _has(upstream, name):
        return make("gather", upstream, at, name=name), None
    repeated = tuple(each for each in at.type.dim_names if each not in x.type.dim_names)
    return filled(make, upstream, node.type, repeated), None


def broadcast(make: Make, node: Apply, upstream: Expr) -> Gradients:
    """The caller sums over the dims that the operand lacks."""
    return (upstream,)


def diagonal(make: Make, node: Apply, upstream: Expr) -> Gradients:
    """The gradient where both dims have the same index, 0 elsewhere."""
    kept, taken = (node.operands[0].type.dim(text(node.attribute(key))) for key in ("kept", "taken"))
    return (make("where", make("eq", index(kept), index(taken)), upstream, const(0.0)),)


def inverse(make: Make, node: Apply, upstream: Expr) -> Gradients:
    """-Y^T G Y^T, for the inverse Y and its gradient G."""
    if node.type.kind == "complex":
        raise NoAdjointError("the gradient of a complex inverse needs its conjugate")
    rows, columns = (node.operands[0].type.dim(text(node.attribute(key))) for key in ("rows", "columns"))
    full = filled(make, upstream, node.type, (rows.name, columns.name))
    full, inverted = sized_like(full, node.operands[0].type), sized_like(node, node.operands[0].type)
    left = Dim(_fresh(rows.name, node.type.dim_names), rows.size)
    right = Dim(_fresh(columns.name, (*node.type.dim_names, left.name)), columns.size)
    before = renamed(make, renamed(make, inverted, rows.name, left), columns.name, rows)
    behind = renamed(make, renamed(make, inverted, columns.name, right), rows.name, columns)
    middle = renamed(make, renamed(make, full, rows.name, left), columns.name, right)
    product = make("mul", make("mul", before, middle), behind)
    return (make("neg", make("sum", product, over=(left.name, right.name))),)
