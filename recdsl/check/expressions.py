"""One expression of the tree → an expression of the graph, with dims by name.

In: a tree, and the dims that its equation expects (None when unknown). Out: an `Expr`, or None where a type is not known yet (the block
asks again) or after an error was reported. Dims that are expected reach through elementwise operations into `linear`.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from recdsl.check import builtins
from recdsl.check.arguments import Arguments, sort_arguments
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
from recdsl.check.layer_calls import call_instance, call_layer
from recdsl.check.numbers import report_once, size_of, unknown_name
from recdsl.check.setting import with_size
from recdsl.diagnostics import Diagnostics, Label, Span
from recdsl.ir import sizes
from recdsl.ir.build import apply, union
from recdsl.ir.expr import Attribute, Const, Expr, Number, Position, Read
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
                return self._index(node)
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
            folded = _fold(name, known, span)
            return folded if folded is not None else self.operator(name, known, span)
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
                return self.block.read(node.name, node.span)
            case WeightEntity():
                return self.block.read_weight(node.name, node.span)
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
                return self._unknown_name(node)

    def _unknown_name(self, node: tree.Name) -> None:
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

    # ---- brackets

    def _index(self, node: tree.Index) -> Expr | None:
        if isinstance(node.base, tree.Name) and node.base.name == "index" and self.block.lookup("index") is None:
            return self._positions(node)
        offsets = [each for each in node.brackets if isinstance(each, tree.Offset)]
        along = [each for each in node.brackets if isinstance(each, tree.Along)]
        if offsets and along and not self._are_axes(along):
            help = f"the axes of this layer are {', '.join(self.block.axes)}"
            return self.error(
                "R305", f"{along[0].span.text} is no axis that can stand beside a shift", along[0].span, help=help
            )
        base = self._shifted(node, offsets) if offsets else self._along_edges(node, along) if along else None
        if not offsets and not along:
            base = self.value(node.base)
        for bracket in node.brackets:
            match bracket:
                case tree.Pick() if base is not None:
                    base = self._pick(base, bracket)
                case tree.Rename() if base is not None:
                    base = self._rename(base, bracket)
                case tree.Offset() | tree.Along() | tree.Pick() | tree.Rename():
                    pass
        return base

    def _positions(self, node: tree.Index) -> Expr | None:
        match node.brackets:
            case (tree.Along(dims=(tree.Name() as name,)),):
                entity = self.block.lookup(name.name)
                if isinstance(entity, AxisEntity):
                    return self.position(entity, node.span)
                if isinstance(entity, SizeEntity) and name.name[0].isupper():
                    dim = Dim(name.name, entity.size)
                    return Position(name.name, ValueType("int", dims=(dim,)), node.span)
                unknown_name(name.name, name.span, self.block.known_names(), self.report, what="dim or axis")
                return None
        return self.error("R305", "index takes one dim or axis", node.span, help="write index[N] or index[t]")

    def _shifted(self, node: tree.Index, offsets: list[tree.Offset]) -> Expr | None:
        shifts: dict[str, int] = {}
        for each in offsets:
            amount = self._amount(each)
            if amount is None or not self._is_axis(each):
                return None
            if each.axis in shifts:
                return self.error("R305", f"{each.axis} stands here twice", each.span)
            shifts[each.axis] = each.sign * amount
        read = self._base_read(node)
        if read is None:
            return None
        self.block.need_axes(node.span)
        if self.block.domain == "graph":
            help = "the nodes of a graph have no order; h[pred] is read over the incoming edges: sum[pred](h[pred])"
            return self.error("R304", "a graph has no earlier points", node.span, help=help)
        missing = [axis for axis in shifts if axis not in read.type.axis_names]
        if missing and not self.block.strict:
            axes = tuple(Axis(axis, sizes.axis_length(axis)) for axis in missing)
            read = replace(read, type=self.block.normal(replace(read.type, axes=(*read.type.axes, *axes))))
        elif missing:
            help = f"leave out the shift along {missing[0]}"
            message = f"{read.value} is the same at every point of {missing[0]}"
            return self.error("R304", message, node.span, help=help)
        order = {axis: place for place, axis in enumerate(self.block.axes)}
        kept = tuple(sorted(((a, s) for a, s in shifts.items() if s), key=lambda each: order.get(each[0], 0)))
        return replace(read, offsets=kept, span=node.span)

    def _amount(self, offset: tree.Offset) -> int | None:
        size = size_of(offset.amount, self.block.lookup)
        if size is not None and size.operator == "number" and isinstance(size.operands[0], int):
            return size.operands[0]
        help = "a shift is a whole number, or a number parameter that is given as one"
        return self.error("R305", "this shift is not known when compiling", offset.amount.span, help=help)

    def _is_axis(self, offset: tree.Offset) -> bool:
        entity = self.block.lookup(offset.axis)
        if isinstance(entity, AxisEntity) and entity.name in self.block.axes:
            return True
        if not self.block.axes:
            self.block.need_axes(offset.span)
        if isinstance(entity, SizeEntity):
            help = f"{offset.axis} is a dim; only axes can be shifted"
        else:
            help = f"the axes of this layer are {', '.join(self.block.axes)}"
        report_once("R201", f"there is no axis {offset.axis}", offset.span, self.report, help)
        return False

    def _base_read(self, node: tree.Index) -> Read | None:
        """What a shift applies to: a value, or a nameless equation for any other expression."""
        if isinstance(node.base, tree.Name):
            entity = self.block.lookup(node.base.name)
            if isinstance(entity, ValueEntity):
                return self.block.read_shifted(node.base.name, node.base.span)
            if entity is None:
                self._unknown_name(node.base)
                return None
            help = f"write {node.base.name} without the shift"
            message = f"{node.base.name} is the same at every point"
            return self.error("R304", message, node.span, help=help)
        value = self.value(node.base)
        return None if value is None else self.block.nameless(value)

    def _along_edges(self, node: tree.Index, along: list[tree.Along]) -> Expr | None:
        names = [name.name for each in along for name in each.dims if isinstance(name, tree.Name)]
        if self._are_axes(along):
            return self.value(node.base)
        if names != ["pred"]:
            help = "write index[N], h[t-1], h[t=0], x[t->s] or, in graphs, h[pred]"
            return self.error("R305", "a value takes no dims in brackets", node.span, help=help)
        if self.block.domain != "graph":
            self.block.need_axes()
            help = "a layer over nodes begins with: layer f(D) over n in dag:"
            return self.error("R304", "pred is known only in graphs", node.span, help=help)
        read = self._base_read(node)
        if read is None:
            return None
        if not read.type.axes:
            return self.error("R304", f"{read.value} is the same at every node", node.span, help="leave out [pred]")
        target = (Axis(self.block.point_axis, sizes.axis_length(self.block.point_axis)), PRED)
        return replace(read, via="pred", type=replace(read.type, axes=target), span=node.span)

    def _are_axes(self, along: list[tree.Along]) -> bool:
        """Whether these are axes of the layer, at the current point: the `i` of `h[i, j-1]`."""
        names = [each.name if isinstance(each, tree.Name) else "" for part in along for each in part.dims]
        return all(name in self.block.axes for name in names)

    def _pick(self, base: Expr, bracket: tree.Pick) -> Expr | None:
        index = self.value(bracket.value)
        if index is None:
            return None
        if isinstance(self.block.lookup(bracket.name), AxisEntity):
            self.block.need_axes()
        return self.operator("pick", (base, index), bracket.span, name=bracket.name)

    def _rename(self, base: Expr, bracket: tree.Rename) -> Expr | None:
        renamed = self.operator("rename", (base,), bracket.span, old=bracket.old, new=bracket.new)
        entity = self.block.lookup(bracket.new)
        if renamed is not None and isinstance(entity, SizeEntity) and bracket.old in base.type.dim_names:
            defaults = self.block.defaults()
            old = base.type.dim(bracket.old).size
            if sizes.same(sizes.substitute(old, defaults), sizes.substitute(entity.size, defaults)):
                return with_size(renamed, bracket.new, entity.size)
        return renamed

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
                return call_layer(self, entity, function, arguments, along, expected)
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


PRED = Axis("pred", sizes.axis_length("pred"))


def number(size: sizes.Size, span: Span, whole: bool = False) -> Expr:
    """A number known when the module is built, as an expression; `whole` for dims and what is computed of them."""
    if size.operator == "number":
        value = size.operands[0]
        assert isinstance(value, (int, float))
        return Const(value, ValueType("int" if isinstance(value, int) else "real"), span)
    return Number(size, ValueType("int" if whole else "real"), span)


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


_SIZE_OPERATORS = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "mod": "%", "pow": "^", "neg": "neg",
    "maximum": "max", "minimum": "min", "sqrt": "sqrt", "floor": "floor", "ceil": "ceil",
}  # fmt: skip


def _fold(name: str, operands: tuple[Expr, ...], span: Span) -> Expr | None:
    """Numbers that are known when the module is built stay numbers; booleans known when compiling decide."""
    if name in _SIZE_OPERATORS:
        parts = [_as_size(each) for each in operands]
        known = [each for each in parts if each is not None]
        if len(known) == len(parts):
            try:
                whole = name not in ("div", "pow", "sqrt") and all(each.type.kind == "int" for each in operands)
                return number(sizes.apply(_SIZE_OPERATORS[name], *known), span, whole)
            except (ArithmeticError, ValueError):
                return None
    values = [each.value if isinstance(each, Const) and each.type.kind == "bool" else None for each in operands]
    match name, values:
        case "not", [bool() as truth]:
            return Const(not truth, ValueType("bool"), span)
        case "and" | "or", [bool() as truth, _]:
            return operands[1] if truth is (name == "and") else operands[0]
        case "and" | "or", [_, bool() as truth]:
            return operands[0] if truth is (name == "and") else operands[1]
        case "where", [bool() as truth, _, _]:
            return operands[1] if truth else operands[2]
    return None


def _as_size(expr: Expr) -> sizes.Size | None:
    if expr.type.axes or expr.type.dims:
        return None  # stands for a value whose operands are not all known yet
    match expr:
        case Number():
            return expr.size
        case Const(value=int() | float() as value) if not isinstance(value, bool) and math.isfinite(value):
            return sizes.number(value)
    return None
