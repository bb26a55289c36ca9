"""Where a nonlinear recurrence mixes the elements of its states: then its Jacobian is dense, else diagonal (or small blocks,
of as many rows as there are states)."""

from __future__ import annotations

from dataclasses import dataclass, field

from recdsl.classify.group import Group
from recdsl.diagnostics import Span
from recdsl.ir.expr import Apply, Call, Expr, Read, operands
from recdsl.ir.module import Equation
from recdsl.ir.operators.table import OPERATORS
from recdsl.ir.operators.unite import names


@dataclass(frozen=True, slots=True)
class Mixing:
    """An expression in which elements of a state meet, and how. `opaque`: nothing is known of what is computed there."""

    reason: str
    span: Span | None
    opaque: bool = False


def mixing(group: Group) -> Mixing | None:
    """The first place at which elements of the states meet; None when each goes its own way."""
    shapes = {frozenset(group.module.type_of(each).dim_names) for each in group.states}
    if len(shapes) > 1:
        span = next((each.span for each in group.items if each.span is not None), None)
        return Mixing("the states have different dims", span)
    search = _Search(group.equations(), shapes.pop())
    for equation in search.equations.values():
        found = search.of(equation.expr)
        if found is not None:
            return found
    return None


@dataclass(slots=True)
class _Search:
    equations: dict[str, Equation]
    dims: frozenset[str]
    known: dict[int, tuple[Expr, bool]] = field(default_factory=dict)

    def depends(self, expr: Expr) -> bool:
        if id(expr) not in self.known:
            inside = isinstance(expr, Read) and expr.value in self.equations
            self.known[id(expr)] = (expr, inside or any(self.depends(each) for each in operands(expr)))
        return self.known[id(expr)][1]

    def of(self, expr: Expr) -> Mixing | None:
        if not self.depends(expr):
            return None
        match expr:
            case Call():
                return Mixing("it goes through a layer that cannot be taken apart", expr.span)
            case Apply(operator="extern"):
                return Mixing("the host computes it", expr.span, opaque=True)
            case Apply() if self._mixes(expr):
                return Mixing(f"{expr.operator} joins elements of the state", expr.span)
        return next((found for each in operands(expr) if (found := self.of(each)) is not None), None)

    def _mixes(self, expr: Apply) -> bool:
        family = OPERATORS[expr.operator].family
        if family == "elementwise" or expr.operator == "broadcast":
            return False
        if family in ("reduction", "along"):
            over = set(names(expr.attribute("over")))
            moving = {dim for each in expr.operands if self.depends(each) for dim in each.type.dim_names}
            return "*" in over or bool(over & moving) or bool(over - moving - {"pred"})
        return True
