"""The algorithm `quasi_newton`: Newton's method on the whole sequence, with the diagonals of the Jacobian in place of the whole.

    h : H = tanh(linear(x) + linear(h[t-1]))

Valid for what `newton` is valid for, where elements of the states meet as well: in the maps of an LSTM, a GRU, an Elman network. The
diagonal of each block of the Jacobian (new states by earlier ones) makes of every iteration the same scan over numbers or small matrices
as in `newton`; what is left out, further iterations make up for (Gonzalez et al. 2024, arXiv 2407.19115, section 4). What is left over at
the end is measured on the recurrence itself, and computed point after point from where it does not vanish. Gradients go back through
the whole Jacobian, point after point, as exact as those of the loop. `auto` never takes it: it pays where the number of dependent
steps is the cost and the recurrence contracts.
"""

from __future__ import annotations

from dataclasses import replace

from recdsl.classify.cost import elements, work
from recdsl.classify.count import Count, number
from recdsl.classify.group import Group
from recdsl.classify.jacobian import mixing
from recdsl.diagnostics import RecdslError
from recdsl.ir.expr import Apply, Call, Expr, Read, reads, walk
from recdsl.lower import stepwise
from recdsl.lower.diagonal import CHUNK
from recdsl.lower.draft import Case, Cost, Draft, Refused
from recdsl.rewrite.pullback import pullback

NAME = "quasi_newton"
ITERATIONS = 10  # of an LSTM or a GRU with the weights that it starts with, to the last digit of float32
MOST = 64  # iterations: an Elman network with the weights that it starts with takes about 45 in float64
REMARK = "on request; from the first point on where it does not converge, points are computed one after another, as gradients always are"


def plan(case: Case) -> Draft:
    """The plan of a recurrence. Raises `Refused`."""
    earlier = stepwise.reads_before(case)
    group = case.group
    if len({frozenset(group.module.type_of(each).dim_names) for each in group.states}) > 1:
        raise Refused("R512", "the states have different dims", case.span)
    if mixing(group) is None:
        raise Refused("R552", "elements of the states keep apart: newton has the whole Jacobian", case.span)
    _refuse_layers(group)
    try:
        pullback(group.module, group.program, group.equations().values(), earlier)
    except RecdslError as error:
        first = error.diagnostics[0]
        span = first.labels[0].span if first.labels else case.span
        raise Refused("R529", first.message, span) from None
    states = tuple(each.value for each in earlier)
    return Draft(
        NAME,
        states,
        stepwise.offset(case),
        (),
        (),
        _cost(case, states),
        remark=REMARK,
        constants=(("iterations", MOST),),
    )


def _refuse_layers(group: Group) -> None:
    """What is a layer still could not be taken apart."""
    inside = set(group.equations())
    calls = (each for equation in group.equations().values() for each in walk(equation.expr) if isinstance(each, Call))
    for call in calls:
        if any(read.value in inside for read in reads(call)):
            raise Refused("R507", "it goes through a layer that cannot be taken apart", call.span)


def _cost(case: Case, states: tuple[str, ...]) -> Cost:
    """Each iteration computes what depends on the states at all points, and composes a map for each of them."""
    group, square = _moving(case.group), number(len(states) ** 2)
    maps = sum((elements(group.module.type_of(each)) for each in states), Count())
    own = work(group.items, group.module, group.program) + square * maps
    bytes_ = stepwise.streams(group, states) + number(4) * square * maps
    return Cost(number(ITERATIONS) * own, number(ITERATIONS * 2 * CHUNK), number(ITERATIONS) * bytes_)


def _moving(group: Group) -> Group:
    """The component with everything that needs no state read from outside."""
    inside = set(group.equations())

    def change(expr: Expr) -> Expr:
        if not isinstance(expr, (Apply, Call)):
            return expr
        if any(each.value in inside for each in reads(expr)):
            return replace(expr, operands=tuple(change(each) for each in expr.operands))
        return Read(group.signatures.of(expr), expr.type)

    items = tuple(replace(each, expr=change(each.expr)) for each in group.equations().values())
    return replace(group, items=items)
