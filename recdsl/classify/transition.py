"""Whether the transition of an affine recurrence is at most 1 in size.

elementwise   sums of |coefficients| into each state are at most 1, or those out of each: norms of rows, and of columns; or each
              coefficient is, where one path at most leads from a state to another (see `paths`)
graph         the coefficients of incoming edges are shares of sums over them, with factors that add up to 1 at most
rank one      (I - b k k^T) a, with k at most 1 long and b in [0, 2], is a reflection that shrinks
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from recdsl.check.causality import source_name
from recdsl.classify.affine import product_of
from recdsl.classify.bounds import Bounds
from recdsl.classify.group import Group
from recdsl.classify.magnitude import Magnitudes
from recdsl.classify.paths import one_path, steps_of
from recdsl.classify.polynomial import Monomial
from recdsl.classify.share import shared_along
from recdsl.classify.spelling import spelled
from recdsl.classify.system import Dense, Link, LowRank, System
from recdsl.classify.unit import is_unit
from recdsl.diagnostics import Span
from recdsl.ir.build import const, simplified
from recdsl.ir.expr import Apply, Expr
from recdsl.ir.operators import interval as iv
from recdsl.ir.operators.interval import Interval
from recdsl.ir.operators.unite import names as names_of

AT_MOST_ONE = iv.closed(0, 1)
Found = tuple[str, Span | None]  # what is said, and the place that stands in the way


def transition(group: Group, system: System) -> Found:
    """`proved: …`, or which coefficient can exceed 1, or what would have to hold."""
    search = _Transition(group, system)
    if system.dense:
        return search.dense()
    if system.low_rank:
        return search.low_rank()
    if any(link.read.via for link in system.links):
        return search.edges()
    return search.elementwise()


@dataclass(frozen=True, slots=True)
class _Transition:
    group: Group
    system: System

    def elementwise(self) -> Found:
        into = _by(self.system.links, lambda each: each.state)
        rows = [self._sum(own) for own in into]
        if all(each.within(AT_MOST_ONE) for each in rows):
            return f"proved: {self._ranges(into, rows)}", None
        out = _by(self.system.links, lambda each: each.read.value)
        columns = [self._column(own, self.group.bounds) for own in out]
        if all(each.within(AT_MOST_ONE) for each in columns):
            return f"proved: what leaves a state adds up to 1 at most: {self._ranges(out, columns)}", None
        alone = [[each] for each in self.system.links]
        if one_path(steps_of(self.system, self.group.module.axes)) and all(
            self._is_small(each.coefficient) for (each,) in alone
        ):
            said = self._ranges(alone, [self._sum(own) for own in alone])
            return f"proved: one path at most leads from a state to a later one: {said}", None
        return self._on_one_side(out) or self._exceeds(
            next(own for own, row in zip(into, rows, strict=True) if not row.within(AT_MOST_ONE))
        )

    def dense(self) -> Found:
        """What would have to hold: norms are not known. Those of all that a state gets bound it by the largest before it."""
        term = self.system.dense[0]
        span = term.matrix.span or term.read.span
        into = {each: list(self.system.terms_of(each)) for each in self.system.states}
        if sum(map(len, into.values())) == 1 and not term.read.via:
            map_, read = self._spelled(term.matrix), self._spelled(term.read)
            return f"unknown: it is stable where the map {map_} of {read} has no norm above 1", span
        sums = [
            f"into {source_name(state, self.group.module)} {', '.join(map(self._map, terms))}"
            for state, terms in into.items()
            if terms
        ]
        over = " over the edges that come in" if any(each.via for each in self.system.reads) else ""
        text = f"the maps into each state have norms that add up to 1 at most{over}: {'; '.join(sums)}"
        return f"unknown: it is stable where {text}", span

    def edges(self) -> Found:
        """Rows, where a sum over edges brings no more than the factors that are left beside a share."""
        for own in _by(self.system.links, lambda each: each.state):
            brought = [self._brought(each) for each in own]
            known = [factor for each in brought if each is not None for factor in each]
            total = self._together(known)
            if None in brought or not total.within(AT_MOST_ONE):
                text, span = self._too_much(own, brought, total)
                if all(self._is_small(each.coefficient) for each in self.system.links):
                    text += "; it is stable where one path at most leads from a state to a later one"
                return text, span
        return "proved: the coefficients of the edges that come in add up to 1 at most", None

    def _too_much(self, own: list[Link], brought: list[list[Expr] | None], total: Interval) -> Found:
        """The edges that come in with what is no share of them, or shares that are too many."""
        one = own[brought.index(None)] if None in brought else own[0]
        place = one.coefficient.span or one.read.span
        if all(each.read.via != "pred" for each in own):
            return self._exceeds(own)
        if None in brought or len(own) == 1:
            text, found = self._spelled(one.coefficient), self.group.bounds.of(one.coefficient)
            return f"the sum of {text} over the edges that come in can exceed 1: each lies in {found}", place
        return f"{self._added(own)} can exceed 1 with sums over the edges that come in: up to {total.high:g}", place

    def low_rank(self) -> Found:
        term, links = self.system.low_rank[0], self.system.links
        outer = self._spelled(self.group.polynomials.normal(term.outer))
        name = source_name(term.state, self.group.module)
        over = ", ".join(term.summed)
        shown = f"({outer}) * sum[{over}]({self._spelled(term.inner)} * {self._spelled(term.read)})"
        unknown = f"unknown: {name} also gets {shown}", term.read.span
        alone = len(self.system.states) == len(self.system.low_rank) == len(links) == 1
        if not alone or links[0].read != term.read or term.read.via:
            return unknown
        decay = links[0].coefficient
        if not self._sum([links[0]]).within(AT_MOST_ONE):
            return self._exceeds([links[0]])
        found = self._reflection(term, decay)
        if found is None:
            return unknown
        strength, vector = found
        size, b, k = self.group.bounds.of(strength), self._spelled(strength), self._spelled(vector)
        unit = is_unit(vector, frozenset(term.summed), self.group.module, self.group.program)
        if unit and size.within(iv.closed(0, 2)):
            return f"proved: {k} is at most 1 long, {b} in {size}, {self._in_range(decay)}", None
        return (
            f"unknown: it is stable where {b} * sum[{over}]({k}^2) stays in [0, 2]; {b} lies in {size}",
            term.read.span,
        )

    # ---- sizes

    def _sum(self, links: list[Link]) -> Interval:
        return Magnitudes(self.group.bounds).sum(each.coefficient for each in links)

    def _column(self, links: list[Link], bounds: Bounds) -> Interval:
        """What leaves a state: reads at one offset happen at one point, so that equal parts of them can be joined."""
        total = iv.point(0)
        for own in _by(links, lambda each: str(each.read.offsets)):
            total = iv.add(total, Magnitudes(bounds).sum(each.coefficient for each in own))
        return total

    def _on_one_side(self, out: list[list[Link]]) -> Found | None:
        """What is said where no more leaves a state than it holds as long as one factor is positive, or negative."""
        worst = next(own for own in out if not self._column(own, self.group.bounds).within(AT_MOST_ONE))
        for atom in dict.fromkeys(self._atoms(self.system.links)):
            found = self.group.bounds.of(atom)
            if not found.low < 0 < found.high:
                continue
            above, below = (
                Interval(0, found.high, False, found.high_open),
                Interval(found.low, 0, found.low_open, False),
            )
            for good, bad, signs in ((above, below, (">=", "<")), (below, above, ("<=", ">"))):
                kept = self.group.bounds.under(atom, good)
                if all(self._column(own, kept).within(AT_MOST_ONE) for own in out):
                    strict = replace(bad, low_open=True) if signs[1] == ">" else replace(bad, high_open=True)
                    grown = self._column(worst, self.group.bounds.under(atom, strict))
                    name = self._spelled(atom)
                    text = f"{self._added(worst)} can exceed 1: it lies in {grown} where {name} {signs[1]} 0"
                    return f"{text}; it is at most 1 where {name} {signs[0]} 0", worst[0].coefficient.span or worst[
                        0
                    ].read.span
        return None

    def _atoms(self, links: Iterable[Link]) -> Iterator[Expr]:
        for each in links:
            for atoms, _ in self.group.polynomials.monomials(each.coefficient):
                yield from atoms

    def _brought(self, link: Link) -> list[Expr] | None:
        """Factors whose absolute values bound what a link brings over all its edges together; none where it has no shares."""
        if link.read.via != "pred":
            return [link.coefficient]
        found = []
        for summand in _summands(link.coefficient):
            beside = next((rest for one, rest in _splits(summand) if self._is_share(one)), None)
            if beside is None:
                return None
            found.append(product_of(tuple(beside)))
        return found

    def _together(self, factors: list[Expr]) -> Interval:
        """The sum of absolute values. Those that differ from edge to edge meet different shares, so that each counts whole."""
        sizes = Magnitudes(self.group.bounds)
        total = sizes.sum(each for each in factors if "pred" not in each.type.axis_names)
        for each in factors:
            if "pred" in each.type.axis_names:
                total = iv.add(total, sizes.of(each))
        return total

    def _is_share(self, expr: Expr) -> bool:
        """Whether |expr| adds up to 1 at most over the edges that come in."""
        match expr:
            case Apply(operator="softmax"):
                return "pred" in names_of(expr.attribute("over"))
            case Apply(operator="div", operands=(part, whole)):
                return "pred" in shared_along(part, whole, self.group.polynomials, self.group.bounds.of)
        return False

    def _is_small(self, expr: Expr) -> bool:
        return Magnitudes(self.group.bounds).of(expr).within(AT_MOST_ONE)

    def _reflection(self, term: LowRank, decay: Expr) -> tuple[Expr, Expr] | None:
        """b and k, where the term and the decay are (I - b k k^T) a."""
        outer, inner, kept = (
            self._product(each) for each in (self.group.polynomials.normal(term.outer), term.inner, decay)
        )
        if outer is None or inner is None or kept is None:
            return None
        atoms = [*outer[0], *inner[0]]
        for atom in kept[0]:
            if atom not in atoms:
                return None
            atoms.remove(atom)
        vectors = [each for each in atoms if set(each.type.dim_names) & set(term.summed)]
        if len(vectors) != 2 or vectors[0] != vectors[1]:
            return None
        strength: Expr = const(-outer[1] * inner[1] / kept[1])
        for atom in atoms:
            if atom != vectors[0]:
                strength = simplified("mul", strength, atom)
        return strength, vectors[0]

    def _product(self, expr: Expr) -> Monomial | None:
        found = self.group.polynomials.monomials(expr)
        return found[0] if len(found) == 1 else None

    # ---- words

    def _ranges(self, groups: list[list[Link]], sums: list[Interval]) -> str:
        said = []
        for links, total in zip(groups, sums, strict=True):
            said.append(self._in_range(links[0].coefficient) if len(links) == 1 else f"{self._added(links)} in {total}")
        return "; ".join(dict.fromkeys(said))

    def _exceeds(self, links: list[Link]) -> Found:
        expr = links[0].coefficient
        span = expr.span or links[0].read.span
        if len(links) > 1:
            return f"{self._added(links)} can exceed 1: it lies in {self._sum(links)}", span
        if expr.type.kind == "complex":
            return f"|{self._spelled(expr)}| can exceed 1: it lies in {self._sum(links)}", span
        found = self.group.bounds.of(expr)
        beyond = "exceed 1" if found.high > 1 else "fall below -1"
        return f"{self._spelled(expr)} can {beyond}: it lies in {found}", span

    def _map(self, term: Link | LowRank | Dense) -> str:
        match term:
            case Link():
                map_ = self._spelled(term.coefficient)
            case LowRank():
                map_ = f"{self._spelled(self.group.polynomials.normal(term.outer))} * {self._spelled(term.inner)}"
            case Dense():
                map_ = self._spelled(term.matrix)
        return f"{map_} of {self._spelled(term.read)}"

    def _added(self, links: list[Link]) -> str:
        return " + ".join(f"|{self._spelled(each.coefficient)}|" for each in links)

    def _in_range(self, expr: Expr) -> str:
        if expr.type.kind == "complex":
            return f"|{self._spelled(expr)}| in {Magnitudes(self.group.bounds).of(expr)}"
        found = self.group.bounds.of(expr)
        return f"the coefficient is {found.low:g}" if found.is_point else f"{self._spelled(expr)} in {found}"

    def _spelled(self, expr: Expr) -> str:
        return spelled(expr, self.group.module)


def _by(links: Iterable[Link], key: Callable[[Link], str]) -> list[list[Link]]:
    """The links with the same key together, in the order in which they come."""
    found: dict[str, list[Link]] = {}
    for each in links:
        found.setdefault(key(each), []).append(each)
    return list(found.values())


def _summands(expr: Expr) -> list[Expr]:
    """The parts of a sum or difference; their signs do not count."""
    if isinstance(expr, Apply) and expr.operator in ("add", "sub", "neg"):
        return [summand for each in expr.operands for summand in _summands(each)]
    return [expr]


def _splits(expr: Expr) -> Iterator[tuple[Expr, list[Expr]]]:
    """The ways to take one factor out of a product: that factor, and the others. A divisor goes with the factor."""
    factors = _factors(expr)
    for place, factor in enumerate(factors):
        rest = [*factors[:place], *factors[place + 1 :]]
        yield factor, rest
        if isinstance(factor, Apply) and factor.operator == "div":
            part, whole = factor.operands
            for one, others in _splits(part) if len(_factors(part)) > 1 else ():
                yield Apply("div", (one, whole), factor.type), [*rest, *others]


def _factors(expr: Expr) -> list[Expr]:
    if isinstance(expr, Apply) and expr.operator == "mul":
        return [factor for each in expr.operands for factor in _factors(each)]
    return [expr]
