"""One derivative: the gradient of a loss by a read, as new equations of the module.

In: the equations of a module, the read, the loss. Out: a read of the gradient. First everything between the loss and
the variable is made ready: sub-layers are inlined, and values that the gradient needs again get a name. Then gradients
are carried backwards from the loss, equation by equation, each after all that use it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from recdsl.diagnostics import Diagnostic, Label, RecdslError, Span
from recdsl.ir.build import apply, const, simplified
from recdsl.ir.expr import Apply, Call, Const, Expr, Number, Position, Read, Weight, reads, rebuild
from recdsl.ir.module import Equation
from recdsl.ir.operators.operator import NoAdjointError
from recdsl.ir.operators.shared import sized_like
from recdsl.ir.types import ValueType
from recdsl.rewrite.adjoint import is_linear, narrowed, operand_gradients, values_needed
from recdsl.rewrite.equations import Equations, is_impure


def is_variable(expr: Expr, variable: Read) -> bool:
    """Whether an expression is the very read that a derivative is taken by."""
    if not isinstance(expr, Read) or (expr.value, expr.via) != (variable.value, variable.via):
        return False
    return dict(expr.offsets) == dict(variable.offsets)


def refusal(code: str, message: str, span: Span | None, remark: str) -> RecdslError:
    return RecdslError([Diagnostic(code, message, (Label(span, remark),) if span else ())])


class Derivative:
    """One derivative by `variable`. `equation` gives the equation of a value with the derivatives in it taken."""

    def __init__(
        self, work: Equations, equation: Callable[[str], Equation | None], variable: Read, span: Span | None
    ) -> None:
        self.work, self.equation, self.variable, self.span = work, equation, variable, span
        self.known: dict[str, bool] = {}  # which values depend on the variable
        self.waiting: dict[str, list[Expr]] = {}  # gradients that have reached a value
        self.found: list[Expr] = []  # gradients that have reached the variable

    def of(self, loss: Expr, type_: ValueType) -> Expr:
        """The gradient of the sum of `loss`, with the dims of the variable; `type_` is that of the derivative."""
        if self.active(loss):
            prepared = self.prepared(loss, top=False)
            order = self.order(prepared)
            self.backward(prepared, const(1.0))
            for value in reversed(order):
                self.through(value)
        gradient = self.total()
        return self.work.define(gradient, type_, self.span) if self.work.storable(gradient) else gradient

    def total(self) -> Expr:
        """What has reached the variable, with all its dims."""
        gradient = _added(self.found) if self.found else const(0.0)
        missing = tuple(dim for dim in self.variable.type.dims if dim.name not in gradient.type.dim_names)
        return apply("broadcast", gradient, dims=missing, span=self.span) if missing else gradient

    # ---- what depends on the variable

    def active(self, expr: Expr) -> bool:
        """Whether a value depends on the variable through values at the current point."""
        if is_variable(expr, self.variable):
            return True
        match expr:
            case Const() | Number() | Position() | Weight():
                return False
            case Read():
                return not expr.offsets and not expr.via and self.active_value(expr.value)
            case Apply() | Call():
                return expr.type.kind in ("real", "complex") and any(self.active(each) for each in expr.operands)

    def active_value(self, value: str) -> bool:
        if value not in self.known:
            self.known[value] = False  # an equation that needs itself at one point was refused before
            equation = self.equation(value)
            self.known[value] = self.active(equation.expr) if equation is not None else self.active_depth(value)
        return self.known[value]

    def active_depth(self, value: str) -> bool:
        depth = self.work.depth_of(value)
        if depth is None:
            return False
        starts = (*(read for _, read in depth.captured), *(carry.start for carry in depth.carried))
        if any(self.active(read) for read in starts):
            message = f"the derivative goes through a {depth.kind}, which cannot be taken apart"
            raise refusal("R507", message, depth.span or self.span, "what comes out of it depends on the variable")
        return False

    def positions(self, node: Apply) -> tuple[int, ...]:
        return tuple(position for position, each in enumerate(node.operands) if self.active(each))

    # ---- forwards: sub-layers taken apart, and names for the values that the gradient needs again

    def order(self, expr: Expr) -> list[str]:
        """The values that depend on the variable and that an expression needs, each after those that it needs."""
        order: list[str] = []
        seen: set[str] = set()

        def visit(expr: Expr) -> None:
            for read in reads(expr):
                if is_variable(read, self.variable) or read.value in seen or not self.active(read):
                    continue
                seen.add(read.value)
                equation = self.work.by_id[read.value]
                prepared = self.prepared(equation.expr, top=True)
                self.work.by_id[read.value] = replace(equation, expr=prepared)
                visit(prepared)
                order.append(read.value)

        visit(expr)
        return order

    def prepared(self, expr: Expr, top: bool) -> Expr:
        """The expression ready for `backward`. `top`: it is all of an equation, so its own value has a name."""
        if not self.active(expr):
            return rebuild(expr, self.settled)
        match expr:
            case Call():
                return self.prepared(self.inlined(expr), top)
            case Apply():
                return self.prepared_operator(expr, top)
        return expr

    def settled(self, expr: Expr) -> Expr:
        """Draws get a name, so that the gradient sees the same ones."""
        return self.work.name(expr, self.span) if is_impure(expr) else expr

    def prepared_operator(self, node: Apply, top: bool) -> Expr:
        positions = self.positions(node)
        needed, needs_result = values_needed(node, positions)
        parts = [self.prepared(each, top=False) for each in node.operands]
        for position in needed:
            parts[position] = self.work.name(parts[position], self.span)
        result = replace(node, operands=tuple(parts))
        return self.work.name(result, self.span) if needs_result and not top else result

    def inlined(self, call: Call) -> Expr:
        try:
            return self.work.inline(call)
        except RecdslError as error:
            asked = (Label(self.span, "the derivative goes through it"),) if self.span else ()
            raise RecdslError(replace(each, labels=(*each.labels, *asked)) for each in error.diagnostics) from None

    # ---- backwards

    def through(self, value: str) -> None:
        """Carry the gradients that have reached a value on to what it is made of."""
        arrived = self.waiting.pop(value, None)
        if arrived is None:
            return
        equation = self.work.by_id[value]
        gradient = narrowed(_added(arrived), equation.type, equation.expr.type, repeats=True)
        self.backward(equation.expr, gradient, Read(value, equation.type))

    def backward(self, node: Expr, gradient: Expr, own: Read | None = None) -> None:
        """Carry the gradient of an expression on to its leaves; `own` reads the expression's value."""
        if is_variable(node, self.variable):
            self.found.append(sized_like(gradient, self.variable.type))
        elif isinstance(node, Read):
            of = self.work.by_id[node.value].type
            self.waiting.setdefault(node.value, []).append(sized_like(gradient, of))
        elif isinstance(node, Apply):
            positions = self.positions(node)
            if len(positions) > 1 or not is_linear(node, positions):
                gradient = self.work.name(gradient, self.span)
            for position, part in self.operand_gradients(node, gradient, positions):
                self.backward(node.operands[position], part if own is None else _with_name(part, node, own))

    def operand_gradients(self, node: Apply, gradient: Expr, positions: tuple[int, ...]) -> list[tuple[int, Expr]]:
        try:
            return list(operand_gradients(node, gradient, positions))
        except NoAdjointError as error:
            message = f"{node.operator} has no derivative that can be written here"
            raise refusal("R508", message, node.span or self.span, str(error)) from None


def _with_name(gradient: Expr, node: Expr, own: Read) -> Expr:
    """The gradient with the value's name in place of the expression that it is made of."""
    return rebuild(gradient, lambda each: own if each == node else each)


def _added(parts: list[Expr]) -> Expr:
    total = parts[0]
    for part in parts[1:]:
        total = simplified("add", total, part)
    return total
