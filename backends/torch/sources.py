"""Draws, normalisation over the batch, and functions of the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from recdsl.backends.torch.layout import aligned, permuted
from recdsl.backends.torch.precision import narrowed

from recdsl.emit.names import safe
from recdsl.emit.precedence import ATOM, PRODUCT, SUM, Text
from recdsl.ir.expr import Apply
from recdsl.ir.operators.unite import text
from recdsl.ir.sizes import Size

if TYPE_CHECKING:
    from recdsl.backends.torch.expressions import Printer


def noise(printer: Printer, expr: Apply) -> Text:
    """A new draw for every point and element."""
    std = printer.text(expr.operands[0])
    order = printer.scope.labels(expr.type, batched=bool(printer.scope.batch))
    sizes = ", ".join(printer.scope.size_of(label, expr.type) for label in order)
    draw = f"torch.randn({sizes}, dtype={printer.scope.dtype}{printer.scope.device})"
    return Text(f"{aligned(std, order).at(PRODUCT)} * {draw}", order, "real", strength=PRODUCT)


def dropout(printer: Printer, expr: Apply) -> Text:
    x, rate = (printer.text(each) for each in expr.operands)
    x = printer.tensor(x, "real")
    return Text(f"F.dropout({x.code}, {rate.code}, self.training)", x.labels, x.kind)


def batchnorm(printer: Printer, expr: Apply) -> Text:
    """Per dim over the batch and all axes; running statistics are those of torch."""
    x, *weights = expr.operands
    channels = weights[0].type.dim_names
    whole = printer.with_labels(printer.text(x), x.type, channels)
    order = (*(label for label in whole.labels if label not in channels), *channels)
    whole = permuted(whole, order)
    scale, shift, mean, variance = (_flat(printer.text(each)) for each in weights)
    eps, momentum = (_number(printer, expr, key) for key in ("eps", "momentum"))
    flat = whole.at(ATOM)
    if len(channels) > 1:
        flat += f".flatten({-len(channels)})"
    name = printer.scope.help("normalise")
    code = f"{name}({flat}, {mean}, {variance}, {scale}, {shift}, self.training, {momentum}, {eps})"
    if len(channels) > 1:
        sizes = ", ".join(printer.scope.size_of(name, x.type) for name in channels)
        code += f".unflatten(-1, ({sizes}))"
    return Text(code, order, "real")


def _flat(weight: Text) -> str:
    return weight.code if len(weight.labels) < 2 else f"{weight.at(ATOM)}.flatten()"


def _number(printer: Printer, expr: Apply, key: str) -> str:
    value = expr.attribute(key)
    return printer.scope.number(value).code if isinstance(value, Size) else repr(value)


def extern(printer: Printer, expr: Apply) -> Text:
    """A function that the host binds, called with whole values."""
    name = text(expr.attribute("name"))
    arguments = [narrowed(printer, printer.full(printer.text(each), each.type)).code for each in expr.operands]
    call = printer.scope.help("bound")
    code = f'{call}(self.{safe(name)}, "{name}")({", ".join(arguments)})'
    return Text(code, printer.scope.labels(expr.type), expr.type.kind)


# ---- draws for the start of a weight; `printer.scope.batch` is then the shape of the weight


def normal(printer: Printer, expr: Apply) -> Text:
    mean, std = (printer.text(each) for each in expr.operands)
    shape, labels = _shape(printer)
    if mean.code in ("0", "0.0"):
        return Text(f"{std.at(PRODUCT)} * torch.randn({shape})", labels, strength=PRODUCT)
    return Text(f"{mean.at(SUM)} + {std.at(PRODUCT)} * torch.randn({shape})", labels, strength=SUM)


def uniform(printer: Printer, expr: Apply) -> Text:
    low, high = (printer.text(each).code for each in expr.operands)
    shape, labels = _shape(printer)
    return Text(f"torch.empty({shape}).uniform_({low}, {high})", labels)


def orthogonal(printer: Printer, expr: Apply) -> Text:
    gain = printer.text(expr.operands[0]).code
    shape, labels = _shape(printer)
    option = "" if gain in ("1", "1.0") else f", {gain}"
    return Text(f"nn.init.orthogonal_(torch.empty({shape}){option})", labels)


def _shape(printer: Printer) -> tuple[str, tuple[str, ...]]:
    drawn = printer.scope.drawn
    assert drawn is not None
    return ", ".join(size for _, size in drawn) or "()", tuple([label for label, _ in drawn])


PRINTERS: dict[str, Callable[[Printer, Apply], Text]] = {
    "noise": noise,
    "dropout": dropout,
    "batchnorm": batchnorm,
    "extern": extern,
    "normal": normal,
    "uniform": uniform,
    "orthogonal": orthogonal,
}
