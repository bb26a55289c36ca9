"""The system of an affine recurrence: coefficients between states, elementwise, of low rank, or dense.

S = a * S[t-1] + k * v                                       one link (a), one input (k, v)
M = M[t-1] - b * k * sum[K](k * M[t-1]) + b * k * v          one link (1), one low-rank term (-b k, k), one input
h = a * h[t-1] + b * h[t-2] + x                              two links, to the same state at two offsets
h = sum[M](A * h[t-1][N->M]) + x                             one dense term
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from recdsl.classify.affine import Affine, NotAffine, Term, Walk
from recdsl.classify.bounds import Bounds
from recdsl.classify.outer import joined
from recdsl.classify.polynomial import Polynomials
from recdsl.ir.expr import Expr, Read
from recdsl.ir.operators import interval as iv

Product = tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """`state` gets `coefficient * read`, element by element."""

    state: str
    read: Read
    coefficient: Expr


@dataclass(frozen=True, slots=True)
class LowRank:
    """`state` gets `outer * Σ_summed inner * read`. `outer` is a sum of products."""

    state: str
    read: Read
    outer: tuple[Product, ...]
    inner: Expr
    summed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dense:
    """`state` gets `Σ_summed matrix * read`: `matrix` has dims of the state and those of the read, as `names` calls them."""

    state: str
    read: Read
    matrix: Expr
    summed: tuple[str, ...]
    names: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class System:
    """All coefficients of one component that are not 0. `reads` are the earlier values it needs, `inputs` what each state gets beside them."""

    states: tuple[str, ...]
    reads: tuple[Read, ...]
    links: tuple[Link, ...]
    low_rank: tuple[LowRank, ...]
    dense: tuple[Dense, ...]
    inputs: tuple[tuple[str, tuple[Product, ...]], ...]

    def varies(self) -> bool:
        """Whether a coefficient differs from point to point."""
        return any(set(each.type.axis_names) for each in self.coefficients())

    def coefficients(self) -> Iterator[Expr]:
        yield from (each.coefficient for each in self.links)
        yield from (factor for each in self.low_rank for product in each.outer for factor in product)
        yield from (each.inner for each in self.low_rank)
        yield from (each.matrix for each in self.dense)

    def terms_of(self, state: str) -> Iterator[Link | LowRank | Dense]:
        """What a state gets of earlier states."""
        terms: tuple[Link | LowRank | Dense, ...] = (*self.links, *self.low_rank, *self.dense)
        return (each for each in terms if each.state == state)

    def offsets(self) -> set[tuple[tuple[str, int], ...]]:
        return {each.offsets for each in self.reads}

    def input_of(self, state: str) -> tuple[Product, ...]:
        return dict(self.inputs)[state]


def system_of(walk: Walk, states: tuple[str, ...], bounds: Bounds) -> System:
    """The system of a component with these states. Raises `NotAffine`."""
    links: list[Link] = []
    low_rank: list[LowRank] = []
    dense: list[Dense] = []
    inputs: list[tuple[str, tuple[Product, ...]]] = []
    for state in states:
        form = walk.value(state)
        terms = [each for each in form.terms if not _vanishes(each, bounds)]
        links.extend(_links(state, terms, bounds))
        low_rank.extend(_low_rank(state, terms, bounds))
        dense.extend(_dense(each, state, bounds) for each in terms if _is_dense(each))
        inputs.append((state, _inputs(form, bounds)))
    used = {each.read for each in links} | {each.read for each in low_rank} | {each.read for each in dense}
    reads = sorted(used, key=lambda each: (states.index(each.value), sorted(each.offsets, reverse=True), each.via))
    links.sort(key=lambda each: (states.index(each.state), reads.index(each.read)))
    of = bounds.polynomials.signatures.of
    low_rank.sort(key=lambda e: (reads.index(e.read), states.index(e.state), of(e.inner), of(e.outer[0][0])))
    return System(states, tuple(reads), tuple(links), tuple(low_rank), tuple(dense), tuple(inputs))


def _vanishes(term: Term, bounds: Bounds) -> bool:
    """A coefficient that is 0 whatever the weights and inputs are."""
    return any(bounds.of(each) == iv.point(0) for each in (*term.outer, *term.inner))


def _inputs(form: Affine, bounds: Bounds) -> tuple[Product, ...]:
    return tuple(each for each in form.free if not any(bounds.of(factor) == iv.point(0) for factor in each))


def _is_dense(term: Term) -> bool:
    """Whether the sum gives the value dims that the state does not lend it."""
    own = {name for _, name in term.names}
    return bool(term.summed) and any(set(each.type.dim_names) - own for each in term.inner)


def _links(state: str, terms: list[Term], bounds: Bounds) -> Iterator[Link]:
    for read in dict.fromkeys(each.read for each in terms):
        own = [each for each in terms if each.read == read and not each.summed]
        for term in own:
            moved = [(dim, name) for dim, name in term.names if dim != name]
            if moved:
                raise NotAffine(
                    term.read, f"the state is read with {moved[0][0]} in the place of {moved[0][1]}", "R512"
                )
        coefficient = bounds.polynomials.normal([each.outer for each in own])
        if bounds.of(coefficient) != iv.point(0):
            yield Link(state, read, coefficient)


def _low_rank(state: str, terms: list[Term], bounds: Bounds) -> Iterator[LowRank]:
    """Terms that sum over the state with the same factors are one."""
    found: dict[tuple[Read, tuple[str, ...]], list[tuple[Product, Product, float]]] = {}
    for term in terms:
        if term.summed and not _is_dense(term):
            if any(dim != name for dim, name in term.names):
                raise NotAffine(term.read, "the state is read with one dim in the place of another", "R512")
            parts = found.setdefault((term.read, tuple(sorted(term.summed))), [])
            parts.extend(split_sum(term, bounds.polynomials))
    for (read, over), parts in found.items():
        for inner, outer in joined(parts, bounds.polynomials):
            yield LowRank(state, read, ((outer,),), inner, over)


def split_sum(term: Term, polynomials: Polynomials) -> Iterator[tuple[Product, Product, float]]:
    """A term that sums over the state, multiplied out: factors inside of the sum, those that may stand before it, a number."""
    for outer, number in polynomials.expanded(term.outer):
        for atoms, more in polynomials.expanded(term.inner):
            inner = tuple(each for each in atoms if set(each.type.dim_names) & set(term.summed))
            shared = tuple(each for each in atoms if each not in inner)
            yield inner, (*outer, *shared), number * more


def _dense(term: Term, state: str, bounds: Bounds) -> Dense:
    matrix = bounds.polynomials.normal([(*term.outer, *term.inner)])
    clash = set(term.summed) & {name for each in term.outer for name in each.type.dim_names}
    if clash:
        raise NotAffine(term.read, f"the map reads {', '.join(sorted(clash))} on both of its sides", "R512")
    return Dense(state, term.read, matrix, term.summed, term.names)
