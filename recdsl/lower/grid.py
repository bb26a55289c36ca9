"""What the algorithms for affine recurrences on grids share: states that read each other element by element, along several axes.

R = a * R[j-1] + b * D[i-1] + x          two states, four links: to R from R and D, to D from R and D,
D = c * R[j-1] + d * D[i-1] + y          with the roles gate[0] to gate[3], input[0] and input[1]
"""

from __future__ import annotations

from recdsl.classify.axes import moving_axes
from recdsl.classify.cost import elements
from recdsl.classify.count import Count, number
from recdsl.ir.build import const
from recdsl.ir.expr import Expr
from recdsl.lower.diagonal import refuse_sums
from recdsl.lower.draft import Case, Cost, Draft, Refused, plus, times
from recdsl.lower.plan import Link

WORD = 4  # bytes


def refuse_one_axis(case: Case) -> None:
    """Raise `Refused` unless the recurrence runs along several axes of a grid."""
    domain, moving = case.group.module.domain, moving_axes(case.group)
    if domain != "grid":
        raise Refused("R520", f"the recurrence runs over a {domain}, not a grid", case.span)
    if len(moving) == 1:
        raise Refused("R520", f"the recurrence runs along {moving[0]} alone, like a sequence", case.span)


def links_of(case: Case) -> tuple[Link, ...]:
    """The links of a recurrence on a grid, with offsets along the axes of the layer. Raises `Refused`."""
    refuse_one_axis(case)
    module, system = case.group.module, case.affine()
    refuse_sums(system)
    if len({frozenset(module.type_of(each).dim_names) for each in system.states}) > 1:
        raise Refused("R513", f"{', '.join(system.states)} have different dims", case.span)
    links: list[Link] = []
    for each in system.links:
        offsets = dict(each.read.offsets)
        offset = tuple(offsets.get(axis, 0) for axis in module.axes)
        links.append(Link(each.state, each.read.value, offset, f"gate[{len(links)}]"))
    return tuple(links)


def draft(case: Case, name: str, links: tuple[Link, ...], axes: tuple[str, ...], cost: Cost) -> Draft:
    """The draft of an algorithm: a gate for each link, and what each state gets beside them."""
    system = case.affine()
    gates = [(link.role, each.coefficient) for link, each in zip(links, system.links, strict=True)]
    inputs: list[tuple[str, Expr]] = []
    after: list[tuple[str, Expr]] = []
    for place, state in enumerate(system.states):
        given = case.group.polynomials.normal(system.input_of(state))
        inputs.append((f"input[{place}]", given))
        total: Expr = const(0.0)
        for each in system.links:
            if each.state == state:
                total = plus(total, times(each.coefficient, each.read))
        after.append((state, plus(total, given)))
    return Draft(name, system.states, 0, (*gates, *inputs), tuple(after), cost, links=links, axes=axes)


def size(case: Case) -> Count:
    """The elements of one state in a row of a batch."""
    return elements(case.group.module.type_of(next(iter(case.group.states))))


def streams(case: Case, links: tuple[Link, ...], passes: int) -> Count:
    """Bytes: inputs are copied once, each link moves as many numbers for each element as there are `passes`, gates are read once."""
    gates = sum((elements(each.coefficient.type) for each in case.affine().links), Count())
    states = number(2 * len(case.group.states) + passes * len(links)) * size(case)
    return number(WORD) * (states + gates)
