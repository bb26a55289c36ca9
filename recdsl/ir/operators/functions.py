"""Elementwise operators of one operand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from recdsl.ir.expr import Apply, Expr
from recdsl.ir.operators import interval as iv
from recdsl.ir.operators import kinds, ranges
from recdsl.ir.operators.formula import OUT, Formula, X, call, where
from recdsl.ir.operators.interval import Interval
from recdsl.ir.operators.leaves import const
from recdsl.ir.operators.operator import AdjointRule, KindRule, Make, Operator
from recdsl.ir.operators.unite import elementwise_type

SQRT_HALF = math.sqrt(0.5)
NORMAL_PEAK = 1 / math.sqrt(2 * math.pi)


def _function(
    name: str,
    kind_rule: KindRule,
    derivative: Formula | None,
    evaluate: Callable[[Any, Any], Any],
    bounds: Callable[[Interval], Interval] | Interval,
    *,
    linear: bool = False,
    adjoint: AdjointRule | None = None,
) -> Operator:
    return Operator(
        name=name,
        family="elementwise",
        arity=(1, 1),
        type_rule=elementwise_type(kind_rule),
        kinds=kind_rule,
        partials=(derivative,),
        adjoint=adjoint,
        evaluate=evaluate,
        range_rule=ranges.always(bounds) if isinstance(bounds, Interval) else ranges.on(bounds),
        linear_in=((0,),) if linear else (),
    )


# ---- adjoints of functions of complex values that have no derivative, with torch's convention


def _abs_adjoint(make: Make, node: Apply, upstream: Expr) -> tuple[Expr | None, ...]:
    (x,) = node.operands
    if x.type.kind != "complex":
        return (make("mul", upstream, make("sign", x)),)
    direction = make("div", x, make("where", make("eq", node, const(0)), const(1), node))
    return (make("mul", upstream, direction),)


def _real_adjoint(make: Make, node: Apply, upstream: Expr) -> tuple[Expr | None, ...]:
    return (make("complex", upstream, const(0)) if node.operands[0].type.kind == "complex" else upstream,)


def _imag_adjoint(make: Make, node: Apply, upstream: Expr) -> tuple[Expr | None, ...]:
    return (make("complex", const(0), upstream) if node.operands[0].type.kind == "complex" else None,)


def _conj_adjoint(make: Make, node: Apply, upstream: Expr) -> tuple[Expr | None, ...]:
    return (make("conj", upstream) if node.operands[0].type.kind == "complex" else upstream,)


def _angle_adjoint(make: Make, node: Apply, upstream: Expr) -> tuple[Expr | None, ...]:
    (z,) = node.operands
    if z.type.kind != "complex":
        return (None,)
    turned = make("complex", make("neg", make("imag", z)), make("real", z))
    return (make("mul", upstream, make("div", turned, make("pow", make("abs", z), const(2)))),)


def _one(make: Make) -> Expr:
    return make("const", value=1)


# ---- the table

_ARITHMETIC = (
    _function("neg", kinds.arithmetic, Formula("const", (-1,)), lambda torch, x: -x, iv.negate, linear=True),
    _function(
        "abs",
        kinds.magnitude,
        call("sign", X),
        lambda torch, x: torch.abs(x),
        iv.magnitude,
        adjoint=_abs_adjoint,
    ),
    _function("sign", kinds.ordered, None, lambda torch, x: torch.sign(x), ranges.sign),
    _function(
        "floor",
        kinds.ordered,
        None,
        lambda torch, x: torch.floor(x),
        iv.not_decreasing(ranges.whole(math.floor)),
    ),
    _function(
        "ceil",
        kinds.ordered,
        None,
        lambda torch, x: torch.ceil(x),
        iv.not_decreasing(ranges.whole(math.ceil)),
    ),
    _function(
        "round",
        kinds.ordered,
        None,
        lambda torch, x: torch.round(x),
        iv.not_decreasing(ranges.whole(round)),
    ),
    _function("reciprocal", kinds.fractional, -(OUT * OUT), lambda torch, x: torch.reciprocal(x), iv.reciprocal),
)

_EXPONENTIAL = (
    _function("exp", kinds.analytic, OUT, lambda torch, x: torch.exp(x), iv.increasing(ranges.exp)),
    _function("expm1", kinds.analytic, OUT + 1, lambda torch, x: torch.expm1(x), iv.increasing(ranges.expm1)),
    _function("log", kinds.analytic, 1 / X, lambda torch, x: torch.log(x), ranges.logarithm),
    _function("log1p", kinds.analytic, 1 / (X + 1), lambda torch, x: torch.log1p(x), ranges.logarithm_plus),
    _function("sqrt", kinds.analytic, 0.5 / OUT, lambda torch, x: torch.sqrt(x), ranges.square_root),
    _function(
        "rsqrt",
        kinds.analytic,
        -0.5 * (OUT * OUT * OUT),
        lambda torch, x: torch.rsqrt(x),
        lambda x: iv.reciprocal(ranges.square_root(x)),
    ),
)

_TRIGONOMETRIC = (
    _function("sin", kinds.analytic, call("cos", X), lambda torch, x: torch.sin(x), iv.closed(-1, 1)),
    _function("cos", kinds.analytic, -call("sin", X), lambda torch, x: torch.cos(x), iv.closed(-1, 1)),
    _function("tan", kinds.analytic, OUT * OUT + 1, lambda torch, x: torch.tan(x), iv.REAL),
    _function(
        "sinh",
        kinds.analytic,
        call("cosh", X),
        lambda torch, x: torch.sinh(x),
        iv.increasing(ranges.sinh),
    ),
    _function("cosh", kinds.analytic, call("sinh", X), lambda torch, x: torch.cosh(x), ranges.cosh),
    _function("atan", kinds.analytic, 1 / (X * X + 1), lambda torch, x: torch.atan(x), iv.increasing(math.atan)),
)

_ACTIVATIONS = (
    _function("tanh", kinds.analytic, 1 - OUT * OUT, lambda torch, x: torch.tanh(x), iv.increasing(math.tanh)),
    _function(
        "sigmoid",
        kinds.analytic,
        OUT * (1 - OUT),
        lambda torch, x: torch.sigmoid(x),
        iv.increasing(ranges.sigmoid),
    ),
    _function(
        "logsigmoid",
        kinds.real_function,
        call("sigmoid", -X),
        lambda torch, x: torch.nn.functional.logsigmoid(x),
        iv.increasing(lambda x: -ranges.softplus(-x)),
    ),
    _function(
        "softplus",
        kinds.real_function,
        call("sigmoid", X),
        lambda torch, x: torch.logaddexp(x, torch.zeros_like(x)),
        iv.increasing(ranges.softplus),
    ),
    _function(
        "relu",
        kinds.ordered,
        where(call("gt", X, 0), 1, 0),
        lambda torch, x: torch.relu(x),
        iv.not_decreasing(lambda x: max(x, 0.0)),
    ),
    _function(
        "silu",
        kinds.real_function,
        call("sigmoid", X) * (1 + X * (1 - call("sigmoid", X))),
        lambda torch, x: torch.nn.functional.silu(x),
        ranges.dipped(lambda x: x * ranges.sigmoid(x), -1.2784645427610738, -0.2784645427610739),
    ),
    _function(
        "gelu",
        kinds.real_function,
        0.5 * (1 + call("erf", X * SQRT_HALF)) + X * call("exp", -0.5 * (X * X)) * NORMAL_PEAK,
        lambda torch, x: torch.nn.functional.gelu(x),
        ranges.dipped(lambda x: x * 0.5 * (1 + math.erf(x * SQRT_HALF)), -0.7517915246935645, -0.1699712074829543),
    ),
    _function(
        "mish",
        kinds.real_function,
        call("tanh", call("softplus", X))
        + X * call("sigmoid", X) * (1 - call("tanh", call("softplus", X)) * call("tanh", call("softplus", X))),
        lambda torch, x: torch.nn.functional.mish(x),
        ranges.dipped(lambda x: x * math.tanh(ranges.softplus(x)), -1.1924312145154126, -0.3088427103898443),
    ),
    _function(
        "elu",
        kinds.real_function,
        where(call("gt", X, 0), 1, call("exp", X)),
        lambda torch, x: torch.nn.functional.elu(x),
        iv.increasing(lambda x: x if x > 0 else math.expm1(x)),
    ),
    _function(
        "erf",
        kinds.real_function,
        2 / math.sqrt(math.pi) * call("exp", -(X * X)),
        lambda torch, x: torch.erf(x),
        iv.increasing(math.erf),
    ),
    _function(
        "hardsigmoid",
        kinds.real_function,
        where(call("lt", call("abs", X), 3), 1 / 6, 0),
        lambda torch, x: torch.nn.functional.hardtanh(x / 6 + 0.5, 0, 1),
        iv.not_decreasing(lambda x: min(max(x / 6 + 0.5, 0.0), 1.0), iv.TRUTH),
    ),
    _function(
        "hardtanh",
        kinds.real_function,
        where(call("lt", call("abs", X), 1), 1, 0),
        lambda torch, x: torch.nn.functional.hardtanh(x),
        iv.not_decreasing(lambda x: min(max(x, -1.0), 1.0), iv.closed(-1, 1)),
    ),
)

_COMPLEX = (
    _function("real", kinds.part, None, lambda torch, x: torch.real(x), iv.unchanged, adjoint=_real_adjoint),
    _function(
        "imag",
        kinds.part,
        None,
        lambda torch, x: torch.imag(x) if x.is_complex() else torch.zeros_like(x),
        iv.REAL,
        adjoint=_imag_adjoint,
    ),
    _function("conj", kinds.arithmetic, None, lambda torch, x: torch.conj(x), iv.unchanged, adjoint=_conj_adjoint),
    _function(
        "angle",
        kinds.part,
        None,
        lambda torch, x: torch.angle(x),
        iv.closed(-math.pi, math.pi),
        adjoint=_angle_adjoint,
    ),
)

_OTHERS = (
    _function("not", kinds.logic, None, lambda torch, x: ~x, iv.TRUTH),
    _function("stop", kinds.same, None, lambda torch, x: x.detach(), iv.unchanged),
)

FUNCTIONS = _ARITHMETIC + _EXPONENTIAL + _TRIGONOMETRIC + _ACTIVATIONS + _COMPLEX + _OTHERS
