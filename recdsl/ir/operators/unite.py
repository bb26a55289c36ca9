"""Lining up: the union of axes and dims by name, and the checks that several type rules share."""

from __future__ import annotations

from collections.abc import Iterable

from recdsl.ir import sizes
from recdsl.ir.expr import Attribute
from recdsl.ir.operators.operator import Attributes, KindRule, TypeRule, TypeRuleError
from recdsl.ir.sizes import Size
from recdsl.ir.types import Axis, Dim, ValueType, join_kinds


def union(types: Iterable[ValueType]) -> ValueType:
    """Axes and dims united by name in the order in which they appear first, kinds joined.

    Raises TypeRuleError where one name has two sizes.
    """
    axes: dict[str, Axis] = {}
    dims: dict[str, Dim] = {}
    kinds = []
    for index, each in enumerate(types):
        kinds.append(each.kind)
        for axis in each.axes:
            known_axis = axes.setdefault(axis.name, axis)
            agree(axis.name, "length", known_axis.length, axis.length, index)
        for dim in each.dims:
            known_dim = dims.setdefault(dim.name, dim)
            agree(dim.name, "size", known_dim.size, dim.size, index)
    return ValueType(join_kinds(*kinds), tuple(axes.values()), tuple(dims.values()))


def agree(name: str, noun: str, known: Size, found: Size, index: int | None) -> None:
    """Refuse one name with two sizes."""
    if not sizes.same(known, found):
        raise TypeRuleError(
            f"{name} has the {noun} {found} here and {known} there",
            index,
            f"x[{name}->…] renames a dim that is another one" if noun == "size" else None,
        )


def elementwise_type(kinds: KindRule) -> TypeRule:
    """The type rule of elementwise operators: the union, of the kind that `kinds` says."""

    def rule(types: tuple[ValueType, ...], attributes: Attributes) -> ValueType:
        assert not attributes, attributes
        kind = kinds(tuple(each.kind for each in types))[1]
        return union(types).with_kind(kind)

    return rule


def names(attribute: Attribute) -> tuple[str, ...]:
    """An attribute that is a tuple of names."""
    assert isinstance(attribute, tuple), attribute
    return tuple(each for each in attribute if isinstance(each, str))


def dims(attribute: Attribute) -> tuple[Dim, ...]:
    """An attribute that is a tuple of dims."""
    assert isinstance(attribute, tuple), attribute
    return tuple(each for each in attribute if isinstance(each, Dim))


def size_list(attribute: Attribute) -> tuple[Size, ...]:
    """An attribute that is a tuple of sizes."""
    assert isinstance(attribute, tuple), attribute
    return tuple(each for each in attribute if isinstance(each, Size))


def text(attribute: Attribute) -> str:
    assert isinstance(attribute, str), attribute
    return attribute


def size(attribute: Attribute) -> Size:
    assert isinstance(attribute, Size), attribute
    return attribute


def one_dim(attribute: Attribute) -> Dim:
    assert isinstance(attribute, Dim), attribute
    return attribute


def require_names(of: ValueType, wanted: Iterable[str], index: int | None = 0) -> None:
    """Refuse names that are neither dims nor axes of a value; each name may be given once."""
    seen: set[str] = set()
    for name in wanted:
        if name in seen:
            raise TypeRuleError(f"{name} is named twice", index)
        seen.add(name)
        if name not in of.dim_names and name not in of.axis_names:
            has = ", ".join((*of.dim_names, *of.axis_names))
            raise TypeRuleError(f"the value has no {name}", index, f"it has {has}" if has else "it has no dims")


def require_new(of: ValueType, name: str, index: int | None = 0) -> None:
    """Refuse a name that a value has already."""
    if name in of.dim_names or name in of.axis_names:
        raise TypeRuleError(f"the value has {name} already", index, f"x[{name}->…] renames it first")
