"""Outer products: whether what a matrix state gets is a sum of products of a key and a value.

k * v         (k + k2) * v         k * v + w * u         where(on, k, 0) * (v - p)
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from recdsl.classify.polynomial import Monomial, Polynomials, number_of
from recdsl.ir.build import apply, const, simplified
from recdsl.ir.expr import Apply, Const, Expr, Read

Product = tuple[Expr, ...]
MOST = 8  # products that a state may get at a point


@dataclass(frozen=True, slots=True)
class Pair:
    """One outer product: a key with dims of one side, a value with dims of the other (and what both share)."""

    key: Expr
    value: Expr


def pairs(
    products: Iterable[Product], keys: Collection[str], values: Collection[str], polynomials: Polynomials
) -> tuple[Pair, ...] | None:
    """The products as few pairs; None where a factor joins both sides and cannot be taken apart.

    Factors with neither kind of dims go to the side where they make fewer pairs, then fewer dims; else to the value.
    """
    monomials: list[Monomial] = []
    for product in products:
        for atoms, number in polynomials.expanded(product):
            split = _split_all(atoms, keys, values, polynomials)
            if split is None:
                return None
            monomials += [(own, number * more) for each in split for own, more in polynomials.expanded(each)]

    def of(sides: Collection[str], atoms: Product) -> Product:
        return tuple(each for each in atoms if set(each.type.dim_names) & set(sides))

    by_key = [(key, _rest(atoms, key), number) for atoms, number in monomials for key in [of(keys, atoms)]]
    by_value = [(value, _rest(atoms, value), number) for atoms, number in monomials for value in [of(values, atoms)]]
    found = tuple(Pair(key, value) for key, value in joined(by_key, polynomials))
    other = tuple(Pair(key, value) for value, key in joined(by_value, polynomials))
    result = min(found, other, key=lambda each: (len(each), _dims(each)))
    return result if len(result) <= MOST else None


def _rest(atoms: Product, own: Product) -> Product:
    return tuple(each for each in atoms if each not in own)


def _dims(found: tuple[Pair, ...]) -> int:
    return sum(len(each.key.type.dims) + len(each.value.type.dims) for each in found)


def joined(parts: Iterable[tuple[Product, Product, float]], polynomials: Polynomials) -> Iterator[tuple[Expr, Expr]]:
    """A sum of products of two sides as products of sums, as few as come from joining equal left sides, then equal right ones.

    k * v + w * v - k * u   →   k * (v - u) + w * v
    """
    by_left: dict[Product, list[Monomial]] = {}
    for left, right, number in parts:
        by_left.setdefault(tuple(sorted(left, key=polynomials.signatures.rank)), []).append((right, number))
    by_right: dict[tuple[Monomial, ...], list[Monomial]] = {}
    for left, products in by_left.items():
        total = polynomials.combined(products)
        if total:
            first = total[0][1]
            scaled = tuple((atoms, number / first) for atoms, number in total)
            by_right.setdefault(scaled, []).append((left, first))
    for shared, lefts in by_right.items():
        first = polynomials.combined(lefts)[0][1]
        key = polynomials.normal(_product((atoms, number / first)) for atoms, number in lefts)
        yield key, polynomials.normal(_product((atoms, number * first)) for atoms, number in shared)


def _product(monomial: Monomial) -> Product:
    atoms, number = monomial
    return (*number_of(number), *atoms)


def _split_all(
    product: Product, keys: Collection[str], values: Collection[str], polynomials: Polynomials
) -> list[Product] | None:
    parts = [_split(each, keys, values, polynomials) for each in product]
    if any(each is None for each in parts):
        return None
    return [tuple(itertools.chain(*each)) for each in itertools.product(*(each for each in parts if each is not None))]


def _split(
    expr: Expr, keys: Collection[str], values: Collection[str], polynomials: Polynomials
) -> list[Product] | None:
    """A factor as a sum of products of factors none of which has dims of both sides."""
    names = set(expr.type.dim_names)
    if not (names & set(keys) and names & set(values)):
        return [(expr,)]

    def of(each: Expr) -> list[Product] | None:
        return _split(each, keys, values, polynomials)

    match expr:
        case Read(value=value, offsets=(), via="") if value in polynomials.equations:
            return of(polynomials.equations[value].expr)
        case Apply(operator="mul", operands=(left, right)):
            return _cross(of(left), of(right))
        case Apply(operator="add", operands=(left, right)):
            return _both(of(left), of(right))
        case Apply(operator="sub", operands=(left, right)):
            return _both(of(left), _cross([(const(-1),)], of(right)))
        case Apply(operator="neg", operands=(x,)):
            return _cross([(const(-1),)], of(x))
        case Apply(operator="div", operands=(left, right)) if len(of(right) or ()) == 1:
            below = [(simplified("div", const(1.0), each),) for each in (of(right) or [()])[0]]
            return _cross(of(left), [tuple(itertools.chain(*below))])
        case Apply(operator="where", operands=(condition, then, otherwise)) if of(condition) == [(condition,)]:
            return _both(_chosen(condition, of(then), True), _chosen(condition, of(otherwise), False))
        case Apply(operator="broadcast", operands=(x,)):
            return of(x)
    return None


def _cross(left: list[Product] | None, right: list[Product] | None) -> list[Product] | None:
    return None if left is None or right is None else [(*a, *b) for a in left for b in right]


def _both(left: list[Product] | None, right: list[Product] | None) -> list[Product] | None:
    return None if left is None or right is None else [*left, *right]


def _chosen(condition: Expr, parts: list[Product] | None, when: bool) -> list[Product] | None:
    if parts is None:
        return None
    found = []
    for product in parts:
        if any(isinstance(each, Const) and each.value == 0 for each in product):
            continue
        first, rest = product[0], product[1:]
        if set(first.type.dim_names) and set(condition.type.dim_names):
            first, rest = const(1.0), product
        branches = (first, const(0.0)) if when else (const(0.0), first)
        found.append((apply("where", condition, *branches), *rest))
    return found
