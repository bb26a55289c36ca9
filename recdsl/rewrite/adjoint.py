"""The adjoint of one application: from the gradient of its result to the gradients of its operands.

In: an `Apply`, the gradient of its result, which operands matter. Out: a gradient for each of these, with no dims but
the operand's; it may lack some, and is then constant along them. Refuses what the operator tables say has no adjoint.
"""

from __future__ import annotations

from collections.abc import Iterator

from recdsl.ir.build import instantiate, number, simplified
from recdsl.ir.expr import Apply, Expr
from recdsl.ir.operators.formula import Formula
from recdsl.ir.operators.operator import NoAdjointError
from recdsl.ir.operators.shared import sized_like
from recdsl.ir.operators.table import OPERATORS
from recdsl.ir.types import ValueType


def operand_gradients(node: Apply, upstream: Expr, wanted: tuple[int, ...]) -> Iterator[tuple[int, Expr]]:
    """The gradient of each wanted operand that one flows to.

    Raises NoAdjointError where the gradient cannot be written.
    """
    entry = OPERATORS[node.operator]
    crossed = sorted(axes_worked(node) - {"pred"})
    if crossed:
        raise NoAdjointError(f"it works along {', '.join(crossed)}, and the derivative is taken at one point")
    if entry.adjoint is None and entry.partials is None:
        raise NoAdjointError(entry.no_adjoint)
    gradients = entry.adjoint(simplified, node, upstream) if entry.adjoint is not None else _by_parts(node, upstream)
    for position, gradient in enumerate(gradients):
        if position in wanted and gradient is not None:
            repeats = entry.family == "elementwise" or node.operator == "broadcast"
            yield position, narrowed(gradient, node.type, node.operands[position].type, repeats)


def values_needed(node: Apply, wanted: tuple[int, ...]) -> tuple[tuple[int, ...], bool]:
    """The operands whose values the gradients of the wanted ones need, and whether they need the result."""
    entry = OPERATORS[node.operator]
    count = len(node.operands)
    if is_linear(node, wanted):
        return tuple(position for position in range(count) if position not in wanted), False
    if entry.partials is None or entry.adjoint is not None:
        return tuple(range(count)), True
    leaves = {leaf for position in wanted for leaf in _leaves(entry.partials[position])}
    return tuple(position for position in range(count) if position in leaves), "out" in leaves


def is_linear(node: Apply, wanted: tuple[int, ...]) -> bool:
    """Whether an application is linear in these operands together."""
    groups = OPERATORS[node.operator].linear_groups(len(node.operands))
    return any(set(wanted) <= set(group) for group in groups)


def _leaves(formula: Formula | float | None) -> Iterator[object]:
    """The positions of the operands that a formula reads, and "out" where it reads the result."""
    if not isinstance(formula, Formula):
        return
    if formula.operator == "operand":
        yield formula.parts[0]
    elif formula.operator == "out":
        yield "out"
    else:
        for part in formula.parts:
            yield from _leaves(part)


def narrowed(gradient: Expr, result: ValueType, of: ValueType, repeats: bool) -> Expr:
    """The gradient without the dims that the operand lacks, and summed over the edges that it does not vary over.

    `repeats`: the result repeats the operand along the dims that it lacks, so that a gradient which is constant
    along one of them counts once for every element.
    """
    for dim in result.dims if repeats else ():
        if dim.name not in of.dim_names and dim.name not in gradient.type.dim_names:
            gradient = simplified("mul", gradient, number(dim.size))
    extra = tuple(name for name in gradient.type.dim_names if name not in of.dim_names)
    if "pred" in result.axis_names and "pred" not in of.axis_names:
        extra = (*extra, "pred")
    return sized_like(simplified("sum", gradient, over=extra) if extra else gradient, of)


def axes_worked(node: Apply) -> set[str]:
    """The axes of its first operand that an operator works along."""
    axes = set(node.operands[0].type.axis_names) if node.operands else set()
    attributes = dict(node.attributes)
    named: set[str] = set()
    for key in ("over", "names", "name", "old", "axes"):
        value = attributes.get(key, ())
        named |= {value} if isinstance(value, str) else {each for each in _items(value) if isinstance(each, str)}
    return axes if "*" in named else axes & named


def _items(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else ()


def _by_parts(node: Apply, upstream: Expr) -> tuple[Expr | None, ...]:
    """The chain rule for an elementwise operator; with torch's convention for complex values."""
    partials = OPERATORS[node.operator].partials
    assert partials is not None
    gradients: list[Expr | None] = []
    for formula, operand in zip(partials, node.operands, strict=True):
        if formula is None or operand.type.kind in ("bool", "int"):
            gradients.append(None)
            continue
        partial = instantiate(formula, node.operands, node)
        if partial.type.kind == "complex":
            partial = simplified("conj", partial)
        gradient = simplified("mul", upstream, partial)
        if gradient.type.kind == "complex" and operand.type.kind != "complex":
            gradient = simplified("real", gradient)
        gradients.append(gradient)
    return tuple(gradients)
