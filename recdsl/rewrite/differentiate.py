"""Takes the derivatives that a program asks for.

    loss = 0.5 * sum[V]((sum[K](k * M[t-1]) - v) ^ 2)         %1 = sum[K](k * M[t-1]) - v
    M = M[t-1] - grad(loss, M[t-1])                      →    loss = 0.5 * sum[V](%1 ^ 2)
                                                              %2 : K V = %1 * k
                                                              M = M[t-1] - %2

Reverse mode on the graph. The loss is followed through the equations of the module at the current point down to the
variable; other reads at shifts are held fixed. Values that the gradient needs again get a name, so that nothing is
computed twice. Sub-layers on the way are inlined (R507 where that cannot be), operators without an adjoint are
refused (R508). Afterwards no `grad` is left.
"""

from __future__ import annotations

from dataclasses import replace

from recdsl.ir.expr import Apply, Expr, Read, rebuild, walk
from recdsl.ir.module import Equation, Module, Program
from recdsl.rewrite.derivative import Derivative, refusal
from recdsl.rewrite.equations import Equations


def expand_gradients(program: Program) -> Program:
    """The program with every `grad` replaced by the graph of its derivative.

    Raises RecdslError: R507 where a sub-layer on the way cannot be inlined, R508 where an operator has no adjoint.
    """
    for module in program.modules.values():
        if any(_has_grad(expr) for item in module.equations() for expr in (item.expr, item.init) if expr is not None):
            program = program.with_module(_Expansion(program, module).run())
    return program


def _has_grad(expr: Expr) -> bool:
    return any(isinstance(each, Apply) and each.operator == "grad" for each in walk(expr))


class _Expansion:
    """The derivatives of one module, each taken when the equation it stands in is looked at."""

    def __init__(self, program: Program, module: Module) -> None:
        self.work = Equations(program, module)
        self.waiting = {each.id for each in module.equations()}

    def run(self) -> Module:
        for equation in self.work.module.equations():
            self.equation(equation.id)
        return self.work.assembled()

    def equation(self, value: str) -> Equation | None:
        """The equation of a value, with the derivatives in it taken; None for inputs and results of a depth."""
        equation = self.work.by_id.get(value)
        if equation is None or value not in self.waiting:
            return equation
        self.waiting.remove(value)
        if equation.init is not None and _has_grad(equation.init):
            span = equation.init.span or equation.span
            raise refusal("R508", "a start cannot hold a derivative", span, "no point has been reached yet")
        if _has_grad(equation.expr):
            self.work.by_id[value] = replace(equation, expr=rebuild(equation.expr, self._expand))
        return self.work.by_id[value]

    def _expand(self, node: Expr) -> Expr:
        if not isinstance(node, Apply) or node.operator != "grad":
            return node
        loss, variable = node.operands
        assert isinstance(variable, Read), variable
        return Derivative(self.work, self.equation, variable, node.span).of(loss, node.type)
