"""What adjoint rules of several families need."""

from __future__ import annotations

from dataclasses import replace

from recdsl.ir.expr import Apply, Expr
from recdsl.ir.operators.operator import Make
from recdsl.ir.operators.unite import names
from recdsl.ir.types import Dim, ValueType

SIGNS = ("neg", "mul", "add", "sub", "where")  # what simplification takes apart


def over(node: Apply) -> tuple[str, ...]:
    """The dims and axes that a reduction works along."""
    return names(node.attribute("over"))


def filled(make: Make, gradient: Expr, like: ValueType, wanted: tuple[str, ...]) -> Expr:
    """The gradient with those of the `wanted` dims of `like` that it lacks, constant along them."""
    missing = tuple(dim for dim in like.dims if dim.name in wanted and dim.name not in gradient.type.dim_names)
    return make("broadcast", gradient, dims=missing) if missing else gradient


def sized_like(expr: Expr, of: ValueType) -> Expr:
    """The expression with the sizes of dims in the form that `of` states them.

    Parameters that are equal by default (`M = N`) may give one dim a size in two forms, at both ends of a rename.
    """
    stated = {dim.name: dim for dim in of.dims}
    dims = tuple(stated.get(dim.name, dim) for dim in expr.type.dims)
    if dims == expr.type.dims:
        return expr
    if isinstance(expr, Apply) and expr.operator in SIGNS:
        expr = replace(expr, operands=tuple(sized_like(each, of) for each in expr.operands))
    return replace(expr, type=replace(expr.type, dims=dims))


def renamed(make: Make, of: Expr, old: str, dim: Dim) -> Expr:
    """A value with one dim called after `dim`, and of its size."""
    return sized_like(make("rename", of, old=old, new=dim.name), ValueType("real", (), (dim,)))
