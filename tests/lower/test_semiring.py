"""Folds of the shifted state: max, min, log-sum-exp, truth values, and along a dim of the state."""

from __future__ import annotations

import pytest
from families import agrees, plan

from recdsl.diagnostics import RecdslError

HEAD = "layer a(D, S, P = S) over t:\n  in x : D\n  in f : D\n  in e : S\n  in on : bool\n  param A : S P\n"

ELEMENTS = [
    "  h = max(logsigmoid(f) + h[t-1], x)\n  init h = 0\n",
    "  h = max(x, h[t-1])\n  init h = -inf\n",
    "  u = h[t-1] - 1\n  w = max(u, x)\n  h = max(w, max(h[t-1] - softplus(f), 2 * f)) + 0.1\n  init h = 0.5\n",
    "  h = relu(h[t-1] + x - 0.1)\n",
    "  h : D = -min(-max(h[t-1] + f, x) + f, -f)\n  init h = index[D]\n",
    "  h = min(h[t-1] + 0.1, x)\n  init h = 20\n",
    "  h = min(x, h[t+1])\n  init h = 3\n",
    "  h = where(on, max(h[t-1] + f, x), h[t-1] - 1)\n  init h = -0.5\n",
    "  h = max(h[t-1] - 0.5, 0.1)\n  init h = 3\n",
    "  h = logaddexp(h[t-1] + f, x)\n  init h = -1\n",
    "  h = log(exp(h[t-1] + f) + exp(x)) + 0.1\n  init h = 1\n",
    "  h = log(sigmoid(f) * exp(h[t-1]) + exp(x))\n  init h = -1\n",
    "  h = softplus(h[t+1] + f)\n",
    "  h : D = logsumexp[J](stack[J](h[t-1] + f, x, h[t-1]))\n  init h = 0.2\n",
]

MATRICES = [
    "  h : S = max[P](A + h[t-1][S->P]) + e\n  init h = 0\n",
    "  h : S = max[S](A + h[t-1])[P->S]\n  init h = -log(S)\n",
    "  h : S = logsumexp[P](A + h[t-1][S->P]) + e\n  init h = index[S]\n",
    "  h : S D = logsumexp[P](A + h[t-1][S->P] + f) + x\n  init h = 0.1 * index[S] + index[D]\n",
    "  h : S = min(where(on, min[P](A + h[t+1][S->P]), 3), h[t+1] + 0.5)\n  init h = 1\n",
    "  h : S D = max(max[P](A + e[S->P] + h[t-1][S->P]), max(h[t-1] + f, x))\n  init h = index[S]\n",
]

TRUTHS = [
    "  b : D = (b[t-1] and x > 0) or f > 1\n",
    "  b : D = b[t-1] or x > 1\n",
    "  b : D = where(on, b[t-1], x > 0)\n  init b = index[D] > 0\n",
    "  b : D = (b[t+1] or x > 0) and (b[t+1] or f > 0) and on\n",
]


@pytest.mark.parametrize("body", [*ELEMENTS, *MATRICES])
def test_folds(body: str) -> None:
    agrees(f"{HEAD}{body}  out h\n", "semiring")


@pytest.mark.parametrize("body", TRUTHS)
def test_truth_values(body: str) -> None:
    agrees(f"{HEAD}{body.replace('b : D', 'b : D bool')}  out where(b, x, f)\n", "semiring")


@pytest.mark.parametrize(
    ("body", "code", "reason"),
    [
        ("  h = max(h[t-1] * f, x)\n", "R530", "mul of a value that depends on the state is not a max of sums"),
        ("  h = max(h[t-1], h[t-2] + x)\n", "R530", "h is read at several points"),
        ("  h = max(h[t-2], x)\n", "R531", "h is read 2 points away, not one"),
        ("  h = tanh(h[t-1] + x)\n", "R530", "there is no max, min or log-sum-exp of the state"),
        ("  h = h[t-1] + x\n", "R530", "the recurrence is affine, of the class lti"),
        ("  h : S D = max[D](max[P](A + h[t-1][S->P])) + x\n", "R530", "the state is folded along several"),
        (
            "  h = log(exp(h[t-1]) + relu(x))\n  init h = 1\n",
            "R530",
            "its logarithm may not exist: it lies in [0, inf)",
        ),
    ],
)
def test_refusals(body: str, code: str, reason: str) -> None:
    with pytest.raises(RecdslError) as caught:
        plan(f"{HEAD}{body}  out h\n", "semiring")
    (found,) = caught.value.diagnostics
    assert found.code == code
    assert reason in found.message
