"""Whether one path at most leads from a state at a point to another, so that it is enough for each coefficient to be at most 1.

    R = a * R[j-1] + c * D[i-1]      to R from D some points up and to the left: down, over by c once, to the right. One path
    D = b * D[i-1]

    R = a * R[j-1] + c * D[i-1]      as many paths as there are ways to go round the corners
    D = b * D[i-1] + d * R[j-1]

In: the steps between states, each with the offset of its read. Sums of paths are what makes states grow beyond what came in.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from recdsl.classify.system import System
from recdsl.ir.expr import Read

INF = float("inf")

Offset = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """State `into` reads state `of` at the offset along each axis."""

    into: str
    of: str
    offset: Offset


def steps_of(system: System, axes: tuple[str, ...]) -> tuple[Step, ...]:
    """The steps of the elementwise links of a system over some axes."""
    return tuple(Step(each.state, each.read.value, offset_of(each.read, axes)) for each in system.links)


def offset_of(read: Read, axes: tuple[str, ...]) -> Offset:
    amounts = dict(read.offsets)
    return tuple(amounts.get(axis, 0) for axis in axes)


@dataclass(frozen=True, slots=True)
class _Chain:
    """A way through different states: the offsets of its steps together, and those at which its states read themselves."""

    moved: Offset
    loops: tuple[Offset, ...]

    def span(self, axis: int) -> tuple[float, float]:
        """How far the paths along this chain reach along an axis."""
        along = [loop[axis] for loop in self.loops]
        low = -INF if any(each < 0 for each in along) else self.moved[axis]
        high = INF if any(each > 0 for each in along) else self.moved[axis]
        return low, high

    def apart(self, other: _Chain) -> bool:
        """Whether no path along one chain ends at the point at which one along the other does."""
        spans = [(self.span(axis), other.span(axis)) for axis in range(len(self.moved))]
        return any(a[1] < b[0] or b[1] < a[0] for a, b in spans)


def one_path(steps: Iterable[Step]) -> bool:
    """Whether no two paths lead from one state at one point to another; False also where that is hard to see."""
    given = tuple(dict.fromkeys(steps))
    loops: dict[str, Offset] = {}
    for each in given:
        if each.into == each.of and loops.setdefault(each.of, each.offset) != each.offset:
            return False
    between = [each for each in given if each.into != each.of]
    starts = dict.fromkeys(each.of for each in given)
    try:
        chains = [chain for start in starts for chain in _chains(start, between, loops)]
    except _RoundTrip:
        return False
    if not all(_independent(chain.loops) for _, chain in chains):
        return False
    pairs = itertools.combinations(chains, 2)
    return all(ends != others or one.apart(other) for (ends, one), (others, other) in pairs)


class _RoundTrip(Exception):
    """States lead to each other."""


def _chains(start: str, steps: list[Step], loops: dict[str, Offset]) -> Iterator[tuple[tuple[str, str], _Chain]]:
    """All chains from a state, with the states at their ends."""

    def further(state: str, seen: tuple[str, ...], moved: Offset) -> Iterator[tuple[tuple[str, str], _Chain]]:
        yield (start, state), _Chain(moved, tuple(loops[each] for each in seen if each in loops))
        for step in steps:
            if step.of == state:
                if step.into in seen:
                    raise _RoundTrip
                after = tuple(a + b for a, b in zip(moved, step.offset, strict=True))
                yield from further(step.into, (*seen, step.into), after)

    axes = len(next((each.offset for each in steps), next(iter(loops.values()), ())))
    yield from further(start, (start,), (0,) * axes)


def _independent(vectors: tuple[Offset, ...]) -> bool:
    """Whether no sum of multiples of these vectors is 0 but the one without any."""
    rows = [[Fraction(each) for each in vector] for vector in vectors]
    rank = 0
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((row for row in range(rank, len(rows)) if rows[row][column]), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        for row in range(rank + 1, len(rows)):
            factor = rows[row][column] / rows[rank][column]
            rows[row] = [a - factor * b for a, b in zip(rows[row], rows[rank], strict=True)]
        rank += 1
    return rank == len(rows)
