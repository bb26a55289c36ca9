"""Recurrences that read the states of others: whether what these hold arrives along one path, and no more of it than there was.

D = b * D[i-1] + x                       for R: from any point one path leads to any other, over c once; with
R = a * R[j-1] + c * D[i-1]              |a|, |b|, |c| at most 1, R gets no more of an input than that itself
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from recdsl.classify.group import Group
from recdsl.classify.magnitude import Magnitudes
from recdsl.classify.paths import Step, offset_of, one_path
from recdsl.classify.spelling import spelled
from recdsl.classify.system import System
from recdsl.ir.build import const, simplified
from recdsl.ir.expr import Expr, Read, reads
from recdsl.ir.operators import interval as iv

Recurrence = tuple[Group, System]


@dataclass(frozen=True, slots=True)
class _Link:
    step: Step
    coefficient: Expr
    group: Group

    def is_small(self) -> bool:
        return Magnitudes(self.group.bounds).of(self.coefficient).within(iv.closed(0, 1))

    def text(self) -> str:
        found = self.group.bounds.of(self.coefficient)
        return f"{found.low:g}" if found.is_point else f"{spelled(self.coefficient, self.group.module)} in {found}"


class _Hidden(Exception):
    """A state stands in something that is no product of a coefficient with it."""


def one_path_from_others(own: Recurrence, recurrences: Sequence[Recurrence]) -> str:
    """What is said of the states of other recurrences that an affine one reads: with which coefficients they come along one path
    at most, each at most 1. Nothing where it reads none, or where that does not hold."""
    homes = {state: each for each in recurrences for state in each[0].states}
    try:
        links = list(_links(own, homes, set()))
    except _Hidden:
        return ""
    coming = [each for each in links if each.step.of not in own[0].states and each.step.into in own[0].states]
    if not coming or not one_path(each.step for each in links) or not all(each.is_small() for each in links):
        return ""
    said = ", ".join(dict.fromkeys(each.text() for each in coming))
    return f"one path at most comes from a state of another recurrence, with {said}"


def _links(of: Recurrence, homes: dict[str, Recurrence], seen: set[str]) -> Iterator[_Link]:
    """All links that lead to the states of a recurrence, from those of others too. Raises `_Hidden`."""
    group, system = of
    axes = group.module.axes
    if system.low_rank or system.dense or any(each.read.via for each in system.links):
        raise _Hidden
    seen |= set(group.states)
    for link in system.links:
        yield _Link(Step(link.state, link.read.value, offset_of(link.read, axes)), link.coefficient, group)
    before: dict[str, None] = {}
    for state, products in system.inputs:
        for atoms, value in (each for product in products for each in group.polynomials.expanded(product)):
            others = [each for each in atoms if isinstance(each, Read) and each.value in homes]
            rest = [each for each in atoms if each not in others]
            if len(others) > 1 or any(_depends(each, homes.keys(), group) for each in rest):
                raise _Hidden
            for read in others:
                coefficient: Expr = const(value)
                for each in rest:
                    coefficient = simplified("mul", coefficient, each)
                yield _Link(Step(state, read.value, offset_of(read, axes)), coefficient, group)
                before[read.value] = None
    for state in before:
        if state not in seen:
            yield from _links(homes[state], homes, seen)


def _depends(expr: Expr, states: Iterable[str], group: Group) -> bool:
    """Whether a value depends on a state, through equations too."""
    waiting, known = [each.value for each in reads(expr)], set[str]()
    while waiting:
        value = waiting.pop()
        if value in states:
            return True
        equation = group.polynomials.equations.get(value)
        if value not in known and equation is not None:
            waiting.extend(each.value for each in reads(equation.expr))
        known.add(value)
    return False
