"""Elementwise operators of two and three operands."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from recdsl.ir.expr import Apply, Expr
from recdsl.ir.operators import interval as iv
from recdsl.ir.operators import kinds, ranges
from recdsl.ir.operators.formula import OUT, Formula, X, Y, Z, call, where
from recdsl.ir.operators.interval import INF, Interval
from recdsl.ir.operators.operator import AdjointRule, KindRule, Make, Operator
from recdsl.ir.operators.unite import elementwise_type

Derivatives = tuple[Formula | None, ...]


def _operator(
    name: str,
    kind_rule: KindRule,
    derivatives: Derivatives,
    evaluate: Callable[..., Any],
    bounds: Callable[..., Interval] | Interval,
    *,
    linear_in: tuple[tuple[int, ...], ...] = (),
    neutral: float | None = None,
    adjoint: AdjointRule | None = None,
) -> Operator:
    return Operator(
        name=name,
        family="elementwise",
        arity=(len(derivatives), len(derivatives)),
        type_rule=elementwise_type(kind_rule),
        kinds=kind_rule,
        partials=derivatives,
        adjoint=adjoint,
        evaluate=evaluate,
        range_rule=ranges.always(bounds) if isinstance(bounds, Interval) else ranges.on(bounds),
        linear_in=linear_in,
        neutral=neutral,
    )


def _compare(name: str, kind_rule: KindRule, evaluate: Callable[..., Any]) -> Operator:
    return _operator(name, kind_rule, (None, None), evaluate, iv.TRUTH)


def _complex_adjoint(make: Make, node: Apply, upstream: Expr) -> tuple[Expr | None, ...]:
    return make("real", upstream), make("imag", upstream)


def _quantise(torch: Any, x: Any, bits: Any) -> Any:
    steps = torch.clamp(2 ** (bits - 1) - 1, min=1)
    inside = torch.clamp(x, -1, 1)
    return inside + (torch.round(inside * steps) / steps - inside).detach()


_ARITHMETIC = (
    _operator(
        "add",
        kinds.arithmetic,
        (Formula("const", (1,)), Formula("const", (1,))),
        lambda torch, x, y: x + y,
        iv.add,
        linear_in=((0, 1),),
        neutral=0,
    ),
    _operator(
        "sub",
        kinds.arithmetic,
        (Formula("const", (1,)), Formula("const", (-1,))),
        lambda torch, x, y: x - y,
        iv.subtract,
        linear_in=((0, 1),),
    ),
    _operator(
        "mul",
        kinds.arithmetic,
        (Y, X),
        lambda torch, x, y: x * y,
        iv.multiply,
        linear_in=((0,), (1,)),
        neutral=1,
    ),
    _operator("div", kinds.fractional, (1 / Y, -(OUT / Y)), lambda torch, x, y: x / y, iv.divide, linear_in=((0,),)),
    _operator(
        "mod",
        kinds.ordered,
        (Formula("const", (1,)), -call("floor", X / Y)),
        lambda torch, x, y: torch.remainder(x, y),
        ranges.remainder,
    ),
    _operator(
        "pow",
        kinds.fractional,
        (
            where(call("eq", Y, 0), 0, Y * X ** (Y - 1)),
            where(call("eq", X, 0), 0, OUT * call("log", X)),
        ),
        lambda torch, x, y: torch.pow(x, y),
        ranges.power,
    ),
)


def _half_where(beats: str) -> Derivatives:
    """1 where an operand wins, a half where both are the same."""
    return tuple(
        where(call(beats, one, other), 1, where(call("eq", one, other), 0.5, 0)) for one, other in ((X, Y), (Y, X))
    )


def _logaddexp(torch: Any, x: Any, y: Any) -> Any:
    """Where both are -inf, torch's own has no gradient; here it is 0."""
    nothing = torch.maximum(x, y) == -INF
    return torch.where(nothing, -INF, torch.logaddexp(x, torch.where(nothing, 0, y)))


_FOLDS = (
    _operator(
        "maximum",
        kinds.ordered,
        _half_where("gt"),
        lambda torch, x, y: torch.maximum(x, y),
        ranges.maximum,
        neutral=-INF,
    ),
    _operator(
        "minimum",
        kinds.ordered,
        _half_where("lt"),
        lambda torch, x, y: torch.minimum(x, y),
        ranges.minimum,
        neutral=INF,
    ),
    _operator(
        "logaddexp",
        kinds.real_function,
        tuple(where(call("gt", OUT, -INF), call("exp", each - OUT), 0) for each in (X, Y)),
        _logaddexp,
        ranges.log_sum,
        neutral=-INF,
    ),
    _operator(
        "atan2",
        kinds.real_function,
        (Y / (X * X + Y * Y), -(X / (X * X + Y * Y))),
        lambda torch, x, y: torch.atan2(x, y),
        iv.closed(-math.pi, math.pi),
    ),
    _operator(
        "complex",
        kinds.pair,
        (None, None),
        lambda torch, x, y: torch.complex(x, y),
        iv.REAL,
        linear_in=((0, 1),),
        adjoint=_complex_adjoint,
    ),
)

_TRUTH = (
    _compare("eq", kinds.equality, lambda torch, x, y: x == y),
    _compare("ne", kinds.equality, lambda torch, x, y: x != y),
    _compare("lt", kinds.comparison, lambda torch, x, y: x < y),
    _compare("le", kinds.comparison, lambda torch, x, y: x <= y),
    _compare("gt", kinds.comparison, lambda torch, x, y: x > y),
    _compare("ge", kinds.comparison, lambda torch, x, y: x >= y),
    _operator("and", kinds.logic, (None, None), lambda torch, x, y: x & y, iv.TRUTH, neutral=1),
    _operator("or", kinds.logic, (None, None), lambda torch, x, y: x | y, iv.TRUTH, neutral=0),
)

_OTHERS = (
    _operator(
        "where",
        kinds.branches,
        (None, where(X, 1, 0), where(X, 0, 1)),
        lambda torch, c, x, y: torch.where(c, x, y),
        ranges.chosen,
        linear_in=((1, 2),),
    ),
    _operator(
        "clamp",
        kinds.ordered,
        (
            where(call("and", call("ge", X, Y), call("le", X, Z)), 1, 0),
            where(call("and", call("lt", X, Y), call("lt", Y, Z)), 1, 0),
            where(call("or", call("gt", X, Z), call("lt", Z, Y)), 1, 0),
        ),
        lambda torch, x, low, high: torch.clamp(x, low, high),
        ranges.clamp,
    ),
    _operator(
        "quantise",
        kinds.first(kinds.real_function, "real"),
        (where(call("le", call("abs", X), 1), 1, 0), None),
        _quantise,
        iv.closed(-1, 1),
    ),
    Operator(
        name="dropout",
        family="elementwise",
        arity=(2, 2),
        type_rule=elementwise_type(kinds.first(kinds.fractional, "real")),
        kinds=kinds.first(kinds.fractional, "real"),
        no_adjoint="its draw cannot be repeated",
        evaluate=lambda torch, x, rate: x,
        range_rule=ranges.on(ranges.thinned),
        pure=False,
    ),
)

ARITHMETIC = _ARITHMETIC + _FOLDS + _TRUTH + _OTHERS
