"""Operators along dims and axes: reductions, which take them away, and softmax and its kin, which keep them."""

from __future__ import annotations

import math

from recdsl.ir import sizes
from recdsl.ir.expr import Apply, Expr
from recdsl.ir.operators import interval as iv
from recdsl.ir.operators import kinds, ranges
from recdsl.ir.operators.interval import INF, Interval
from recdsl.ir.operators.leaves import const, number
from recdsl.ir.operators.operator import (
    AdjointRule,
    Attributes,
    KindRule,
    Make,
    NoAdjointError,
    Operator,
    RangeRule,
    TypeRule,
    TypeRuleError,
)
from recdsl.ir.operators.shared import filled, over
from recdsl.ir.operators.unite import names, require_names
from recdsl.ir.sizes import Size
from recdsl.ir.types import ValueType, join_kinds

EVERYTHING = ("*",)
EDGES = ("pred",)

# ---- types


def _reduced(kind_rule: KindRule) -> TypeRule:
    """The type without the dims and axes worked along. A sum over `pred` may be of a node's own value."""

    def rule(types: tuple[ValueType, ...], attributes: Attributes) -> ValueType:
        (x,) = types
        along = names(attributes["over"])
        kind = kind_rule((x.kind,))[1]
        if along == EVERYTHING:
            return ValueType(kind)
        if along != EDGES:
            require_names(x, along)
        return x.without(along).with_kind(kind)

    return rule


def _over_edges(rule: TypeRule) -> TypeRule:
    """The same, but real over edges, of which there may be none: no whole number is as small as nothing."""

    def ruled(types: tuple[ValueType, ...], attributes: Attributes) -> ValueType:
        found = rule(types, attributes)
        return found.with_kind(join_kinds("real", found.kind)) if "pred" in names(attributes["over"]) else found

    return ruled


def _kept(kind_rule: KindRule) -> TypeRule:
    """The type of the operand."""

    def rule(types: tuple[ValueType, ...], attributes: Attributes) -> ValueType:
        along = names(attributes["over"])
        if along != EDGES:
            require_names(types[0], along)
        brought, kind = kind_rule(tuple(each.kind for each in types))
        assert len(brought) == len(types)
        if any(each.dims or each.axes for each in types[1:]):
            raise TypeRuleError("a plain number is expected here", 1)
        return types[0].with_kind(kind)

    return rule


def _one_name(rule: TypeRule) -> TypeRule:
    """The same for one dim or axis only."""

    def ruled(types: tuple[ValueType, ...], attributes: Attributes) -> ValueType:
        if len(names(attributes["over"])) != 1 or names(attributes["over"]) == EVERYTHING:
            raise TypeRuleError("this works along one dim only", 0, "merge(x, H K -> N) makes one dim of several")
        return rule(types, attributes)

    return ruled


# ---- adjoints


def _sum_adjoint(make: Make, node: Apply, upstream: Expr) -> tuple[Expr | None, ...]:
    return (upstream,)


def _mean_adjoint(make: Make, node: Apply, upstream: Expr) -> tuple[Expr | None, ...]:
    return (make("div", upstream, number(_count(node))),)


def _count(node: Apply) -> Size:
    """How many elements a reduction over dims joins."""
    of = node.operands[0].type
    along = over(node)
    if not all(name in of.dim_names for name in along):
        raise NoAdjointError("a mean over points has a number of elements that is known at run time only")
    return sizes.product(tuple(of.dim(name).size for name in along))


def _extreme_adjoint(make: Make, node: Apply, upstream: Expr) -> tuple[Expr | None, ...]:
    """Split evenly among all the elements that are the greatest."""
    chosen = make("where", make("eq", node.operands[0], node), const(1.0), const(0.0))
    share = make("div", upstream, make("sum", chosen, over=over(node)))
    return (make("mul", share, chosen),)


def _prod_adjoint(make: Make, node: Apply, upstream: Expr) -> tuple[Expr | None, ...]:
    """The product of the other elements, which stays right where some are zero."""
    (x,) = node.operands
    is_zero = make("eq", x, const(0))
    zeros = make("sum", is_zero, over=over(node))
    safe = make("where", is_zero, const(1), x)
    others = make("prod", safe, over=over(node))
    at_zero = make("where", make("eq", zeros, const(1)), others, const(0))
    elsewhere = make("where", make("eq", zeros, const(0)), make("div", others, safe), const(0))
    return (make("mul", upstream, make("where", is_zero, at_zero, elsewhere)),)


def _logsumexp_adjoint(make: Make, node: Apply, upstream: Expr) -> tuple[Expr | None, ...]:
    """The shares of a softmax, and 0 where all of x is -inf."""
    whole = make("where", make("gt", node, const(-INF)), node, const(0))
    return (make("mul", upstream, make("exp", make("sub", node.operands[0], whole))),)


def _norm_adjoint(make: Make, node: Apply, upstream: Expr) -> tuple[Expr | None, ...]:
    """x / |x|, and 0 where all of x is 0."""
    (x,) = node.operands
    length = make("where", make("eq", node, const(0)), const(1), node)
    return (make("mul", upstream, make("div", x, length)),)


def _nothing(make: Make, node: Apply, upstream: Expr) -> tuple[Expr | None, ...]:
    """Counts and truth values do not change with small changes of the operands."""
    return (None,) * len(node.operands)


def _softmax_adjoint(make: Make, node: Apply, upstream: Expr) -> tuple[Expr | None, ...]:
    weighted = make("mul", upstream, node)
    return (make("sub", weighted, make("mul", node, make("sum", weighted, over=over(node)))),)


def _cumsum_adjoint(make: Make, node: Apply, upstream: Expr) -> tuple[Expr | None, ...]:
    """The sum over the element and those behind it."""
    along = over(node)
    full = filled(make, upstream, node.type, along)
    turned = make("cumsum", make("flip", full, names=along), over=along)
    return (make("flip", turned, names=along),)


# ---- ranges


def _fixed_count(node: Apply) -> int | None:
    """The number of elements where it is known, else None."""
    of = node.operands[0].type
    count = 1
    for name in over(node):
        size = of.dim(name).size if name in of.dim_names else None
        if size is None or size.operator != "number" or not isinstance(size.operands[0], int):
            return None
        count *= size.operands[0]
    return count


def _may_be_empty(node: Apply) -> bool:
    """Dims have at least one element; axes and incoming edges may have none."""
    of = node.operands[0].type
    return any(name not in of.dim_names for name in over(node))


def _or_start(node: Apply, result: Interval, start: float) -> Interval:
    return iv.hull(result, iv.point(start)) if _may_be_empty(node) else result


def _sum_range(node: Apply, operands: tuple[Interval, ...]) -> Interval:
    (x,) = operands
    count = _fixed_count(node)
    if count is not None:
        return iv.multiply(x, iv.point(count))
    return _or_start(node, _summed(x), 0)


def _summed(x: Interval) -> Interval:
    """At least one number of `x`, added up."""
    low = (x.low, x.low_open) if x.low >= 0 else (-INF, True)
    high = (x.high, x.high_open) if x.high <= 0 else (INF, True)
    return Interval(low[0], high[0], low[1], high[1])


def _cumsum_range(node: Apply, operands: tuple[Interval, ...]) -> Interval:
    return _summed(operands[0])


def _one_of(start: float) -> RangeRule:
    """One of the elements (or a mean of them); `start` where there are none."""

    def rule(node: Apply, operands: tuple[Interval, ...]) -> Interval:
        return _or_start(node, operands[0], start)

    return rule


def _prod_range(node: Apply, operands: tuple[Interval, ...]) -> Interval:
    (x,) = operands
    if x.within(iv.closed(-1, 1)):
        result = iv.TRUTH if x.low >= 0 else iv.closed(-1, 1)
        if x.low > 0 or (x.low == 0 and x.low_open):
            result = Interval(0, x.high, True, x.high_open)
    elif x.low >= 1:
        result = Interval(x.low, INF, x.low_open, True)
    else:
        result = iv.NOT_NEGATIVE if x.low >= 0 else iv.REAL
    return _or_start(node, result, 1)


def _logsumexp_range(node: Apply, operands: tuple[Interval, ...]) -> Interval:
    (x,) = operands
    count = _fixed_count(node)
    if count:
        extra = math.log(count)
        return Interval(x.low + extra, x.high + extra, x.low_open, x.high_open)
    return _or_start(node, Interval(x.low, INF, x.low_open, True), -INF)


# ---- the tables


def _reduction(
    name: str,
    kind_rule: KindRule,
    adjoint: AdjointRule,
    range_rule: RangeRule,
    *,
    type_rule: TypeRule | None = None,
    linear: bool = False,
    neutral: float | None = None,
) -> Operator:
    return Operator(
        name=name,
        family="reduction",
        arity=(1, 1),
        type_rule=type_rule or _reduced(kind_rule),
        kinds=kind_rule,
        required=("over",),
        adjoint=adjoint,
        range_rule=range_rule,
        linear_in=((0,),) if linear else (),
        neutral=neutral,
    )


_INDEX = kinds.giving("int", kinds.ordered)
_EXTREME = _over_edges(_reduced(kinds.ordered))

REDUCTION = (
    _reduction("sum", kinds.arithmetic, _sum_adjoint, _sum_range, linear=True, neutral=0),
    _reduction("mean", kinds.fractional, _mean_adjoint, _one_of(0), linear=True, neutral=0),
    _reduction("max", kinds.ordered, _extreme_adjoint, _one_of(-INF), type_rule=_EXTREME, neutral=-INF),
    _reduction("min", kinds.ordered, _extreme_adjoint, _one_of(INF), type_rule=_EXTREME, neutral=INF),
    _reduction("prod", kinds.arithmetic, _prod_adjoint, _prod_range, neutral=1),
    _reduction("logsumexp", kinds.real_function, _logsumexp_adjoint, _logsumexp_range, neutral=-INF),
    _reduction("norm", kinds.real_function, _norm_adjoint, ranges.always(iv.NOT_NEGATIVE), neutral=0),
    _reduction(
        "argmax",
        _INDEX,
        _nothing,
        ranges.always(iv.NOT_NEGATIVE),
        type_rule=_one_name(_reduced(_INDEX)),
    ),
    _reduction("all", kinds.logic, _nothing, ranges.always(iv.TRUTH), neutral=1),
    _reduction("any", kinds.logic, _nothing, ranges.always(iv.TRUTH), neutral=0),
)

ALONG = (
    Operator(
        name="softmax",
        family="along",
        arity=(1, 1),
        type_rule=_kept(kinds.real_function),
        kinds=kinds.real_function,
        required=("over",),
        adjoint=_softmax_adjoint,
        range_rule=ranges.always(iv.TRUTH),
    ),
    Operator(
        name="cumsum",
        family="along",
        arity=(1, 1),
        type_rule=_kept(kinds.arithmetic),
        kinds=kinds.arithmetic,
        required=("over",),
        adjoint=_cumsum_adjoint,
        range_rule=_cumsum_range,
        linear_in=((0,),),
    ),
    Operator(
        name="topk",
        family="along",
        arity=(2, 2),
        type_rule=_one_name(_kept(kinds.giving("bool", kinds.first(kinds.ordered, "int")))),
        kinds=kinds.giving("bool", kinds.first(kinds.ordered, "int")),
        required=("over",),
        adjoint=_nothing,
        range_rule=ranges.always(iv.TRUTH),
    ),
)
