"""Components of the equation graph, each with a schedule vector.

In: a module whose reads are known. Out: `Component`s in an order in which they can be computed. A schedule vector is an integer vector
over the module's axes whose product with the distance of every read inside the component is at least 1: computing
points in the order of that product has everything at hand.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import networkx as nx

from recdsl.ir.dependence import Dependence, Interval
from recdsl.ir.graph import equation_graph
from recdsl.ir.module import Module, Program


@dataclass(frozen=True, slots=True)
class Component:
    """Items (ids of equations, names of depth items) that need each other, in the order of evaluation at one point.

    `vector` is (1,) for a scan, (-1,) for a scan from the end, (1, 1) for an anti-diagonal wavefront; () when the
    component is not recurrent, and in graph layers, whose order is that of the graph.
    """

    items: tuple[str, ...]
    recurrent: bool
    vector: tuple[int, ...] = ()


class Unschedulable(Exception):
    """A component that no order of its points satisfies. `cycle` holds the dependences of one cycle at one point
    where there is one; `inside` are all reads inside the component otherwise, `possible` when moving
    equations against each other would help."""

    def __init__(
        self, items: tuple[str, ...], cycle: list[tuple[str, Dependence]], inside: list[Dependence], possible: bool
    ) -> None:
        self.items, self.cycle, self.inside, self.possible = items, cycle, inside, possible
        super().__init__(f"no order of the points for {', '.join(items)}")


def components(module: Module, program: Program) -> tuple[Component, ...]:
    """The strongly connected components of a checked module. Raises `Unschedulable`."""
    return tuple(component(group, graph, module) for graph, group in ordered_groups(module, program))


def ordered_groups(module: Module, program: Program) -> Iterator[tuple[nx.MultiDiGraph[str], frozenset[str]]]:
    """The items of each component, components in the order of computation, otherwise of the source."""
    graph = equation_graph(module, program)
    place = {node: index for index, node in enumerate(graph)}
    condensed = nx.condensation(graph)
    members: dict[int, frozenset[str]] = {node: frozenset(condensed.nodes[node]["members"]) for node in condensed}
    first = {node: min(place[item] for item in group) for node, group in members.items()}
    for node in nx.lexicographical_topological_sort(condensed, key=first.__getitem__):
        yield graph, members[node]


def component(group: frozenset[str], graph: nx.MultiDiGraph[str], module: Module) -> Component:
    """One component with its order and its schedule vector. Raises `Unschedulable`."""
    inside = [(reader, data["dependence"]) for _, reader, data in graph.subgraph(group).edges(data=True)]
    if not inside:
        return Component(tuple(group), recurrent=False)
    order = _order_at_a_point(group, graph)
    distances = [each for _, each in inside if not is_here(each)]
    if module.domain == "graph":
        if module.cyclic_graph or any(not each.along for each in distances):
            raise Unschedulable(order, [], distances, possible=False)
        return Component(order, recurrent=True)
    boxes = {each.offsets for each in distances}
    vector = schedule_vector(boxes)
    if vector is None:
        raise Unschedulable(order, [], distances, possible=_possible(group, graph, len(module.axes)))
    return Component(order, recurrent=True, vector=vector)


def is_here(dependence: Dependence) -> bool:
    return not dependence.along and all(interval == (0, 0) for interval in dependence.offsets)


def _order_at_a_point(group: frozenset[str], graph: nx.MultiDiGraph[str]) -> tuple[str, ...]:
    here: nx.DiGraph[str] = nx.DiGraph()
    here.add_nodes_from(node for node in graph if node in group)
    place = {node: index for index, node in enumerate(graph)}
    because: dict[tuple[str, str], Dependence] = {}
    for source, reader, data in graph.subgraph(group).edges(data=True):
        if is_here(data["dependence"]):
            here.add_edge(source, reader)
            because.setdefault((source, reader), data["dependence"])
    try:
        cycle = nx.find_cycle(here)
    except nx.NetworkXNoCycle:
        return tuple(nx.lexicographical_topological_sort(here, key=place.__getitem__))
    steps = [(reader, because[source, reader]) for source, reader in cycle]
    raise Unschedulable(tuple(reader for reader, _ in steps), steps, [], possible=False)


def schedule_vector(boxes: Iterable[tuple[Interval, ...]]) -> tuple[int, ...] | None:
    """The smallest integer vector v with -v·offset >= 1 for every offset in every box, None where there is none."""
    needs = [need for box in boxes for need in _needs(box)]
    if not needs:
        return None
    width = len(needs[0][0])
    largest = max(abs(int(value)) for offset, _ in needs for value in offset)
    match width:
        case 1:
            candidates: Iterable[tuple[int, ...]] = [(1,), (-1,)]
        case 2:
            span = range(-min(2 * largest + 1, 500), min(2 * largest + 1, 500) + 1)
            turned = [(offset[::-1], least) for offset, least in needs]
            candidates = [
                *(pair for first in span for pair in _second(first, needs)),
                *(pair[::-1] for first in span for pair in _second(first, turned)),
            ]
        case _:
            span = range(-min(largest + 2, 6), min(largest + 2, 6) + 1)
            candidates = itertools.product(span, repeat=width)
    return min(
        (each for each in candidates if all(_satisfied(each, need) for need in needs)), key=_simplicity, default=None
    )


def _second(first: int, needs: list[tuple[tuple[float, ...], float]]) -> Iterator[tuple[int, int]]:
    """The vector (first, second) of the smallest second entry that satisfies all needs: each is a bound of it."""
    low, high = -math.inf, math.inf
    for (along, across), least in needs:
        if across < 0:
            low = max(low, math.ceil((least + first * along) / -across))
        elif across > 0:
            high = min(high, math.floor((least + first * along) / -across))
    if low <= high:
        yield first, int(min(max(0, low), high))


def _simplicity(vector: tuple[int, ...]) -> tuple[int, int, tuple[int, ...]]:
    """Small first, then without negative entries, then those that advance the first axis most."""
    return sum(map(abs, vector)), sum(value < 0 for value in vector), tuple(-value for value in vector)


def _satisfied(vector: tuple[int, ...], need: tuple[tuple[float, ...], float]) -> bool:
    offset, least = need
    return -sum(v * o for v, o in zip(vector, offset, strict=True)) >= least


def _needs(box: tuple[Interval, ...]) -> Iterator[tuple[tuple[float, ...], float]]:
    """The corners of a box (their product must be at least 1) and its infinite directions (at least 0)."""
    corners: list[list[float]] = []
    for axis, (low, high) in enumerate(box):
        ends = sorted({end for end in (low, high) if math.isfinite(end)})
        for end in (low, high):
            if math.isinf(end):
                direction = [0.0] * len(box)
                direction[axis] = math.copysign(1, end)
                yield tuple(direction), 0
        corners.append(ends or [0])
    for corner in itertools.product(*corners):
        yield tuple(corner), 1


def _possible(group: frozenset[str], graph: nx.MultiDiGraph[str], axes: int) -> bool:
    """Whether every cycle as a whole has a schedule, though a single read does not."""
    if axes > 2:
        return False
    vectors = itertools.product(range(-LARGEST, LARGEST + 1), repeat=axes)
    return any(_every_cycle_advances(group, graph, vector) for vector in sorted(vectors, key=_simplicity))


LARGEST = 3  # entry of the vectors that are tried for a message


def _every_cycle_advances(group: frozenset[str], graph: nx.MultiDiGraph[str], vector: tuple[int, ...]) -> bool:
    steps: nx.DiGraph[str] = nx.DiGraph()
    for source, reader, data in graph.subgraph(group).edges(data=True):
        ahead = sum(
            max(v * low, v * high) for v, (low, high) in zip(vector, data["dependence"].offsets, strict=True) if v
        )
        weight = -ahead * (len(group) + 1) - 1  # every cycle of distance 0 counts below 0
        known = steps.get_edge_data(source, reader)
        steps.add_edge(source, reader, weight=min(weight, known["weight"] if known else math.inf))
    return not nx.negative_edge_cycle(steps)
