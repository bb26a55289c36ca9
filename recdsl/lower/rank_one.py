"""The algorithm `rank_one`: S = decay * S[t-1] + Σ key * value, read as Σ_K query * S, in chunks of points by matrix products.

Valid for a matrix state that is read in sums over one side only and gets products of both sides. The decay is one number for the whole
state (of any sign, 0 included), or one for each key, or for each value, which must then be positive, or 0 by a `where`: products
of them are taken as sums of logarithms. Linear attention in chunks (Yang et al. 2023, arXiv 2312.06635, section 4).
Roles: `decay` (one number), or for each key or value `log_decay`, or `gate`, whose logarithm is still to be taken; `key` and `value`, with a number behind from the second pair on.
"""

from __future__ import annotations

from recdsl.classify.cost import elements
from recdsl.classify.count import count, number
from recdsl.ir.build import apply, simplified
from recdsl.ir.expr import Expr
from recdsl.ir.sizes import axis_length
from recdsl.ir.types import ValueType
from recdsl.lower.diagonal import refuse_sums
from recdsl.lower.draft import Case, Cost, Draft, Refused, plus, times
from recdsl.lower.logarithm import is_positive, logarithm
from recdsl.lower.sides import Sides, sides_of

NAME = "rank_one"
CHUNK = 64


def plan(case: Case) -> Draft:
    """The plan of a recurrence. Raises `Refused`."""
    axis = case.axis
    system = case.affine()
    state = case.one_state()
    refuse_sums(system)
    if len(system.reads) != 1 or abs(dict(system.reads[0].offsets)[axis]) != 1:
        raise Refused("R514", f"{state} is read at other points than the one before", case.span)
    (link,) = system.links
    sides = sides_of(case, (state,), system.inputs, ())
    decay = decay_role(case, link.coefficient, sides)
    ((_, own),) = sides.pairs
    roles = [decay]
    factor = simplified("exp", decay[1]) if decay[0] == "log_decay" else decay[1]
    after = times(factor, link.read)
    for place, pair in enumerate(own):
        suffix = "" if place == 0 else f"_{place + 1}"
        roles += [(f"key{suffix}", pair.key), (f"value{suffix}", pair.value)]
        after = plus(after, apply("mul", pair.key, pair.value))
    return Draft(
        NAME,
        (state,),
        dict(link.read.offsets)[axis],
        tuple(roles),
        ((state, after),),
        matrix_cost(case, case.group.module.type_of(state), sides),
        sides.readings,
        sides.readers,
        sides.keys,
        sides.values,
        constants=(("chunk", CHUNK),),
    )


def decay_role(case: Case, decay: Expr, sides: Sides) -> tuple[str, Expr]:
    """The decay as a role. Raises `Refused` (R519) where its logarithm is needed and may not exist.

    A decay of 0 that is no choice has a gradient, which cannot go through its logarithm.
    """
    names = set(decay.type.dim_names)
    by_key, by_value = names & set(sides.keys), names & set(sides.values)
    if by_key and by_value:
        raise Refused("R512", "the decay differs along both sides of the state", decay.span or case.span)
    if not by_key and not by_value:
        return "decay", decay
    bounds = case.group.bounds
    found = logarithm(decay, bounds)
    if found is not None:
        return "log_decay", found
    if not is_positive(decay, bounds):
        raise Refused(
            "R519", f"the decay is not proved to be positive: it lies in {bounds.of(decay)}", decay.span or case.span
        )
    return "gate", decay


def matrix_cost(case: Case, type: ValueType, sides: Sides, triangular: int = 0) -> Cost:
    """Of chunks of points: scores within a chunk, the states of chunks, both sides read and written once.

    `triangular` is the number of unknowns of a triangular system that each chunk solves.
    """
    length = count(axis_length(case.axis))
    keys = elements(type.without(tuple(n for n in (*type.dim_names, *type.axis_names) if n not in sides.keys)))
    values = elements(type.without(tuple(n for n in (*type.dim_names, *type.axis_names) if n not in sides.values)))
    rest = elements(type.without((*sides.keys, *sides.values, case.axis)))
    within = number(CHUNK) * (keys + values) + number(triangular) * (keys + values)
    across = number(2) * keys * values
    streams = number(2) * (keys + values)
    return Cost(length * rest * (within + across), length * number(1 / CHUNK), number(4) * length * rest * streams)
