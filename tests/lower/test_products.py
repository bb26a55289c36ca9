"""Coefficients are multiplied with as few large products as there can be, in the order of the state's dims."""

from __future__ import annotations

from families import plan

from recdsl.ir.expr import Apply, Expr
from recdsl.verify import assert_equivalent

SOURCE = (
    "layer f(D = 3, N = 2) over t:\n  in x : D\n  b : N = linear(x)\n  dt : D = softplus(linear(x))\n  g : scalar = sigmoid(linear(x))\n"
    "  a = exp(-dt)\n  h : D N = a * h[t-1] + b * x * g * dt{more}\n  out h\n"
)


def input_of(source: str) -> Expr:
    return next(each.expr for each in plan(source, "diagonal").module.equations() if each.name == "h_input")


def large(expr: Expr) -> int:
    """How many products have all dims of the state."""
    if not isinstance(expr, Apply):
        return 0
    own = expr.operator == "mul" and set(expr.type.dim_names) == {"D", "N"}
    return own + sum(large(each) for each in expr.operands)


def test_small_factors_first() -> None:
    source = SOURCE.format(more="")
    found = input_of(source)
    assert large(found) == 1
    assert found.type.dim_names == ("D", "N")
    assert_equivalent(source, examples=2)


def test_in_every_part_of_a_sum() -> None:
    source = SOURCE.format(more=" - b * dt * x * g * 2 + x * 0.5")
    assert large(input_of(source)) == 2
    assert_equivalent(source, examples=2)
