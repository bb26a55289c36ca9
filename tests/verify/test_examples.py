"""Inputs of examples: kinds, shapes, documents, graphs; simpler ones stay valid."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recdsl import pipeline
from recdsl.ir.module import Program
from recdsl.reference import Reference
from recdsl.reference.graph import check_edges
from recdsl.verify import Example, inputs
from recdsl.verify.examples import some_examples
from recdsl.verify.sizes import choose_sizes

SEQUENCE = """
layer f(D = 2, V = 3) over t:
  in ids : token[V]
  in on : D bool
  in z : D complex
  in c : D static
  h = where(on, real(z), 0) * c + embed(ids -> D)
  out h
"""
GRID = """
layer f(D = 2) over i, j:
  in x : D
  out upsample(avgpool(x, 2), 2) + x
"""
GRAPH = """
layer f(D = 2, F = 3) over n in dag:
  in x : D
  in e : F edge
  out x + sum[pred](x[pred] * linear(e[pred] -> D))
"""
SEEDED = settings(derandomize=True, max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))  # fmt: skip


def program(text: str) -> Program:
    return pipeline.check(pipeline.load(text)).program


def test_every_kind_of_input() -> None:
    checked = program(SEQUENCE)
    sizes = Reference(checked, **choose_sizes(checked)).sizes
    tensors = Example(batch=2, points=(4,)).tensors(checked.entry, sizes)
    assert {name: list(tensor.shape) for name, tensor in tensors.items()} == {
        "ids": [2, 4],
        "on": [2, 4, 2],
        "z": [2, 4, 2],
        "c": [2, 2],
    }
    assert tensors["ids"].dtype == torch.int64
    assert int(tensors["ids"].max()) < 3
    assert tensors["on"].dtype == torch.bool
    assert tensors["z"].is_complex()
    assert tensors["c"].requires_grad


def test_the_same_example_draws_the_same_tensors() -> None:
    checked = program(SEQUENCE)
    sizes = Reference(checked, **choose_sizes(checked)).sizes
    one, other = (Example(seed=7, points=(3,)).tensors(checked.entry, sizes) for _ in range(2))
    assert all(bool((one[name] == other[name]).all()) for name in one)


def test_documents() -> None:
    example = Example(batch=2, points=(3,), lengths=(2, 0), resets=((1,), ()))
    assert example.length_tensor().tolist() == [2, 0]
    assert example.reset_tensor().tolist() == [[False, True, False], [False, False, False]]


@pytest.mark.parametrize("text", [SEQUENCE, GRID, GRAPH], ids=["sequence", "grid", "graph"])
def test_simpler_examples_are_valid_and_end(text: str) -> None:
    checked = program(text)
    reference = Reference(checked, **choose_sizes(checked))

    @SEEDED
    @given(inputs(checked, longest=4), st.randoms(use_true_random=False))
    def run(example: Example, draw) -> None:
        for _ in range(100):
            example.tensors(checked.entry, reference.sizes)
            assert len(example.lengths or ()) in (0, example.batch)
            assert all(each <= example.points[0] for each in example.lengths or ())
            simpler = list(example.smaller())
            if not simpler:
                return
            example = draw.choice(simpler)
        raise AssertionError(example)

    run()


def test_pooling_gets_lengths_that_it_can_undo() -> None:
    for example in some_examples(program(GRID), 20):
        assert all(length > 0 and length % 2 == 0 for length in example.points)


def test_graphs_are_acyclic_and_of_every_sort() -> None:
    examples = some_examples(program(GRAPH), 60)
    for example in examples:
        check_edges(example.edge_index(), example.points[0])
    assert any(example.points == (1,) for example in examples)
    assert any(not example.edges and example.points[0] > 1 for example in examples)
    assert any(len(set(example.edges)) < len(example.edges) for example in examples)


def test_graphs_with_cycles_are_of_every_sort() -> None:
    examples = some_examples(program(GRAPH.replace("in dag", "in graph")), 60)
    for example in examples:
        check_edges(example.edge_index(), example.points[0], cyclic=True)
    graphs = [(example.points[0], set(example.edges)) for example in examples]
    assert any(a == b for _, edges in graphs for a, b in edges)
    assert any(a != b and (b, a) in edges for _, edges in graphs for a, b in edges)
    assert any(edges and set(range(nodes)) > {end for edge in edges for end in edge} for nodes, edges in graphs)
    assert any(not edges for _, edges in graphs)
    assert any(len(set(example.edges)) < len(example.edges) for example in examples)


def test_the_shortest_lengths_come_first() -> None:
    assert [example.points for example in some_examples(program(SEQUENCE), 4)] == [(4,), (1,), (0,), (3,)]
