"""The graph that `edge_index` gives: tails and incoming edges, and its checks.

Refuses, with ValueError: edges that name no node, and cycles where there may be none, which it shows.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Graph:
    """Where each edge starts, and the edges that come into each node, in the order given."""

    tails: tuple[int, ...]
    incoming: tuple[tuple[int, ...], ...]


def graph(edge_index: Tensor | None, nodes: int, against: bool = False) -> Graph:
    """The graph of `edge_index` `[2, edges]` (tails, heads), or the one against its edges."""
    if edge_index is None:
        return Graph((), ((),) * nodes)
    tails, heads = edge_index.tolist()
    if against:
        tails, heads = heads, tails
    into: list[list[int]] = [[] for _ in range(nodes)]
    for edge, head in enumerate(heads):
        into[head].append(edge)
    return Graph(tuple(tails), tuple(tuple(each) for each in into))


def check_edges(edge_index: Tensor | None, nodes: int, cyclic: bool = False) -> Tensor:
    """`edge_index` as int64 `[2, edges]`, all of it nodes, without a cycle unless it may be `cyclic`."""
    if edge_index is None:
        raise ValueError("edge_index is missing; it is [2, edges], from the first row's nodes to the second's")
    if edge_index.ndim != 2 or edge_index.shape[0] != 2 or edge_index.is_floating_point():
        raise ValueError(f"edge_index has the shape {list(edge_index.shape)}; it is [2, edges], of whole numbers")
    wrong = [each for each in edge_index.flatten().tolist() if not 0 <= each < nodes]
    if wrong:
        raise ValueError(f"edge_index names the node {wrong[0]}, but the nodes are 0 … {nodes - 1}")
    cycle = [] if cyclic else find_cycle(graph(edge_index, nodes))
    if cycle:
        raise ValueError(f"edge_index has a cycle: {' -> '.join(map(str, cycle))}")
    return edge_index.to(torch.int64)


def find_cycle(of: Graph) -> list[int]:
    """A cycle along the edges, its first node repeated at its end; empty when there is none."""
    remaining = set(range(len(of.incoming)))
    before = {node: {of.tails[edge] for edge in edges} for node, edges in enumerate(of.incoming)}
    while done := {node for node in remaining if not before[node] & remaining}:
        remaining -= done
    if not remaining:
        return []
    walk = [min(remaining)]
    while walk[-1] not in walk[:-1]:
        walk.append(min(before[walk[-1]] & remaining))
    return walk[walk.index(walk[-1]) :][::-1]
