"""The algorithm `wavewise`: a recurrence on a grid, wave after wave without a tape, and one exact wavefront backwards.

Valid for states of the same dims whose elements keep apart, at any offsets along several axes, whatever the function between: minima
over neighbours and clamps as well as tanh. The gradient is that of the recurrence linearised along its solution: what reaches a state
from each point that reads it is multiplied by the derivative there, which makes an affine recurrence on links turned round. Inputs and
weights then get theirs from one evaluation at all points. No roles: the equations stay as they are, and what needs no state leaves them.
"""

from __future__ import annotations

from recdsl.classify.cost import work
from recdsl.classify.group import Group
from recdsl.classify.jacobian import mixing
from recdsl.ir.expr import Read
from recdsl.lower import grid
from recdsl.lower.draft import Case, Cost, Draft, Refused
from recdsl.lower.stepwise import refuse_what_cannot_repeat, slopes, streams
from recdsl.lower.wavefront import waves

NAME = "wavewise"
MOST = 8  # reads, each of which takes as many derivatives as there are states


def plan(case: Case) -> Draft:
    """The plan of a recurrence. Raises `Refused`."""
    group = case.group
    grid.refuse_one_axis(case)
    refuse_what_cannot_repeat(case)
    found = mixing(group)
    if found is not None:
        raise Refused("R512", found.reason, found.span)
    if case.verdict.system is not None:
        raise Refused("R572", "it is affine: `wavefront` is the same without derivatives", case.span)
    reads = earlier(group)
    if len(reads) > MOST:
        raise Refused("R523", f"{len(reads)} earlier values are needed at a point, more than {MOST}", case.span)
    slopes(case, reads)
    states = tuple(group.states)
    cost = Cost(work(group.items, group.module, group.program), waves(case), streams(group, states))
    return Draft(NAME, states, 0, (), (), cost)


def earlier(group: Group) -> tuple[Read, ...]:
    """The reads of the states at other points, each once."""
    return tuple(dict.fromkeys(group.reads()))
