"""Layered drawing: edges run downwards, nothing in a row overlaps."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from recdsl.picture.layers import SPACE, Edge, arrange


@st.composite
def acyclic(draw: st.DrawFn) -> tuple[dict[str, float], list[Edge]]:
    count = draw(st.integers(1, 9))
    widths = {f"n{index}": draw(st.sampled_from((20.0, 60.0, 300.0))) for index in range(count)}
    edges = [
        Edge(f"n{low}", f"n{high}", draw(st.sampled_from((0.0, 0.0, 40.0))))
        for low in range(count)
        for high in range(low + 1, count)
        if draw(st.booleans())
    ]
    return widths, edges


@settings(max_examples=60, deadline=None)
@given(acyclic())
def test_edges_run_downwards_and_rows_do_not_overlap(drawn: tuple[dict[str, float], list[Edge]]) -> None:
    widths, edges = drawn
    layers = arrange(widths, edges)
    row = {node: index for index, nodes in enumerate(layers.rows) for node in nodes}
    for edge, bends in zip(edges, layers.bends, strict=True):
        chain = [row[node] for node in (edge.source, *bends, edge.target)]
        assert chain == list(range(chain[0], chain[-1] + 1))
        assert len(chain) > (2 if edge.label else 1)
    for nodes in layers.rows:
        for left, right in pairwise(nodes):
            least = (widths.get(left, 0) + widths.get(right, 0)) / 2 + SPACE
            assert layers.centre[right] - layers.centre[left] >= least - 1e-6


def test_a_chain_stands_straight() -> None:
    layers = arrange({"a": 50, "b": 300, "c": 20}, [Edge("a", "b"), Edge("b", "c")])
    assert layers.rows == (("a",), ("b",), ("c",))
    assert len({round(centre, 6) for centre in layers.centre.values()}) == 1
