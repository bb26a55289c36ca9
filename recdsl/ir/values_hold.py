"""Invariants of reads, operators and equations: I2 to I6 and I14."""

from __future__ import annotations

from collections.abc import Iterator

from recdsl.ir.expr import Apply, Number, Position, Read, walk
from recdsl.ir.module import Module, Program
from recdsl.ir.operators.operator import TypeRuleError
from recdsl.ir.operators.table import OPERATORS
from recdsl.ir.types import ValueType
from recdsl.ir.types_hold import Defaults, agree, covers, defaults_of, values_of
from recdsl.ir.violation import Violation, expressions

Found = Iterator[Violation]


def reads_known(module: Module, program: Program) -> Found:
    """I2."""
    values = values_of(module)
    for expr in expressions(module):
        if isinstance(expr, Read) and expr.value not in values:
            yield Violation(expr.value, "is read, and there is no such value")
    for output in module.outputs:
        if output.value not in values:
            yield Violation(output.value, "is given out, and there is no such value")


def reads_agree(module: Module, program: Program) -> Found:
    """I3."""
    values, defaults = values_of(module), defaults_of(module)
    for expr in expressions(module):
        if not isinstance(expr, Read) or expr.value not in values:
            continue
        defined = values[expr.value]
        if not agree(_at_point(expr.type), _at_point(defined), defaults) or not _axes_agree(expr, defined, module):
            yield Violation(expr, f"has the type {expr.type}, and its value {defined}")
        if any(amount == 0 for _, amount in expr.offsets):
            yield Violation(expr, "has a shift by nothing")
        if any(axis not in defined.axis_names for axis, _ in expr.offsets):
            yield Violation(expr, f"is shifted along an axis that its value {defined} does not have")
        if expr.via not in ("", "pred", "tail") or (expr.via and module.domain != "graph"):
            yield Violation(expr, f"cannot be read via {expr.via!r} here")


def _at_point(type_: ValueType) -> ValueType:
    return ValueType(type_.kind, (), type_.dims)


def _axes_agree(read: Read, defined: ValueType, module: Module) -> bool:
    """Along an edge a value is seen from a node or from an edge; otherwise where it is."""
    match read.via:
        case "pred":
            return read.type.axis_names in ((module.axes[0], "pred"), ("edge", "pred"))
        case "tail":
            return read.type.axis_names == ("edge",)
    return read.type.axis_names == defined.axis_names


def operators_agree(module: Module, program: Program) -> Found:
    """I4."""
    defaults = defaults_of(module)
    for expr in expressions(module):
        match expr:
            case Apply():
                yield from _application_agrees(expr, defaults)
            case Position():
                if expr.type.kind != "int" or (*expr.type.axis_names, *expr.type.dim_names) != (expr.name,):
                    yield Violation(expr, f"counts along {expr.name}, and has the type {expr.type}")
            case Number():
                if expr.type.axes or expr.type.dims:
                    yield Violation(expr, f"is one number, and has the type {expr.type}")


def _application_agrees(expr: Apply, defaults: Defaults) -> Found:
    entry = OPERATORS.get(expr.operator)
    if entry is None:
        yield Violation(expr, "is no operator of the tables")
        return
    names = [name for name, _ in expr.attributes]
    if names != sorted({*entry.required, *(name for name, _ in entry.defaults)}):
        yield Violation(expr, f"has the attributes {', '.join(names) or 'none'}")
        return
    least, most = entry.arity
    if len(expr.operands) < least or (most is not None and len(expr.operands) > most):
        yield Violation(expr, f"has {len(expr.operands)} operands")
        return
    try:
        ruled = entry.type_rule(tuple(each.type for each in expr.operands), dict(expr.attributes))
    except TypeRuleError as error:
        yield Violation(expr, f"cannot stand: {error.message}")
        return
    if not agree(expr.type, ruled, defaults):
        yield Violation(expr, f"has the type {expr.type}, and its rule gives {ruled}")


def equations_agree(module: Module, program: Program) -> Found:
    """I5."""
    defaults = defaults_of(module)
    for equation in module.equations():
        starts = () if equation.init is None else (ValueType(equation.init.type.kind, (), equation.init.type.dims),)
        for type_ in (equation.expr.type, *starts):
            if not covers(equation.type, type_, defaults):
                yield Violation(equation, f"has the type {equation.type}, and its expression {type_}")


def starts_static(module: Module, program: Program) -> Found:
    """I6."""
    for equation in module.equations():
        for each in walk(equation.init) if equation.init is not None else ():
            if isinstance(each, Read) and (each.type.axes or each.offsets or each.via):
                yield Violation(
                    equation, f"starts from {each.value}, which varies along {', '.join(each.type.axis_names)}"
                )


def gradients_expanded(module: Module, program: Program) -> Found:
    """I14."""
    for expr in expressions(module):
        if isinstance(expr, Apply) and expr.operator == "grad":
            yield Violation(expr, "is left")
