"""The parameters that a class takes: all of the entry point, for others those that something in them reads."""

from __future__ import annotations

from recdsl.backends.torch.owners import class_of
from recdsl.backends.torch.scope import Class, File

from recdsl.ir.expr import Apply, Number, walk
from recdsl.ir.module import Depth, Module, Parameter
from recdsl.ir.sizes import Size, names_in
from recdsl.ir.types import Dim
from recdsl.lower.traits import expressions


def is_constant(size: Size) -> bool:
    return size.operator == "number"


def kept_parameters(owner: Class) -> tuple[Parameter, ...]:
    """The parameters of the class: all of the entry point, for others those that they need."""
    module = owner.module
    if module.key == owner.file.plan.program.main:
        return module.parameters
    needed = needed_parameters(owner.file, module)
    for each in reversed(module.parameters):
        if each.name in needed and each.default is not None:
            needed.update(names_in(each.default))
    return tuple(each for each in module.parameters if each.name in needed)


def needed_parameters(file: File, module: Module) -> set[str]:
    """The parameters that a module reads anywhere."""
    needed: set[str] = set()
    for size in _sizes(file, module):
        needed.update(names_in(size))
    return needed


def _sizes(file: File, module: Module) -> list[Size]:
    found: list[Size] = [dim.size for spec in module.weights for dim in spec.dims]
    found += [spec.fan_in for spec in module.weights if spec.fan_in is not None]
    for each in module.instances:
        if not each.borrowed:
            kept = {p.name for p in kept_parameters(class_of(file, file.plan.modules[each.module]))}
            found += [size for name, size in each.arguments if name in kept]
    found += [given.vocabulary for given in module.inputs if given.vocabulary is not None]
    for spec in module.weights:
        if spec.value is not None:
            found += [each.size for each in walk(spec.value) if isinstance(each, Number)]
            found += [dim.size for each in walk(spec.value) for dim in each.type.dims]
    for expr in expressions(module):
        found += [dim.size for dim in expr.type.dims]
        if isinstance(expr, Number):
            found.append(expr.size)
        if isinstance(expr, Apply):
            found += list(_attribute_sizes(expr))
    for item in module.items:
        if isinstance(item, Depth):
            found.append(item.count)
            body = file.plan.modules[item.body].module
            found += [Size("name", (name,)) for name in needed_parameters(file, body)]
    return found


def _attribute_sizes(expr: Apply) -> list[Size]:
    found: list[Size] = []
    stack: list[object] = [value for _, value in expr.attributes]
    while stack:
        value = stack.pop()
        if isinstance(value, tuple):
            stack.extend(value)
        elif isinstance(value, Size):
            found.append(value)
        elif isinstance(value, Dim):
            found.append(value.size)
    return found
