"""The algorithm `rows`: an affine recurrence on a grid, slice after slice along one axis.

Within a slice only the links that stay in it make a recurrence, which has one axis less: along the last axis a scan over single states,
or over small matrices where states need each other there. Valid for states of the same dims that read each other element by element,
where along the first axis, and within slices along each that follows, all reads look one way. Of the orders of axes that has the
smallest matrices, then the fewest links within slices. Roles as in `wavefront`.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import networkx as nx

from recdsl.classify.axes import moving_axes
from recdsl.classify.count import Count, count, number
from recdsl.ir.sizes import axis_length
from recdsl.lower import grid
from recdsl.lower.block import MOST
from recdsl.lower.diagonal import CHUNK
from recdsl.lower.draft import Case, Cost, Draft, Refused
from recdsl.lower.plan import Link

NAME = "rows"


def plan(case: Case) -> Draft:
    """The plan of a recurrence. Raises `Refused`: R570 without such an order, R523 for large matrices."""
    links = grid.links_of(case)
    orders = [Rows(links, case.group.module.axes, each) for each in itertools.permutations(moving_axes(case.group))]
    valid = [each for each in orders if each.one_way()]
    if not valid:
        raise Refused("R570", "along every axis some reads look ahead and others back", case.span)
    rows = min(valid, key=lambda each: (each.widest(), len(each.within(1))))
    if rows.widest() > MOST:
        raise Refused("R523", f"{rows.widest()} earlier values are needed at a point, more than {MOST}", case.span)
    return grid.draft(case, NAME, links, rows.order, _cost(case, rows))


@dataclass(frozen=True, slots=True)
class Rows:
    """`links` with offsets along `axes`, slices along these in an `order`."""

    links: tuple[Link, ...]
    axes: tuple[str, ...]
    order: tuple[str, ...]

    def within(self, depth: int) -> tuple[Link, ...]:
        """The links that stay in a slice of the first axes, as many as `depth`."""
        places = [self.axes.index(axis) for axis in self.order[:depth]]
        return tuple(each for each in self.links if not any(each.offset[place] for place in places))

    def one_way(self) -> bool:
        """Whether the links of each slice look one way along the next axis."""
        for depth, axis in enumerate(self.order):
            found = {each.offset[self.axes.index(axis)] for each in self.within(depth)}
            if min(found, default=0) < 0 < max(found, default=0):
                return False
        return True

    def scans(self) -> list[tuple[Link, ...]]:
        """Along the last axis, the links between states that need each other there."""
        lines = self.within(len(self.order) - 1)
        reads: nx.DiGraph[str] = nx.DiGraph((each.of, each.into) for each in lines)
        groups = nx.strongly_connected_components(reads)
        found = (tuple(each for each in lines if {each.of, each.into} <= group) for group in groups)
        return [each for each in found if each]

    def distance(self, link: Link) -> int:
        """How many points away a link reads along the last axis."""
        return abs(link.offset[self.axes.index(self.order[-1])])

    def widest(self) -> int:
        """How many values a scan carries at most: one that a single link reads stands for itself."""
        return max((self._width(each) for each in self.scans()), default=0)

    def _width(self, scan: tuple[Link, ...]) -> int:
        if len(scan) == 1:
            return 1
        return sum(
            max(self.distance(link) for link in scan if link.of == state) for state in {link.of for link in scan}
        )

    def steps(self) -> Count:
        """The slices of all axes up to the last along which a link stays within one."""
        total = number(1)
        for depth, axis in enumerate(self.order):
            if self.within(depth):
                last = depth == len(self.order) - 1
                total *= number(2 * CHUNK) if last else count(axis_length(axis))
        return total


def _cost(case: Case, rows: Rows) -> Cost:
    """Links one by one; those of a scan once more in its second level, between as many values as it carries."""
    scanned = sum(len(each) for each in rows.scans())
    work = number(len(rows.links) + 2 * scanned * rows.widest()) * grid.size(case)
    again = number(5 * grid.WORD * len(rows.scans()) * max(rows.widest(), 1)) * grid.size(case)
    return Cost(work, rows.steps(), grid.streams(case, rows.links, 3) + again)
