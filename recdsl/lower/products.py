"""Products as they are cheapest to compute: small factors with each other first, dims in the order of the state.

b * x * dt   with x, dt : D, b : N and a state D N      →      x * dt * b,   one multiplication as large as the state
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce

from recdsl.ir.build import apply
from recdsl.ir.expr import Apply, Expr

Along = frozenset[str]  # the dims and axes of a value


def reordered(expr: Expr, dims: Sequence[str]) -> Expr:
    """The expression with its products in a better order; `dims` are those of the state, as they lie in memory."""
    match expr:
        case Apply(operator="add" | "sub" | "neg"):
            return apply(expr.operator, *(reordered(each, dims) for each in expr.operands))
        case Apply(operator="mul") if expr.type.kind in ("real", "complex"):
            return reduce(lambda left, right: apply("mul", left, right), _ordered(tuple(_factors(expr)), dims))
    return expr


def _factors(expr: Expr) -> Iterator[Expr]:
    if isinstance(expr, Apply) and expr.operator == "mul":
        for each in expr.operands:
            yield from _factors(each)
    else:
        yield expr


def _ordered(factors: tuple[Expr, ...], dims: Sequence[str]) -> list[Expr]:
    """One product for each largest set of dims and axes: what varies along less joins the first that has all of its own."""
    sets = [_along(each) for each in factors]
    largest = [each for each in dict.fromkeys(sets) if not any(each < other for other in sets)]
    largest.sort(key=lambda each: _place(each, dims))
    groups: dict[Along, list[Expr]] = {each: [] for each in largest}
    for factor, own in zip(factors, sets, strict=True):
        groups[next(each for each in largest if own <= each)].append(factor)
    return [reduce(lambda left, right: apply("mul", left, right), group) for group in groups.values()]


def _along(expr: Expr) -> Along:
    return frozenset((*expr.type.dim_names, *expr.type.axis_names))


def _place(names: Along, dims: Sequence[str]) -> tuple[bool, ...]:
    """What has the first dims of the state comes first."""
    return tuple(name not in names for name in dims)
