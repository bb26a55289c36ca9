"""What stands before the first point of a sequence, and in the state."""

from __future__ import annotations

from recdsl.backends.torch.expressions import Printer
from recdsl.backends.torch.precision import wide_values
from recdsl.backends.torch.reads import base_name
from recdsl.backends.torch.scope import Scope

from recdsl.emit.names import safe_local
from recdsl.emit.precedence import UNARY, Text
from recdsl.ir.expr import Read, walk


def reads_values(scope: Scope, value: str) -> bool:
    """Whether what stands before a value reads inputs: then it is not known before the first call."""
    equation = next((each for each in scope.module.equations() if each.id == value), None)
    init = equation.init if equation is not None else None
    return init is not None and any(isinstance(each, Read) for each in walk(init))


def past_values(scope: Scope, value: str, count: int) -> str:
    """What stands before the first point: [batch, dims...], or [batch, count, dims...] with the oldest first."""
    starts = [first_value(scope, value, scope.module.axes[0], f"-{step}") for step in range(count, 0, -1)]
    if count == 1:
        return starts[0]
    every = f"[{starts[0]}] * {count}" if len(set(starts)) == 1 else f"[{', '.join(starts)}]"
    return f"torch.stack({every}, 1)"


def kept_past(scope: Scope, value: str) -> str:
    """What the state holds of a value; in the first call what stands before it, where that reads inputs."""
    entry = f'state["{scope.owner.kept["history", value]}"]'
    if not reads_values(scope, value):
        return entry
    name = scope.names.new(safe_local(f"{base_name(value)}_past"))
    first = past_values(scope, value, dict(scope.owner.plan.traits.histories)[value])
    if value in wide_values(scope.owner.plan):
        first = f"{scope.help('wide')}({first})"
    scope.line(f"{name} = {first} if {entry} is None else {entry}")
    return name


def first_value(scope: Scope, value: str, axis: str, position: str, strength: int = UNARY) -> str:
    """The value at a point outside of the axis, whole."""
    inner = scope.inner(frozenset({axis}))
    inner.positions[axis] = Text(position, (), "int", number=True, strength=strength)
    printer = Printer(inner)
    equation = next((each for each in scope.module.equations() if each.id == value), None)
    init = equation.init if equation is not None else None
    text = printer.text(init) if init is not None else Text("0", kind="int", number=True)
    code = printer.full(text, scope.module.type_of(value)).code
    scope.lines.extend(inner.lines)
    return code
