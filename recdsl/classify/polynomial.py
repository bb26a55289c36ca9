"""Coefficients in one form, however the source writes them: sums of products of atoms, in an order without names.

h[t-1] - z * h[t-1] + z * x       z * (x - h[t-1]) + h[t-1]       both have the coefficient 1 - z
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from recdsl.classify.signature import Signatures
from recdsl.ir import sizes
from recdsl.ir.build import apply, const, number, simplified
from recdsl.ir.expr import Apply, Call, Const, Expr, Number, Read, walk
from recdsl.ir.module import Equation
from recdsl.ir.operators.unite import names as names_of

MOST = 6  # products; what has more keeps the form that the source gives it

Monomial = tuple[tuple[Expr, ...], float]  # atoms, and the number in front
INF = float("inf")
PRODUCTS = ("linear", "conv", "matrix", "inverse")
KINDS = ("real", "int")


@dataclass(slots=True)
class Polynomials:
    """Normal forms of the expressions of one module. `held` are values that must not be looked through."""

    signatures: Signatures
    held: frozenset[str] = frozenset()

    @property
    def equations(self) -> dict[str, Equation]:
        return self.signatures.equations

    def normal(self, products: Iterable[tuple[Expr, ...]]) -> Expr:
        """The sum of some products in normal form, 0 for none."""
        given = tuple(products)
        monomials: list[Monomial] | None = []
        for product in given:
            expanded = self._product(product)
            monomials = None if expanded is None or monomials is None else [*monomials, *expanded]
        if monomials is None:
            return _plain(given)
        combined = self.combined(monomials)
        return _plain(given) if len(combined) > MOST else self._built(combined)

    def monomials(self, expr: Expr) -> list[Monomial]:
        """An expression as a sum of products, equal ones joined."""
        expanded = self._product((expr,))
        return [((expr,), 1.0)] if expanded is None else self.combined(expanded)

    def expanded(self, factors: tuple[Expr, ...]) -> list[Monomial]:
        """A product multiplied out; as it is where that has too many parts."""
        found = self._product(factors)
        return [(factors, 1.0)] if found is None or len(found) > MOST else found

    def _product(self, factors: tuple[Expr, ...]) -> list[Monomial] | None:
        """All products of one summand of each factor; None where they are too many."""
        result: list[Monomial] = [((), 1.0)]
        for factor in factors:
            parts = self._expanded(factor)
            if parts is None or len(result) * len(parts) > 4 * MOST:
                return None
            result = [((*a, *b), m * n) for a, m in result for b, n in parts]
        return result

    def _expanded(self, expr: Expr) -> list[Monomial] | None:
        match expr:
            case Const(value=bool()):
                return [((expr,), 1.0)]
            case Const(value=value) if abs(value) < INF:
                return [((), float(value))]
            case Read(value=value, offsets=(), via="") if value in self.equations and value not in self.held:
                equation = self.equations[value]
                if _is_arithmetic(equation.expr) and set(equation.expr.type.dim_names) == set(expr.type.dim_names):
                    return self._expanded(equation.expr)
            case Apply(operator="add", operands=(left, right)) if expr.type.kind in KINDS:
                return _joined(self._expanded(left), self._expanded(right))
            case Apply(operator="sub", operands=(left, right)) if expr.type.kind in KINDS:
                return _joined(self._expanded(left), _negated(self._expanded(right)))
            case Apply(operator="neg", operands=(x,)):
                return _negated(self._expanded(x))
            case Apply(operator="mul", operands=(left, right)) if expr.type.kind in KINDS:
                return self._product((left, right))
            case Apply(operator="div", operands=(left, Const(value=value))) if value not in (0, True, False):
                parts = self._expanded(left)
                return None if parts is None else [(atoms, count / value) for atoms, count in parts]
            case Apply(operator="sum", operands=(x,)) if expr.type.kind in KINDS:
                return self._sum(expr, x)
            case Apply(operator="where", operands=(condition, then, otherwise)) if (
                turned := self.turned(condition)
            ) is not None:
                return self._expanded(apply("where", turned, otherwise, then))
            case Apply(operator="where", operands=(condition, Const() as then, Const() as otherwise)) if (
                expr.type.kind in KINDS
            ):
                return [_mask(expr, condition, then.value, otherwise.value)]
            case Apply(operator="div", operands=(left, Number(size=size))):
                return self._product((left, number(sizes.apply("/", sizes.number(1), size))))
        return [((expr,), 1.0)]

    def turned(self, condition: Expr) -> Expr | None:
        """The condition that this one is the negation of."""
        match condition:
            case Read(value=value, offsets=(), via="") if value in self.equations and value not in self.held:
                return self.turned(self.equations[value].expr)
            case Apply(operator="not", operands=(x,)):
                return x
        return None

    def _sum(self, expr: Apply, x: Expr) -> list[Monomial]:
        """A sum along some dims: factors without these stand before it.   sum[K](b * k * l) → b * sum[K](k * l)"""
        over = set(names_of(expr.attribute("over")))
        inside = self.monomials(x)
        if not over <= set(x.type.dim_names) or not inside:
            return [((expr,), 1.0)]
        before = [each for each in _shared(inside) if not set(each.type.dim_names) & over]
        rest = [(_without(atoms, before), value / inside[0][1]) for atoms, value in inside]
        if len(rest) > MOST or not all(
            over & {name for each in atoms for name in each.type.dim_names} for atoms, _ in rest
        ):
            return [((expr,), 1.0)]
        total = apply("sum", self._built(rest), over=tuple(sorted(over)))
        return [((*before, total), inside[0][1])]

    def factored(self, expr: Expr, dims: Collection[str]) -> tuple[Expr, Expr]:
        """An expression as a product: what all its summands have in common without any of these dims, and the rest."""
        monomials = self.monomials(expr) or [((), 0.0)]
        front = [each for each in _shared(monomials) if not set(each.type.dim_names) & set(dims)]
        first = monomials[0][1] or 1.0
        rest = self.normal((*number_of(value / first), *_without(atoms, front)) for atoms, value in monomials)
        return self.normal([(*number_of(first), *front)]), rest

    def combined(self, monomials: list[Monomial]) -> list[Monomial]:
        """Equal products joined, in the order of their signatures."""
        rank = self.signatures.rank
        found: dict[tuple[Expr, ...], float] = {}
        for atoms, value in monomials:
            key = tuple(sorted(atoms, key=rank))
            found[key] = found.get(key, 0.0) + value
        kept = [(atoms, value) for atoms, value in found.items() if value]
        return sorted(kept, key=lambda each: (each[1] < 0, len(each[0]), [rank(atom) for atom in each[0]]))

    def _built(self, monomials: list[Monomial]) -> Expr:
        """A sum of products, with the factors that all of them share in front."""
        if not monomials:
            return const(0.0)
        shared = _shared(monomials)
        if len(monomials) == 1:
            return _monomial(*monomials[0])
        inside = [(_without(atoms, shared), value) for atoms, value in monomials]
        total = _monomial(*inside[0])
        for atoms, value in inside[1:]:
            operator = "sub" if value < 0 else "add"
            total = simplified(operator, total, _monomial(atoms, abs(value)))
        return simplified("mul", _monomial(tuple(shared), 1.0), total)


def _is_arithmetic(expr: Expr) -> bool:
    """Whether a value is looked through: not where it would make a matrix product be computed again."""
    if any(isinstance(each, Call) or (isinstance(each, Apply) and each.operator in PRODUCTS) for each in walk(expr)):
        return False
    if not isinstance(expr, Apply):
        return isinstance(expr, Read) and not expr.offsets and not expr.via
    by_size = expr.operator == "div" and isinstance(expr.operands[1], (Const, Number))
    return by_size or expr.operator in ("add", "sub", "mul", "neg")


def _mask(expr: Apply, condition: Expr, then: float, otherwise: float) -> Monomial:
    """A number where a condition holds, or where it does not, as that number and a choice between 1 and 0."""
    match then, otherwise:
        case (value, 0) if value and abs(value) < INF:
            return (apply("where", condition, const(1.0), const(0.0)),), value
        case (0, value) if value and abs(value) < INF:
            return (apply("where", condition, const(0.0), const(1.0)),), value
    return (expr,), 1.0


def _joined(left: list[Monomial] | None, right: list[Monomial] | None) -> list[Monomial] | None:
    return None if left is None or right is None else [*left, *right]


def _negated(parts: list[Monomial] | None) -> list[Monomial] | None:
    return None if parts is None else [(atoms, -value) for atoms, value in parts]


def _shared(monomials: list[Monomial]) -> list[Expr]:
    """The factors that all products have."""
    shared = list(monomials[0][0])
    for atoms, _ in monomials[1:]:
        left = list(atoms)
        kept = []
        for atom in shared:
            if atom in left:
                left.remove(atom)
                kept.append(atom)
        shared = kept
    return shared


def _without(atoms: tuple[Expr, ...], shared: list[Expr]) -> tuple[Expr, ...]:
    left = list(atoms)
    for each in shared:
        left.remove(each)
    return tuple(left)


def number_of(value: float) -> tuple[Expr, ...]:
    """A number as a factor, whole where it is; 1 is none."""
    return () if value == 1 else (const(int(value) if value == int(value) else value),)


def _monomial(atoms: tuple[Expr, ...], value: float) -> Expr:
    result = next(iter(number_of(value)), const(1))
    below = [_below(atom) for atom in atoms]
    for atom, size in zip(atoms, below, strict=True):
        result = result if size else _times(result, atom)
    for size in below:
        result = simplified("div", result, number(size)) if size else result
    return result


def _times(left: Expr, right: Expr) -> Expr:
    """A product; a choice stays a factor of its own, so that a normal form is its own normal form."""
    chosen = any(isinstance(each, Apply) and each.operator == "where" for each in (left, right))
    if chosen and not isinstance(left, Const):
        return apply("mul", left, right)
    return simplified("mul", left, right)


def _below(atom: Expr) -> sizes.Size | None:
    """N of an atom that is 1 / N for a size N."""
    if not isinstance(atom, Number) or atom.size.operator != "/":
        return None
    above, below = atom.size.operands
    return below if above == sizes.number(1) and isinstance(below, sizes.Size) else None


def _plain(products: tuple[tuple[Expr, ...], ...]) -> Expr:
    total: Expr = const(0.0)
    for product in products:
        part: Expr = const(1.0)
        for factor in product:
            part = simplified("mul", part, factor)
        total = simplified("add", total, part)
    return total
