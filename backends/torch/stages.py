"""Stages as statements: whole-tensor equations, depth, and recurrences by their algorithm."""

from __future__ import annotations

from recdsl.backends.torch import depth, graphs, grids, segments, sequential, solve
from recdsl.backends.torch.expressions import Printer
from recdsl.backends.torch.reads import base_name
from recdsl.backends.torch.scope import Scope
from recdsl.backends.torch.statements import comment, is_alias, remember, settled

from recdsl.emit.names import safe_local
from recdsl.emit.precedence import Text
from recdsl.ir.expr import Read
from recdsl.ir.graph import results_of
from recdsl.ir.module import Depth, Equation
from recdsl.lower.plan import Recurrence, Stage, Whole
from recdsl.rewrite.order import item_reads


def statement(scope: Scope, stage: Stage) -> None:
    """Print one stage of a method."""
    match stage:
        case Whole(Equation() as equation):
            whole_equation(scope, equation)
        case Whole(Depth() as item):
            depth.statement(scope, item)
        case Recurrence():
            recurrence(scope, stage)


def recurrence(scope: Scope, stage: Recurrence) -> None:
    match scope.module.domain:
        case _ if stage.solve is not None:
            solve.statement(scope, stage)
        case "graph":
            graphs.statement(scope, stage)
        case _ if stage.segmented:
            segments.statement(scope, stage)
        case _ if _along_one_axis(scope, stage):
            sequential.statement(scope, stage)
        case _:
            grids.statement(scope, stage)


def _along_one_axis(scope: Scope, stage: Recurrence) -> bool:
    """Whether everything that is read inside lies on one axis, so that the others are computed at once."""
    inside = {value for item in stage.items for value in results_of(item)}
    moved = {
        axis
        for item in stage.items
        for read in item_reads(item)
        if read.value in inside
        for axis, amount in read.offsets
        if amount
    }
    return len(scope.module.axes) == 1 or len(moved) == 1


def whole_equation(scope: Scope, equation: Equation) -> None:
    """`name = expression`, under the equation that it comes from."""
    if is_alias(scope, equation):
        assert isinstance(equation.expr, Read)
        scope.values[equation.id] = scope.values[equation.expr.value]
        return
    before = len(scope.lines)
    shown = comment(scope, equation)
    scope.on_edges = "edge" in equation.type.axis_names
    scope.graph = graphs.whole_receiver(scope) if scope.module.domain == "graph" else None
    printer = Printer(scope)
    text = printer.text(equation.expr)
    text = settled(printer, equation, text)
    if text.number:
        scope.values[equation.id] = text
        if shown is not None and len(scope.lines) == before + 1:  # nothing stands under the comment
            scope.lines.pop()
            scope.shown.discard(shown)
        return
    name = scope.local(safe_local(base_name(equation.id)))
    scope.line(f"{name} = {text.code}")
    scope.values[equation.id] = Text(name, text.labels, text.kind)
    remember(scope, equation.id)
