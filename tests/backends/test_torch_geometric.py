"""Data of torch_geometric goes straight in: `edge_index` of one graph, and of a batch of several."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

import recdsl

pytest.importorskip("torch_geometric")

from torch_geometric import EdgeIndex
from torch_geometric.data import Batch, Data
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GCNConv, global_add_pool

SPECS = Path(__file__).parents[2] / "specs"


DAGS = ([[0, 0, 1], [1, 2, 2]], [[3, 0], [0, 1]], [[], []])
GRAPHS = ([[0, 1, 1, 2, 2], [1, 0, 2, 2, 1]], [[3, 0, 3, 3], [0, 3, 3, 3]], [[], []])
GCN = """
layer gcn(D, H) over n in graph:
  in x : D
  here : H = linear(x)
  scale = (1 + sum[pred](1)) ^ (-0.5)
  out scale * (scale * here + sum[pred](scale[pred] * here[pred]))
"""


def some_data(edges: Sequence[list[list[int]]] = DAGS) -> list[Data]:
    torch.manual_seed(0)
    return [
        Data(
            x=torch.randn(nodes, 8),
            edge_index=torch.tensor(each, dtype=torch.int64),
            edge_attr=torch.randn(len(each[0]), 3),
        )
        for nodes, each in zip((3, 5, 2), edges, strict=True)
    ]


@pytest.mark.parametrize("name", ["tree_lstm", "plstm_dag", "graph_gru"])
def test_a_batch_is_its_graphs(name: str) -> None:
    sizes = {"tree_lstm": {"H": 4}, "plstm_dag": {"F": 3}, "graph_gru": {}}[name]
    module = recdsl.compile(SPECS / f"{name}.rdl")(D=8, **sizes)

    def call(data: Data) -> torch.Tensor:
        features = {"tree_lstm": (), "plstm_dag": (data.edge_attr,), "graph_gru": (data.edge_attr[:, 0],)}[name]
        return module(data.x, *features, data.edge_index)

    data = some_data(GRAPHS if name == "graph_gru" else DAGS)
    batch = Batch.from_data_list(data)
    whole = call(batch)
    torch.testing.assert_close(whole, torch.cat([call(each) for each in data]))
    pooled = global_add_pool(whole, batch.batch)
    torch.testing.assert_close(pooled, torch.stack([call(each).sum(0) for each in data]))
    (loaded,) = DataLoader(data, batch_size=3)
    torch.testing.assert_close(call(loaded), whole)


def test_a_graph_convolution() -> None:
    theirs, module = GCNConv(8, 4).double(), recdsl.compile(GCN)(D=8, H=4).double()
    data = Batch.from_data_list(some_data([[[0, 1, 1, 2], [1, 0, 2, 1]], [[], []], [[0, 1], [1, 0]]]))
    x = data.x.double()
    weight, bias = theirs.lin.weight.detach(), torch.randn(4, dtype=torch.float64)
    module.load_state_dict({"here.weight": weight, "here.bias": torch.zeros_like(bias)})
    with torch.no_grad():
        theirs.bias.copy_(bias)
    torch.testing.assert_close(module(x, data.edge_index) + bias, theirs(x, data.edge_index))


def test_an_edge_index_of_their_own() -> None:
    module, data = recdsl.compile(SPECS / "tree_lstm.rdl")(D=8, H=4), some_data()[0]
    edges = EdgeIndex(data.edge_index, sparse_size=(3, 3))
    torch.testing.assert_close(module(data.x, edges), module(data.x, data.edge_index))
