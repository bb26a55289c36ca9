"""The compiled specs against the reference interpreter."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from agreement import Pair, assert_sequence

SPECS = Path(__file__).parents[2] / "specs"

SEQUENCES = {
    "ema": {"D": 3},
    "fsmn": {"D": 3, "H": 4},
    "gla": {"D": 8, "H": 2, "R": 3},
    "lssl": {"D": 3, "N": 4},
    "lstm": {"D": 3, "H": 4},
    "mamba": {"D": 4, "N": 3},
    "mlstm": {"D": 6, "H": 2},
    "paragru": {"D": 3, "H": 4},
    "titans": {"D": 6, "H": 2},
    "bilstm": {"D": 3, "H": 2},
    "router": {"V": 7, "D": 8, "N": 2, "E": 4, "G": 3},
    "universal_transformer": {"V": 7, "D": 8, "steps": 3},
}
GRAPHS = [
    ([[0, 0, 1, 2, 1], [1, 2, 3, 3, 4]], 5),
    ([[], []], 3),
    ([[0, 0, 1, 1, 2], [2, 2, 2, 3, 3]], 4),
    ([[], []], 1),
]


@pytest.mark.parametrize("name", SEQUENCES)
def test_sequence(name: str) -> None:
    assert_sequence(Pair(SPECS / f"{name}.rdl", SEQUENCES[name]), 5)


def test_chain_of_layers() -> None:
    pair = Pair(SPECS / "cola_lm.rdl", {"V": 7, "D": 8, "N": 12})
    inputs = pair.inputs(4)
    pair.assert_same(inputs)
    pair.assert_pieces(inputs, 2)


def test_image() -> None:
    pair = Pair(SPECS / "plstm2d.rdl", {"D": 6, "H": 2})
    for shape in ((3, 4), (1, 1), (2, 1)):
        pair.assert_same(pair.inputs(*shape))
    assert pair.mine(*pair.inputs(0, 2)).shape == (2, 0, 2, 6)


@pytest.mark.parametrize(("name", "sizes"), [("plstm_dag", {"D": 6, "F": 3, "H": 2}), ("tree_lstm", {"D": 3, "H": 2})])
def test_graph(name: str, sizes: dict[str, int]) -> None:
    pair = Pair(SPECS / f"{name}.rdl", sizes)
    for edges, nodes in GRAPHS:
        edge_index = torch.tensor(edges, dtype=torch.int64).reshape(2, -1)
        inputs = pair.inputs(nodes, edge_index.shape[1])
        pair.compare(pair.mine(*inputs, edge_index), pair.reference(*inputs, edge_index=edge_index), inputs)
    with pytest.raises(ValueError, match="the graph has a cycle: 1 -> 0 -> 1"):
        pair.mine(*pair.inputs(3, 2), torch.tensor([[0, 1], [1, 0]]))
    with pytest.raises(ValueError, match=r"edge_index must lie in 0\.\.2, found 0\.\.9"):
        pair.mine(*pair.inputs(3, 1), torch.tensor([[0], [9]]))


def test_what_is_no_graph_or_another_size() -> None:
    """Too few values of edges would be broadcast, too many be left out."""
    mine = Pair(SPECS / "plstm_edges.rdl", {"D": 4, "F": 3, "H": 2}).mine
    other = Pair(SPECS / "tree_lstm.rdl", {"D": 4, "H": 2}).mine
    edges, x, e = torch.tensor([[0, 1], [1, 2]]), torch.randn(3, 4).double(), torch.randn(3, 3).double()
    for count in (0, 1, 3):
        with pytest.raises(ValueError, match=rf"e must be \[2, 3\], found \[{count}, 3\]"):
            mine(x, e[:count], edges)
    for given in (edges.double(), edges.bool(), edges.to(torch.complex64), edges[0], edges.T.repeat(2, 1)):
        with pytest.raises(ValueError, match=r"edge_index must be whole numbers \[2, edges\], found torch\.\w+ \["):
            mine(x, e[:2], given)
    graph = sys.modules[type(other).__module__].Graph(edges, 3)
    for given in (edges.tolist(), None, graph):
        with pytest.raises(
            TypeError, match=r"edge_index must be a tensor or a Graph of this file, found .*(list|NoneType|Graph)"
        ):
            mine(x, e[:2], given)
    assert other(x, graph).equal(other(x, edges.int()))


def test_image_model() -> None:
    pair = Pair(SPECS / "plstm.rdl", {"D": 4, "H": 2, "Classes": 3})
    pair.assert_same(pair.inputs(6, 4))


def test_batch_statistics() -> None:
    pair = Pair(SPECS / "r2unet.rdl", {"Cin": 2, "C": 2, "Cout": 1})
    inputs = pair.inputs(4, 4)
    pair.mine.eval()
    pair.assert_same(inputs)
    pair.mine.train()
    pair.compare(pair.mine(*inputs), pair.reference(*inputs, training=True), inputs)
