"""Reads and positions: what a value is called, shifted, picked from its past, or gathered along edges."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from recdsl.backends.torch import edges
from recdsl.backends.torch.layout import aligned

from recdsl.emit.names import safe_local
from recdsl.emit.precedence import ATOM, BATCH, SUM, Text
from recdsl.ir.expr import Apply, Position, Read
from recdsl.ir.types import ValueType

if TYPE_CHECKING:
    from recdsl.backends.torch.expressions import Printer


def read(printer: Printer, expr: Read) -> Text:
    scope = printer.scope
    known = scope.reads.get(scope.read_key(expr))
    if known is not None:
        return known
    if expr.via:
        return edges.read(printer, expr)
    if not any(amount for _, amount in expr.offsets):
        return scope.values[expr.value]
    known = scope.memo.get(expr)
    if known is None:
        known = scope.memo[expr] = _shifted(printer, expr)
    return known


def _shifted(printer: Printer, expr: Read) -> Text:
    """A whole value at another point."""
    scope = printer.scope
    value = printer.text(replace(expr, offsets=()))
    start = outside(printer, expr)
    if scope.axis is not None and scope.whole_sequence(expr.type):
        whole = printer.full(value, expr.type)
        offset = dict(expr.offsets)[scope.axis]
        track = scope.tracks.get(expr.value, whole.code)
        code = f"steps.shift({track}, {offset}{_start(start)})"
    else:
        whole = printer.full(value, expr.type, batched=start is not None)
        axes = [label for label in whole.labels if label in scope.module.axes]
        offsets = ", ".join(str(dict(expr.offsets).get(axis, 0)) for axis in axes)
        comma = "," if len(axes) == 1 else ""
        alone = BATCH not in whole.labels  # it is the same for all rows, and stays so
        rows = f"{whole.at(ATOM)}[None]" if alone else whole.code
        code = f"{scope.help('shift')}({rows}, ({offsets}{comma}){_start(start)})" + ("[0]" if alone else "")
    if expr.value in scope.wide_tracks:
        code += f".to({scope.dtype})"
    name = scope.names.new(safe_local(f"{base_name(expr.value)}_{_direction(expr)}"))
    scope.line(f"{name} = {code}")
    return Text(name, whole.labels, whole.kind)


def _direction(expr: Read) -> str:
    amounts = [amount for _, amount in expr.offsets if amount]
    if len(amounts) > 1:
        return "near"
    word = "before" if amounts[0] < 0 else "after"
    return word if abs(amounts[0]) == 1 else f"{word}_{abs(amounts[0])}"


def base_name(value: str) -> str:
    """The name in the source that an id belongs to."""
    return value.split("~")[0].lstrip("%") if not value.startswith("%") else f"part_{value[1:]}"


def _start(start: str | None) -> str:
    return "" if start is None else f", {start}"


def outside(printer: Printer, expr: Read) -> str | None:
    """The code for what a read finds outside, lined up with the value; None for zero."""
    return start_code(_behind(printer, expr), expr.value, expr.type)


def outside_text(printer: Printer, expr: Read) -> Text | None:
    """The same with the dimensions that it has."""
    return start_text(_behind(printer, expr), expr.value, expr.type)


def _behind(printer: Printer, expr: Read) -> Printer:
    """A printer that stands at the positions of a read outside."""
    offsets, scope = dict(expr.offsets), printer.scope
    positions = scope.positions
    if not scope.whole_sequence(expr.type):
        here = {name: text for name, text in positions.items() if name not in text.labels}
        along = expr.type.axis_names if offsets else ()
        positions = {axis: _all_along(printer, expr, axis) for axis in along} | here
    around = {name: _moved(text, offsets.get(name, 0)) for name, text in positions.items()}
    return replace_positions(printer, around)


def _all_along(printer: Printer, expr: Read, axis: str) -> Text:
    """The positions along an axis of a whole value."""
    length = printer.scope.whole(expr.type.axis(axis).length).code
    return Text(f"torch.arange({length}{printer.scope.device})", (axis,), "int")


def start_code(printer: Printer, value: str, type: ValueType) -> str | None:
    """What stands outside of a value, at the positions of the printer; None for zero."""
    text = start_text(printer, value, type)
    if text is None:
        return "False" if type.kind == "bool" else None
    return text.code if text.number else aligned(text, printer.scope.labels(type)).code


def start_text(printer: Printer, value: str, type: ValueType) -> Text | None:
    """The same with the dimensions that it has; None for zero and for false."""
    equation = next((each for each in printer.scope.module.equations() if each.id == value), None)
    if equation is None or equation.init is None:
        return None
    return printer.cast(printer.text(equation.init), type.kind)


def replace_positions(printer: Printer, positions: dict[str, Text]) -> Printer:
    """A printer that writes to the same lines, but stands at other positions."""
    scope = replace(printer.scope, positions=positions)
    return type(printer)(scope)


def _moved(text: Text, offset: int) -> Text:
    if offset == 0:
        return text
    sign = "+" if offset > 0 else "-"
    return Text(f"{text.at(SUM)} {sign} {abs(offset)}", text.labels, "int", strength=SUM, number=text.number)


def position(printer: Printer, expr: Position) -> Text:
    scope = printer.scope
    if expr.name in scope.positions:
        return scope.positions[expr.name]
    if expr.type.dims:
        size = scope.whole(expr.type.dims[0].size).code
        return Text(f"torch.arange({size}{scope.device})", (expr.name,), "int")
    if scope.axis is not None and expr.name != scope.axis:
        return reach(printer, expr.name)
    length = scope.whole(expr.type.axes[0].length).code
    return Text(f"torch.arange({length}{scope.device})", (expr.name,), "int")


def past(printer: Printer, expr: Apply, new: str) -> Text:
    """`k[t->s]`: the value at all points, those of earlier calls included."""
    scope = printer.scope
    operand = expr.operands[0]
    assert isinstance(operand, Read)
    whole = scope.caches.get(operand.value) or printer.text(operand)
    if scope.axis not in whole.labels and scope.axis not in scope.point:
        whole = printer.full(whole, operand.type)
    return replace(whole, labels=tuple(new if label == scope.axis else label for label in whole.labels))


def reach(printer: Printer, name: str) -> Text:
    """The positions along a renamed axis, those of earlier calls included."""
    cut = f"[:, : {printer.scope.until_now}]" if printer.scope.until_now else ""
    return Text(f"steps.reach({printer.scope.past}){cut}", (BATCH, name), "int")
