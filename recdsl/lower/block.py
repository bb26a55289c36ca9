"""The algorithm `block`: h = transition @ h[t-1] + input for small vectors h, as a scan over small matrices.

Valid for a few states of the same dims that are coupled element by element, each read one or several points back (the vector then holds
the last points too), and for one state with a dense map along some of its dims.
Roles: coupled `transition[i,j]`, `input[i]`, where j counts all entries of the vector: every state with its last points, newest
first; dense `transition` (with dims for rows and columns), `input`, `decay` where elements also pass through on their own.
"""

from __future__ import annotations

from recdsl.classify.cost import elements
from recdsl.classify.count import Count, number
from recdsl.classify.system import Dense, System
from recdsl.ir.build import apply, const
from recdsl.ir.expr import Expr
from recdsl.ir.operators.shared import sized_like
from recdsl.lower.diagonal import CHUNK
from recdsl.lower.draft import Case, Cost, Draft, Refused, plus, times

NAME = "block"
MOST = 8  # entries of a vector


def plan(case: Case) -> Draft:
    """The plan of a recurrence. Raises `Refused`."""
    axis = case.axis
    system = case.affine()
    for each in system.low_rank:
        raise Refused("R512", f"{each.read.value} is summed over {', '.join(each.summed)}", each.read.span)
    return dense_draft(case, NAME, axis) if system.dense else _coupled(case, system, axis)


def _coupled(case: Case, system: System, axis: str) -> Draft:
    dims = {frozenset(case.group.module.type_of(each).dim_names) for each in system.states}
    if len(dims) > 1:
        raise Refused("R513", f"{', '.join(system.states)} have different dims", case.span)
    entries = tuple((state, lag) for state in system.states for lag in range(1, _reach(system, state, axis) + 1))
    if len(entries) > MOST:
        raise Refused("R523", f"{len(entries)} earlier values are needed at a point, more than {MOST}", case.span)
    if len(entries) == 1:
        raise Refused(
            "R524", "there is one earlier value for each element: diagonal is the same with less work", case.span
        )
    started = [each.id for each in case.group.module.equations() if each.id in system.states and each.init is not None]
    if started and len(entries) > len(system.states):
        raise Refused("R518", f"{started[0]} starts elsewhere than at 0 and is read several points back", case.span)
    roles: list[tuple[str, Expr]] = []
    after: list[tuple[str, Expr]] = []
    for row, state in enumerate(system.states):
        total: Expr = const(0.0)
        for link in system.links:
            if link.state == state:
                column = entries.index((link.read.value, abs(dict(link.read.offsets)[axis])))
                roles.append((f"transition[{row},{column}]", link.coefficient))
                total = plus(total, times(link.coefficient, link.read))
        given = case.group.polynomials.normal(system.input_of(state))
        roles.append((f"input[{row}]", given))
        after.append((state, plus(total, given)))
    size = elements(case.group.module.type_of(system.states[0]))
    sign = -1 if not case.back else 1
    return Draft(NAME, system.states, sign, tuple(roles), tuple(after), cost(size, number(len(entries))))


def _reach(system: System, state: str, axis: str) -> int:
    """How many points back the farthest read of a state lies that counts."""
    return max(abs(dict(each.offsets)[axis]) for each in system.reads if each.value == state)


def dense_draft(case: Case, name: str, axis: str) -> Draft:
    """The draft of one state with a dense map. Raises `Refused`."""
    system = case.affine()
    state = case.one_state()
    term, *others = system.dense
    if others or abs(dict(term.read.offsets)[axis]) != 1 or len(system.reads) > 1:
        raise Refused("R514", f"{state} is read in several ways", case.span)
    if any(each.id == state and each.init is not None for each in case.group.module.equations()):
        raise Refused("R518", f"{state} starts elsewhere than at 0", case.span)
    rows = tuple(d for d, here in term.names if here in term.summed)
    columns = tuple(here for d, here in term.names if here in term.summed)
    given = case.group.polynomials.normal(system.input_of(state))
    roles = [("transition", term.matrix), ("input", given)]
    after = plus(applied(term), given)
    for link in system.links:
        roles.append(("decay", link.coefficient))
        after = plus(after, times(link.coefficient, link.read))
    type = case.group.module.type_of(state)
    width = elements(type.without((*type.axis_names, *(n for n in type.dim_names if n not in rows))))
    return Draft(
        name,
        (state,),
        dict(term.read.offsets)[axis],
        tuple(roles),
        ((state, after),),
        cost(elements(type), width),
        keys=rows,
        values=columns,
    )


def applied(term: Dense) -> Expr:
    """The map on the state that it reads."""
    read: Expr = term.read
    for dim, here in term.names:
        if dim != here:
            read = sized_like(apply("rename", read, old=dim, new=here), term.matrix.type)
    return apply("sum", apply("mul", term.matrix, read), over=tuple(sorted(term.summed)))


def cost(size: Count, width: Count) -> Cost:
    """Of a scan over matrices of `width` rows for `size` elements in all."""
    return Cost(number(3) * size * width, number(2 * CHUNK), number(4) * size * (width + number(3)))
