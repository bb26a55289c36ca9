"""Affine functions between two bounds, whatever the sign of the scale."""

from __future__ import annotations

import pytest
from families import agrees, plan

from recdsl.diagnostics import RecdslError

HEAD = "layer a(D, H) over t:\n  in x : D\n  in f : D\n  in on : bool\n  in s : D static\n"

BODIES = [
    "  h : H = relu(linear(x) + tanh(linear(f)) * h[t-1])\n",
    "  h = clamp((1 - 0.1) * h[t-1] + 0.1 * x, -0.5, 0.7)\n  init h = 0.2\n",
    "  h = clamp(h[t-1] - 0.1 * h[t-1] + x, f, f + 0.5)\n  init h = s\n",
    "  h = hardtanh(h[t-1] * x) * x + 0.1\n",
    "  h = hardsigmoid(4 * h[t+1] + x)\n  init h = 0.3\n",
    "  h = -2 * min(max(x * h[t-1] - 1, -0.3), f)\n",
    "  p = x * h[t-1]\n  q = where(on, relu(p), p - 1)\n  h = x * q\n  init h = 0.1 * index[D]\n",
    "  h = x * (f * where(on, relu(h[t-1] + 1), h[t-1]))\n",
    "  h = max(0.5 * h[t-1] + x, 0.5 * h[t-1] - x)\n",
    "  h = min(max(h[t-1] + x, -0.5), f) / (1 + x ^ 2)\n",
    "  h = max(f - relu(h[t-1] + x), -1)\n",
]


@pytest.mark.parametrize("body", BODIES)
def test_clamps(body: str) -> None:
    agrees(f"{HEAD}{body}  out h\n", "clamp")


@pytest.mark.parametrize(
    ("body", "code", "reason"),
    [
        ("  h = max(h[t-1] + x, f)\n", "R537", "h is a fold of the state and an offset"),
        ("  h = relu(2 * h[t-2] + x)\n", "R536", "h is read 2 points away, not one"),
        ("  h : D = relu(h[t-1]) + h[t-1]\n", "R535", "one of them is bounded"),
        ("  h = max(2 * h[t-1], x * h[t-1])\n", "R535", "maximum joins two different functions of the state"),
        ("  h = max(x * tanh(h[t-1]), f)\n", "R535", "tanh of a value that depends on the state"),
        ("  h = f * h[t-1] + x\n", "R535", "the recurrence is affine, of the class diagonal"),
    ],
)
def test_refusals(body: str, code: str, reason: str) -> None:
    with pytest.raises(RecdslError) as caught:
        plan(f"{HEAD}{body}  out h\n", "clamp")
    (found,) = caught.value.diagnostics
    assert found.code == code
    assert reason in found.message
