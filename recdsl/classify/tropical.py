"""Folds of shifted states: sums with state-free values, under one of max, min and log-sum-exp.

    max(a + s', b)         max(s' - c, max(b, s'))        -min(-s', b)         where(on, max(s', x), s')
    max[P](A + s'[S->P])   log(exp(s' + a) + exp(b))      softplus(s' + a)     logsumexp[P](A + s'[S->P]) + e

Every value of the walk is ±fold(shift + state, …, offset). A term may be folded over dims of the state, which then have a name of
their own in its shift.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial, reduce

from recdsl.classify.closed import ClosedWalk, outside, refused
from recdsl.ir.build import apply, const, number, simplified
from recdsl.ir.expr import Apply, Const, Expr, Read
from recdsl.ir.operators.shared import renamed
from recdsl.ir.operators.unite import names as names_of
from recdsl.ir.types import Dim

INF = float("inf")


@dataclass(frozen=True, slots=True)
class Fold:
    """`pair` joins two values and `along` those along dims; `own` are all operators that fold this way, `mirror` those that do so
    on the other side of a minus sign."""

    pair: str
    along: str
    neutral: float
    own: tuple[str, ...]
    mirror: tuple[str, ...]


_LARGEST, _SMALLEST = ("maximum", "max", "relu"), ("minimum", "min")
FOLDS = (
    Fold("maximum", "max", -INF, _LARGEST, _SMALLEST),
    Fold("minimum", "min", INF, _SMALLEST, _LARGEST),
    Fold("logaddexp", "logsumexp", -INF, ("logaddexp", "logsumexp", "softplus", "log1p", "log", "add", "sum"), ()),
)


@dataclass(frozen=True, slots=True)
class Term:
    """`shift + state`, folded over the dims `over` of the state. `names` says what each dim of the state is called in `shift`."""

    shift: Expr
    names: tuple[tuple[str, str], ...]
    over: frozenset[str] = frozenset()

    @property
    def key(self) -> tuple[tuple[tuple[str, str], ...], frozenset[str]]:
        return self.names, self.over


@dataclass(frozen=True, slots=True)
class Folded:
    """`sign * fold(terms, offset)`; without an offset the fold is over the terms alone."""

    sign: int
    terms: tuple[Term, ...]
    offset: Expr | None


@dataclass(slots=True)
class Tropical(ClosedWalk[Folded]):
    """The walk for one of the folds."""

    fold: Fold = field(kw_only=True)

    def free(self, expr: Expr) -> Folded:
        return Folded(1, (), expr)

    def earlier(self) -> Folded:
        return Folded(1, (Term(const(0.0), tuple((name, name) for name in self.read.type.dim_names)),), None)

    def apply(self, expr: Apply) -> Folded:
        match expr.operator, expr.operands:
            case "add", (left, right) if self.is_free(left):
                return shifted(self.of(right), left)
            case "add", (left, right) if self.is_free(right):
                return shifted(self.of(left), right)
            case "sub", (left, right) if self.is_free(right):
                return shifted(self.of(left), simplified("neg", right))
            case "sub", (left, right) if self.is_free(left):
                return shifted(negated(self.of(right)), left)
            case "neg", (x,):
                return negated(self.of(x))
            case "mul", (Const(value=value), x) | (x, Const(value=value)) if value == -1:
                return negated(self.of(x))
            case (("maximum" | "minimum" | "logaddexp"), (left, right)):
                return self._joined(expr, self.of(left), self.of(right))
            case (("relu" | "softplus"), (x,)):
                return self._joined(expr, self.of(x), self.free(const(0.0)))
            case "log", (x,) if self.fold.along == "logsumexp":
                return self._logarithm(x)
            case "log1p", (x,) if self.fold.along == "logsumexp":
                return self._joined(expr, self._logarithm(x), self.free(const(0.0)))
            case "where", (condition, then, otherwise) if self.is_free(condition):
                return self._chosen(expr, condition, self.of(then), self.of(otherwise))
            case (("max" | "min" | "logsumexp"), (x,)):
                return self._along(expr, x, self.of)
            case "rename", (x,):
                return self._renamed(expr, self.of(x))
        raise refused(expr, f"a {self.fold.along} of sums")

    # ---- joining

    def _joined(self, expr: Apply, left: Folded, right: Folded) -> Folded:
        """The fold of two values by an operator, under the sign that both have."""
        sign = self._sign(expr, left, right)
        allowed = self.fold.own if sign == 1 else self.fold.mirror
        if expr.operator not in allowed:
            raise outside(expr, f"{expr.operator} of a {self.fold.along} of the state is not one")
        left, right = signed(left, sign), signed(right, sign)
        terms = {each.key: each for each in left.terms}
        for each in right.terms:
            same = terms.get(each.key)
            terms[each.key] = each if same is None else replace(each, shift=self._pair(same.shift, each.shift))
        if left.offset is None or right.offset is None:
            return Folded(sign, tuple(terms.values()), left.offset or right.offset)
        return Folded(sign, tuple(terms.values()), self._pair(left.offset, right.offset))

    def _pair(self, left: Expr, right: Expr) -> Expr:
        """The fold of two state-free values; an infinity that changes nothing is left out."""
        for one, other in ((left, right), (right, left)):
            if isinstance(one, Const) and one.value == self.fold.neutral:
                return other
        same = left == right and self.fold.along != "logsumexp"
        return left if same else apply(self.fold.pair, left, right)

    def _sign(self, expr: Apply, *values: Folded) -> int:
        signs = {each.sign for each in values if each.terms}
        if len(signs) > 1:
            raise outside(expr, f"{expr.operator} joins the state and its negative")
        if signs:
            return signs.pop()
        return 1 if expr.operator in self.fold.own else -1

    def _chosen(self, expr: Apply, condition: Expr, then: Folded, otherwise: Folded) -> Folded:
        sign = self._sign(expr, then, otherwise)
        then, otherwise = signed(then, sign), signed(otherwise, sign)
        nothing = const(self.fold.neutral)
        branches = [{each.key: each for each in value.terms} for value in (then, otherwise)]
        terms = []
        for key in dict.fromkeys(key for branch in branches for key in branch):
            shifts = [branch[key].shift if key in branch else nothing for branch in branches]
            terms.append(Term(simplified("where", condition, *shifts), *key))
        if then.offset is None and otherwise.offset is None:
            return Folded(sign, tuple(terms), None)
        offset = simplified("where", condition, then.offset or nothing, otherwise.offset or nothing)
        return Folded(sign, tuple(terms), offset)

    def _along(self, expr: Apply, x: Expr, value: Callable[[Expr], Folded]) -> Folded:
        """The fold along dims: of those that the state has with the state, else of the shifts and offsets alone."""
        over = names_of(expr.attribute("over"))
        if isinstance(x, Apply) and x.operator == "stack" and over == (x.type.dim_names[-1],):
            first, *others = (value(each) for each in x.operands)
            return reduce(partial(self._joined, expr), others, first)
        found = value(x)
        dims = {dim.name: dim for dim in x.type.dims}
        for name in over:
            if name not in dims:
                raise outside(expr, f"it is taken along {name}, which is no dim")
            offset = None if found.offset is None else self._folded(found.offset, dims[name])
            terms = (Folded(found.sign, (self._term_along(each, dims[name]),), None) for each in found.terms)
            found = reduce(partial(self._joined, expr), terms, Folded(found.sign, (), offset))
        return found

    def _term_along(self, term: Term, dim: Dim) -> Term:
        own = next((state for state, here in term.names if here == dim.name and state not in term.over), None)
        if own is None:
            return replace(term, shift=self._folded(term.shift, dim))
        bound = self._bound(own)
        names = tuple((state, bound if state == own else here) for state, here in term.names)
        return Term(_moved(term.shift, dim.name, Dim(bound, self.type.dim(own).size)), names, term.over | {own})

    def _folded(self, expr: Expr, dim: Dim) -> Expr:
        if dim.name in expr.type.dim_names:
            return apply(self.fold.along, expr, over=(dim.name,))
        if self.fold.along == "logsumexp":
            return simplified("add", expr, apply("log", number(dim.size)))
        return expr

    def _bound(self, name: str) -> str:
        """What a dim of the earlier state is called beside the same dim of the next one."""
        module = self.group.module
        taken = {each.name for each in module.parameters} | {n for e in module.equations() for n in e.type.dim_names}
        wish = f"{name}_before"
        while wish in taken:
            wish += "_"
        return wish

    def _renamed(self, expr: Apply, value: Folded) -> Folded:
        old, new = str(expr.attribute("old")), str(expr.attribute("new"))
        if old not in expr.operands[0].type.dim_names:
            raise outside(expr, f"it reads the points of {old} under another name")
        dim = expr.type.dim(new)
        terms = tuple(
            replace(
                each,
                shift=_moved(each.shift, old, dim),
                names=tuple((state, new if here == old else here) for state, here in each.names),
            )
            for each in value.terms
        )
        return Folded(value.sign, terms, None if value.offset is None else _moved(value.offset, old, dim))

    # ---- sums of exponentials

    def _logarithm(self, expr: Expr) -> Folded:
        """The logarithm of an expression that sums and scales exponentials of the state. Raises `NotClosed`."""
        if self.is_free(expr):
            return self.free(self._log(expr))
        match expr:
            case Read(offsets=()):
                return self._logarithm(self.equations[expr.value].expr)
            case Apply(operator="exp", operands=(x,)):
                return self.of(x)
            case Apply(operator="add", operands=(left, right)):
                return self._joined(expr, self._logarithm(left), self._logarithm(right))
            case Apply(operator="mul", operands=(left, right)) if self.is_free(left):
                return shifted(self._logarithm(right), self._log(left))
            case Apply(operator="mul", operands=(left, right)) if self.is_free(right):
                return shifted(self._logarithm(left), self._log(right))
            case Apply(operator="div", operands=(left, right)) if self.is_free(right):
                return shifted(self._logarithm(left), simplified("neg", self._log(right)))
            case Apply(operator="sum", operands=(x,)):
                return self._along(expr, x, self._logarithm)
        raise outside(expr, "it is no sum of exponentials of the state")

    def _log(self, expr: Expr) -> Expr:
        """The logarithm of a state-free factor, which has to be positive: at 0 its derivative does not exist."""
        match expr:
            case Read(value=value, offsets=(), via="") if value in self.group.polynomials.equations:
                inside = self.group.polynomials.equations[value].expr
                if isinstance(inside, Apply) and inside.operator == "exp":
                    return inside.operands[0]
            case Apply(operator="exp", operands=(x,)):
                return x
        found = self.group.bounds.of(expr)
        if found.low < 0 or (found.low == 0 and not found.low_open):
            raise outside(expr, f"its logarithm may not exist: it lies in {found}")
        return const(0.0) if isinstance(expr, Const) and expr.value == 1 else apply("log", expr)


def shifted(value: Folded, by: Expr) -> Folded:
    """`value + by`."""
    amount = by if value.sign == 1 else simplified("neg", by)
    terms = tuple(replace(each, shift=simplified("add", each.shift, amount)) for each in value.terms)
    return Folded(value.sign, terms, None if value.offset is None else simplified("add", value.offset, amount))


def negated(value: Folded) -> Folded:
    return replace(value, sign=-value.sign)


def signed(value: Folded, sign: int) -> Folded:
    """The same value with another sign in front; only what reads no state can have it."""
    if value.sign == sign or value.offset is None:
        return replace(value, sign=sign)
    return Folded(sign, value.terms, simplified("neg", value.offset))


def _moved(expr: Expr, old: str, new: Dim) -> Expr:
    return renamed(simplified, expr, old, new) if old in expr.type.dim_names else expr
