"""Layers over graphs whose edges may form cycles: the reference whatever the graph, a graph network of torch_geometric, no order of nodes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from agreement import load
from torch import Tensor, nn

import recdsl
from recdsl import api
from recdsl.verify import Example, assert_equivalent

SPECS = Path(__file__).parents[2] / "specs"
HEAD = "model main(D = 3, F = 2, H = 2) over n in graph:\n  in x : D\n  in e : F edge\n"
# cycles, self loops, an edge twice, and a node 4 without edges
EDGES = ((0, 1), (1, 0), (1, 2), (1, 2), (2, 2), (3, 1), (2, 3), (0, 0))
EXAMPLES = (
    Example(0, 1, (5,), edges=EDGES),
    Example(1, 1, (4,)),
    Example(2, 1, (1,), edges=((0, 0), (0, 0))),
    Example(3, 1, (7,), edges=((0, 1), (1, 2), (2, 0), (3, 4), (4, 3), (6, 6))),
)

PROGRAMS = {
    "rounds of a cell": (
        "h : H = linear(x)\n  cell = gru_cell(H)\n  repeat 2 as round:\n    h = cell(sum[pred](linear(h[pred] -> H)), h)\n  out h"
    ),
    "shares of messages": (
        "h : H = linear(x)\n  loop 3 as round:\n    score : H = linear(h)\n"
        "    h += mean[pred](h[pred]) - sum[pred](softmax[pred](score[pred] + linear(e[pred] -> H)) * h[pred])\n  out h"
    ),
    "messages on edges": (
        "edge m : H = linear(e)\n  loop 3:\n    edge m = tanh(linear(x) + linear(sum[pred](m[pred])) + 0.3 * m)\n"
        "  out max(max[pred](m[pred]), -1)\n  out m"
    ),
    "degrees": "in_degree = sum[pred](1)\n  out x / (1 + in_degree) + logaddexp(logsumexp[pred](x[pred]), 0)",
    "pairs of edges": "edge m : D = sum[F](sum[pred](e[pred] * e)) * x + min(min[pred](x[pred]), 1)\n  out prod[pred](tanh(m[pred]))",
    "a path": (
        "h = x\n  repeat 2 as block:\n    h = tanh(linear(mean[pred](h[pred])) + h)\n  path block = 0..1, loop 2 (1)\n  out h"
    ),
    "turns until nothing changes": (
        "h = x\n  loop 5 as turn:\n    before = h\n    h = 0.5 * max(h, max(max[pred](h[pred]), -2))\n"
        "    until all(abs(h - before) < 0.5)\n  out h"
    ),
    "a sum over all nodes": "out x - mean[n](x) + sum[pred](linear(e[pred] -> D) * x)",
    "an equation that is written twice": "y = sum[pred](x[pred])\n  y = y + mean[pred](y[pred])\n  out y",
}


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("way", ["", " reversed"])
def test_a_program_is_the_reference(name: str, way: str) -> None:
    text = f"{HEAD.replace('in graph', f'in graph{way}')}  {PROGRAMS[name]}\n"
    assert_equivalent(text, examples=EXAMPLES)


@pytest.mark.parametrize("kind", ["dag", "graph"])
def test_how_many_edges_come_in(kind: str) -> None:
    """A sum over edges of what is the same everywhere counts the edges of each node."""
    text = (
        f"model main(D = 3) over n in {kind}:\n  in x : D\n  in c : D static\n  param w : D\n  count = sum[pred](1)\n"
        "  heavy = sum[pred](w * c)\n  edge before = sum[pred](1)\n  h = x\n  loop 2:\n    h = h / (1 + sum[pred](1))\n"
        "  out sum[pred](count[pred] * x[pred] * before[pred]) + h\n  out heavy\n  out (1 + count) ^ (-0.5)\n"
    )
    assert_equivalent(text, examples=EXAMPLES if kind == "graph" else 4)


def test_where_nothing_comes_in_no_gradient_goes_back() -> None:
    """A logsumexp over edges, or along a dim, of which all are -inf."""
    text = "in x : D\n  far = where(x > 0, x, -inf)\n  out logsumexp[pred](far[pred])\n  out logsumexp[D](far)\n"
    module = recdsl.compile(f"layer main(D = 2) over n in graph:\n  {text}")()
    x = torch.tensor([[-1.0, -2.0], [1.0, -1.0], [-1.0, -1.0]], requires_grad=True)
    edges, rows = module(x, torch.tensor([[0, 1, 0, 2], [0, 1, 1, 2]]))
    (grad,) = torch.autograd.grad(edges.sum() + rows.sum(), x)
    assert edges[1, 0] == rows[1] == 1 and edges.isinf().sum() == 5
    assert grad.tolist() == [[0, 0], [2, 0], [0, 0]]


def test_no_nodes() -> None:
    for name in ("rounds of a cell", "messages on edges", "degrees"):
        assert_equivalent(f"{HEAD}  {PROGRAMS[name]}\n", examples=[Example(0, 1, (0,))])


def test_layers_of_both_directions_and_without_axes_of_their_own() -> None:
    layers = (
        "layer along(D) over n in graph:\n  in x : D\n  out y : D = tanh(linear(sum[pred](x[pred])))\n\n"
        "layer against(D) over n in graph reversed:\n  in x : D\n  out y : D = tanh(linear(sum[pred](x[pred])))\n\n"
        "layer here(D):\n  in x : D\n  out x + mean[pred](x[pred])\n\n"
    )
    body = "  y = x\n  repeat 2 as block:\n    y += against(along(y)) + here(along(against(y)))\n  out y\n"
    for way in ("", " reversed"):
        head = f"model main(D = 3) over n in graph{way}:\n  in x : D\n"
        assert_equivalent(f"{layers}{head}{body}", examples=EXAMPLES)


def test_a_dag_is_a_graph() -> None:
    """A layer over a dag may call one over a graph; the same layer without axes of its own has those of each caller."""
    text = (
        "layer here(D):\n  in x : D\n  out x + mean[pred](x[pred])\n\n"
        "layer near(D) over n in graph:\n  in x : D\n  out here(sum[pred](x[pred])) / 2\n\n"
        "model main(D = 3) over n in dag:\n  in x : D\n  h : D = tanh(sum[pred](h[pred]) + linear(near(x)))\n  out here(near(h))\n"
    )
    program = api.check(text).program
    assert {key: each.cyclic_graph for key, each in program.modules.items()} == {
        "here over n in graph": True,
        "near": True,
        "here over n in dag": False,
        "main": False,
    }
    assert_equivalent(text, examples=4)
    made = load(api.compile_text(text).text).Main(D=3)
    with pytest.raises(ValueError, match="the graph has a cycle"):
        made(torch.randn(2, 3), torch.tensor([[0, 1], [1, 0]]))


@pytest.mark.parametrize("names", [("graph", "dag"), ("edge_index", "source"), ("level", "target"), ("lambda", "self")])
def test_any_names(names: tuple[str, str]) -> None:
    axis, value = names
    text = (
        f"model graph(D = 2) over {axis} in graph:\n  in {value} : D\n  in edges : D edge\n  nodes = {value}\n"
        f"  loop 2 as round:\n    nodes = tanh(nodes + sum[pred](nodes[pred] * edges[pred])) + {axis} / 5\n  out nodes\n"
    )
    assert_equivalent(text, examples=EXAMPLES)


# ---- what the compiled file knows of a graph


def test_no_order_is_looked_for() -> None:
    text = api.compile_text(SPECS / "graph_gru.rdl").text
    assert not any(word in text for word in ("level", "has a cycle", "acyclic", ".numbers"))


def test_a_graph_of_ones_own() -> None:
    file = load(api.compile_text(SPECS / "graph_gru.rdl").text)
    made, edges = file.GraphGru(D=4), torch.tensor(EDGES).T
    x, strength = torch.randn(5, 4), torch.randn(len(EDGES))
    expected = made(x, strength, edges)
    assert torch.equal(made(x, strength, file.Graph(edges, 5)), expected)
    edges[:, 0] = torch.tensor([4, 4])
    assert not torch.equal(made(x, strength, edges), expected)
    with pytest.raises(ValueError, match=r"must lie in 0..4, found 1..5"):
        made(x, strength, edges + 1)
    for wrong in (edges.float(), edges[0]):
        with pytest.raises(ValueError, match="must be whole numbers"):
            made(x, strength, wrong)
    with pytest.raises(ValueError, match="the graph has 5 nodes, the inputs have 6"):
        made(torch.randn(6, 4), strength, file.Graph(edges, 5))


def test_compiled_and_batched_by_torch() -> None:
    made = recdsl.compile(SPECS / "graph_gru.rdl")(D=3).double()
    edges, strength = torch.tensor(EDGES).T.contiguous(), torch.randn(len(EDGES), dtype=torch.float64)
    xs = torch.randn(2, 5, 3, dtype=torch.float64)
    each = torch.stack([made(x, strength, edges) for x in xs])
    batched = torch.func.vmap(lambda x: made(x, strength, edges))(xs)
    torch.testing.assert_close(batched, each, rtol=1e-12, atol=1e-12)
    faster = torch.compile(made, backend="aot_eager")
    torch.testing.assert_close(faster(xs[0], strength, edges), each[0], rtol=1e-12, atol=1e-12)


def test_one_path_for_all_nodes() -> None:
    made = recdsl.compile(f"{HEAD}  {PROGRAMS['a path']}\n")().double()
    x, e = torch.randn(5, 3, dtype=torch.float64), torch.randn(len(EDGES), 2, dtype=torch.float64)
    edges = torch.tensor(EDGES).T
    assert torch.equal(made(x, e, edges), made(x, e, edges, path=[0, 1, 1, 1]))
    assert torch.equal(made(x, e, edges, path=[]), x)
    with pytest.raises(ValueError, match="names layer 2"):
        made(x, e, edges, path=[2])


# ---- the gated graph network of torch_geometric


def with_weights_of(theirs: nn.Module, made: nn.Module) -> None:
    """Give the compiled module the weights of a GatedGraphConv: a map a round, and the gates of a GRUCell in the order r, z, n."""
    with torch.no_grad():
        for round_, weight in zip(made.round, theirs.weight, strict=True):
            round_.sent.weight.copy_(weight.T)
        for name, word in (("x", "ih"), ("h", "hh")):
            weights, biases = (getattr(theirs.rnn, f"{kind}_{word}").chunk(3) for kind in ("weight", "bias"))
            for gate, weight, bias in zip("rzn", weights, biases, strict=True):
                getattr(made.cell, gate).get_submodule(name).weight.copy_(weight)
                getattr(made.cell, gate).get_submodule(name).bias.copy_(bias)


def gradients(made: nn.Module) -> dict[str, Tensor]:
    """The gradients of the compiled module's weights in the layout of a GatedGraphConv."""
    cell = {
        f"{kind}_{word}": torch.cat([made.get_parameter(f"cell.{gate}.{name}.{kind}").grad for gate in "rzn"])
        for name, word in (("x", "ih"), ("h", "hh"))
        for kind in ("weight", "bias")
    }
    return {"weight": torch.stack([each.sent.weight.grad.T for each in made.round]), **cell}


@pytest.mark.parametrize("edges", [EDGES, (), ((0, 0),)], ids=["cycles", "no edges", "a self loop"])
@pytest.mark.parametrize("rounds", [1, 3])
def test_it_is_a_gated_graph_network(edges: tuple[tuple[int, int], ...], rounds: int) -> None:
    geometric = pytest.importorskip("torch_geometric.nn")
    torch.manual_seed(0)
    theirs = geometric.GatedGraphConv(4, rounds).double()
    made = recdsl.compile(SPECS / "graph_gru.rdl")(D=4, R=rounds).double()
    with_weights_of(theirs, made)
    index = torch.tensor(edges, dtype=torch.int64).reshape(-1, 2).T.contiguous()
    mine, other = (torch.randn(5, 4, dtype=torch.float64), torch.randn(len(edges), dtype=torch.float64)), []
    other = [each.clone().requires_grad_() for each in mine]
    mine = [each.requires_grad_() for each in mine]
    expected = theirs(other[0], index, other[1])
    found = made(mine[0], mine[1], index)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    weights = torch.randn_like(expected)
    (expected * weights).sum().backward()
    (found * weights).sum().backward()
    for own, wanted in zip(mine, other, strict=True):
        torch.testing.assert_close(own.grad, wanted.grad, rtol=1e-12, atol=1e-12)
    own, cell = gradients(made), theirs.rnn
    wanted = {"weight": theirs.weight.grad, **{name: each.grad for name, each in cell.named_parameters()}}
    assert own.keys() == wanted.keys()
    for name, gradient in own.items():
        torch.testing.assert_close(gradient, wanted[name], rtol=1e-12, atol=1e-12)
