"""Invariants of a module's names, weights and sizes: I1, I7 and I8."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from recdsl.ir.dump_forms import weight_type
from recdsl.ir.expr import Apply, Attribute, Call, Number, Read, Weight, walk
from recdsl.ir.graph import node_of, results_of
from recdsl.ir.module import Depth, Equation, Module, Program, WeightSpec
from recdsl.ir.sizes import Size, names_in
from recdsl.ir.types import Axis, Dim, ValueType
from recdsl.ir.types_hold import agree, defaults_of
from recdsl.ir.violation import Violation, expressions

Found = Iterator[Violation]
STARTS = ("linear", "normal", "zeros", "ones", "draw", "value")


def unique(module: Module, program: Program) -> Found:
    """I1."""
    values = [given.name for given in module.inputs] + [each for item in module.items for each in results_of(item)]
    groups = {
        "value": values,
        "item": [node_of(item) for item in module.items],
        "weight": [spec.path for spec in module.weights],
        "instance": [each.path for each in module.instances],
        "parameter": [each.name for each in module.parameters],
    }
    for kind, names in groups.items():
        for name in dict.fromkeys(each for each in names if names.count(each) > 1):
            yield Violation(name, f"two {kind}s have this name")
    if program.modules.get(module.key) is not module:
        yield Violation(module.key, "the module stands under another key")


def weights_known(module: Module, program: Program) -> Found:
    """I7."""
    for expr in expressions(module):
        if isinstance(expr, Weight):
            spec = weight_spec(expr.path, module, program)
            if spec is None:
                yield Violation(expr, "is no weight of the module or its layers")
            elif spec in module.weights and not agree(
                expr.type, weight_type(spec.kind, spec.layout), defaults_of(module)
            ):
                yield Violation(expr, f"has the type {expr.type}, and its layout {' '.join(map(str, spec.dims))}")
    for spec in module.weights:
        yield from _start_holds(spec)


def weight_spec(path: str, module: Module, program: Program) -> WeightSpec | None:
    """The weight at a path from a module, its own or that of a layer in it."""
    for spec in module.weights:
        if spec.path == path:
            return spec
    for instance in module.instances:
        if path.startswith(f"{instance.path}.") and instance.module in program.modules:
            found = weight_spec(path[len(instance.path) + 1 :], program.modules[instance.module], program)
            if found is not None:
                return found
    return None


def _start_holds(spec: WeightSpec) -> Found:
    if spec.start not in STARTS:
        yield Violation(spec, "begins in no known way")
    if (spec.start == "linear" and spec.fan_in is None) or (spec.start in ("draw", "value")) != (
        spec.value is not None
    ):
        yield Violation(spec, "has not what its start needs")
    for each in walk(spec.value) if spec.value is not None else ():
        if isinstance(each, Read):
            yield Violation(spec, f"begins with {each.value}, which is given later")


def sizes_known(module: Module, program: Program) -> Found:
    """I8."""
    known = {each.name for each in module.parameters}
    for node, sizes in _all_sizes(module):
        unknown = [name for size in sizes for name in names_in(size) if name not in known]
        if unknown:
            yield Violation(node, f"the module has no parameter {unknown[0]}")


def _all_sizes(module: Module) -> Iterator[tuple[object, list[Size]]]:
    for given in module.inputs:
        yield given.name, [*_of_type(given.type), *([given.vocabulary] if given.vocabulary else [])]
    for item in module.items:
        match item:
            case Equation():
                yield item.id, list(_of_type(item.type))
            case Depth():
                yield item.name, [item.count, *(size for carry in item.carried for size in _of_type(carry.type))]
    for spec in module.weights:
        yield spec.path, [dim.size for dim in spec.dims] + ([spec.fan_in] if spec.fan_in else [])
    for instance in module.instances:
        yield instance.path, [size for _, size in instance.arguments]
    for expr in expressions(module):
        match expr:
            case Number():
                yield expr, [expr.size]
            case Apply():
                yield expr, [*_of_type(expr.type), *(s for _, value in expr.attributes for s in _of_attribute(value))]
            case Call():
                stands = (dim for bound in expr.bound for dim in bound.stands_for)
                yield expr, [*_of_type(expr.type), *(dim.size for dim in (*stands, *expr.carried))]


def _of_type(type_: ValueType) -> Iterable[Size]:
    return (*(axis.length for axis in type_.axes), *(dim.size for dim in type_.dims))


def _of_attribute(value: Attribute) -> Iterator[Size]:
    match value:
        case Size():
            yield value
        case Dim():
            yield value.size
        case Axis():
            yield value.length
        case tuple():
            for each in value:
                yield from _of_attribute(each)
