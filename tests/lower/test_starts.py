"""Starts that are sums, where an algorithm multiplies them by what stands at the border: as a whole, under every schedule."""

from __future__ import annotations

import pytest

from recdsl.verify import Example, assert_equivalent

HEAD = "layer f(D = 3) over t:\n  in x : D\n  param w, u : D ~ normal(0, 1)\n  a : D = sigmoid(x)\n"
SEQUENCES = {
    "diagonal": "  h = a * h[t-1] + x\n  init h = w - u\n",
    "the same all along": "  h = 0.7 * h[t-1] + x\n  init h = w - u\n",
    "two points back, from the end": "  h = a * h[t+2] + x\n  init h = w - 0.2 * index[t]\n",
    "block": "  p = 0.5 * p[t-1] + 0.2 * a * h[t-1] + x\n  h = 0.5 * h[t-1] - 0.2 * a * p[t-1]\n  init h = w - u\n",
    "clamp": "  h = clamp(a * h[t-1] + x, -1, 1)\n  init h = w - u - 3\n",
    "mobius": "  h = (2 * h[t-1] + 1) / (h[t-1] + 2 + x * x)\n  init h = w * w + u * u\n",
    "semiring": "  h = max(h[t-1] - a, x)\n  init h = w - u\n",
    "a size": "  h = a * h[t-1] + x\n  init h = D - 5\n",
    "a remainder of a size": "  h = 0.5 * h[t-1] + x\n  init h = 10 % D\n",
    "a size in a clamp": "  h = clamp(a * h[t-1] + x, -1, 1)\n  init h = D - 4\n",
    "a state of an automaton": "  c = (c[t-1] + where(x > 0, 1, 2)) % 5\n  init c = D - 1\n  h : D = 1.0 * c\n",
}


@pytest.mark.parametrize("equations", SEQUENCES.values(), ids=SEQUENCES)
def test_of_documents(equations: str) -> None:
    example = Example(batch=2, points=(5,), lengths=(5, 3), resets=((1,), (0, 2)), cut=2)
    assert_equivalent(f"{HEAD}{equations}  out h\n", examples=[example])


GRIDS = {
    "of every dimension": "s + w * index[i] - 0.3 * index[j]",
    "of some": "w - u",
    "a size": "D - 5",
    "a remainder of a size": "10 % D",
}


@pytest.mark.parametrize("start", GRIDS.values(), ids=GRIDS)
def test_of_grids(start: str) -> None:
    source = (
        "layer f(D = 3) over i, j:\n  in x : D\n  in s : D static\n  param w, u : D ~ normal(0, 1)\n  a : D = sigmoid(x)\n"
        f"  h = 0.5 * a * h[i-1] + 0.4 * h[j-1] + x + s\n  init h = {start}\n  out h\n"
    )
    assert_equivalent(source, examples=[Example(batch=2, points=(3, 2))])
