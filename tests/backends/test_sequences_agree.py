"""Small sequence layers, each with one thing that compilers get wrong, against the reference interpreter."""

from __future__ import annotations

from typing import Any

import pytest
from agreement import Pair, assert_sequence

LAYERS: dict[str, tuple[str, dict[str, Any]]] = {
    "two_delays": (
        """\
layer a(D) over t:
  in x : D
  h : D = 0.5*tanh(h[t-2]) + 0.3*h[t-1] + x
  init h = 0.5
  out h
""",
        {"D": 3},
    ),
    "start_by_position": (
        """\
layer a(D) over t:
  in x : D
  param b : D ~ normal(0,1)
  h : D = 0.5*tanh(h[t-2]) + x
  init h = b * index[t]
  out y : D = h + x[t-1] + h[t-3]
""",
        {"D": 3},
    ),
    "static_input": (
        """\
layer a(D) over t:
  in x : D
  in c : D static
  h : D = 0.5*h[t-1] + x * c
  out h
""",
        {"D": 3},
    ),
    "start_from_input": (
        """\
layer a(D) over t:
  in x : D
  in c : D static
  h : D = 0.5*h[t-1] + x
  init h = c
  out h
""",
        {"D": 3},
    ),
    "start_from_weight": (
        """\
layer a(D) over t:
  in x : D
  param h0 : D ~ normal(0,1)
  h : D = 0.5*h[t-1] + x
  init h = h0
  out h
""",
        {"D": 3},
    ),
    "running_sum": (
        """\
layer a(D) over t:
  in x : D
  out cumsum[t](x) * index[t]
""",
        {"D": 3},
    ),
    "looks_ahead": (
        """\
layer a(D) over t:
  in x : D
  h : D = tanh(h[t+1]) + 0.5*h[t+2] + x
  init h = index[t]
  out h + x[t+1]
""",
        {"D": 3},
    ),
    "attention_in_a_window": (
        """\
layer a(D) over t:
  in x : D
  out attention(x, heads=2, causal=yes, rotate=yes, window=3)
""",
        {"D": 4},
    ),
    "attention_both_ways": (
        """\
layer a(D) over t:
  in x : D
  out attention(x, heads=2)
""",
        {"D": 4},
    ),
    "pooled": (
        """\
layer a(D) over t:
  in x : D
  out y : D = x - mean[t](x) + max[t](x)
""",
        {"D": 4},
    ),
    "held_for_blocks": (
        """\
layer a(D, B=2) over t:
  in x : D
  held : D = where(index[t] % B == 0, M[t-1], held[t-1])
  M : D = 0.5*M[t-1] + x*held
  out held + M
""",
        {"D": 3},
    ),
    "convolutions": (
        """\
layer a(D) over t:
  in x : D
  y : D = conv(x, 3)
  out z : D = conv(y, 3, causal=yes, dilation=2) + conv(y, 2, causal=yes)
""",
        {"D": 3},
    ),
    "bool_state": (
        """\
layer a(D) over t:
  in x : D
  in r : bool scalar
  s : D bool = s[t-1] or x > 0.5
  n : D = where(r, 0, n[t-1]) + where(s, 1, 0)
  out n * x
""",
        {"D": 3},
    ),
    "cell_in_a_loop": (
        """\
layer a(D, H) over t:
  in x : D
  cell = gru_cell(H)
  h : H = cell(x, h[t-1])
  out h
""",
        {"D": 3, "H": 2},
    ),
    "carried_dim": (
        """\
layer ema(D) over t:
  in x : D
  param r : D ~ normal(0,1)
  s = sigmoid(r)*s[t-1] + x
  out s
layer a(D,H) over t:
  in x : D
  q : H D = linear(x)
  out ema[D](q)
""",
        {"D": 3, "H": 2},
    ),
    "instance_twice": (
        """\
layer ema(D) over t:
  in x : D
  param r : D ~ normal(0,1)
  s = sigmoid(r)*s[t-1] + x
  out s
layer a(D) over t:
  in x : D
  f = ema()
  out f(f(x)) + ema(x)
""",
        {"D": 3},
    ),
    "picked": (
        """\
layer a(D) over t:
  in x : D
  out y : D = x + x[t=0] * x[t=-1]
""",
        {"D": 3},
    ),
    "equations_in_any_order": (
        """\
layer a(D) over t:
  in x : D
  h : D = x + g
  g0 : D = 0.5 * h[t-1]
  g = gru_cell(g0, g0, H=D)
  out h
""",
        {"D": 3},
    ),
    "captured_at_a_shift": (
        """\
layer a(D) over t:
  in x : D
  v = 0.5 * v[t-1] + x
  init v = 1
  y = x
  repeat 2:
    loop 2:
      y += tanh(v[t-1])
    y += v[t-2]
  out y
""",
        {"D": 2},
    ),
    "complex_state": (
        """\
layer a(D) over t:
  in x : D
  param angle : D ~ uniform(0, 1)
  z : D = exp(complex(-0.1, angle)) * z[t-1] + x
  out real(z)
""",
        {"D": 3},
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name: str) -> None:
    source, sizes = LAYERS[name]
    assert_sequence(Pair(source, sizes), 5)
