"""The algorithm `separable`: a recurrence of a grid whose equation is a product of recurrences along its axes, one after another.

    h = a * h[i-1] + b * h[j-1] - a * b * h[i-1, j-1] + x      →      h_along_i = a * h_along_i[i-1] + x
                                                                      h = b * h[j-1] + h_along_i

With the shift (S_i h)[i, j] = h[i-1, j] an affine equation of one state is (1 - Σ c_o S^o) h = x, a sum over its offsets o. It is

    (1 - Σ_m a_m S_i^m) (1 - Σ_o c_o S^o) h = x,

the first factor along i alone and the second without i, exactly where the coefficient at each offset m along i is a_m, and the
coefficient at each sum of an m and an o is -a_m * (S_i^m c_o), for S_i^m c_o h = (S_i^m c_o) S_i^m h: a c_o that is the same along i
passes as it is, another one has to be read at the shift, `b[i-1]`. Then w = (1 - Σ_o c_o S^o) h runs along i, w = Σ_m a_m S_i^m w + x, and
h = Σ_o c_o S^o h + w along what is left. Both are 0 outside of the grid where h is: w at a point outside along i is made of values
of h that lie there too. What is left may again be a product: three axes take two rounds.
Valid for one state without a start of its own, element by element. No roles: the two equations get their own algorithms.
"""

from __future__ import annotations

from dataclasses import dataclass

from recdsl.classify.axes import moving_axes
from recdsl.classify.cost import elements
from recdsl.classify.count import number
from recdsl.classify.system import Link
from recdsl.ir.build import const
from recdsl.ir.expr import Apply, Const, Expr, Position, Read, rebuild, walk
from recdsl.ir.module import Equation, Module
from recdsl.ir.operators.table import OPERATORS
from recdsl.lower import diagonal
from recdsl.lower.draft import Case, Cost, Draft, Refused, plus, times
from recdsl.rewrite.fresh import fresh_name, names_taken

NAME = "separable"
DIGITS = 1e-12  # what numbers in a source may be off by: 0.1 * 0.7 is not 0.07

Offset = tuple[tuple[str, int], ...]


def plan(case: Case) -> Draft:
    """The plan of a recurrence. Raises `Refused` (R553 where no factor can be taken out)."""
    axes = moving_axes(case.group)
    if case.group.module.domain != "grid" or len(axes) < 2:
        raise Refused("R553", "the recurrence runs along one axis only", case.span)
    system = case.affine()
    state = case.one_state()
    diagonal.refuse_sums(system)
    (equation,) = (each for each in case.group.module.equations() if each.id == state)
    if equation.init is not None and not (isinstance(equation.init, Const) and equation.init.value == 0):
        raise Refused("R518", f"{state} starts elsewhere than at 0", case.span)
    reasons = []
    for axis in axes:
        split = _Split(case, axis, {ordered(each.read.offsets, case.group.module): each for each in system.links})
        reason = split.obstacle()
        if reason is None:
            return _draft(case, equation, split)
        reasons.append(reason)
    raise reasons[0]


@dataclass(frozen=True, slots=True)
class _Split:
    """The links of a state by their offsets, and an axis that may be taken out."""

    case: Case
    axis: str
    links: dict[Offset, Link]

    @property
    def along(self) -> tuple[Link, ...]:
        """The first factor: links along the axis alone."""
        return tuple(each for offset, each in self.links.items() if {name for name, _ in offset} == {self.axis})

    @property
    def left(self) -> tuple[Link, ...]:
        """The second factor: links that do not move along the axis."""
        return tuple(each for offset, each in self.links.items() if self.axis not in dict(offset))

    def obstacle(self) -> Refused | None:
        """Why the recurrence is no product of these two factors."""
        if not self.along or not self.left:
            return Refused("R553", f"nothing of it runs along {self.axis} alone", self.case.span)
        mixed = dict(self.links)
        for each in (*self.along, *self.left):
            del mixed[ordered(each.read.offsets, self.case.group.module)]
        for first in self.along:
            for second in self.left:
                both = ordered((*first.read.offsets, *second.read.offsets), self.case.group.module)
                found = mixed.pop(both, None)
                moved = shifted(second.coefficient, first.read.offsets)
                if moved is None or not self._cancel(found, first.coefficient, moved):
                    return self._refused(both, first, second, found)
        for extra in mixed.values():
            text = f"{_shown(extra.read)} is the product of no two others"
            return Refused("R553", text, extra.coefficient.span or extra.read.span)
        return None

    def _cancel(self, link: Link | None, first: Expr, second: Expr) -> bool:
        """Whether a coefficient is -first * second."""
        polynomials = self.case.group.polynomials
        parts = polynomials.expanded((first, second))
        if link is not None:
            parts = [*parts, *polynomials.expanded((link.coefficient,))]
        return all(abs(value) <= DIGITS for _, value in polynomials.combined(parts))

    def _refused(self, both: Offset, first: Link, second: Link, found: Link | None) -> Refused:
        state = self.case.one_state()
        place = ", ".join(f"{axis}{amount:+d}" for axis, amount in both)
        parts = f"{_shown(first.read)} and {_shown(second.read)}"
        text = f"the coefficient of {state}[{place}] is not minus the product of those of {parts}"
        return Refused("R553", text, self.case.span if found is None else found.coefficient.span or found.read.span)


def ordered(offset: Offset, module: Module) -> Offset:
    """An offset with its axes in the order of the module."""
    amounts = dict(offset)
    return tuple((axis, amounts[axis]) for axis in module.axes if axis in amounts)


def _shown(read: Read) -> str:
    return f"{read.value}[{', '.join(f'{axis}{amount:+d}' for axis, amount in read.offsets)}]"


def shifted(expr: Expr, offset: Offset) -> Expr | None:
    """A coefficient at another point along an axis, None where that cannot be written.

    What it is outside of the grid does not count: there it is multiplied by 0.
    """
    ((axis, amount),) = offset
    if axis not in expr.type.axis_names:
        return expr
    if any(isinstance(each, Position) and axis in each.type.axis_names for each in walk(expr)):
        return None
    if not all(_is_elementwise(each) for each in walk(expr)):
        return None

    def moved(each: Expr) -> Expr:
        if not isinstance(each, Read) or axis not in each.type.axis_names:
            return each
        places = dict(each.offsets)
        places[axis] = places.get(axis, 0) + amount
        ordered = (name for name in each.type.axis_names if places.get(name))
        return Read(each.value, each.type, tuple((name, places[name]) for name in ordered), span=each.span)

    return rebuild(expr, moved)


def _is_elementwise(expr: Expr) -> bool:
    if not isinstance(expr, Apply):
        return True
    return OPERATORS[expr.operator].family == "elementwise" or expr.operator == "broadcast"


def _draft(case: Case, equation: Equation, split: _Split) -> Draft:
    """The two equations: one under a new name, which runs along the axis, and the state in terms of it."""
    group, state = case.group, equation.id
    given = group.polynomials.normal(case.affine().input_of(state))
    name = fresh_name(f"{state.split('~')[0].lstrip('%')}_along_{split.axis}", names_taken(group.module))
    first: Expr = const(0.0)
    for link in split.along:
        read = Read(name, equation.type, link.read.offsets, span=link.read.span)
        first = plus(first, times(link.coefficient, read))
    after: Expr = const(0.0)
    for link in split.left:
        after = plus(after, times(link.coefficient, link.read))
    size = elements(equation.type)
    scan = diagonal.cost(size)
    return Draft(
        NAME,
        (state,),
        0,
        (),
        ((state, plus(after, Read(name, equation.type))),),
        Cost(scan.work + scan.work, scan.depth + scan.depth, number(2) * scan.bytes),
        readers=(Equation(name, name, equation.type, plus(first, given), span=equation.span),),
        splits=True,
    )
