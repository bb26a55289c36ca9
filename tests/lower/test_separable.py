"""Grid equations that are products of recurrences along single axes, and those that only look like it."""

from __future__ import annotations

import pytest
from families import algorithms, plan

from recdsl import api
from recdsl.diagnostics import RecdslError
from recdsl.lower.plan import Recurrence
from recdsl.verify import assert_equivalent

HEAD = (
    "layer f(D = 3) over {axes}:\n  in x : D\n  a, b : D = sigmoid(linear(x))\n  param w : D = 0.4\n"
    "  p = sigmoid(0.2 * j)\n"
)


def source(equation: str, axes: str = "i, j") -> str:
    return f"{HEAD.format(axes=axes)}  {equation}\n  out h\n"


def states(text: str) -> list[str]:
    return [stage.solve.states[0] for stage in plan(text).stages if isinstance(stage, Recurrence) and stage.solve]


@pytest.mark.parametrize(
    ("equation", "expected"),
    [
        ("h = a * h[i-1] + w * h[j-1] - a * w * h[i-1, j-1] + x", {"diagonal"}),
        ("h = x + w * h[j+1] + a * (h[i-1] - h[i-1, j+1] * w)", {"diagonal"}),
        ("h = a * h[i-1] + p * h[j-1] - p * a * h[i-1, j-1] + x", {"diagonal"}),
        ("h = w * h[i-1] + a * h[j-1] - w * a[i-1] * h[i-1, j-1] + x", {"diagonal"}),
        ("h = 0.1 * h[i-1] + 0.7 * h[j-1] - 0.07 * h[i-1, j-1] + x", {"diagonal"}),
        ("h = 0.5 * h[i-1] + 0.2 * h[i-2] + 0.4 * h[j-1] - 0.2 * h[i-1, j-1] - 0.08 * h[i-2, j-1] + x", {"block", "diagonal"}),
        ("h = (1 - a) * h[i-1] + w * h[j-2] + (a - 1) * w * h[i-1, j-2] + x", {"diagonal"}),
    ],
    ids=["weight", "factored", "position", "shifted", "numbers", "two back", "difference"],
)  # fmt: skip
def test_a_product_of_two(equation: str, expected: set[str]) -> None:
    text = source(equation)
    assert algorithms(text) == expected
    assert len(states(text)) == 2
    assert_equivalent(text, examples=3)


def test_a_product_of_three() -> None:
    text = source(
        "h = a * h[i-1] + w * h[j-1] + 0.5 * h[k+1] - a * w * h[i-1, j-1] - 0.5 * a * h[i-1, k+1] - 0.5 * w * h[j-1, k+1]"
        " + 0.5 * a * w * h[i-1, j-1, k+1] + x",
        "i, j, k",
    )
    assert states(text) == ["h_along_i", "h_along_j", "h"]
    assert_equivalent(text, examples=2)


def test_the_two_equations_as_one_writes_them() -> None:
    """`mamba2d` as one equation is `mamba2d`: rows first, then columns."""
    text = source("h = a * h[i-1] + w * h[j-1] - a * w * h[i-1, j-1] + x")
    items = {each.name: str(each.expr) for each in plan(text).module.equations()}
    assert "h_along_i" in items
    assert states(text) == ["h_along_i", "h"]


@pytest.mark.parametrize(
    ("equation", "code", "reason"),
    [
        ("h = a * h[i-1] + w * h[j-1] + x", "R553", r"the coefficient of h\[i-1, j-1\] is not minus the product"),
        ("h = a * h[i-1] + b * h[j-1] - a * b * h[i-1, j-1] + x", "R553", "is not minus the product"),
        ("h = a * h[i-1] + w * h[j-1] + a * w * h[i-1, j-1] + x", "R553", "is not minus the product"),
        ("h = a * h[i-1] + w * h[j-1] - a * w * h[i-1, j-1] + 0.1 * h[i-2, j-1] + x", "R553", "is the product of no two others"),
        (
            "h = sigmoid(i + 2 * j) * h[i-1] + sigmoid(3 * i - j) * h[j-1]"
            " - sigmoid(i + 2 * j) * sigmoid(3 * i - j) * h[i-1, j-1] + x",
            "R553",
            "is not minus the product",
        ),
        ("h = a * h[i-1, j-1] + 0.1 * h[j-1] + x", "R553", "nothing of it runs along i alone"),
        ("h = a * h[i-1] + x", "R553", "the recurrence runs along one axis only"),
        ("h = a * h[i-1] + w * h[j-1] - a * w * h[i-1, j-1] + x\n  init h = 1", "R518", "h starts elsewhere than at 0"),
    ],
    ids=["without the corner", "both vary", "sign", "more", "positions", "diagonal", "one axis", "start"],
)  # fmt: skip
def test_refused(equation: str, code: str, reason: str) -> None:
    text = source(equation)
    with pytest.raises(RecdslError, match=reason) as caught:
        api.compile_text(text, schedule="separable")
    assert caught.value.diagnostics[0].code == code
    assert_equivalent(text, examples=1)
