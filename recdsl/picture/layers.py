"""Places in a layered drawing: which row, in which order, at which x.

In: nodes with widths, and edges, which run downwards. Out: rows from above, each an order of nodes with their centres.
An edge over several rows is given a bend, a node without width, in each row between, so that it has room to pass.
The method is Sugiyama's: longest paths, orders by barycentres, places by least squares with least distances.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from itertools import pairwise

SPACE = 22.0
_SWEEPS = 12
_STRAIGHT = 6.0  # how much more a bend wants to stand under its neighbours than a box does


@dataclass(frozen=True, slots=True)
class Edge:
    """`label` is the width that the edge's text needs in the row before its target, 0 without text."""

    source: str
    target: str
    label: float = 0


@dataclass(frozen=True, slots=True)
class Layers:
    """`rows` in drawing order, `centre` of every node, `bends` of every edge: its nodes in the rows between."""

    rows: tuple[tuple[str, ...], ...]
    centre: dict[str, float]
    bends: tuple[tuple[str, ...], ...]


def arrange(
    widths: Mapping[str, float], edges: Sequence[Edge], top: Iterable[str] = (), bottom: Iterable[str] = ()
) -> Layers:
    """Rows, orders and centres. `top` stay in the first row, `bottom` get the last one. Refuses circles (CycleError)."""
    row = _rows(list(widths), edges, frozenset(top), frozenset(bottom))
    chains = _Chains(dict(widths))
    bends = tuple(chains.bend(number, edge, row) for number, edge in enumerate(edges))
    rows: list[list[str]] = [[] for _ in range(max(row.values(), default=-1) + 1)]
    for node in chains.widths:
        rows[row[node]].append(node)
    above, below = chains.neighbours()
    rows = _fewest_crossings(rows, above, below)
    return Layers(tuple(map(tuple, rows)), _Centres(chains.widths, above, below).of(rows), bends)


def _rows(nodes: list[str], edges: Sequence[Edge], top: frozenset[str], bottom: frozenset[str]) -> dict[str, int]:
    before: dict[str, list[Edge]] = {node: [] for node in nodes}
    after: dict[str, list[Edge]] = {node: [] for node in nodes}
    for edge in edges:
        before[edge.target].append(edge)
        after[edge.source].append(edge)
    order = tuple(TopologicalSorter({node: [e.source for e in before[node]] for node in nodes}).static_order())
    row: dict[str, int] = {}
    for node in order:
        row[node] = max((row[edge.source] + _span(edge) for edge in before[node]), default=0)
    for node in reversed(order):  # what reads nothing stands close to what reads it
        if not before[node] and after[node] and node not in top:
            row[node] = min(row[edge.target] - _span(edge) for edge in after[node])
    last = max(row.values(), default=0)
    return {node: last if node in bottom else place for node, place in row.items()}


def _span(edge: Edge) -> int:
    return 2 if edge.label else 1


Neighbours = dict[str, list[str]]


def is_bend(node: str) -> bool:
    return node.startswith("\0")


@dataclass(slots=True)
class _Chains:
    """Nodes and the bends of edges, joined row by row."""

    widths: dict[str, float]
    links: list[tuple[str, str]] = field(default_factory=list)

    def bend(self, number: int, edge: Edge, row: dict[str, int]) -> tuple[str, ...]:
        """Adds the nodes of one edge in the rows between its ends."""
        found = []
        for between in range(row[edge.source] + 1, row[edge.target]):
            name = f"\0{number}.{between}"
            self.widths[name] = edge.label if between == row[edge.target] - 1 else 0
            row[name] = between
            found.append(name)
        self.links.extend(pairwise([edge.source, *found, edge.target]))
        return tuple(found)

    def neighbours(self) -> tuple[Neighbours, Neighbours]:
        above: Neighbours = {node: [] for node in self.widths}
        below: Neighbours = {node: [] for node in self.widths}
        for source, target in self.links:
            above[target].append(source)
            below[source].append(target)
        return above, below


def _fewest_crossings(rows: list[list[str]], above: Neighbours, below: Neighbours) -> list[list[str]]:
    best, least = [list(row) for row in rows], _crossings(rows, below)
    for sweep in range(_SWEEPS):
        if least == 0:
            break
        down = sweep % 2 == 0
        for index in range(1, len(rows)) if down else range(len(rows) - 2, -1, -1):
            place = {node: p for p, node in enumerate(rows[index - 1 if down else index + 1])}
            rows[index] = _by_barycentre(rows[index], place, above if down else below)
        found = _crossings(rows, below)
        if found < least:
            best, least = [list(row) for row in rows], found
    return best


def _by_barycentre(row: list[str], place: dict[str, int], neighbours: Neighbours) -> list[str]:
    keys = {}
    for index, node in enumerate(row):
        places = [place[each] for each in neighbours[node]]
        keys[node] = sum(places) / len(places) if places else index
    return sorted(row, key=keys.__getitem__)


def _crossings(rows: list[list[str]], below: Neighbours) -> int:
    total = 0
    for upper, lower in pairwise(rows):
        place = {node: index for index, node in enumerate(lower)}
        ends = [place[target] for node in upper for target in sorted(below[node], key=place.__getitem__)]
        total += sum(first > second for index, first in enumerate(ends) for second in ends[index + 1 :])
    return total


@dataclass(frozen=True, slots=True)
class _Centres:
    """Finds the x of every node: sweeps over the rows, each node drawn to the mean of its neighbours."""

    widths: Mapping[str, float]
    above: Neighbours
    below: Neighbours

    def of(self, rows: list[list[str]]) -> dict[str, float]:
        centre: dict[str, float] = {}
        for row in rows:
            centre.update(self._spread(row, dict.fromkeys(row, 0.0)))
        for sweep in range(_SWEEPS):
            for row in rows if sweep % 2 == 0 else reversed(rows):
                centre.update(self._spread(row, {node: self._wish(node, centre) for node in row}))
        return centre

    def _wish(self, node: str, centre: dict[str, float]) -> float:
        near = [*self.above[node], *self.below[node]]
        weights = [_weight(each) if is_bend(node) else 1.0 for each in near]
        if not near:
            return centre[node]
        return sum(w * centre[each] for w, each in zip(weights, near, strict=True)) / sum(weights)

    def _spread(self, row: list[str], wished: dict[str, float]) -> dict[str, float]:
        """The centres closest to those wished for (least squares) that keep the order and the distances.

        With the least distances subtracted this is isotonic regression, solved by pooling adjacent violators.
        """
        offsets = list(self._offsets(row))
        pools: list[tuple[float, float, int]] = []  # mean, weight, count
        for node, offset in zip(row, offsets, strict=True):
            pools.append((wished[node] - offset, _weight(node), 1))
            while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
                (first, v, m), (second, w, n) = pools[-2:]
                pools[-2:] = [((first * v + second * w) / (v + w), v + w, m + n)]
        means = [mean for mean, _, count in pools for _ in range(count)]
        return {node: mean + offset for node, mean, offset in zip(row, means, offsets, strict=True)}

    def _offsets(self, row: list[str]) -> Iterator[float]:
        offset = 0.0
        for index, node in enumerate(row):
            if index:
                offset += (self.widths[row[index - 1]] + self.widths[node]) / 2 + SPACE
            yield offset


def _weight(node: str) -> float:
    return _STRAIGHT if is_bend(node) else 1.0
