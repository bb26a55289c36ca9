"""The algorithm `fourier`: h = decay * h[t-1] + input with one decay for all points, as a convolution with its powers.

Valid for one state with one read and a decay for each element that is the same at every point, complex ones too (S4D, Gu et al. 2022,
arXiv 2206.11893). Work grows with T log T, and values far from the largest ones lose digits: the scan is tried first.
Roles: `decay`, `input`.
"""

from __future__ import annotations

from dataclasses import replace

from recdsl.classify.cost import elements
from recdsl.classify.count import number
from recdsl.lower import diagonal
from recdsl.lower.draft import Case, Cost, Draft, Refused

NAME = "fourier"


def plan(case: Case) -> Draft:
    """The plan of a recurrence. Raises `Refused`."""
    axis = case.axis
    draft = diagonal.plan(case)
    decay = dict(draft.roles)["decay"]
    if not case.is_constant(decay):
        where = f"along {axis}" if axis in decay.type.axis_names else "between the rows of a batch"
        raise Refused("R526", f"the decay differs {where}", decay.span or case.span)
    if abs(draft.offset) != 1:
        raise Refused("R514", f"{draft.states[0]} is read {abs(draft.offset)} points away", case.span)
    size = elements(case.group.module.type_of(draft.states[0]))
    cost = Cost(number(3 * 5 * 16) * size, number(3 * 16), number(4 * 3 * 16) * size)
    return replace(draft, algorithm=NAME, cost=cost)
