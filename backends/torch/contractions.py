"""`linear`: a module of torch where it is one, `einsum` where it keeps separate maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from recdsl.backends.torch.layout import aligned, permuted
from recdsl.backends.torch.precision import narrowed
from recdsl.backends.torch.reductions import einsum

from recdsl.emit.precedence import ATOM, SUM, Text
from recdsl.ir.expr import Apply, Weight
from recdsl.ir.operators.unite import dims
from recdsl.ir.types import Dim

if TYPE_CHECKING:
    from recdsl.backends.torch.expressions import Printer


def linear(printer: Printer, expr: Apply) -> Text:
    contract, into, per = (dims(expr.attribute(key)) for key in ("contract", "into", "per"))
    operand = expr.operands[0]
    text = narrowed(printer, printer.cast(printer.tensor(printer.text(operand)), "real"))
    x = printer.with_labels(text, operand.type, [dim.name for dim in (*contract, *per)])
    if per:
        return _separate(printer, expr, x, (contract, into, per))
    names = [dim.name for dim in contract]
    kept = [label for label in x.labels if label not in names]
    x = permuted(x, (*kept, *names))
    code = x.code
    if len(names) > 1:
        code = f"{x.at(ATOM)}.flatten({-len(names)})"
    elif not names:
        code = f"{x.at(ATOM)}.unsqueeze(-1)"
    result = _applied(printer, expr, code)
    if len(into) > 1:
        result += f".unflatten(-1, {_sizes(printer, into)})"
    elif not into:
        result += ".squeeze(-1)"
    return Text(result, (*kept, *(dim.name for dim in into)), "real")


def _applied(printer: Printer, expr: Apply, x: str) -> str:
    weight = expr.operands[1]
    assert isinstance(weight, Weight)
    if expr.attribute("transposed"):
        return f"F.linear({x}, {printer.text(weight).code}.mT)"
    layer = printer.scope.owner.linears.get(weight.path)
    if layer is not None:
        return f"{layer}({x})"
    arguments = [x, *(printer.text(each).code for each in expr.operands[1:])]
    return f"F.linear({', '.join(arguments)})"


def _separate(printer: Printer, expr: Apply, x: Text, parts: tuple[tuple[Dim, ...], ...]) -> Text:
    """`linear(x, per = H)`: one map for each index of H, all in one contraction."""
    contract, into, per = parts
    summed, kept = [dim.name for dim in contract], [dim.name for dim in per]
    new = [f"{dim.name}'" for dim in into]  # a map from D to D has two different dims of one name
    turned = bool(expr.attribute("transposed"))
    weight = _folded(printer, expr, 1, (per, contract, into) if turned else (per, into, contract))
    lead = [label for label in x.labels if label not in summed]
    result = (*lead, *new)
    code = einsum([x, Text(weight, (*kept, *summed, *new) if turned else (*kept, *new, *summed))], result)
    text = Text(code, result)
    if len(expr.operands) > 2:
        bias = aligned(Text(_folded(printer, expr, 2, (per, into)), (*kept, *new)), result)
        text = Text(f"{code} + {bias.at(SUM + 1)}", result, strength=SUM)
    return Text(text.code, (*lead, *(dim.name for dim in into)), "real", text.strength)


def matrix(printer: Printer, expr: Apply) -> Text:
    """The weight of a linear map as a value."""
    rows, columns, per = (dims(expr.attribute(key)) for key in ("rows", "columns", "per"))
    turned = bool(expr.attribute("transposed"))
    sides = (rows,) if expr.attribute("bias") else (columns, rows) if turned else (rows, columns)
    groups = (per, *sides) if per else sides
    labels = tuple(dim.name for group in groups for dim in group)
    return Text(_folded(printer, expr, 0, groups), labels, expr.type.kind)


def _folded(printer: Printer, expr: Apply, index: int, groups: tuple[tuple[Dim, ...], ...]) -> str:
    """A weight with its groups of dims taken apart."""
    code = printer.text(expr.operands[index]).code
    for place, group in reversed(list(enumerate(groups))):
        if len(group) > 1:
            code += f".unflatten({place}, {_sizes(printer, group)})"
        elif not group:
            code += f".squeeze({place})"
    return code


def _sizes(printer: Printer, group: tuple[Dim, ...]) -> str:
    return f"({', '.join(printer.scope.whole(dim.size).code for dim in group)})"


PRINTERS: dict[str, Callable[[Printer, Apply], Text]] = {"linear": linear, "matrix": matrix}
