"""Programs as text that reads back (`recdsl.ir.dump_reader`): all of a dataclass but its spans.

    (module ema sequence [t]
      parameters=[(parameter D default=none is_dim=true)]
      …
      items=[(equation h [D over t] (add (mul a (read h t=-1)) x))]

Types of expressions are left out where they follow from what the expression is made of, and so are fields with their default. Dataclasses
are written by their fields, so that the plans of later stages are covered as well; a module or an item that was
written before is `(see NAME)`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, is_dataclass
from typing import Any

from recdsl.ir.dump_forms import Scope, implied_type, kept_fields, must_say, scope_of, tag
from recdsl.ir.dump_text import Atom, Field, Form, Node, Row, form, layout, literal, word
from recdsl.ir.expr import Apply, Attribute, Call, Const, Expr, Number, Position, Read, Weight
from recdsl.ir.graph import node_of
from recdsl.ir.module import Depth, Equation, Item, Module
from recdsl.ir.sizes import Size, axis_length
from recdsl.ir.sizes import name as parameter
from recdsl.ir.types import KINDS, Axis, Dim, ValueType

EMPTY = Scope({}, {}, {})


def dump(root: object) -> str:
    """A program, or any other dataclass of the compiler, as text."""
    return layout(_Writer().value(root)) + "\n"


@dataclass(slots=True)
class _Writer:
    """`scope` is that of the module at hand; `finished` says that all its items are written."""

    scope: Scope = EMPTY
    finished: bool = False
    modules: dict[str, Module] = field(default_factory=dict)

    def value(self, value: Any) -> Node:
        match value:
            case None | bool() | int() | float():
                return literal(value)
            case str():
                return word(value)
            case Size():
                return size_node(value)
            case Dim():
                return dim_node(value)
            case ValueType():
                return type_node(value)
            case Const() | Number() | Position() | Read() | Weight() | Apply() | Call():
                return self.expression(value)
            case Module():
                return self.module(value)
            case Equation() | Depth():
                return self.item(value)
            case tuple():
                return Row(tuple(map(self.value, value)))
            case dict():
                return Row(tuple(form("at", word(key), self.value(each)) for key, each in value.items()))
        assert is_dataclass(value), f"a dump has no text for {value!r}"
        return self.fields(value)

    def fields(self, value: Any) -> Form:
        """`(tag leading… name=value…)`."""
        cls: type = type(value)
        kept = kept_fields(cls)
        owner = {each.name: getattr(value, each.name) for each in kept}
        nodes: list[Node] = []
        for each in kept:
            if must_say(each, owner[each.name], owner):
                node = self.value(owner[each.name])
                nodes.append(node if each.leading else Field(each.name, node))
        return form(tag(cls), *nodes)

    def module(self, module: Module) -> Form:
        self.scope, self.finished = scope_of(module), False
        seen = self.modules.get(module.key) == module
        self.modules[module.key] = module
        node = form("see", word(module.key)) if seen else self.fields(module)
        self.finished = True
        return node

    def item(self, item: Item) -> Form:
        name = node_of(item)
        if self.finished and self.scope.items.get(name) == item:
            return form("see", word(name))
        return self.fields(item)

    def expression(self, expr: Expr) -> Node:
        implied = implied_type(expr, self.scope)
        said = () if expr.type == implied else (Field("type", type_node(expr.type)),)
        match expr:
            case Const():
                return form("const", literal(expr.value), *said) if said else literal(expr.value)
            case Number():
                return form("number", size_node(expr.size), *said)
            case Position():
                return form("position", word(expr.name), *said)
            case Read():
                shifts = tuple(Field(axis, literal(amount)) for axis, amount in expr.offsets)
                via = (word(expr.via),) if expr.via else ()
                if not (shifts or via or said):
                    return word(expr.value)
                return form("read", word(expr.value), *via, *shifts, *said)
            case Weight():
                return form("weight", word(expr.path), *said)
            case Apply():
                attributes = (Field(name, attribute_node(each)) for name, each in expr.attributes)
                operands = map(self.expression, expr.operands)
                return form(expr.operator, *operands, *attributes, *said)
            case Call():
                return self.call(expr)

    def call(self, expr: Call) -> Form:
        rest = (("output", expr.output), ("type", expr.type), ("bound", expr.bound), ("axes", expr.axes), ("carried", expr.carried))  # fmt: skip
        said = (Field(name, self.value(value)) for name, value in rest if value != ())
        return form("call", word(expr.instance), *map(self.expression, expr.operands), *said)


def size_node(size: Size) -> Node:
    """Prefix notation: `D`, `4`, `|t|`, `(/ D H)`."""
    first = size.operands[0]
    match size.operator, first:
        case "number", int() | float():
            return literal(first)
        case "name", str():
            return word(first)
        case "axis", str():
            return Atom(f"|{first}|")
    return form(size.operator, *map(size_node, size.parts))


def type_node(type_: ValueType) -> Row:
    """`[bool H C=(* 2 D) over t]`; real is left out where a dim or an axis stands."""
    nodes: list[Node] = [dim_node(dim) for dim in type_.dims]
    if type_.axes:
        axes = (_listed(axis.name, axis.length, axis_length(axis.name)) for axis in type_.axes)
        nodes.extend((Atom("over"), *axes))
    kind = (Atom(type_.kind),) if type_.kind != "real" or not nodes else ()
    return Row((*kind, *nodes))


def attribute_node(value: Attribute) -> Node:
    """Strings in quotes, so that they differ from dims; sizes and axes as forms."""
    match value:
        case bool() | int() | float():
            return literal(value)
        case str():
            return Atom(value, quoted=True)
        case Dim():
            return dim_node(value)
        case Axis():
            return form("axis", word(value.name), size_node(value.length))
        case Size():
            return form("size", size_node(value))
        case tuple():
            return Row(tuple(map(attribute_node, value)))


def dim_node(dim: Dim) -> Node:
    """`H`, or `H=(/ D 4)`."""
    return _listed(dim.name, dim.size, parameter(dim.name))


def _listed(name: str, size: Size, usual: Size) -> Node:
    shown = word(name, "over", *KINDS)
    if size == usual:
        return shown
    return form("dim", shown, size_node(size)) if shown.quoted else Field(name, size_node(size))
