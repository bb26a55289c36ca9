"""The algorithm `divide`: an affine recurrence on a grid by halves, as a map of what enters a block to what leaves it.

Valid for states of the same dims that read each other element by element at neighbouring points, in one direction along each axis (at
offsets -1 and 0, or 1 and 0). The maps hold products of gates alone, so they have no dims but those of the gates. Two blocks
become one along one axis after another, up to the whole grid, and hand on what enters them on the way back. Roles as in `wavefront`.
"""

from __future__ import annotations

from recdsl.classify.axes import moving_axes
from recdsl.classify.cost import elements
from recdsl.classify.count import Count, count, number
from recdsl.ir import sizes
from recdsl.lower import grid
from recdsl.lower.draft import Case, Cost, Draft, Refused

NAME = "divide"


def plan(case: Case) -> Draft:
    """The plan of a recurrence. Raises `Refused` (R571) for other offsets."""
    links = grid.links_of(case)
    axes = moving_axes(case.group)
    for place, axis in enumerate(case.group.module.axes):
        found = {each.offset[place] for each in links} - {0}
        if not (found <= {-1} or found <= {1}):
            shown = ", ".join(f"{by:+}" for by in sorted(found))
            raise Refused("R571", f"points are read at {shown} along {axis}, not beside in one direction", case.span)
    return grid.draft(case, NAME, links, axes, _cost(case, axes))


def _cost(case: Case, axes: tuple[str, ...]) -> Cost:
    """Every halving passes the numbers of all blocks' borders through maps; those of the largest blocks hold most gates."""
    states = number(len(case.group.states))
    halvings, sides = Count(), Count()
    for axis in axes:
        halvings += count(sizes.apply("log2", sizes.axis_length(axis)))
        sides += count(sizes.axis_length(axis))
    gates = sum((elements(each.coefficient.type) for each in case.affine().links), Count())
    work = number(2) * states * grid.size(case) * halvings + number(2) * states * gates * sides
    bytes_ = number(grid.WORD) * (number(10) * states * grid.size(case) + number(4) * gates * halvings)
    return Cost(work, number(2) * halvings, bytes_)
