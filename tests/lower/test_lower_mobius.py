"""Ratios of two linear functions of the state."""

from __future__ import annotations

import pytest
from families import agrees, plan

from recdsl.diagnostics import RecdslError

HEAD = "layer a(D, H) over t:\n  in x : D\n  in on : bool\n  a = exp(x)\n  b : H = exp(linear(x))\n"

BODIES = [
    "  h = a + 1 / h[t-1]\n  init h = 1\n",
    "  h = a + h[t-1] ^ -1\n  init h = 1\n",
    "  h : H = (0.3 * h[t+1] + b) / (b * h[t+1] + 1)\n  init h = index[H] + 1\n",
    "  h = a * h[t-1] / (1 + h[t-1])\n  init h = 0.5\n",
    "  p = h[t-1] * a + 0.1\n  k = p / (p + 0.5)\n  h = (1 - k) * p\n  init h = 1\n",
    "  h = 0.1 + h[t-1] - h[t-1] ^ 2 / (h[t-1] + a)\n  init h = 0.3\n",
    "  h : H = where(on, b / (1 + h[t-1]), 0.5 * h[t-1])\n  init h = 2\n",
    "  h = 0.5 + 1 / (1 + h[t-1])\n  init h = 2\n",
    "  u = 1 + h[t-1]\n  h = a / (a + u) + a * u / (u + a)\n",
]


@pytest.mark.parametrize("body", BODIES)
def test_ratios(body: str) -> None:
    agrees(f"{HEAD}{body}  out h\n", "mobius")


@pytest.mark.parametrize(
    ("body", "code", "reason"),
    [
        ("  h = a / h[t-2]\n", "R541", "h is read 2 points away, not one"),
        ("  h = h[t-1] + 1 / h[t-1]\n  init h = 1\n", "R540", "polynomials of degree 2"),
        ("  h = a / (1 + exp(h[t-1]))\n", "R540", "exp of a value that depends on the state"),
    ],
)
def test_refusals(body: str, code: str, reason: str) -> None:
    with pytest.raises(RecdslError) as caught:
        plan(f"{HEAD}{body}  out h\n", "mobius")
    (found,) = caught.value.diagnostics
    assert found.code == code
    assert reason in found.message
