"""One expression of the tree → an expression of the graph, with dims by name.

In: a tree, and the dims that its equation expects (None when unknown). Out: an `Expr`, or None where a type is not known yet (the block
asks again) or after an error was reported. Dims that are expected reach through elementwise operations into `linear`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from recdsl.check import builtins
from recdsl.check.arguments import Arguments, sort_arguments
from recdsl.check.brackets import bracketed
from recdsl.check.entities import (
    AxisEntity,
    Entity,
    ExternEntity,
    InstanceEntity,
    LayerEntity,
    SizeEntity,
    StaticEntity,
    ValueEntity,
    WeightEntity,
)
from recdsl.check.fold import folded, number
from recdsl.check.layer_calls import call_instance, call_layer
from recdsl.check.numbers import unknown_name
from recdsl.check.reading import read_value, read_weight
from recdsl.diagnostics import Diagnostics, Label, Span
from recdsl.ir import sizes
from recdsl.ir.build import apply, union
from recdsl.ir.expr import Attribute, Const, Expr, Position
from recdsl.ir.operators.table import TypeRuleError
from recdsl.ir.sizes import Size
from recdsl.ir.types import Axis, Dim, ValueType
from recdsl.parse import tree

if TYPE_CHECKING:
    from recdsl.check.block import Block

Expected = tuple[Dim, ...] | None

BINARY = {
    "+": "add", "-": "sub", "*": "mul", "/": "div", "%": "mod", "^": "pow",
    "==": "eq", "!=": "ne", "<=": "le", "<": "lt", ">=": "ge", ">": "gt", "and": "and", "or": "or",
}  # fmt: skip
CONSTANTS = {"pi": math.pi, "inf": math.inf}


class Expressions:
    """Builds the expressions of one equation; `label` names the parameters that it makes, `several` when there are
    more than one."""

    def __init__(self, block: Block, label: str, several: bool) -> None:
        self.block = block
        self.label = label
        self.several = several
        self.used_labels: set[str] = set()
        self.asked_for_dims = False  # whether R301 was reported; once an equation is enough

    @property
    def report(self) -> Diagnostics:
        return self.block.report

    def error(self, code: str, message: str, span: Span, text: str = "", help: str | None = None) -> None:
        self.report.error(code, message, Label(span, text), help=help)

    # ---- dispatch

    def value(self, node: tree.Expression | tree.Along, expected: Expected = None) -> Expr | None:
        """The value of an expression."""
        match node:
            case tree.Number():
                return Const(node.value, ValueType("int" if isinstance(node.value, int) else "real"), node.span)
            case tree.Truth():
                return Const(node.value, ValueType("bool"), node.span)
            case tree.Text():
                return self.error("R305", "a string cannot stand here", node.span)
            case tree.Name():
                return self._name(node)
            case tree.Unary():
                operand = self.value(node.operand, expected)
                return self.elementwise("neg" if node.operator == "-" else "not", (operand,), node.span)
            case tree.Binary():
                return self._binary(node, expected)
            case tree.Index():
                return bracketed(self, node)
            case tree.Call():
                return self.call(node, expected)
            case tree.Along():
                return self.error("R305", "dims cannot stand here", node.span)

    def operator(self, name: str, operands: tuple[Expr, ...], span: Span, /, **attributes: Attribute) -> Expr | None:
        """An operator whose operands are all known; reports what its type rule refuses."""
        try:
            return apply(name, *operands, span=span, **attributes)
        except TypeRuleError as error:
            labels = [Label(span)]
            if error.operand_index is not None and (found := operands[error.operand_index].span) is not None:
                labels = [Label(found), *_other_sizes(operands, error.operand_index)]
            self.report.error("R302", error.message, *labels, help=error.help)
            return None

    def elementwise(self, name: str, operands: tuple[Expr | None, ...], span: Span) -> Expr | None:
        """An elementwise operator. What is known of the operands stands for it while others are unknown."""
        known = tuple(each for each in operands if each is not None)
        if len(known) == len(operands):
            constant = folded(name, known, span)
            return constant if constant is not None else self.operator(name, known, span)
        return self.placeholder(known, span)

    def placeholder(self, known: tuple[Expr, ...], span: Span) -> Expr | None:
        """Stands for a value of which only some operands are known, while types are inferred."""
        if self.block.strict or not known:
            return None
        try:
            return Const(0.0, union([each.type for each in known]), span)
        except TypeRuleError:
            return None

    def unknown(self, dims: tuple[Dim, ...], span: Span) -> Expr | None:
        """Stands for a value of which only the dims are known, while types are inferred."""
        if self.block.strict:
            return None
        axes = tuple(Axis(axis, sizes.axis_length(axis)) for axis in self.block.axes)
        return Const(0.0, ValueType("real", axes, dims), span)

    # ---- names

    def _name(self, node: tree.Name) -> Expr | None:
        entity = self.block.lookup(node.name)
        match entity:
            case ValueEntity():
                return read_value(self.block, node.name, node.span)
            case WeightEntity():
                return read_weight(self.block, node.name, node.span)
            case SizeEntity():
                return number(entity.size, node.span, whole=node.name[0].isupper())
            case StaticEntity(value=bool() as truth):
                return Const(truth, ValueType("bool"), node.span)
            case StaticEntity():
                return self.error("R305", f"{node.name} is a string and cannot stand here", node.span)
            case AxisEntity():
                return self.position(entity, node.span)
            case LayerEntity() | InstanceEntity() | ExternEntity():
                help = f"call it: {node.name}(x)"
                return self.error("R305", f"{node.name} is a layer, not a value", node.span, help=help)
            case None:
                if node.name in CONSTANTS:
                    return Const(CONSTANTS[node.name], ValueType("real"), node.span)
                return self.refuse_name(node)

    def refuse_name(self, node: tree.Name) -> None:
        """R201 or R207 for a name that stands for nothing here."""
        inner = self.block.inner_names().get(node.name)
        if inner is not None:
            labels = Label(node.span, "read here"), Label(inner, "defined inside a body")
            help = f"give {node.name} a value before the body; the body then rebinds it"
            self.report.error("R207", f"{node.name} is seen only inside the body", *labels, help=help)
            return
        unknown_name(node.name, node.span, [*self.block.known_names(), *CONSTANTS], self.report)

    def position(self, entity: AxisEntity, span: Span) -> Expr:
        self.block.need_axes(span)
        axis = Axis(entity.name, sizes.axis_length(entity.origin))
        return Position(entity.name, ValueType("int", axes=(axis,)), span)

    # ---- operators

    def _binary(self, node: tree.Binary, expected: Expected) -> Expr | None:
        left, right = self.value(node.left, expected), self.value(node.right, expected)
        return self.elementwise(BINARY[node.operator], (left, right), node.span)

    # ---- edges, sizes

    def on_edges(self, span: Span) -> bool:
        """Whether `pred` may stand here; R304 where there are no edges."""
        if self.block.domain == "graph":
            return True
        self.block.need_axes(span)
        help = "a layer over nodes begins with: layer f(D) over n in dag:"
        self.error("R304", "pred is known only in graphs", span, help=help)
        return False

    def has_order(self, axes: Iterable[str], span: Span) -> bool:
        """Whether points along these axes lie behind each other; R304 for nodes and edges."""
        if self.block.domain != "graph" or not {*self.block.axes, "edge", "pred"} & set(axes):
            return True
        help = "h[pred] is read over the incoming edges: sum[pred](h[pred])"
        self.error("R304", "the nodes of a graph have no order", span, help=help)
        return False

    def at_every_point(self, value: Expr, span: Span) -> Expr:
        """A value that is the same everywhere as one of the points where the block stands."""
        here = (Axis(self.block.point_axis, sizes.axis_length(self.block.point_axis)),)
        if isinstance(value, Const):
            return replace(value, type=replace(value.type, axes=here))
        if value.type.kind == "bool":
            return apply("and", Const(True, ValueType("bool", here)), value, span=span)
        return apply("mul", Const(1, ValueType("int", here)), value, span=span)

    def agree(self, left: Size, right: Size) -> bool:
        """Whether two sizes are equal by default (`M = N`), or can be made so by the caller."""
        defaults = self.block.defaults()
        left, right = sizes.substitute(left, defaults), sizes.substitute(right, defaults)
        return sizes.same(left, right) or set(sizes.names_in(left)) != set(sizes.names_in(right))

    # ---- calls

    def call(self, node: tree.Call, expected: Expected) -> Expr | None:
        """A call of a built-in function, a layer, an instance or a function of the host."""
        function, along = _function_of(node)
        if function is None:
            return self.error("R305", "this cannot be called", node.function.span)
        arguments = sort_arguments(node, self.report)
        entity = self.block.lookup(function.name)
        match entity:
            case InstanceEntity():
                return call_instance(self, entity, arguments, along, expected)
            case LayerEntity():
                return call_layer(self, entity, arguments, along, expected)
            case ExternEntity():
                return self._extern(entity, arguments)
            case None if (builtin := builtins.BUILTINS.get(function.name)) is not None:
                return builtin(self, function.name, arguments, along, expected)
            case None:
                known = [*self.block.callable_names(), *builtins.BUILTINS]
                unknown_name(function.name, function.span, known, self.report, what="layer or function")
                return None
        return self._not_callable(function, entity, arguments)

    def _not_callable(self, function: tree.Name, entity: Entity | None, arguments: Arguments) -> None:
        if isinstance(entity, (SizeEntity, StaticEntity)):
            help = f"give it a layer where this one is called: {function.name} = attention"
            message = f"{function.name} is no layer here and cannot be called"
            return self.error("R305", message, function.span, help=help)
        if function.name in self.block.failed:
            return None
        help = "a product is written with *"
        if len(arguments.positional) == 1 and (point := arguments.positional[0].span.text)[:1].islower():
            help = f"a point of it stands in square brackets: {function.name}[{point}]"
        return self.error("R305", f"{function.name} is a value and cannot be called", function.span, help=help)

    def _extern(self, entity: ExternEntity, arguments: Arguments) -> Expr | None:
        if not arguments.needs(entity.name, self.report, entity.arity):
            return None
        if not arguments.allow(entity.name, self.report, entity.arity):
            return None
        operands = [self.value(each) for each in arguments.positional]
        known = tuple(each for each in operands if each is not None)
        if len(known) < len(operands):
            return self.unknown(entity.type.dims, arguments.span)
        return self.operator("extern", known, arguments.span, name=entity.name, dims=entity.type.dims)


def _other_sizes(operands: tuple[Expr, ...], index: int) -> list[Label]:
    """Where the operand is that gives a dim or axis of operand `index` another size."""
    here = _extents(operands[index].type)
    for other in operands[:index]:
        clash = any(not sizes.same(size, here.get(name, size)) for name, size in _extents(other.type).items())
        if clash and other.span is not None:
            return [Label(other.span, "there")]
    return []


def _extents(type_: ValueType) -> dict[str, Size]:
    return {dim.name: dim.size for dim in type_.dims} | {axis.name: axis.length for axis in type_.axes}


def _function_of(node: tree.Call) -> tuple[tree.Name | None, tree.Along | None]:
    """The name that is called, and the dims in its brackets."""
    match node.function:
        case tree.Name():
            return node.function, None
        case tree.Index(base=tree.Name() as name, brackets=brackets):
            dims = tuple(dim for each in brackets if isinstance(each, tree.Along) for dim in each.dims)
            if all(isinstance(each, tree.Along) for each in brackets):
                return name, tree.Along(dims, node.function.span)
    return None, None
