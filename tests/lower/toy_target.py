"""A target that prints pseudo-code: an operator printer, templates for modules, for loops and for all other algorithms."""

from __future__ import annotations

from collections.abc import Iterator

from recdsl.ir.expr import Apply, Call, Const, Expr, Number, Position, Read, Weight
from recdsl.ir.graph import node_of
from recdsl.ir.module import Depth, Item
from recdsl.ir.types import Axis, Dim
from recdsl.lower.adjoint import Adjoint, NoAdjoint, adjoint
from recdsl.lower.plan import ModulePlan, ProgramPlan, Recurrence, Solve, Stage, Whole

INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/"}


def print_program(plan: ProgramPlan) -> str:
    """One block of pseudo-code a module, callees first."""
    return "\n".join(line for each in plan.modules.values() for line in print_module(each, plan))


def print_module(plan: ModulePlan, program: ProgramPlan) -> Iterator[str]:
    module = plan.module
    yield f"module {module.name} over {', '.join(module.axes) or 'nothing'}"
    yield from (f"  given {each.name}: {each.type}" for each in module.inputs)
    yield from (f"  weight {each.path}: {' '.join(map(str, each.dims)) or 'scalar'}" for each in module.weights)
    yield from (f"  {line}" for stage in plan.stages for line in print_stage(stage, plan, program))
    yield f"  result {', '.join(each.value for each in module.outputs)}"


def print_stage(stage: Stage, plan: ModulePlan, program: ProgramPlan) -> Iterator[str]:
    match stage:
        case Whole():
            yield from print_item(stage.item)
        case Recurrence():
            found = adjoint(stage, plan.module, program.program)
            yield f"{stage.algorithm} along {stage.vector}, a {stage.class_} recurrence over a {stage.domain}"
            yield from (f"  {line}" for line in print_solve(stage.solve))
            yield from (f"  {line}" for item in stage.items for line in print_item(item))
            yield from (f"  {line}" for line in print_gradient(found, stage.items))


def print_solve(solve: Solve | None) -> Iterator[str]:
    """The template of every algorithm but `sequential`, which has no more to say than its items."""
    if solve is not None:
        yield f"states {', '.join(solve.states)}"
        yield from (f"constant {name} = {number}" for name, number in solve.constants)
        yield from (f"role {name} = {text(role)}" for name, role in solve.roles)
        yield from (f"link {each.into} += {each.role} * {each.of}[{each.via or each.offset}]" for each in solve.links)
        yield from (f"reading {each.result} = {text(each.query)} with {each.state}" for each in solve.readings)


def print_gradient(found: Adjoint | NoAdjoint, items: tuple[Item, ...]) -> Iterator[str]:
    """What a loop backwards computes, and what it needs of the loop forwards beside its items."""
    if isinstance(found, NoAdjoint):
        yield f"no gradient: {found.reason}"
    else:
        held = {node_of(each) for each in items}
        yield from (f"keep {line}" for each in found.values if each.id not in held for line in print_item(each))
        yield f"gradient along {found.vector}"
        yield from (f"  {line}" for each in found.equations for line in print_item(each))


def print_item(item: Item) -> Iterator[str]:
    if isinstance(item, Depth):
        carried = ", ".join(f"{each.result} from {each.start.value}" for each in item.carried)
        yield f"{item.kind} {item.name} of {item.body}: {carried}"
    else:
        start = f", at first {text(item.init)}" if item.init is not None else ""
        yield f"{item.id} = {text(item.expr)}{start}"


def text(expr: Expr) -> str:
    """The operator printer."""
    match expr:
        case Const(value=value) | Number(size=value) | Position(name=value):
            return str(value)
        case Read():
            places = [expr.via] * bool(expr.via) + [f"{axis}{amount:+}" for axis, amount in expr.offsets]
            return f"{expr.value}[{', '.join(places)}]" if places else expr.value
        case Weight():
            return expr.path
        case Apply(operator=operator, operands=(left, right)) if operator in INFIX:
            return f"({text(left)} {INFIX[operator]} {text(right)})"
        case Apply():
            return f"{expr.operator}({', '.join([*map(text, expr.operands), *attributes(expr)])})"
        case Call():
            return f"{expr.instance}({', '.join(map(text, expr.operands))})"


def attributes(node: Apply) -> Iterator[str]:
    """The dims and axes that are summed or joined."""
    for name, value in node.attributes:
        if isinstance(value, tuple) and value:
            yield f"{name}={' '.join(each.name if isinstance(each, (Dim, Axis)) else str(each) for each in value)}"
        elif value is True:
            yield name
