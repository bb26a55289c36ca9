"""The algorithm `wavefront`: an affine recurrence on a grid, with all points of one value of the schedule at a time.

Valid for states of the same dims that read each other element by element, at any offsets along any number of axes. Waves are views of
the tensors where two axes move and one of them advances by one a step, lists of points elsewhere. The gradient is the same recurrence
turned round. Roles: `gate[k]` for the k-th link, `input[p]` for the p-th state.
"""

from __future__ import annotations

from recdsl.classify.axes import moving_axes
from recdsl.classify.count import Count, count, number
from recdsl.ir.sizes import axis_length
from recdsl.lower import grid
from recdsl.lower.draft import Case, Cost, Draft

NAME = "wavefront"


def plan(case: Case) -> Draft:
    """The plan of a recurrence. Raises `Refused`."""
    links = grid.links_of(case)
    work = number(len(links)) * grid.size(case)
    return grid.draft(case, NAME, links, axes_of(case), Cost(work, waves(case), grid.streams(case, links, 3)))


def axes_of(case: Case) -> tuple[str, ...]:
    """The axes along which states are read; last one that the schedule advances by one a step, as waves leave it out."""
    speeds = dict(zip(case.group.module.axes, case.group.vector, strict=True))
    moving = moving_axes(case.group)
    units = [axis for axis in moving if abs(speeds[axis]) == 1]
    return (*(axis for axis in moving if axis not in units[-1:]), *units[-1:])


def waves(case: Case) -> Count:
    """How many waves there are."""
    total = number(1)
    for axis, speed in zip(case.group.module.axes, case.group.vector, strict=True):
        total += number(abs(speed)) * (count(axis_length(axis)) + number(-1))
    return total
