"""Dumps back into what they were made of: `read_dump(dump(x), type(x)) == x`.

Dataclasses are read by their type hints, so that new ones need nothing here. Raises DumpError for text that is no dump
of the wanted class.
"""

from __future__ import annotations

import types
import typing
from dataclasses import MISSING, dataclass, field, is_dataclass
from typing import Any, TypeVar, overload

from recdsl.ir.dump_forms import LEAVES, Kept, Scope, implied_type, kept_fields, ruled_type, scope_of, tag, weight_type
from recdsl.ir.dump_parts import (
    atom_of,
    attribute_of,
    axis_of,
    dim_of,
    form_of,
    real_of,
    refuse,
    row_of,
    size_of,
    text_of,
    truth_of,
    type_of,
    whole_of,
)
from recdsl.ir.dump_text import Atom, DumpError, Field, Form, Node, Row, as_literal, parse
from recdsl.ir.expr import Apply, Call, Const, Expr, Number, Position, Read, Weight
from recdsl.ir.graph import node_of
from recdsl.ir.module import Equation, Item, Module, Program, WeightSpec
from recdsl.ir.sizes import Size
from recdsl.ir.types import Axis, Dim, ValueType

T = TypeVar("T")
_UNIONS = (typing.Union, types.UnionType)


@overload
def read_dump(text: str) -> Program: ...
@overload
def read_dump(text: str, root: type[T]) -> T: ...
def read_dump(text: str, root: type = Program) -> Any:
    """What a dump of a `root` holds, spans aside. Raises DumpError."""
    try:
        found = _Reader().value(parse(text), root)
    except (IndexError, KeyError) as error:
        raise DumpError(f"something is missing: {error}") from error
    assert isinstance(found, root)
    return found


@dataclass(slots=True)
class _Reader:
    """`scope` is that of the module at hand."""

    scope: Scope = field(default_factory=lambda: Scope({}, {}, {}))
    modules: dict[str, Module] = field(default_factory=dict)

    def value(self, node: Node, hint: Any) -> Any:
        """What a node stands for, by the type that is wanted."""
        if hint in _BY_HINT:
            return _BY_HINT[hint](node)
        if hint == Expr:
            return self.expression(node)
        origin, arguments = typing.get_origin(hint), typing.get_args(hint)
        if origin in _UNIONS:
            return self.alternative(node, arguments)
        if origin is tuple:
            return self.row(node, arguments)
        if origin is dict:
            return dict(self.entry(each, arguments) for each in row_of(node))
        if hint in (Const, Number, Position, Read, Weight, Apply, Call):
            found = self.expression(node)
            return found if isinstance(found, hint) else refuse(node, f"a {tag(hint)} is expected")
        if is_dataclass(hint) and isinstance(hint, type):
            return self.dataclass(form_of(node), hint)
        raise AssertionError(f"dumps cannot hold a {hint}")

    def alternative(self, node: Node, hints: tuple[Any, ...]) -> Any:
        if types.NoneType in hints and node == Atom("none"):
            return None
        wanted = tuple(each for each in hints if each is not types.NoneType)
        if set(wanted) == set(typing.get_args(Expr)):
            return self.expression(node)
        if len(wanted) == 1:
            return self.value(node, wanted[0])
        if all(each in (bool, int, float) for each in wanted):
            return as_literal(atom_of(node))
        head = form_of(node).head
        if head == "see":
            return self.seen(form_of(node))
        for each in wanted:
            if tag(each) == head:
                return self.value(node, each)
        return refuse(node, f"one of {', '.join(map(tag, wanted))} is expected")

    def row(self, node: Node, hints: tuple[Any, ...]) -> tuple[Any, ...]:
        nodes = row_of(node)
        if len(hints) == 2 and hints[1] is Ellipsis:
            return tuple(self.value(each, hints[0]) for each in nodes)
        if len(hints) != len(nodes):
            refuse(node, f"{len(hints)} values are expected")
        return tuple(self.value(each, hint) for each, hint in zip(nodes, hints, strict=True))

    def entry(self, node: Node, hints: tuple[Any, ...]) -> tuple[Any, Any]:
        items = form_of(node).items
        if len(items) != 3:
            refuse(node, "(at KEY value) is expected")
        return self.value(items[1], hints[0]), self.value(items[2], hints[1])

    def seen(self, node: Form) -> Item:
        name = text_of(node.items[-1])
        return self.scope.items[name] if name in self.scope.items else refuse(node, "nothing of this name came before")

    def dataclass(self, node: Form, cls: type) -> Any:
        if node.head == "see":
            return self.seen_module(node) if cls is Module else self.seen(node)
        if node.head != tag(cls):
            refuse(node, f"a {tag(cls)} is expected")
        said = _said(node, cls)
        if cls is Module:
            self.scope = _early_scope(said)
        values: dict[str, Any] = {}
        for each in kept_fields(cls):
            if each.name in said:
                values[each.name] = self.value(said[each.name], each.hint)
            elif each.same_as is None and each.default is not MISSING:
                values[each.name] = each.default
            elif each.same_as is None:
                refuse(node, f"{each.name} is missing")
        values.update({each.name: values[each.same_as] for each in kept_fields(cls) if each.same_as and each.name not in said})  # fmt: skip
        made = cls(**values)
        if isinstance(made, Module):
            self.modules[made.key] = made
            self.scope.items.update({node_of(item): item for item in made.items})
        return made

    def seen_module(self, node: Form) -> Module:
        module = self.modules.get(text_of(node.items[-1])) or refuse(node, "no such module came before")
        self.scope = scope_of(module)
        return module

    # ---- expressions

    def expression(self, node: Node) -> Expr:
        if isinstance(node, Atom):
            return self.leaf(node)
        head, items = form_of(node).head, form_of(node).items[1:]
        fields_ = {each.name: each.value for each in items if isinstance(each, Field)}
        plain = tuple(each for each in items if not isinstance(each, Field))
        said = type_of(fields_.pop("type")) if "type" in fields_ and isinstance(fields_["type"], Row) else None
        if head not in LEAVES:
            return self.apply(head, plain, fields_, said)
        if head == "call":
            assert said is not None
            return self.call(plain, fields_, said)
        made = self.named(head, plain, fields_)
        return self.typed(made, said, node)

    def leaf(self, node: Atom) -> Expr:
        try:
            value = as_literal(node)
        except DumpError:
            return self.typed(Read(node.text, ValueType()), None, node)
        if value is None:
            refuse(node, "a value is expected")
        return self.typed(Const(value, ValueType()), None, node)

    def named(self, head: str, plain: tuple[Node, ...], fields_: dict[str, Node]) -> Const | Number | Position | Read | Weight:  # fmt: skip
        match head:
            case "const":
                value = as_literal(atom_of(plain[0]))
                assert value is not None
                return Const(value, ValueType())
            case "number":
                return Number(size_of(plain[0]), ValueType())
            case "position":
                return Position(text_of(plain[0]), ValueType())
            case "weight":
                return Weight(text_of(plain[0]), ValueType())
        shifts = tuple((axis, whole_of(amount)) for axis, amount in fields_.items())
        return Read(text_of(plain[0]), ValueType(), shifts, text_of(plain[1]) if len(plain) > 1 else "")

    def typed(self, leaf: Const | Number | Position | Read | Weight, said: ValueType | None, node: Node) -> Expr:
        type_ = said if said is not None else implied_type(leaf, self.scope)
        if type_ is None:
            refuse(node, "its type is not known")
        return _with_type(leaf, type_)

    def apply(self, head: str, plain: tuple[Node, ...], fields_: dict[str, Node], said: ValueType | None) -> Apply:
        operands = tuple(map(self.expression, plain))
        attributes = tuple((name, attribute_of(each)) for name, each in fields_.items())
        type_ = said if said is not None else ruled_type(head, operands, dict(attributes))
        if type_ is None:
            raise DumpError(f"the type of a {head} is not known")
        return Apply(head, operands, type_, attributes)

    def call(self, plain: tuple[Node, ...], fields_: dict[str, Node], type_: ValueType) -> Call:
        hints = {each.name: each.hint for each in kept_fields(Call)}
        rest = {name: self.value(each, hints[name]) for name, each in fields_.items()}
        return Call(text_of(plain[0]), tuple(map(self.expression, plain[1:])), type=type_, **rest)


def _with_type(leaf: Const | Number | Position | Read | Weight, type_: ValueType) -> Expr:
    match leaf:
        case Const():
            return Const(leaf.value, type_)
        case Number():
            return Number(leaf.size, type_)
        case Position():
            return Position(leaf.name, type_)
        case Weight():
            return Weight(leaf.path, type_)
        case Read():
            return Read(leaf.value, type_, leaf.offsets, leaf.via)


def _early_scope(said: dict[str, Node]) -> Scope:
    """The types of a module's values and weights, before its expressions are read."""
    scope = Scope({}, {}, {})
    for node in row_of(said["inputs"]):
        scope.values[text_of(form_of(node).items[1])] = type_of(form_of(node).items[2])
    for node in map(form_of, row_of(said["items"])):
        if node.head == tag(Equation):
            scope.values[text_of(node.items[1])] = type_of(node.items[2])
        else:
            for carry in map(_fields, row_of(_fields(node)["carried"])):
                scope.values[text_of(carry["result"])] = type_of(carry["type"])
    for node in map(form_of, row_of(said.get("weights", Row(())))):
        parts = _said(node, WeightSpec)
        groups = tuple(tuple(map(dim_of, row_of(group))) for group in row_of(parts["layout"]))
        kind = text_of(parts["kind"]) if "kind" in parts else "real"
        scope.weights[text_of(parts["path"])] = weight_type(kind, groups)
    return scope


def _said(node: Form, cls: type) -> dict[str, Node]:
    """The fields of a dataclass that stand in its form, leading ones included."""
    leading: list[Kept] = [each for each in kept_fields(cls) if each.leading]
    plain = [each for each in node.items[1:] if not isinstance(each, Field)]
    first = {each.name: item for each, item in zip(leading, plain, strict=False)}
    return first | _fields(node)


def _fields(node: Node) -> dict[str, Node]:
    return {each.name: each.value for each in form_of(node).items if isinstance(each, Field)}


_BY_HINT: dict[Any, Any] = {
    str: text_of,
    bool: truth_of,
    int: whole_of,
    float: real_of,
    Size: size_of,
    Dim: dim_of,
    Axis: axis_of,
    ValueType: type_of,
}
