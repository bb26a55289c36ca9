"""The kernels of recurrences on graphs against a loop over nodes and edges, and what a graph knows of itself."""

from __future__ import annotations

import gc
import random
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor

import recdsl

D = torch.float64
# A program that needs every part of the helpers.
EVERYTHING = """
layer f(D = 2, K = 3, V = 2) over n in dag:
  in x : D
  k : K = linear(x)
  edge C : K V = k * mean(x) + 0.5 * sum[pred](C[pred])
  g : D = tanh(sum[pred](g[pred]) + linear(x))
  edge p : D = 0.2 * q + sum[pred](0.3 * p[pred])
  q : D = x + sum[pred](0.4 * p[pred])
  o : V = sum[pred](sum[K](k * C[pred]))
  out g
  out o
  out q
"""


@cache
def helpers() -> dict[str, Any]:
    return recdsl.compile(EVERYTHING)().forward.__globals__


def graph_of(edges: Tensor, nodes: int) -> Any:
    return helpers()["Graph"](edges, nodes)


def random_edges(nodes: int, count: int, seed: int = 0) -> Tensor:
    """Edges of an acyclic graph in any order, some of them twice."""
    draw = random.Random(seed)
    order = list(range(nodes))
    draw.shuffle(order)
    pairs = [sorted(draw.sample(range(nodes), 2)) for _ in range(count)]
    return torch.tensor([[order[a], order[b]] for a, b in pairs], dtype=torch.int64).reshape(-1, 2).T.contiguous()


def draw(*shape: int, seed: int = 0, dtype: torch.dtype = D) -> Tensor:
    found = 0.4 * torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return found.requires_grad_()


def loop(graph: Any, places: Any, links: Any, gates: Any, given: Any) -> tuple[Tensor, ...]:
    """The states one after another, nodes of a level before the edges that leave them."""
    flow = helpers()["Flow"](graph, places, links)
    states = [list(x) for x in given]
    ends = [[x.tolist() for x in flow.ends(name)] for _, _, name in links]
    numbers = {"nodes": graph.numbers, "edges": graph.numbers[graph.source]}
    for level in range(int(graph.numbers.max()) + 1):
        for place in ("nodes", "edges"):
            for here in (numbers[place] == level).nonzero()[:, 0].tolist():
                for (into, of, _), (start, end), gate in zip(links, ends, gates, strict=True):
                    for item in range(len(start)) if places[into] == place else ():
                        if end[item] == here:
                            factor = gate[item if len(gate) > 1 else 0]
                            states[into][here] = states[into][here] + factor * states[of][start[item]]
    return tuple(torch.stack(x) for x in states)


def assert_same(found: Any, expected: Any, leaves: list[Tensor]) -> None:
    """Values and gradients."""
    total: list[Tensor] = []
    for results in (found, expected):
        weighted = [(x * torch.linspace(1, 2, x.numel(), dtype=D).view_as(x)).sum() for x in results]
        total.append(sum(x.real if x.is_complex() else x for x in weighted))
    for x, y in zip(found, expected, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-10, atol=1e-10)
    gradients = [torch.autograd.grad(x, leaves, retain_graph=True, materialize_grads=True) for x in total]
    for x, y in zip(*gradients, strict=True):
        torch.testing.assert_close(x, y, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dims", [(), (3,), (2, 3), (2, 2, 4)])
@pytest.mark.parametrize("lacks", range(4))
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_one_link_with_gates_that_lack_dims(dims: tuple[int, ...], lacks: int, dtype: torch.dtype) -> None:
    graph = graph_of(random_edges(7, 12), 8)
    items = 1 if lacks == 3 else len(graph.incoming)
    gate_dims = [1 if place >= len(dims) - lacks or lacks == 3 else size for place, size in enumerate(dims)]
    gate, given = draw(items, *gate_dims, dtype=dtype), draw(12, *dims, seed=1, dtype=dtype)
    call = (graph, ("edges",), ((0, 0, "incoming"),), (gate,), (given,))
    assert_same(helpers()["levels"](*call), loop(*call), [gate, given])


def test_a_shared_gate_of_states_that_are_taken_in_pieces() -> None:
    graph = graph_of(torch.tensor([[0, 1, 2, 0, 1], [1, 2, 3, 2, 3]]), 4)
    gate, given = draw(1, 1, dtype=torch.complex128), draw(4, 2**17, seed=1, dtype=torch.complex128)
    call = (graph, ("nodes",), ((0, 0, "source"),), (gate,), (given,))
    assert_same(helpers()["levels"](*call), loop(*call), [gate, given])


def both(graph: Any) -> Any:
    """A system of nodes and edges with every kind of link."""
    links = ((0, 0, "source"), (0, 1, "edges"), (1, 1, "incoming"), (1, 0, "origin"), (1, 0, "tail"))
    flow = helpers()["Flow"](graph, (), ())
    counts = [len(flow.ends(name)[0]) for _, _, name in links]
    gates = tuple(draw(count, 2, 1, seed=place) for place, count in enumerate(counts))
    return ("nodes", "edges"), links, gates, (draw(graph.nodes, 2, 5, seed=8), draw(graph.edges, 2, 5, seed=9))


@pytest.mark.parametrize(("nodes", "edges"), [(1, 0), (3, 0), (2, 3), (9, 20)])
def test_states_of_nodes_and_edges(nodes: int, edges: int) -> None:
    graph = graph_of(random_edges(nodes, edges), nodes)
    for each in (graph, graph.against):
        call = both(each)
        found = helpers()["levels"](each, *call)
        if edges:
            assert_same(found, loop(each, *call), [*call[2], *call[3]])
        else:
            torch.testing.assert_close(found, call[3])


def test_an_empty_graph() -> None:
    graph = graph_of(torch.zeros(2, 0, dtype=torch.int64), 0)
    call = both(graph)
    assert [x.shape for x in helpers()["levels"](graph, *call)] == [(0, 2, 5), (0, 2, 5)]


def test_second_derivatives_and_vmap() -> None:
    graph = graph_of(random_edges(5, 6), 5)
    places, links, gates, given = both(graph)

    def run(*tensors: Tensor) -> Any:
        return helpers()["levels"](graph, places, links, tensors[:5], tensors[5:])

    assert torch.autograd.gradgradcheck(run, (*gates, *given), atol=1e-6)
    more = torch.stack([given[0], 2 * given[0]])
    found = torch.func.vmap(lambda x: run(*gates, x, given[1]))(more)
    for place in range(2):
        torch.testing.assert_close(found[place][1], run(*gates, more[1], given[1])[place])


# ---- matrix states that are read


@pytest.mark.parametrize("place", ["nodes", "edges"])
@pytest.mark.parametrize("shared", [False, True])
def test_reading_matrix_states_in_three_ways(place: str, shared: bool) -> None:
    """Through the states, through gates by level, and through gates by triangular solves."""
    names = helpers()
    one = random_edges(6, 9)
    graph = graph_of(torch.cat((one, random_edges(4, 5, seed=2) + 6), 1), 11)  # two parts and a node on its own
    ends, reads = ("incoming", ("edges",)) if place == "edges" else ("source", ("own", "source"))
    items, states = (len(graph.incoming), graph.edges) if place == "edges" else (graph.edges, graph.nodes)
    gate, source = draw(1 if shared else items, 2), draw(states, 2, seed=1)
    key, value, query = draw(11, 2, 3, seed=2), draw(11, 2, 4, seed=3), draw(11, 2, 3, seed=4)
    marks = [draw(1 if shared else graph.nodes if name == "own" else graph.edges, 2, seed=5) for name in reads]
    readings = tuple((name, mark, query) for name, mark in zip(reads, marks, strict=True))
    leaves = [gate, source, key, value, query, *marks]
    parts = names["_parts"](graph)
    assert (parts.count, parts.most) == (3, 6)
    flow = names["Flow"](graph, (place,), ((0, 0, ends),))
    flat = [x for _, *each in readings for x in each]
    expected = names["_ReadStates"].apply(flow, reads, gate, source, key, value, *flat)[:-1]
    assert torch.autograd.gradcheck(
        lambda *x: names["_ReadStates"].apply(flow, reads, *x[:4], *x[4:])[:-1], (gate, source, key, value, *flat)
    )
    for gating in (names["_gating_by_level"], names["_gating_dense"]):
        gates = gating(graph, parts, place, (ends, gate), source, readings)
        assert_same([parts.attended(each, query, key, value) for each in gates], expected, leaves)
    found = names["line_graph"](graph, place, (ends, gate), source, key, value, readings)
    assert_same(found, expected, leaves)
    many = torch.func.vmap(lambda x: names["_ReadStates"].apply(flow, reads, gate, source, x, value, *flat)[0])(
        torch.stack((key, 3 * key))
    )
    torch.testing.assert_close(many, torch.stack((expected[0], 3 * expected[0])))


def test_matrix_states_that_are_taken_in_pieces() -> None:
    names = helpers()
    graph = graph_of(random_edges(12, 40), 12)
    gate, source = draw(len(graph.incoming), 2), draw(40, 2, seed=1)
    key, value, query = draw(12, 2, 64, seed=2), draw(12, 2, 64, seed=3), draw(12, 2, 64, seed=4)
    mark = draw(40, 2, seed=5)
    flow = names["Flow"](graph, ("edges",), ((0, 0, "incoming"),))
    found = names["_ReadStates"].apply(flow, ("edges",), gate, source, key, value, mark, query)[:-1]
    readings = (("edges", mark, query),)
    (gates,) = names["_gating_by_level"](graph, names["_parts"](graph), "edges", ("incoming", gate), source, readings)
    expected = names["_parts"](graph).attended(gates, query, key, value)
    assert_same(found, (expected,), [gate, source, key, value, query, mark])


# ---- graphs


def test_levels_and_pairs() -> None:
    edges = torch.tensor([[2, 2, 0, 3, 2], [0, 3, 1, 1, 0]])
    graph = graph_of(edges, 5)
    assert graph.numbers.tolist() == [1, 2, 0, 1, 0]
    pairs = {(a, b) for a in range(5) for b in range(5) if edges[1, a] == edges[0, b]}
    assert set(zip(graph.incoming.tolist(), graph.outgoing.tolist(), strict=True)) == pairs
    assert graph.against.numbers.tolist() == [1, 0, 2, 1, 0]
    assert graph.against.against is graph


def test_a_deep_graph() -> None:
    """A chain, whose levels are as many as its nodes."""
    count = 3000
    edges = torch.stack((torch.arange(count - 1), torch.arange(1, count)))
    assert graph_of(edges, count).numbers.tolist() == list(range(count))


def test_the_analysis_is_kept_while_the_tensor_is_the_same() -> None:
    names = helpers()
    module, x = recdsl.compile(EVERYTHING)(), torch.randn(3, 2)
    known = module.forward.__globals__["Graph"].known
    edges = torch.tensor([[0, 1], [1, 2]])
    module(x, edges)
    graph = known[edges][1]
    module(x, edges)
    assert known[edges][1] is graph
    before = module(x, edges)[0]
    edges[1, 1] = 0
    edges[0, 0] = 2
    assert known[edges][1] is graph
    after = module(x, edges)[0]
    assert known[edges][1] is not graph
    assert not torch.equal(before, after)
    count = len(known)
    del edges, graph
    gc.collect()
    assert len(known) == count - 1
    with torch.inference_mode():
        module(x, torch.tensor([[0, 1], [1, 2]]))
    assert "Graph" in names


def test_a_graph_in_place_of_its_edges() -> None:
    module, x = recdsl.compile(EVERYTHING)(), torch.randn(4, 2)
    edges = random_edges(4, 5)
    graph = module.forward.__globals__["Graph"](edges, 4)
    torch.testing.assert_close(module(x, graph), module(x, edges))
    with pytest.raises(ValueError, match="the graph has 4 nodes, the inputs have 3"):
        module(x[:3], graph)
