"""`quasi_newton`: the functions that `newton` has, with the diagonals alone of the Jacobian, and two more for the gradient: what it meets
at a point, for all points at once, and how it goes back through one."""

from __future__ import annotations

from dataclasses import replace

from recdsl.backends.torch.expressions import Printer
from recdsl.backends.torch.layout import tuple_code
from recdsl.backends.torch.precision import is_wide
from recdsl.backends.torch.reads import base_name
from recdsl.backends.torch.scope import Scope
from recdsl.backends.torch.solve.stepwise import Body

from recdsl.emit.names import safe_local
from recdsl.emit.precedence import ATOM, Text
from recdsl.ir.expr import Expr, Read
from recdsl.ir.types import ValueType
from recdsl.lower.derivative import pull, slopes
from recdsl.lower.plan import Recurrence
from recdsl.rewrite.jacobian import Jacobian
from recdsl.rewrite.pullback import Pullback


def statement(scope: Scope, stage: Recurrence) -> None:
    """The states by Newton's method with the diagonals of the Jacobian; what it took is noted in `self.solves`."""
    scope.help("quasi_newton")
    scope.owner.solves = True
    body = JoinedBody(scope, stage)
    body.print("newton", f'"{base_name(body.state)}"', "self.solves", body.most)


class JoinedBody(Body):
    """One recurrence whose states join their elements."""

    def points(self, stem: str) -> tuple[str, list[str]]:
        scope = self.scope
        found = pull(self.stage, scope.module, scope.program.program)
        names = scope.names.new(f"{stem}_parts"), scope.names.new(f"{stem}_pull")
        self._pull(names[1], found, self._parts(names[0], found))
        return "JoinedPoints", list(names)

    def jacobian(self) -> Jacobian:
        return slopes(self.stage, self.scope.module, diagonals=True)

    def _parts(self, name: str, found: Pullback) -> dict[Read, Text]:
        """What gradients are multiplied by at a point, from the states before it. Returns how each part is called."""
        inner = self.inner()
        for equation in found.values:
            self.equation(inner, equation)
        parts = {each: _whole(inner, each, each.type) for each in found.parts}
        codes = [each.code for each in parts.values()]
        self.define(name, inner, self.given(inner), tuple_code(codes) if codes else "()", "Tensors")
        return parts

    def _pull(self, name: str, found: Pullback, parts: dict[Read, Text]) -> None:
        """The gradients of the states before a point, from those of the states at it."""
        inner = self.inner()
        for each in (*found.gradients, *found.parts):
            text = parts.get(each) or Text("", inner.labels(each.type), wide=True)
            code = inner.names.new(safe_local(base_name(each.value)))
            inner.values[each.value] = replace(text, code=code, strength=ATOM)
        arguments = [inner.values[each.value].code for each in (*found.gradients, *found.parts)]
        inner.lengths |= self.lengths(f"{arguments[0]}.shape[1]")
        for equation in found.equations:
            self.equation(inner, equation)
        results = [
            _whole(inner, result, read.type).code for result, read in zip(found.results, self.earlier, strict=True)
        ]
        self.define(name, inner, arguments, tuple_code(results), "Tensors")


def _whole(inner: Scope, expr: Expr, type: ValueType) -> Text:
    """A value with every dimension of its type."""
    printer = Printer(inner)
    return replace(printer.full(printer.text(expr), type), wide=is_wide(printer, expr))
