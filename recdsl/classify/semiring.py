"""The class `semiring`: the next state is a fold of the shifted state and an offset, in max, min, log-sum-exp, or on truth values.

    m = max(f + m[t-1], i)                    max, shift f, offset i
    d = max[P](A + d[t-1][S->P]) + e          max along S, shift A + e
    seen = (seen[t-1] and not over) or x      or, shift `not over`, offset x

Folds are associative and the shift distributes over them, so that steps compose. One state, read at one point.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

from recdsl.classify.closed import ClosedWalk, NotClosed, only_read, outside, refused
from recdsl.classify.group import Group
from recdsl.classify.tropical import FOLDS, Term, Tropical
from recdsl.ir.build import apply, const, index
from recdsl.ir.expr import Apply, Const, Expr, Read, walk
from recdsl.ir.types import Dim


@dataclass(frozen=True, slots=True)
class Semiring:
    """The next value of `state` is ``fold(shift + read, offset)``; on truth values ``(shift and read) or offset``.

    `fold` is "max", "min", "logsumexp" or "or". With `along`, a dim of the state and what `shift` calls it in the earlier state,
    ``shift + read`` is folded along that dim; the offset may then be missing.
    """

    state: str
    read: Read
    fold: str
    shift: Expr
    offset: Expr | None
    along: tuple[Dim, str] | None = None


def is_semiring(group: Group) -> bool:
    """Whether a component is of this class."""
    try:
        find(group)
    except NotClosed:
        return False
    return True


def find(group: Group) -> Semiring:
    """The form of a component. Raises `NotClosed`."""
    read = only_read(group)
    match group.module.type_of(read.value).kind:
        case "bool":
            return _truth(group, read)
        case "real":
            return _number(group, read)
        case kind:
            raise NotClosed(f"the state is of kind {kind}", group.items[0].span)


# ---- max, min, log-sum-exp


def _number(group: Group, read: Read) -> Semiring:
    folds = [fold for fold in FOLDS if _uses(group, set(fold.own) - {"add", "sum"})]
    folds += [fold for fold in FOLDS if fold not in folds and _uses(group, set(fold.mirror))]
    if not folds:
        raise NotClosed("there is no max, min or log-sum-exp of the state", group.items[0].span)
    reasons = []
    for fold in folds:
        try:
            return _formed(Tropical(group, read, fold=fold))
        except NotClosed as reason:
            reasons.append(reason)
    raise reasons[0]


def _uses(group: Group, operators: set[str]) -> bool:
    """Whether one of the operators is applied to something that depends on the state."""
    free = group.walk().is_free
    return any(
        isinstance(each, Apply) and each.operator in operators and not free(each)
        for equation in group.equations().values()
        for each in walk(equation.expr)
    )


def _formed(work: Tropical) -> Semiring:
    """The form of what the walk finds. Raises `NotClosed`."""
    value = work.state()
    if value.sign == -1 or not value.terms:
        reason = "the next state is the negative of a fold" if value.terms else "the state has no part in it"
        raise outside(work.equations[work.read.value].expr, reason)
    for term in value.terms:
        for dim, here in term.names:
            if here != dim and dim not in term.over:
                raise outside(work.read, f"the state is read with {dim} in the place of {here}")
    within = [each for each in value.terms if not each.over]
    across = [each for each in value.terms if each.over]
    if across:
        return _across(work, across, within, value.offset)
    nothing = const(work.fold.neutral)
    offset = nothing if value.offset is None else work.normal(value.offset)
    return Semiring(work.read.value, work.read, work.fold.along, work.normal(within[0].shift), offset)


def _across(work: Tropical, across: list[Term], within: list[Term], offset: Expr | None) -> Semiring:
    """The form of a fold along a dim of the state; elements that go to themselves are the diagonal of its matrix."""
    first, *others = across
    if others or len(first.over) > 1:
        raise outside(work.read, "the state is folded along several of its dims")
    (name,) = first.over
    dim, bound = work.type.dim(name), dict(first.names)[name]
    shift = first.shift
    if within:
        same = apply("eq", index(Dim(bound, dim.size)), index(dim))
        diagonal = apply("where", same, within[0].shift, const(work.fold.neutral))
        shift = apply(work.fold.pair, shift, diagonal)
    given = None if offset is None else work.normal(offset)
    return Semiring(work.read.value, work.read, work.fold.along, work.normal(shift), given, (dim, bound))


# ---- truth values


@dataclass(frozen=True, slots=True)
class Kept:
    """`(shift and state) or offset`."""

    shift: Expr
    offset: Expr


@dataclass(slots=True)
class Truth(ClosedWalk[Kept]):
    """The walk over truth values: what never turns from true to false where the state turns from false to true."""

    def free(self, expr: Expr) -> Kept:
        return Kept(const(False), expr)

    def earlier(self) -> Kept:
        return Kept(const(True), const(False))

    def apply(self, expr: Apply) -> Kept:
        match expr.operator, expr.operands:
            case "or", (left, right):
                return _or(self.of(left), self.of(right))
            case "and", (left, right):
                return _and(self.of(left), self.of(right))
            case "where", (condition, then, otherwise) if self.is_free(condition):
                return Kept(*(_choice(condition, *pair) for pair in _pairs(self.of(then), self.of(otherwise))))
        raise refused(expr, "made of `and`, `or` and choices")


def _or(left: Kept, right: Kept) -> Kept:
    return Kept(*(any_of(*pair) for pair in _pairs(left, right)))


def _and(left: Kept, right: Kept) -> Kept:
    crossed = (all_of(left.shift, right.shift), all_of(left.shift, right.offset), all_of(left.offset, right.shift))
    return Kept(reduce(any_of, crossed), all_of(left.offset, right.offset))


def _pairs(left: Kept, right: Kept) -> tuple[tuple[Expr, Expr], tuple[Expr, Expr]]:
    return (left.shift, right.shift), (left.offset, right.offset)


def any_of(left: Expr, right: Expr) -> Expr:
    """`left or right` without what decides nothing."""
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Const):
            return one if one.value else other
    return left if left == right else apply("or", left, right)


def all_of(left: Expr, right: Expr) -> Expr:
    """`left and right` without what decides nothing."""
    for one, other in ((left, right), (right, left)):
        if isinstance(one, Const):
            return other if one.value else one
    return left if left == right else apply("and", left, right)


def _choice(condition: Expr, then: Expr, otherwise: Expr) -> Expr:
    return any_of(all_of(condition, then), all_of(apply("not", condition), otherwise))


def _truth(group: Group, read: Read) -> Semiring:
    value = Truth(group, read).state()
    if value.shift == const(False):
        raise NotClosed("the state has no part in it", group.items[0].span)
    return Semiring(read.value, read, "or", value.shift, value.offset)
