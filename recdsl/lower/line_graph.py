"""The algorithm `line_graph`: matrix states on a graph whose gates are one number for all of their elements, read in sums over one side.

    edge C : H K V = s * k * v + sum[pred](g * C[pred])
    o = sum[pred](m[pred] * sum[K](q * C[pred]))

Ordered by level, the gates g between states are a matrix T below its diagonal, and C = (1 - T)⁻¹ s k vᵀ. With few nodes the gates alone are
solved for, G = M (1 - T)⁻¹ s from node to node, and the nodes attended to once: o = (G * q kᵀ) v. Otherwise the states are computed
as in `levels`; which of the two is cheaper shows when the graph is known. Valid for one state with one link, inputs that are one outer product
of node values, and readings by nodes. Roles: `gate`, `source` (without the dims of either side), `key`, `value`, `mark[r]` for the r-th
reading, whose query it has itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

from recdsl.classify.affine import product_of
from recdsl.classify.count import Count, count, number
from recdsl.classify.outer import pairs
from recdsl.ir.expr import Expr, reads
from recdsl.ir.sizes import Size, axis_length
from recdsl.lower import levels
from recdsl.lower.draft import Case, Cost, Draft, Refused
from recdsl.lower.graph_readings import GraphReadings, factors
from recdsl.lower.plan import Link, Reading

NAME = "line_graph"
REMARK = "solves for the states where they are fewer numbers than gates from node to node"


def plan(case: Case) -> Draft:
    """The plan of a recurrence. Raises `Refused`."""
    levels.refuse_other_domains(case)
    levels.refuse_parts(case)
    links = levels.links_of(case)
    state = case.one_state()
    if len(links) != 1 or case.group.module.type_of(state).kind != "real":
        raise Refused("R527", f"{state} is not real", case.span)
    why: list[Refused] = []
    for key, value in _sides(case, state):
        try:
            return _draft(case, links[0], key, value)
        except Refused as reason:
            why.append(reason)
    raise why[0] if why else Refused("R512", f"{state} is no matrix with the same gate for all elements", case.span)


def _sides(case: Case, state: str) -> Iterator[tuple[str, str]]:
    """Pairs of dims of the state that its gates lack."""
    (link,) = case.affine().links
    free = [each for each in case.group.module.type_of(state).dim_names if each not in link.coefficient.type.dim_names]
    return itertools.permutations(free, 2)


def _draft(case: Case, link: Link, key: str, value: str) -> Draft:
    state, group = link.into, case.group
    gate = case.affine().links[0].coefficient
    sides = _outer(case, state, key, value)
    search = GraphReadings(group, state, key, value)
    search.collect()
    marks = [(f"mark[{place}]", product_of(each.mark)) for place, each in enumerate(search.found)]
    roles = (("gate", gate), *sides, *marks)
    readings = tuple(Reading(each.result.id, state, product_of(each.query), False) for each in search.found)
    if not readings:
        raise Refused("R515", f"nothing is read of {state}", case.span)
    after = tuple((each.id, each.expr) for each in group.equations().values())
    links = (replace(link, role="gate"), *(Link(each.result.id, state, (), mark, each.via) for each, (mark, _) in zip(search.found, marks, strict=True)))  # fmt: skip
    return Draft(
        NAME,
        (state,),
        0,
        roles,
        after,
        _cost(case, link, key, value),
        readings,
        (*search.changed, *(each.result for each in search.found)),
        (key,),
        (value,),
        REMARK,
        levels.parts(case, roles),
        links,
    )


def _outer(case: Case, state: str, key: str, value: str) -> Iterator[tuple[str, Expr]]:
    """What the state is given, as a number for each state and two vectors of nodes."""
    found = pairs(case.affine().input_of(state), {key}, {value}, case.group.polynomials)
    if found is None or len(found) != 1:
        raise Refused("R517", f"what {state} gets is not one outer product over {key} and {value}", case.span)
    (pair,) = found
    parts = [*factors(pair.key), *factors(pair.value)]
    sides = {"key": [each for each in parts if key in each.type.dim_names]}
    sides["value"] = [each for each in parts if value in each.type.dim_names]
    sides["source"] = [each for each in parts if each not in (*sides["key"], *sides["value"])]
    on_edges = "edge" in case.group.module.type_of(state).axis_names
    for name in ("key", "value"):
        for each in sides[name]:
            if on_edges and any(not read.via and "edge" in read.type.axis_names for read in reads(each)):
                raise Refused(
                    "R517", f"the {name} of {state} differs between edges that leave a node", each.span or case.span
                )
    return iter([(name, product_of(tuple(each))) for name, each in sides.items()])


def _cost(case: Case, link: Link, key: str, value: str) -> Cost:
    """Of gates from node to node."""
    module = case.group.module
    type = module.type_of(link.into)
    heads = number(1)
    for dim in type.dims:
        heads *= count(dim.size) if dim.name not in (key, value) else number(1)
    nodes = count(axis_length(module.axes[0]))
    width = count(type.dim(key).size) + count(type.dim(value).size)
    states = count(Size("axis", (type.axis_names[0],)))
    work = heads * nodes * (levels.items(case, link) + states + nodes * (width + number(1)))
    moved: Count = number(4) * heads * nodes * (number(2) * states + number(3) * nodes + width)
    return Cost(work, levels.LEVELS, moved)
