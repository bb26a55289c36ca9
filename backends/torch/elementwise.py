"""Elementwise operators: operands are lined up by label and printed by the table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from recdsl.backends.torch.layout import aligned
from recdsl.backends.torch.operators import NUMBER_FORMS, TENSOR_FORMS, Form, Function, Infix, Method, Prefix
from recdsl.backends.torch.precision import widen, widened

from recdsl.emit.precedence import ATOM, PRODUCT, Text
from recdsl.ir.expr import Apply
from recdsl.ir.operators.table import OPERATORS
from recdsl.ir.types import KINDS

if TYPE_CHECKING:
    from recdsl.backends.torch.expressions import Printer


def elementwise(printer: Printer, expr: Apply) -> Text:
    texts = [printer.text(each) for each in expr.operands]
    if all(text.number for text in texts):
        if expr.operator in NUMBER_FORMS:
            return _number(printer, expr, texts)
        texts = [printer.tensor(text, text.kind) for text in texts]
    texts = brought(printer, expr, texts)
    order = printer.united(expr.type, texts)
    lined = [aligned(text, order) for text in texts]
    special = _SPECIAL.get(expr.operator)
    result = special(printer, lined) if special else _by_form(printer, TENSOR_FORMS[expr.operator], lined)
    return replace(result, labels=order, kind=expr.type.kind)


def brought(printer: Printer, expr: Apply, texts: Sequence[Text]) -> list[Text]:
    """The operands in the kinds that the operator works on. Torch joins a tensor with the dtype of the other one
    by itself, so that a cast is printed only where no operand has the dtype yet."""
    rule = OPERATORS[expr.operator].kinds
    assert rule is not None, expr.operator
    wanted, _ = rule(tuple([each.type.kind for each in expr.operands]))
    carries = {text.kind for text in texts if not text.number}
    result = []
    for text, kind in zip(texts, wanted, strict=True):
        joins = kind in carries and expr.operator not in ("complex", "atan2") and text.kind != "bool"
        result.append(text if text.number or joins else printer.cast(text, kind))
    return result


def _number(printer: Printer, expr: Apply, texts: list[Text]) -> Text:
    form = NUMBER_FORMS[expr.operator]
    return replace(_by_form(printer, form, texts), kind=expr.type.kind, number=True)


def _by_form(printer: Printer, form: Form, texts: Sequence[Text]) -> Text:
    match form:
        case Infix():
            left, right = texts
            return Text(f"{left.at(form.left)} {form.symbol} {right.at(form.right)}", strength=form.strength)
        case Prefix():
            return Text(f"{form.symbol}{texts[0].at(form.strength)}", strength=form.strength)
        case Method():
            return Text(f"{texts[0].at(ATOM)}.{form.name}()")
        case Function():
            if form.tensors:
                texts = widened(printer, texts)
                texts = [printer.tensor(text, _largest(texts)) for text in texts]
            return Text(f"{form.name}({', '.join(text.code for text in texts)}{form.last})")


def _largest(texts: Sequence[Text]) -> str:
    return max((text.kind for text in texts), key=KINDS.index)


def _where(printer: Printer, texts: Sequence[Text]) -> Text:
    condition, yes, no = texts
    condition = printer.tensor(condition, "bool")
    if yes.number and no.number and "real" in (yes.kind, no.kind):
        yes = printer.tensor(yes, "real")
    return Text(f"torch.where({condition.code}, {yes.code}, {no.code})")


def _clamp(printer: Printer, texts: Sequence[Text]) -> Text:
    x, low, high = texts
    x = printer.tensor(x, "real")
    if not (low.number and high.number):
        low, high = (printer.tensor(each, x.kind) for each in (low, high))
    return Text(f"torch.clamp({x.code}, {low.code}, {high.code})")


def _logaddexp(printer: Printer, texts: Sequence[Text]) -> Text:
    texts = widened(printer, texts)
    x, y = (printer.tensor(each, "real") for each in texts)
    return Text(f"{printer.scope.help('logaddexp')}({x.code}, {y.code})")


def _quantise(printer: Printer, texts: Sequence[Text]) -> Text:
    x = printer.tensor(texts[0], "real")
    return Text(f"{printer.scope.help('quantise')}({x.code}, {texts[1].code})")


def _complex(printer: Printer, texts: Sequence[Text]) -> Text:
    """Of parts in float32 at least, because there are no complex numbers of half precision to compute with."""
    real, imaginary = (printer.tensor(each, "real") for each in texts)
    if not printer.scope.in_init:
        real, imaginary = widen(printer, real), widen(printer, imaginary)
    return Text(f"torch.complex({real.code}, {imaginary.code})")


def _absolute(printer: Printer, texts: Sequence[Text]) -> Text:
    return _part(printer, "torch.abs", texts[0])


def _real(printer: Printer, texts: Sequence[Text]) -> Text:
    return _part(printer, "torch.real", texts[0])


def _angle(printer: Printer, texts: Sequence[Text]) -> Text:
    return _part(printer, "torch.angle", printer.tensor(texts[0], "real"))


def _imaginary(printer: Printer, texts: Sequence[Text]) -> Text:
    x = texts[0]
    return _part(printer, "torch.imag", x) if x.kind == "complex" else Text(f"torch.zeros_like({x.code})")


def _part(printer: Printer, name: str, x: Text) -> Text:
    """A real number of a complex one, in the module's dtype."""
    narrow = f".to({printer.scope.dtype})" if x.kind == "complex" and not printer.scope.in_init else ""
    return Text(f"{name}({x.code}){narrow}")


def _hardsigmoid(printer: Printer, texts: Sequence[Text]) -> Text:
    """Written out, because torch's own has a derivative that is exact to float32 only."""
    x = printer.tensor(texts[0], "real")
    return Text(f"torch.clamp({x.at(PRODUCT)} / 6 + 0.5, 0, 1)")


_SPECIAL = {
    "where": _where,
    "clamp": _clamp,
    "logaddexp": _logaddexp,
    "quantise": _quantise,
    "complex": _complex,
    "abs": _absolute,
    "real": _real,
    "imag": _imaginary,
    "angle": _angle,
    "hardsigmoid": _hardsigmoid,
}
