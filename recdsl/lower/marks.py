"""What is read of matrix states on a grid, whichever points around it lies at: one sum for all states that meet the same query.

o = sum[K](q * m * R[j-1]) + n * sum[K](q * D[i-1]) + d * x   →   o = R_read + d * x;   R_read = sum[K](q * (m * R[j-1] + n * D[i-1]))
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from recdsl.classify.affine import Affine, Term, product_of
from recdsl.classify.polynomial import Monomial, number_of
from recdsl.classify.system import split_sum
from recdsl.ir.build import apply, const, simplified
from recdsl.ir.expr import Apply, Expr, Read
from recdsl.ir.module import Equation
from recdsl.lower.draft import plus, times
from recdsl.lower.plan import Reading
from recdsl.lower.readings import Readings

Product = tuple[Expr, ...]
Mark = tuple[Read, Expr]  # what is read, and the number in front of it


@dataclass(slots=True)
class Marks(Readings):
    """The search for the readings of some states that read each other along `axes`.

    `marks` are the summands of each reading, in the order of `found`. A number in front is a mark where it has no dims but those of
    the query and `gates`; what has others stays before the sum.
    """

    axes: tuple[str, ...] = ()
    gates: frozenset[str] = frozenset()
    marks: list[tuple[Mark, ...]] = field(default_factory=list)

    def _resolved(self, expr: Expr) -> Expr | None:
        """The largest sums first, so that those of one query meet."""
        whole = self._summed(expr) if isinstance(expr, Apply) and self._open(expr) else None
        return Readings._resolved(self, expr) if whole is None else whole

    def _is_reading(self, term: Term) -> bool:
        here = replace(term, read=replace(term.read, offsets=()))
        return Readings._is_reading(self, here) and all(axis in self.axes for axis, _ in term.read.offsets)

    def _built(self, form: Affine) -> Expr:
        total: Expr = const(0.0)
        for (query, outer, over), marks in self._together(form).items():
            total = simplified("add", total, simplified("mul", product_of(outer), self._marked(query, over, marks)))
        for product in form.free:
            total = simplified("add", total, product_of(product))
        return total

    def _together(self, form: Affine) -> dict[tuple[Product, Product, frozenset[str]], dict[Read, list[Monomial]]]:
        """What is read with each query, below what stands before the sum."""
        polynomials = self.group.polynomials
        found: dict[tuple[Product, Product, frozenset[str]], dict[Read, list[Monomial]]] = {}
        for term in form.terms:
            for inner, outer, number in split_sum(term, polynomials):
                dims = self.gates | {name for each in inner for name in each.type.dim_names}
                gate = tuple(each for each in outer if set(each.type.dim_names) <= dims)
                before = tuple(each for each in outer if each not in gate)
                key = _sorted(self, inner), _sorted(self, before), frozenset(term.summed)
                found.setdefault(key, {}).setdefault(term.read, []).append((gate, number))
        return found

    def _marked(self, query: Product, over: frozenset[str], reads: dict[Read, list[Monomial]]) -> Read:
        """The reading of a query."""
        normal = self.group.polynomials.normal
        marks = tuple((each, normal((*number_of(n), *gate) for gate, n in gates)) for each, gates in reads.items())
        marks = tuple(sorted(marks, key=lambda mark: self.states.index(mark[0].value)))
        total: Expr = const(0.0)
        for read, mark in marks:
            total = plus(total, times(mark, read))
        factor = normal([query])
        value = apply("sum", apply("mul", factor, total), over=tuple(sorted(over)))
        for each in self.found:
            if self.changed[each.result].expr == value:
                return Read(each.result, value.type)
        name = self._new(marks[0][0].value)
        self.changed[name] = Equation(name, name, value.type, value, span=self.span)
        self.found.append(Reading(name, marks[0][0].value, factor, before=False))
        self.marks.append(marks)
        return Read(name, value.type)


def _sorted(search: Readings, product: Product) -> Product:
    return tuple(sorted(product, key=search.group.polynomials.signatures.rank))
