"""What the algorithms of the closed families share: the form or the reason, one point back, the cost of a scan."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from recdsl.classify.closed import NotClosed
from recdsl.classify.cost import elements
from recdsl.classify.count import number
from recdsl.classify.group import Group
from recdsl.ir.expr import Read
from recdsl.lower.draft import Case, Cost, Refused

CHUNK = 64
Form = TypeVar("Form")


def form_or_refused(case: Case, find: Callable[[Group], Form], code: str) -> Form:
    """What a family finds in a recurrence. Raises `Refused` with a code of its own."""
    if case.verdict.system is not None:
        raise Refused(code, f"the recurrence is affine, of the class {case.verdict.class_}", case.span)
    try:
        return find(case.group)
    except NotClosed as reason:
        raise Refused(code, reason.reason, reason.span or case.span) from None


def one_back(case: Case, read: Read, code: str) -> int:
    """The offset of a read of the point before, or of the one after. Raises `Refused`."""
    offset = dict(read.offsets)[case.axis]
    if abs(offset) != 1:
        raise Refused(code, f"{read.value} is read {abs(offset)} points away, not one", read.span or case.span)
    return offset


def scan_cost(case: Case, state: str, streams: int, work: int) -> Cost:
    """Of a scan in two levels: `streams` numbers are read for each element of the state, twice, and `work` operations done."""
    size = elements(case.group.module.type_of(state))
    return Cost(number(2 * work) * size, number(2 * CHUNK), number(4 * (2 * streams + 1)) * size)
