"""What can explode in a recurrence although its equations look harmless: a growing exponential in a coefficient, a divisor that can be 0."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from recdsl.classify.group import Group
from recdsl.classify.spelling import spelled
from recdsl.classify.verdict import Verdict
from recdsl.diagnostics import Span
from recdsl.ir.expr import Apply, Call, Expr, Read, Weight, operands, walk
from recdsl.ir.operators.interval import INF


@dataclass(frozen=True, slots=True)
class Danger:
    """A code, what can happen, and where."""

    code: str
    reason: str
    span: Span | None


def dangers(group: Group, verdict: Verdict) -> tuple[Danger, ...]:
    """Each once, in the order of the equations. R561: overflow of an exponential; R562: division by 0, unless the divisor is a
    number that is given when the module is built."""
    search = _Search(group, set())
    if verdict.system is None:
        found = [each for equation in group.equations().values() for each in search.divisions(equation.expr)]
    else:
        found = [
            each
            for expr in verdict.system.coefficients()
            for each in (*search.exponentials(expr), *search.divisions(expr))
        ]
        inputs = (factor for _, products in verdict.system.inputs for product in products for factor in product)
        found += [each for expr in inputs for each in search.divisions(expr)]
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class _Search:
    """`seen` are the values that have been looked into."""

    group: Group
    seen: set[str]

    def exponentials(self, expr: Expr) -> Iterator[Danger]:
        """The innermost exponentials that make an expression unbounded."""
        if expr.type.kind != "real" or self.group.bounds.of(expr).high < INF:
            return
        inside = [each for part in self._parts(expr) for each in self.exponentials(part)]
        yield from inside
        if not inside and isinstance(expr, Apply) and expr.operator == "exp":
            (x,) = expr.operands
            text, found = spelled(x, self.group.module), self.group.bounds.of(x)
            yield Danger("R561", f"exp({text}) can overflow: {text} lies in {found}", expr.span)

    def divisions(self, expr: Expr) -> Iterator[Danger]:
        """Divisions by what can be 0, here and in the equations that are read."""
        if isinstance(expr, Read):
            if expr.value in self.seen:
                return
            self.seen.add(expr.value)
        for part in self._parts(expr):
            yield from self.divisions(part)
        if isinstance(expr, Apply) and expr.operator == "div" and expr.type.kind == "real":
            below = expr.operands[1]
            found = self.group.bounds.of(below)
            if 0 in found and any(isinstance(each, (Read, Weight, Call)) for each in walk(below)):
                text = spelled(below, self.group.module)
                yield Danger("R562", f"the divisor {text} can be 0: it lies in {found}", below.span or expr.span)

    def _parts(self, expr: Expr) -> tuple[Expr, ...]:
        if isinstance(expr, Read):
            equation = self.group.polynomials.equations.get(expr.value)
            return () if equation is None or expr.value in self.group.polynomials.held else (equation.expr,)
        return operands(expr)
