"""The algorithm `stepwise`: point after point without a tape, and one exact scan backwards.

Valid for up to four states of the same dims whose elements keep apart, each read one point back, whatever the function between. The
gradient is that of the recurrence linearised along its solution, c[t] = grad[t] + J[t+1]ᵀ c[t+1] with J the diagonal or small-block
Jacobian; inputs and weights then get theirs from one evaluation at all points. No roles: the equations stay as they are, and what needs no
state leaves them.
"""

from __future__ import annotations

from recdsl.classify.cost import elements, work
from recdsl.classify.count import Count, count, number
from recdsl.classify.group import Group
from recdsl.classify.jacobian import mixing
from recdsl.ir.expr import Apply, Read, walk
from recdsl.ir.module import Depth, Equation
from recdsl.ir.operators.operator import NoAdjointError
from recdsl.ir.sizes import axis_length
from recdsl.lower.draft import Case, Cost, Draft, Refused
from recdsl.rewrite.equations import is_impure
from recdsl.rewrite.jacobian import Jacobian, jacobian

NAME = "stepwise"
MOST = 4  # states


def plan(case: Case) -> Draft:
    """The plan of a recurrence. Raises `Refused`."""
    earlier = earlier_states(case)
    slopes(case, earlier)
    states = tuple(each.value for each in earlier)
    points = count(axis_length(case.axis))
    own = work(case.group.items, case.group.module, case.group.program)
    return Draft(NAME, states, offset(case), (), (), Cost(own, points, streams(case.group, states)))


def offset(case: Case) -> int:
    return 1 if case.back else -1


def earlier_states(case: Case) -> tuple[Read, ...]:
    """The reads of the states one point before, in the order of the states; their elements keep apart. Raises `Refused`."""
    reads = reads_before(case)
    found = mixing(case.group)
    if found is not None:
        raise Refused("R512", found.reason, found.span)
    return reads


def reads_before(case: Case) -> tuple[Read, ...]:
    """The reads of a few real states one point before, in the order of the states. Raises `Refused`."""
    axis, group = case.axis, case.group
    refuse_what_cannot_repeat(case)
    if len(group.states) > MOST:
        raise Refused("R523", f"{len(group.states)} earlier values are needed at a point, more than {MOST}", case.span)
    for read in group.reads():
        if dict(read.offsets) != {axis: offset(case)}:
            raise Refused("R514", f"{read.value} is read at other points than the one before", read.span)
    reads = {each.value: each for each in group.reads()}
    return tuple(reads[state] for state in group.states)


def refuse_what_cannot_repeat(case: Case) -> None:
    """Raise `Refused` unless the states are real and their equations give the same when computed again."""
    group = case.group
    for item in group.items:
        if isinstance(item, Depth):
            raise Refused("R510", f"the {item.kind} {item.name} stands in it", item.span)
        _refuse_parts(item)
    kinds = {group.module.type_of(each).kind for each in group.states}
    if kinds != {"real"}:
        raise Refused("R527", f"its states are {' and '.join(sorted(kinds))}, not real", case.span)


def _refuse_parts(equation: Equation) -> None:
    for each in walk(equation.expr):
        if isinstance(each, Apply) and is_impure(each):
            raise Refused("R528", f"{each.operator} may give another value each time", each.span or equation.span)
        if each.type.kind == "complex":
            raise Refused("R527", "a complex value stands in it", each.span or equation.span)


def slopes(case: Case, earlier: tuple[Read, ...]) -> Jacobian:
    """The Jacobian of the new states by the earlier ones. Raises `Refused`."""
    try:
        return jacobian(case.group.module, case.group.equations().values(), earlier)
    except NoAdjointError as error:
        raise Refused("R529", str(error), case.span) from None


def streams(group: Group, states: tuple[str, ...]) -> Count:
    """The bytes of the inputs and the states, each once over memory."""
    inside = {item.id for item in group.equations().values()}
    given = {
        each.value: elements(each.type)
        for item in group.equations().values()
        for each in walk(item.expr)
        if isinstance(each, Read) and each.value not in inside
    }
    own = sum((elements(group.module.type_of(each)) for each in states), Count())
    return number(4) * sum(given.values(), own)
