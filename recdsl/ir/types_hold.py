"""When two types are the same, as far as invariants ask."""

from __future__ import annotations

from collections.abc import Mapping

from recdsl.ir.module import Depth, Equation, Module
from recdsl.ir.sizes import Size, names_in, same, substitute
from recdsl.ir.types import ValueType, join_kinds

Defaults = Mapping[str, Size]


def values_of(module: Module) -> dict[str, ValueType]:
    """The type of every value by its id."""
    found = {given.name: given.type for given in module.inputs}
    for item in module.items:
        match item:
            case Equation():
                found[item.id] = item.type
            case Depth():
                found.update({carry.result: carry.type for carry in item.carried})
    return found


def defaults_of(module: Module) -> Defaults:
    """The defaults of a module's parameters, in terms of those without one."""
    found: dict[str, Size] = {}
    for parameter in module.parameters:
        if parameter.default is not None:
            found[parameter.name] = substitute(parameter.default, found)
    return found


def sizes_agree(left: Size, right: Size, defaults: Defaults) -> bool:
    """Whether two sizes are equal by default (`M = N`), or can be made so by the caller."""
    if left == right:
        return True
    left, right = substitute(left, defaults), substitute(right, defaults)
    return same(left, right) or set(names_in(left)) != set(names_in(right))


def agree(left: ValueType, right: ValueType, defaults: Defaults) -> bool:
    """Whether two types have the same kind, axes and dims, in this order."""
    if left == right:
        return True
    return (left.kind, left.axis_names, left.dim_names) == (right.kind, right.axis_names, right.dim_names) and (
        covers(left, right, defaults)
    )


def covers(wide: ValueType, narrow: ValueType, defaults: Defaults) -> bool:
    """Whether a value of the narrow type can be spread to the wide one."""
    return (
        join_kinds(wide.kind, narrow.kind) == wide.kind
        and set(narrow.axis_names) <= set(wide.axis_names)
        and set(narrow.dim_names) <= set(wide.dim_names)
        and all(sizes_agree(wide.axis(axis.name).length, axis.length, defaults) for axis in narrow.axes)
        and all(sizes_agree(wide.dim(dim.name).size, dim.size, defaults) for dim in narrow.dims)
    )
