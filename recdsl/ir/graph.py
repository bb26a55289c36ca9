"""The graph of equations and reads: a `networkx.MultiDiGraph`.

Nodes are the ids of equations and the names of depth items, with the item as attribute `item`. An edge runs from what is read to
what reads it, one an occurrence, with its `Dependence` as attribute `dependence`. Reads of inputs are no edges.
"""

from __future__ import annotations

from collections.abc import Iterator

import networkx as nx

from recdsl.ir.dependence import Dependence, dependences, depth_dependences
from recdsl.ir.module import Depth, Equation, Item, Module, Program


def equation_graph(module: Module, program: Program) -> nx.MultiDiGraph[str]:
    """The graph of one module."""
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    producer: dict[str, str] = {}
    for item in module.items:
        graph.add_node(node_of(item), item=item)
        producer.update(dict.fromkeys(results_of(item), node_of(item)))
    for item in module.items:
        for dependence in item_dependences(item, module, program):
            if dependence.read.value in producer:
                graph.add_edge(producer[dependence.read.value], node_of(item), dependence=dependence)
    return graph


def node_of(item: Item) -> str:
    return item.id if isinstance(item, Equation) else item.name


def results_of(item: Item) -> tuple[str, ...]:
    """The ids of the values that an item gives."""
    return (item.id,) if isinstance(item, Equation) else tuple(carry.result for carry in item.carried)


def item_dependences(item: Item, module: Module, program: Program) -> Iterator[Dependence]:
    """What an item reads, for its points and for its start."""
    match item:
        case Equation():
            yield from dependences(item.expr, module, program)
            if item.init is not None:
                yield from dependences(item.init, module, program)
        case Depth():
            yield from depth_dependences(item, module, program)
