"""Recurrences, windows, merges and reductions on small grids, against the reference interpreter."""

from __future__ import annotations

from typing import Any

import pytest
from agreement import Pair

GRIDS: dict[str, tuple[Any, ...]] = {
    "row": (
        """\
layer a(D) over i, j:
  in x : D
  h = 0.5*tanh(h[j-1]) + x
  out h
""",
        {"D": 3},
        (3, 4),
    ),
    "col": (
        """\
layer a(D) over i, j:
  in x : D
  h = 0.5*tanh(h[i+1]) + x
  init h = index[j] + index[i]
  out h
""",
        {"D": 3},
        (3, 4),
    ),
    "sched21": (
        """\
layer a(D) over i, j:
  in x : D
  h = 0.3*h[i-1,j+1] + 0.4*h[i,j-1] + x
  init h = 1
  out h + x[i-1,j+1]
""",
        {"D": 3},
        (3, 4),
    ),
    "posin": (
        """\
layer a(D) over i, j:
  in x : D
  h = 0.3*h[i-1,j-1] + 0.4*h[i,j-2] + x * index[i] + j
  init h = index[i] - 2*index[j]
  out h
""",
        {"D": 3},
        (3, 4),
    ),
    "merge": (
        """\
layer ema(D) over t:
  in x : D
  param r : D ~ normal(0,1)
  s = sigmoid(r)*s[t-1] + x
  out s
layer a(D) over i, j:
  in x : D
  y = ema(merge(x, i j -> t))
  out split(y, t -> i j) + flip[i](x)
""",
        {"D": 3},
        (3, 4),
    ),
    "conv2": (
        """\
layer a(D) over i, j:
  in x : D
  out conv(x, 4 -> D, stride = 4)
""",
        {"D": 3},
        (8, 4),
    ),
    "convper": (
        """\
layer a(D) over i, j:
  in x : D
  out conv(x, 3, per = D, dilation=2)
""",
        {"D": 3},
        (5, 4),
    ),
    "convwithoutpoints": (
        """\
layer a(D) over i, j:
  in x : D
  out conv(x, 3 -> D) + conv(x, 1 -> D, bias = no) + conv(x, 2 -> D, causal = yes)
""",
        {"D": 2},
        (0, 3),
    ),
    "grid3": (
        """\
layer a(D) over i, j, k:
  in x : D
  h = 0.3*h[i-1] + 0.3*h[j-1] + 0.3*h[k-1] + x
  out h
""",
        {"D": 2},
        (2, 3, 2),
    ),
    "avg": (
        """\
layer a(D) over i, j:
  in x : D
  out upsample(avgpool(x, 2), 2)
""",
        {"D": 2},
        (4, 6),
    ),
    "gridsum": (
        """\
layer a(D) over i, j:
  in x : D
  out x - mean[i j](x) + max[i](x)
""",
        {"D": 2},
        (3, 4),
    ),
}


@pytest.mark.parametrize("name", GRIDS)
def test_grid(name: str) -> None:
    source, sizes, lengths = GRIDS[name]
    pair = Pair(source, sizes)
    pair.assert_same(pair.inputs(*lengths))
