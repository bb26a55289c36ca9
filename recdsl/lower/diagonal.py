"""The algorithm `diagonal`: h = decay * h[t-d] + input, element by element, as a scan.

Valid for one state with one read and a coefficient for each of its elements, whatever its range. The torch target scans in two levels:
chunks in parallel, a carry over their ends, one correction. Roles: `decay`, `input`.
"""

from __future__ import annotations

from recdsl.classify.cost import elements
from recdsl.classify.count import Count, number
from recdsl.classify.system import System
from recdsl.lower.draft import Case, Cost, Draft, Refused, plus, times

NAME = "diagonal"
CHUNK = 64


def plan(case: Case) -> Draft:
    """The plan of a recurrence. Raises `Refused`."""
    axis = case.axis
    system = case.affine()
    state = case.one_state()
    refuse_sums(system)
    if len(system.reads) != 1:
        raise Refused("R514", f"{state} is read at {len(system.reads)} points", case.span)
    (link,) = system.links
    decay = link.coefficient
    given = case.group.polynomials.normal(system.input_of(state))
    after = plus(times(decay, link.read), given)
    return Draft(
        NAME,
        (state,),
        dict(link.read.offsets)[axis],
        (("decay", decay), ("input", given)),
        ((state, after),),
        cost(elements(case.group.module.type_of(state))),
    )


def refuse_sums(system: System) -> None:
    """Raise `Refused` where elements of a state are summed."""
    sums = [(each.read, each.summed) for each in system.low_rank] + [(each.read, each.summed) for each in system.dense]
    for read, over in sums:
        raise Refused("R512", f"elements of {read.value} meet: it is summed over {', '.join(over)}", read.span)


def cost(size: Count) -> Cost:
    """Of a scan over `size` elements in all: three streams over memory, and once more for the correction."""
    return Cost(number(3) * size, number(2 * CHUNK), number(5 * 4) * size)
