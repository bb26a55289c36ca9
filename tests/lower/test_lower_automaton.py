"""States of finitely many values."""

from __future__ import annotations

import pytest
from families import agrees, plan

from recdsl.diagnostics import RecdslError

HEAD = "layer a(D, K) over t:\n  in x : D\n  in y : token[5]\n  on = x > 0\n  start = y == 1\n"

NUMBERS = [
    "  h = (h[t-1] + y) % 3\n  init h = 1\n",
    "  h = (h[t+1] + 1 + y) % K\n",
    "  h = where(start, 3, (h[t-1] + y) % 10)\n",
    "  h = clamp(where(start, h[t-1] + 1, h[t-1] - y), 0, 3)\n",
    "  h = min(where(start, h[t-1] + y, 0), K - 1)\n",
    "  h = where(y > 3, h[t-1], (h[t-1] * 3 + y) % (K + 1))\n  init h = 2\n",
    "  h = where(start, 0, where(h[t-1] == 4, 0, h[t-1] + where(y > 2, 1, 0)))\n  init h = 2\n",
]

TRUTHS = [
    "  b : D bool = b[t-1] != on\n",
    "  b : D bool = not b[t-1]\n  init b = index[D] > 0\n",
    "  b : D bool = where(on, not b[t+1], b[t+1])\n",
    "  w : D bool = b[t-1] and on\n  b : D bool = where(w, not on, b[t-1] or on)\n",
]


@pytest.mark.parametrize("body", NUMBERS)
def test_whole_numbers(body: str) -> None:
    agrees(f"{HEAD}{body}  out z : D = x * h\n", "automaton")


@pytest.mark.parametrize("body", TRUTHS)
def test_truth_values(body: str) -> None:
    agrees(f"{HEAD}{body}  out where(b, x, 1)\n", "automaton")


@pytest.mark.parametrize(
    ("body", "code", "reason"),
    [
        ("  h = h[t-1] + y\n", "R545", "it is not known to stay among finitely many values from 0 on"),
        ("  h = (h[t-1] + y) % 100\n", "R545", "the state has 100 values, more than 64"),
        ("  h = (h[t-2] + y) % 3\n", "R546", "h is read 2 points away, not one"),
        ("  h = tanh(h[t-1]) + x[D=0]\n", "R545", "the state is of kind real"),
        (
            "  b : D bool = b[t-1][D=0] != on\n  h = where(b, 1, 0)\n",
            "R545",
            "pick joins or moves elements of the state",
        ),
    ],
)
def test_refusals(body: str, code: str, reason: str) -> None:
    with pytest.raises(RecdslError) as caught:
        plan(f"{HEAD}{body}  out z : D = x * h\n", "automaton")
    (found,) = caught.value.diagnostics
    assert found.code == code
    assert reason in found.message
