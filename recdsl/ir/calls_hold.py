"""Invariants of sub-layers and of bodies: I9 to I12."""

from __future__ import annotations

from collections.abc import Iterator

from recdsl.ir.expr import Call
from recdsl.ir.module import Carry, Depth, Instance, Module, Program
from recdsl.ir.sizes import Size, product, substitute
from recdsl.ir.types import Dim, ValueType
from recdsl.ir.types_hold import Defaults, agree, defaults_of, sizes_agree, values_of
from recdsl.ir.violation import Violation, expressions

Found = Iterator[Violation]


def instances_complete(module: Module, program: Program) -> Found:
    """I9."""
    bound: dict[str, set[str]] = {}
    for expr in expressions(module):
        if isinstance(expr, Call):
            bound.setdefault(expr.instance, set()).update(each.dim for each in expr.bound)
    for instance in module.instances:
        yield from _instance_complete(instance, bound.get(instance.path, set()), program)
        if instance.borrowed and not _lent(instance, module, program):
            yield Violation(instance, "is borrowed from a module that does not have it")
    for path in bound:
        if path not in {each.path for each in module.instances}:
            yield Violation(path, "is called, and there is no such instance")


def _instance_complete(instance: Instance, bound: set[str], program: Program) -> Found:
    callee = program.modules.get(instance.module)
    if callee is None:
        yield Violation(instance, f"there is no module {instance.module}")
        return
    given = {name for name, _ in instance.arguments}
    parameters = {each.name for each in callee.parameters}
    if given - parameters:
        yield Violation(instance, f"{callee.key} has no parameter {', '.join(sorted(given - parameters))}")
    missing = [p.name for p in callee.parameters if p.default is None and p.name not in given | bound]
    if missing:
        yield Violation(instance, f"{callee.key} gets no {', '.join(missing)}")


def _lent(instance: Instance, body: Module, program: Program) -> bool:
    return any(
        instance.path in {each.path for each in around.instances}
        for around in program.modules.values()
        for item in around.items
        if isinstance(item, Depth) and item.body == body.key
    )


def calls_agree(module: Module, program: Program) -> Found:
    """I10."""
    instances = {each.path: each for each in module.instances}
    for expr in expressions(module):
        if isinstance(expr, Call) and expr.instance in instances:
            callee = program.modules.get(instances[expr.instance].module)
            if callee is not None:
                yield from _call_agrees(expr, callee, instances[expr.instance], module)


def _call_agrees(call: Call, callee: Module, instance: Instance, module: Module) -> Found:
    if len(call.operands) != len(callee.inputs) or not 0 <= call.output < len(callee.outputs):
        yield Violation(call, f"{callee.key} has {len(callee.inputs)} inputs and {len(callee.outputs)} outputs")
        return
    if callee.axes and tuple(inner for inner, _ in call.axes) != callee.axes:
        yield Violation(call, f"{callee.key} runs over {', '.join(callee.axes)}")
    if callee.domain == "graph" and module.cyclic_graph and not callee.cyclic_graph:
        yield Violation(call, f"{callee.key} runs over a dag, and edges may form cycles in {module.key}")
    defaults = defaults_of(module)
    result = callee.type_of(callee.outputs[call.output].value)
    expected = ValueType(
        result.kind, call.type.axes, (*call.carried, *_translated(result, call, callee, instance, defaults))
    )
    if not agree(_sorted(expected), _sorted(call.type), defaults):
        yield Violation(call, f"has the type {call.type}, and its layer gives {expected}")


def _translated(result: ValueType, call: Call, callee: Module, instance: Instance, defaults: Defaults) -> Iterator[Dim]:
    """The dims of a result of the callee in the caller's terms."""
    stands_for = {each.dim: each.stands_for for each in call.bound}
    values: dict[str, Size] = {each.dim: product(tuple(dim.size for dim in each.stands_for)) for each in call.bound}
    values |= dict(instance.arguments)
    for parameter in callee.parameters:
        if parameter.name not in values and parameter.default is not None:
            values[parameter.name] = substitute(parameter.default, values)
    for dim in result.dims:
        if dim.name in stands_for and sizes_agree(substitute(dim.size, values), values[dim.name], defaults):
            yield from stands_for[dim.name]
        else:
            yield Dim(dim.name, substitute(dim.size, values))


def _sorted(type_: ValueType) -> ValueType:
    return ValueType(type_.kind, type_.axes, tuple(sorted(type_.dims, key=lambda dim: dim.name)))


def bodies_agree(module: Module, program: Program) -> Found:
    """I11."""
    values = values_of(module)
    for item in module.items:
        if not isinstance(item, Depth):
            continue
        body = program.modules.get(item.body)
        if body is None:
            yield Violation(item, f"there is no module {item.body}")
            continue
        yield from _body_agrees(item, body, module)
        for carry in item.carried:
            yield from _carry_agrees(carry, item, body, values)


def _body_agrees(item: Depth, body: Module, module: Module) -> Found:
    given = [name for name, _ in item.captured] + [carry.body_in for carry in item.carried]
    given += [item.turn] if item.turn is not None else []
    if sorted(given) != sorted(each.name for each in body.inputs):
        yield Violation(item, f"{body.key} has the inputs {', '.join(each.name for each in body.inputs)}")
    if body.parameters != module.parameters:
        yield Violation(item, f"{body.key} has other parameters than the module around it")
    if body.domain == "graph" and body.cyclic_graph != module.cyclic_graph:
        yield Violation(item, f"{body.key} runs over another kind of graph than the module around it")
    if item.kind not in ("repeat", "loop") or (item.path is not None and item.kind != "repeat"):
        yield Violation(item, "is no repeat or loop, or has a path that it cannot have")
    if item.until is not None and getattr(values_of(body).get(item.until), "kind", "") != "bool":
        yield Violation(item, f"{item.until} does not say when to end")
    inside = {each.name: each.type for each in body.inputs}
    for name, read in item.captured:
        if name in inside and not _seen_inside(read.type, inside[name], defaults_of(module)):
            yield Violation(item, f"captures {read.type} as {name}, which is {inside[name]}")


def _carry_agrees(carry: Carry, item: Depth, body: Module, values: dict[str, ValueType]) -> Found:
    inside = values_of(body)
    for value in (carry.body_in, carry.body_out):
        if value not in inside:
            yield Violation(item, f"{body.key} has no {value}")
    if carry.body_in in inside and not _seen_inside(carry.type, inside[carry.body_in], defaults_of(body)):
        yield Violation(item, f"carries {carry.type} as {carry.body_in}, which is {inside[carry.body_in]}")
    if carry.result not in values:
        yield Violation(item, f"there is no value {carry.result}")


def _seen_inside(outside: ValueType, inside: ValueType, defaults: Defaults) -> bool:
    """Whether a value looks so in a body: without axes where the body is pointwise."""
    axes = inside.axes and outside.axes
    return agree(
        ValueType(outside.kind, axes, outside.dims), ValueType(inside.kind, axes and inside.axes, inside.dims), defaults
    )


def acyclic(module: Module, program: Program) -> Found:
    """I12."""
    if module.key in _made_of(module, program, set()):
        yield Violation(module.key, "is made of itself")


def _made_of(module: Module, program: Program, found: set[str]) -> set[str]:
    bodies = (item.body for item in module.items if isinstance(item, Depth))
    for key in (*(each.module for each in module.instances), *bodies):
        if key not in found and key in program.modules:
            found.add(key)
            _made_of(program.modules[key], program, found)
    return found
