"""`h, c = lstm_cell(x, h, c)`: the results of a layer that has several, one for each name.

In: the right side of an equation with several names. Out: the values for the names, in order; the layer is made and
called once. Refuses (R205): as many names as the layer has no results.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from recdsl.check.binding import Binding, result_type
from recdsl.check.entities import InstanceEntity, LayerEntity
from recdsl.diagnostics import Label
from recdsl.ir.expr import Call, Expr
from recdsl.parse import tree

if TYPE_CHECKING:
    from recdsl.check.block import Block
    from recdsl.check.expressions import Expected, Expressions


class Results:
    """The values that the names of one equation take; evaluated for the first name, before any of them is rebound."""

    def __init__(self, block: Block, names: tuple[tree.Name, ...], node: tree.Expression) -> None:
        self.block, self.names, self.node = block, names, node
        self.left: list[Expr | None] | None = None

    def next(self, expected: Expected) -> Expr | None:
        """The value of the next name; None where it is not known."""
        if self.left is None:
            self.left = self._all(expected)
        return self.left.pop(0)

    def _all(self, expected: Expected) -> list[Expr | None]:
        build = self.block.expressions(self.names[0].name, self.node)
        call = build.value(self.node, expected)
        if not isinstance(call, Call):
            return [None] * len(self.names)
        return [_result(build, call, output) for output in range(len(self.names))]


def several_results(block: Block, names: tuple[tree.Name, ...], node: tree.Expression) -> Results | None:
    """The results of a layer with several, called for several names; None for any other equation."""
    if len(names) == 1:
        return None
    count = _count(block, node)
    if count == 1:
        return None
    if count != len(names):
        message = f"this gives {count} results, and there are {len(names)} names"
        labels = Label(node.span), Label(names[0].span.to(names[-1].span))
        block.report.error("R205", message, *labels, help="give every result a name")
        return None
    return Results(block, names, node)


def _count(block: Block, node: tree.Expression) -> int:
    """How many results the layer has that an expression calls; 1 for everything else."""
    if not isinstance(node, tree.Call):
        return 1
    function = node.function.base if isinstance(node.function, tree.Index) else node.function
    entity = block.lookup(function.name) if isinstance(function, tree.Name) else None
    if isinstance(entity, InstanceEntity):
        return _count(block, entity.call)
    if not isinstance(entity, LayerEntity):
        return 1
    outputs = [each for each in entity.definition.body if isinstance(each, tree.Output)]
    return sum(max(len(each.names), 1) for each in outputs)


def _result(build: Expressions, call: Call, output: int) -> Expr | None:
    """The call with another of its results."""
    assert call.span is not None
    made = build.block.made.instances[call.instance]
    module = build.block.elaborator.modules[made.module]
    assert module is not None
    binding = Binding(call.bound, made.arguments, call.axes, call.carried)
    type_ = result_type(build, module, call.operands, binding, call.span, output)
    return None if type_ is None else replace(call, output=output, type=type_)
