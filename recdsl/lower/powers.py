"""The algorithm `powers`: h = transition @ h[t-1] + input with one dense map for all points, by doubling with powers of the map.

Valid for one state with a dense map that is the same at every point (LSSL, Gu et al. 2021, arXiv 2110.13985, section 3). Roles as in
`block`: `transition`, `input`, `decay`.
"""

from __future__ import annotations

from recdsl.lower.block import dense_draft
from recdsl.lower.draft import Case, Draft, Refused

NAME = "powers"


def plan(case: Case) -> Draft:
    """The plan of a recurrence. Raises `Refused`."""
    axis = case.axis
    system = case.affine()
    if not system.dense or system.low_rank:
        raise Refused("R525", "there is no dense map", case.span)
    for each in system.coefficients():
        if not case.is_constant(each):
            where = f"along {axis}" if axis in each.type.axis_names else "between the rows of a batch"
            raise Refused("R526", f"the transition differs {where}", each.span or case.span)
    return dense_draft(case, NAME, axis)
