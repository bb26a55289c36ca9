"""Bounds: the interval that each value of a module lies in, as far as the program alone says.

Values are followed to their equations; what the recurrences of the module compute has no bound but that of the operator on top.
Beside the range rule of each operator there are three that see more than intervals: a sum of products is bounded with its equal
parts joined and at the ends of its factors, a difference to a maximum (or to a log-sum-exp) is at most that to each of its operands,
and a share of a sum is at most 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from recdsl.classify.corners import at_corners
from recdsl.classify.polynomial import Monomial, Polynomials
from recdsl.classify.share import shared_along
from recdsl.ir import sizes
from recdsl.ir.build import const
from recdsl.ir.expr import Apply, Call, Const, Expr, Number, Position, Read, Weight, walk
from recdsl.ir.module import Program
from recdsl.ir.operators import interval as iv
from recdsl.ir.operators.interval import INF, Interval
from recdsl.ir.operators.table import OPERATORS

ANYTHING = iv.closed(-INF, INF)


@dataclass(slots=True)
class Bounds:
    """The bounds in one module. A weight lies anywhere: it is trained, and what it begins with says nothing."""

    program: Program
    polynomials: Polynomials
    known: dict[int, tuple[Expr, Interval]] = field(default_factory=dict)
    values: dict[str, Interval] = field(default_factory=dict)
    assumed: Mapping[Expr, Interval] = field(default_factory=dict)

    def under(self, expr: Expr, range_: Interval) -> Bounds:
        """The bounds where one expression lies in `range_`."""
        return Bounds(self.program, self.polynomials, assumed={expr: range_})

    def of(self, expr: Expr) -> Interval:
        if id(expr) not in self.known:
            self.known[id(expr)] = (expr, self._find(expr))
        return self.known[id(expr)][1]

    def _find(self, expr: Expr) -> Interval:
        if expr in self.assumed:
            return self.assumed[expr]
        match expr:
            case Const(value=value):
                return iv.point(float(value))
            case Number(size=size):
                return self._size(size)
            case Position():
                return Interval(0, INF, False, True)
            case Weight(path=path):
                return self._weight(path)
            case Read(value=value, offsets=offsets, via=via):
                found = self._value(value)
                return iv.hull(found, self._start(value)) if offsets or via else found
            case Call():
                return iv.REAL
            case Apply():
                operands = tuple(self.of(each) for each in expr.operands)
                found = OPERATORS[expr.operator].range_rule(expr, operands)
                return iv.intersect(self._special(expr, operands), found) if expr.type.kind != "complex" else iv.REAL

    def _value(self, value: str) -> Interval:
        if value not in self.values:
            self.values[value] = iv.REAL  # of a recurrence that comes back to itself
            equation = self.polynomials.equations.get(value)
            if equation is not None:
                self.values[value] = self.of(equation.expr)
        return self.values[value]

    def _start(self, value: str) -> Interval:
        equation = self.polynomials.equations.get(value)
        return self.of(equation.init) if equation is not None and equation.init is not None else iv.point(0)

    def _weight(self, path: str) -> Interval:
        spec = next((each for each in self.polynomials.signatures.module.weights if each.path == path), None)
        if spec is None or spec.trained or spec.value is None or spec.start != "value":
            return iv.REAL
        return self.of(spec.value)

    def _size(self, size: sizes.Size) -> Interval:
        try:
            return iv.point(float(sizes.evaluate(size, {})))
        except (KeyError, ZeroDivisionError):
            names = {each.name: each for each in self.polynomials.signatures.module.parameters}
            named = [names[each] for each in sizes.names_in(size) if each in names]
            whole = size.operator in ("name", "+", "*", "/") and all(each.is_dim for each in named)
            return iv.Interval(0, INF, True, True) if whole else iv.REAL

    # ---- more than intervals

    def _special(self, expr: Apply, operands: tuple[Interval, ...]) -> Interval:
        match expr.operator, expr.operands:
            case ("add" | "sub" | "mul", _) if expr.type.kind == "real":
                return self._sum(self.polynomials.monomials(expr))
            case "div", (part, total):
                return self._part(part, total, operands[0])
        return ANYTHING

    def _part(self, part: Expr, total: Expr, size: Interval) -> Interval:
        """The range of a part of a total, which is never below it."""
        if size.low >= 0:
            left = self._plain(self.polynomials.monomials(Apply("sub", (total, part), total.type)))
            if left.low >= 0:
                return Interval(0, 1, size.low_open, left.low_open)
        along = shared_along(part, total, self.polynomials, self.of)
        inside = "pred" not in along or any(isinstance(each, Read) and each.via for each in walk(part))
        return iv.closed(-1, 1) if along and inside else ANYTHING

    def _sum(self, monomials: list[Monomial]) -> Interval:
        found = iv.intersect(at_corners(monomials, self.of), self._plain(monomials))
        for atoms, value in monomials:
            if value == -1 and len(atoms) == 1:
                for least in self._at_least(atoms[0]):
                    difference = [each for each in monomials if each[0] != atoms]
                    below = self.polynomials.monomials(_added(difference, least))
                    found = iv.intersect(Interval(-INF, self._plain(below).high), found)
        return found

    def _plain(self, monomials: list[Monomial]) -> Interval:
        total = iv.point(0)
        for atoms, value in monomials:
            part = iv.point(value)
            for place, atom in enumerate(atoms):
                if atom in atoms[:place]:
                    continue
                count = atoms.count(atom)
                own = self.of(atom)
                part = iv.multiply(part, own if count == 1 else _power(own, count))
            total = iv.add(total, part)
        return total

    def _at_least(self, expr: Expr) -> tuple[Expr, ...]:
        """Values that an expression is never below."""
        if isinstance(expr, Read) and not expr.offsets and not expr.via:
            equation = self.polynomials.equations.get(expr.value)
            return self._at_least(equation.expr) if equation is not None else ()
        if isinstance(expr, Apply) and expr.operator in ("maximum", "logaddexp"):
            return (*expr.operands, *(each for operand in expr.operands for each in self._at_least(operand)))
        return ()


def _power(x: Interval, count: int) -> Interval:
    if count % 2 == 0:
        return iv.even_power(x, count)
    result = x
    for _ in range(count - 1):
        result = iv.multiply(result, x)
    return result


def _added(monomials: list[Monomial], minus: Expr) -> Expr:
    """The sum of the monomials less an expression."""
    total: Expr = Apply("neg", (minus,), minus.type)
    for atoms, value in monomials:
        part: Expr = const(value)
        for atom in atoms:
            part = Apply("mul", (part, atom), atom.type)
        total = Apply("add", (total, part), minus.type)
    return total
