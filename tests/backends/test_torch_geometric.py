"""Data of torch_geometric goes straight in: `edge_index` of one graph, and of a batch of several."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import recdsl

pytest.importorskip("torch_geometric")

from torch_geometric import EdgeIndex
from torch_geometric.data import Batch, Data
from torch_geometric.loader import DataLoader
from torch_geometric.nn import global_add_pool

SPECS = Path(__file__).parents[2] / "specs"


def some_data() -> list[Data]:
    torch.manual_seed(0)
    edges = [[[0, 0, 1], [1, 2, 2]], [[3, 0], [0, 1]], [[], []]]
    return [
        Data(
            x=torch.randn(nodes, 8),
            edge_index=torch.tensor(each, dtype=torch.int64),
            edge_attr=torch.randn(len(each[0]), 3),
        )
        for nodes, each in zip((3, 5, 2), edges, strict=True)
    ]


@pytest.mark.parametrize("name", ["tree_lstm", "plstm_dag"])
def test_a_batch_is_its_graphs(name: str) -> None:
    features = name == "plstm_dag"
    module = recdsl.compile(SPECS / f"{name}.rdl")(D=8, **({"F": 3} if features else {"H": 4}))

    def call(data: Data) -> torch.Tensor:
        return module(data.x, *((data.edge_attr,) if features else ()), data.edge_index)

    data = some_data()
    batch = Batch.from_data_list(data)
    whole = call(batch)
    torch.testing.assert_close(whole, torch.cat([call(each) for each in data]))
    pooled = global_add_pool(whole, batch.batch)
    torch.testing.assert_close(pooled, torch.stack([call(each).sum(0) for each in data]))
    (loaded,) = DataLoader(data, batch_size=3)
    torch.testing.assert_close(call(loaded), whole)


def test_an_edge_index_of_their_own() -> None:
    module, data = recdsl.compile(SPECS / "tree_lstm.rdl")(D=8, H=4), some_data()[0]
    edges = EdgeIndex(data.edge_index, sparse_size=(3, 3))
    torch.testing.assert_close(module(data.x, edges), module(data.x, data.edge_index))
