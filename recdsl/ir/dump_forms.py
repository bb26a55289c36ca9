"""What the writer and the reader of dumps agree on: which fields stand without their name, and which types go without saying."""

from __future__ import annotations

import typing
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import Any

from recdsl.ir.expr import Apply, Const, Expr, Number, Position, Read, Weight
from recdsl.ir.graph import node_of
from recdsl.ir.module import Depth, Equation, Input, Instance, Item, Module, Output, Parameter, WeightSpec
from recdsl.ir.operators.leaves import const
from recdsl.ir.operators.operator import TypeRuleError
from recdsl.ir.operators.table import OPERATORS
from recdsl.ir.sizes import axis_length
from recdsl.ir.types import Axis, Dim, ValueType

# Fields that stand first and without their name.
LEADING: dict[type, tuple[str, ...]] = {
    Module: ("key", "domain", "axes"),
    Parameter: ("name",),
    Input: ("name", "type"),
    Output: ("value",),
    Equation: ("id", "type", "expr"),
    Depth: ("kind", "count", "name"),
    WeightSpec: ("path", "layout", "start"),
    Instance: ("path", "module"),
}
# Fields that are left out where they equal another one.
SAME_AS: dict[tuple[type, str], str] = {
    (Equation, "name"): "id",
    (Module, "name"): "key",
    (Output, "name"): "value",
    (Instance, "module"): "path",
}
# Words that begin an expression which is no application of an operator.
LEAVES = ("const", "number", "position", "read", "weight", "call")


@dataclass(frozen=True, slots=True)
class Kept:
    """A field of a dataclass that a dump holds; `default` is MISSING where it has to be said."""

    name: str
    hint: Any
    default: Any
    leading: bool
    same_as: str | None


@cache
def kept_fields(cls: type) -> tuple[Kept, ...]:
    """The fields of a dataclass that count in comparisons, the leading ones first."""
    hints, leading = typing.get_type_hints(cls), LEADING.get(cls, ())
    found = [
        Kept(each.name, hints[each.name], each.default, each.name in leading, SAME_AS.get((cls, each.name)))
        for each in fields(cls)
        if each.compare
    ]
    return tuple(sorted(found, key=lambda each: leading.index(each.name) if each.leading else len(leading)))


def must_say(field: Kept, value: object, owner: dict[str, object]) -> bool:
    """Whether a field is written: leading ones always, others where they are not what the reader would take."""
    if field.leading:
        return True
    if field.same_as is not None:
        return value != owner[field.same_as]
    return field.default is MISSING or value != field.default


def tag(cls: type) -> str:
    """`weight-spec` for WeightSpec."""
    return "".join(
        "-" * bool(i) + letter.lower() if letter.isupper() else letter for i, letter in enumerate(cls.__name__)
    )


# ---- types that go without saying


@dataclass(frozen=True, slots=True)
class Scope:
    """The types of a module's values and weights, and its items by id or name."""

    values: dict[str, ValueType]
    weights: dict[str, ValueType]
    items: dict[str, Item]


def scope_of(module: Module) -> Scope:
    """What the module's own text says about the types of its values."""
    values = {given.name: given.type for given in module.inputs}
    for item in module.items:
        match item:
            case Equation():
                values[item.id] = item.type
            case Depth():
                values.update({carry.result: carry.type for carry in item.carried})
    weights = {spec.path: weight_type(spec.kind, spec.layout) for spec in module.weights}
    return Scope(values, weights, {node_of(item): item for item in module.items})


def implied_type(expr: Expr, scope: Scope) -> ValueType | None:
    """The type that an expression has by what it is made of; None where it has to be said."""
    match expr:
        case Const():
            return const(expr.value).type
        case Number():
            return ValueType("real")
        case Position():
            return ValueType("int", (Axis(expr.name, axis_length(expr.name)),))
        case Read():
            return scope.values.get(expr.value)
        case Weight():
            return scope.weights.get(expr.path)
        case Apply():
            return ruled_type(expr.operator, expr.operands, dict(expr.attributes))
    return None


def ruled_type(operator: str, operands: tuple[Expr, ...], attributes: dict[str, Any]) -> ValueType | None:
    """What the type rule of an operator gives; None where it refuses."""
    try:
        return OPERATORS[operator].type_rule(tuple(each.type for each in operands), attributes)
    except TypeRuleError:
        return None


def weight_type(kind: str, layout: tuple[tuple[Dim, ...], ...]) -> ValueType:
    return ValueType(kind, (), tuple(dim for group in layout for dim in group))
