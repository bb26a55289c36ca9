"""What is read, summed and carried along edges, on small graphs, against the reference interpreter."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from agreement import Pair

GRAPHS: dict[str, tuple[Any, ...]] = {
    "stacked_on_a_level": (
        """\
layer a(D) over n in dag:
  in x : D
  h : D = 0.5 * sum[pred](h[pred] + prod[F](stack[F](index[D] / 3, x[pred]))) + sum[F](stack[F](index[D] / 3, mean[pred](h[pred])))
  out h
""",
        {"D": 2},
    ),
    "repeat": (
        """\
layer hop(D) over n in dag:
  in x : D
  h : D = tanh(linear(x)) + 0.5 * sum[pred](h[pred])
  out h
model a(D, N = 2) over n in dag:
  in x : D
  h = x
  repeat N as block:
    h += hop(h)
  out h
""",
        {"D": 2},
    ),
    "loop_at_a_node": (
        """\
layer a(D) over n in dag:
  in x : D
  s = x + 0.5 * sum[pred](h[pred])
  r = s
  loop 2 as turn:
    r = tanh(linear(r)) + s + turn
  h : D = r
  out h
""",
        {"D": 2},
    ),
    "gmax": (
        """\
layer a(D) over n in dag:
  in x : D
  h = tanh(max[pred](0.5*h[pred] + x)) + x
  out where(h > -100, h, 0)
""",
        {"D": 2},
    ),
    "gsoft": (
        """\
layer a(D) over n in dag:
  in x : D
  out sum[pred](softmax[pred](x[pred]*x) * x[pred]) + mean[pred](x[pred]) + prod[pred](x[pred])
""",
        {"D": 2},
    ),
    "gmix": (
        """\
layer a(D) over n in dag:
  in x : D
  in e : D edge
  edge m : D = tanh(h * e)
  h = x + sum[pred](m[pred])
  out h
""",
        {"D": 2},
    ),
    "grev": (
        """\
layer a(D) over n in dag reversed:
  in x : D
  h = x + 0.5*sum[pred](h[pred])
  out h
""",
        {"D": 2},
    ),
    "gtwo": (
        """\
layer b(D) over n in dag:
  in x : D
  h = x + 0.5*sum[pred](h[pred])
  out h
layer a(D) over n in dag:
  in x : D
  out b(x) + tanh(linear(b(x)->D))
""",
        {"D": 2},
    ),
    "gedge": (
        """\
layer a(D) over n in dag:
  in x : D
  in e : D edge
  edge c : D = e + sum[pred](0.5 * c[pred] * x[pred]) * x
  out sum[pred](c[pred]) + x
""",
        {"D": 2},
    ),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_graph(name: str) -> None:
    source, sizes = GRAPHS[name]
    pair = Pair(source, sizes)
    for edges, nodes in (
        ([[0, 0, 1, 2, 1], [1, 2, 3, 3, 4]], 5),
        ([[], []], 3),
        ([[0, 0, 1, 1, 2], [2, 2, 2, 3, 3]], 4),
    ):
        edge_index = torch.tensor(edges, dtype=torch.int64).reshape(2, -1)
        inputs = pair.inputs(nodes, edge_index.shape[1])
        pair.compare(pair.mine(*inputs, edge_index), pair.reference(*inputs, edge_index=edge_index), inputs)
