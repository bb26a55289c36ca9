"""Recurrences along the edges of graphs: each algorithm is the reference, whatever the order of nodes and edges; a grid is a graph."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import recdsl
from recdsl.verify import Example, assert_equivalent

SPECS = Path(__file__).parents[2] / "specs"
HEAD = "layer main(D = 3, F = 2, H = 2, K = 5, V = 4) over n in dag:\n  in x : D\n  in e : F edge\n"

PROGRAMS = {
    "gate of the edge": "edge w : H = sigmoid(linear(e))\n  h : H = sum[pred](w[pred] * h[pred]) + linear(x)\n  out h",
    "gate of both ends": (
        "h : H = sum[pred](sigmoid(linear(x -> H) + linear(x[pred] -> H)) * h[pred]) + linear(x)\n  out h"
    ),
    "gate of the receiver": "h : H = tanh(linear(x)) * sum[pred](0.5 * h[pred]) + linear(x)\n  out h",
    "nodes and edges": (
        "edge C : H = sigmoid(linear(e)) * h + sum[pred](0.3 * h[pred]) + linear(e)\n"
        "  g : H = 0.5 * h\n  h : H = linear(x) + sum[pred](C[pred]) * 0.5\n  out g\n  out C"
    ),
    "nodes and edges, not affine": (
        "edge C : H = sigmoid(linear(e)) * h + sum[pred](0.3 * h[pred]) + linear(e)\n"
        "  h : H = linear(x) + sum[pred](tanh(C[pred])) * 0.5\n  out h\n  out C"
    ),
    "dims in two orders": (
        "edge C : K H = g * 0.5 + sum[pred](0.3 * C[pred])\n"
        "  g : H K = linear(x) + sum[pred](C[pred]) * 0.5\n  out g\n  out C"
    ),
    "complex": (
        "h : H complex = complex(linear(x), 0) + sum[pred](exp(complex(-1, linear(e[pred] -> H))) * h[pred])\n  out real(h)"
    ),
    "a sum inside of a sum": (
        "h : H = 0.1 * sum[pred](sum[pred](sigmoid(linear(e[pred] -> H))) * h[pred]) + linear(x)\n  out h"
    ),
    "longest path": "h : H = max(max[pred](h[pred] + linear(e[pred])), linear(x))\n  out h",
    "positions": "h : H = tanh(mean[pred](linear(h[pred])) + linear(x) + n / 5)\n  out h",
    "values beside the state": (
        "m : H = sum[pred](softmax[pred](linear(h[pred])) * h[pred])\n"
        "  h : H = tanh(linear(m) + linear(x))\n  g = m + h\n  out g\n  out m"
    ),
    "a cell": "h : H = gru_cell(sum[pred](h[pred]) / 3, linear(x -> H))\n  out h",
    "matrices on edges": (
        "q, k : H K = linear(x)\n  v : H V = linear(x)\n  edge s, m : H = sigmoid(linear(e))\n"
        "  edge C : H K V = s * k * v + sum[pred](sigmoid(linear(e -> H)) * C[pred])\n"
        "  out sum[pred](m[pred] * sum[K](q * C[pred])) / 2 + v"
    ),
    "only what stands beside the state": "u : H = linear(x) + sum[pred](h[pred])\n  h : H = tanh(u)\n  out u",
    "matrices with a factor of the node": (
        "q, k : K = linear(x)\n  v : V = linear(x)\n  a : scalar = tanh(mean(x))\n"
        "  edge C : K V = a * k * v + 0.6 * sum[pred](C[pred])\n  out sum[pred](sum[K](q * C[pred]))"
    ),
    "matrices on nodes": (
        "q, k : K = linear(x)\n  v : V = linear(x)\n"
        "  S : V K = 0.5 * k * v + sum[pred](sum[H](linear(e[pred] -> H)) * S[pred])\n"
        "  out sum[K](q * S)\n  out sum[pred](sum[K](S[pred] * k))"
    ),
    "matrices with one gate": (
        "q, k : K = linear(x)\n  v : V = linear(x)\n  edge C : K V = k * v + 0.4 * sum[pred](C[pred])\n"
        "  h : V = tanh(sum[pred](h[pred]) + sum[pred](sum[K](q * C[pred])))\n  out h"
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("way", ["", " reversed"])
def test_a_recurrence_is_the_reference(name: str, way: str) -> None:
    text = f"{HEAD.replace('in dag', f'in dag{way}')}  {PROGRAMS[name]}\n"
    assert_equivalent(text, examples=4, sizes={"K": 5, "V": 4})


def test_layers_of_both_directions() -> None:
    """A layer that is called keeps its own direction."""
    part = "(D) over n in dag{}:\n  in x : D\n  h : D = tanh(sum[pred](h[pred]) + linear(x))\n  out h\n\n"
    parts = f"layer along{part.format('')}layer against{part.format(' reversed')}"
    body = "  repeat 2 as block:\n    y += against(along(y)) + along(against(y))\n  out y\n"
    for way in ("", " reversed"):
        assert_equivalent(f"{parts}model main(D = 3) over n in dag{way}:\n  in x : D\n  y = x\n{body}", examples=3)


# ---- the order of nodes and edges means nothing


@cache
def module(name: str) -> nn.Module:
    sizes = {"plstm_dag": {"D": 8, "F": 3, "H": 2}, "tree_lstm": {"D": 8, "H": 3}}[name]
    torch.manual_seed(0)
    return recdsl.compile(SPECS / f"{name}.rdl")(**sizes).double()


@given(st.sampled_from(["plstm_dag", "tree_lstm"]), st.integers(0, 2**20))
@settings(max_examples=40, deadline=None)
def test_any_order_gives_the_same(name: str, seed: int) -> None:
    draw = random.Random(seed)
    nodes = draw.randint(1, 9)
    pairs = [(a, b) for b in range(nodes) for a in range(b) if draw.random() < 0.4]
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(nodes, 8, generator=generator, dtype=torch.float64)
    e = torch.randn(len(pairs), 3, generator=generator, dtype=torch.float64)
    place, order = draw.sample(range(nodes), nodes), draw.sample(range(len(pairs)), len(pairs))
    edges = torch.tensor(pairs, dtype=torch.int64).reshape(-1, 2).T
    moved = torch.tensor([[place[a] for a, b in pairs], [place[b] for a, b in pairs]], dtype=torch.int64).reshape(2, -1)
    features = (e,) if name == "plstm_dag" else ()
    expected = module(name)(x, *features, edges)
    found = module(name)(
        torch.empty_like(x).index_copy(0, torch.tensor(place), x), *(y[order] for y in features), moved[:, order]
    )
    torch.testing.assert_close(found[place], expected, rtol=1e-9, atol=1e-9)


def test_several_graphs_are_one_in_several_parts() -> None:
    made, generator = module("plstm_dag"), torch.Generator().manual_seed(0)
    graphs = [torch.tensor(each).reshape(-1, 2).T for each in ([[0, 1], [1, 2], [0, 2]], [[3, 0], [0, 1]], [])]
    sizes = [3, 4, 2]
    xs = [torch.randn(size, 8, generator=generator, dtype=torch.float64) for size in sizes]
    es = [torch.randn(each.shape[1], 3, generator=generator, dtype=torch.float64) for each in graphs]
    starts = [0, 3, 7]
    together = torch.cat([each.long() + start for each, start in zip(graphs, starts, strict=True)], 1)
    found = made(torch.cat(xs), torch.cat(es), together).split(sizes)
    for x, e, edges, result in zip(xs, es, graphs, found, strict=True):
        torch.testing.assert_close(result, made(x, e, edges.long()), rtol=1e-9, atol=1e-9)


# ---- a grid is a graph

GRID = """
layer grid(D, H = 2, K = 3, V = 2) over i, j:
  in x : D
  q, k : H K = linear(x)
  v : H V = linear(x)
  a, b, c, d : H = sigmoid(linear(x))
  R : H K V = a * R[i, j-1] + b * B[i-1, j] + k * v
  B : H K V = c * R[i, j-1] + d * B[i-1, j] + k * v
  out sum[K](q * (R[i, j-1] + B[i-1, j]))
"""
DAG = """
layer dag(D, H = 2, K = 3, V = 2) over n in dag:
  in x : D
  in down : scalar edge
  q, k : H K = linear(x)
  v : H V = linear(x)
  a, b, c, d : H = sigmoid(linear(x))
  edge to_right, to_below : H = where(down > 0.5, c, a)
  edge T : H = where(down > 0.5, d, b)
  edge C : H K V = sum[pred](where(down[pred] > 0.5, T, to_right) * C[pred]) + k * v
  out sum[pred](sum[K](q * C[pred]))
"""


def grid_edges(rows: int, columns: int) -> tuple[Tensor, Tensor]:
    """Every point to the one on its right and the one below, and which of them go down."""
    at = torch.arange(rows * columns).view(rows, columns)
    right = torch.stack((at[:, :-1].flatten(), at[:, 1:].flatten()))
    below = torch.stack((at[:-1].flatten(), at[1:].flatten()))
    down = torch.cat((torch.zeros(right.shape[1]), torch.ones(below.shape[1]))).double()
    return torch.cat((right, below), 1), down


@pytest.mark.parametrize("shape", [(3, 4), (1, 5), (4, 1), (1, 1)])
@pytest.mark.parametrize("schedule", ["auto", "levels", "sequential"])
def test_a_grid_is_a_graph(shape: tuple[int, int], schedule: str) -> None:
    torch.manual_seed(0)
    grid, dag = recdsl.compile(GRID)(D=3).double(), recdsl.compile(DAG, schedule=schedule)(D=3).double()
    dag.load_state_dict(grid.state_dict())
    x = torch.randn(1, *shape, 3, dtype=torch.float64)
    edges, down = grid_edges(*shape)
    expected = grid(x)
    found = dag(x.flatten(0, 2), down, edges)
    torch.testing.assert_close(found.view_as(expected), expected, rtol=1e-9, atol=1e-9)


COUNTS = {
    "sum of truth values": "m : D = sum[pred](on[pred])",
    "largest truth value": "m : D = max[pred](on[pred])",
    "product of truth values": "m : D = prod[pred](on[pred])",
    "longest path": "m : D = max(0, max[pred](m[pred] + 1))",
    "lowest number": "m : D = min(3, min[pred](where(on[pred], 1, 2)) + 1)",
    "whether anything comes": "s : D bool = max[pred](where(s[pred], 1, 0)) > 0 or on\n  m = where(s, 1, 0)",
}


@pytest.mark.parametrize("equation", COUNTS.values(), ids=COUNTS)
def test_whole_numbers_and_truth_values(equation: str) -> None:
    assert_equivalent(
        f"layer f(D = 2) over n in dag:\n  in x : D\n  on = x > 0\n  {equation}\n  out 1.0 * m\n", examples=4
    )


NOTHING = (0, 1, 3)


@pytest.mark.parametrize("name", PROGRAMS)
def test_graphs_without_nodes_or_edges(name: str) -> None:
    assert_equivalent(HEAD + "  " + PROGRAMS[name] + "\n", examples=[Example(points=(nodes,)) for nodes in NOTHING])


POSITIONS = {
    "affine": "  h : D = 0.1 * n * sum[pred](h[pred] * e[pred]) + x + n",
    "not affine": "  h : D = tanh(sum[pred](h[pred]) + x + n)",
    "of the receiver": "  h : D = tanh(sum[pred](0.1 * n * h[pred]) + x)",
}


@pytest.mark.parametrize("equation", POSITIONS.values(), ids=POSITIONS)
def test_a_node_has_its_own_number_on_every_level(equation: str) -> None:
    backwards = Example(points=(5,), edges=((4, 1), (1, 2), (4, 2), (2, 3), (4, 3)))
    text = f"layer f(D = 2) over n in dag:\n  in x : D\n  in e : D edge\n{equation}\n  out h\n"
    assert_equivalent(text, examples=[backwards, Example(points=(3,), edges=((2, 1),))])


def test_names_of_the_source_that_a_graph_layer_needs() -> None:
    text = "layer f(D = 2) over graph in dag:\n  in edge_index : D\n  in level : D edge\n"
    assert_equivalent(text + "  h = tanh(sum[pred](level[pred] * h[pred]) + edge_index)\n  out h\n", examples=2)


def test_gradients_of_what_gets_another_value_afterwards() -> None:
    text = (
        "model f(D = 2) over n in dag:\n  in x : D\n  y = x\n  repeat 2 as b:\n"
        "    h : D = tanh(sum[pred](h[pred]) + y)\n    y = y + h\n  out y\n"
    )
    assert_equivalent(text, examples=[Example(points=(4,), edges=((0, 1), (1, 2), (0, 3)))])


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.parametrize("size", [1, 9], ids=["through states", "through gates"])
def test_what_is_not_finite_stays_behind(size: int, bad: float) -> None:
    """Node 2 is read by 3; 0 and 1 come before it, 4 to 6 are a graph of their own."""
    torch.manual_seed(0)
    layer = recdsl.compile(HEAD + "  " + PROGRAMS["matrices on edges"] + "\n")(K=size, V=size).double()
    edges = torch.tensor([[0, 1, 0, 2, 4, 5], [1, 2, 2, 3, 5, 6]])
    x, e = torch.randn(7, 3, dtype=torch.float64), torch.randn(6, 2, dtype=torch.float64)
    expected = layer(x, e, edges)
    x[2, 1] = bad
    x.requires_grad_()
    found = layer(x, e, edges)
    others = [0, 1, 4, 5, 6]
    torch.testing.assert_close(found[others], expected[others])
    assert not bool(found[2].isfinite().any())
    assert not bool(found[3].isfinite().any())
    (slope,) = torch.autograd.grad(found[4:].sum(), x)
    assert bool(slope[4:].isfinite().all())
