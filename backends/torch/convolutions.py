"""`conv`: the convolutions of torch, with padding or the kept past in front, and windows that end at documents."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from recdsl.backends.torch.layout import permuted
from recdsl.backends.torch.reductions import uncounted

from recdsl.emit.precedence import ATOM, BATCH, Text
from recdsl.ir import sizes
from recdsl.ir.expr import Apply, Read
from recdsl.ir.operators.unite import dims, names, size_list
from recdsl.ir.sizes import Size

if TYPE_CHECKING:
    from recdsl.backends.torch.expressions import Printer

LARGEST = 3  # axes along which torch has a convolution


def conv(printer: Printer, expr: Apply) -> Text:
    contract, into, per = (dims(expr.attribute(key)) for key in ("contract", "into", "per"))
    axes = names(expr.attribute("axes"))
    operand = expr.operands[0]
    text = printer.cast(_kept(printer, expr) or printer.tensor(printer.text(operand)), "real")
    channels = [dim.name for dim in (*per, *contract)]
    x = printer.with_labels(text, operand.type, [*axes, *channels])
    if not expr.attribute("causal") and printer.scope.axis is not None and printer.scope.axis in axes:
        x = uncounted(printer, x, operand.type, printer.scope.axis, "0")
    lead = [label for label in x.labels if label not in (*axes, *channels)]
    if BATCH not in lead and printer.scope.batch:
        x = printer.spread(x, operand.type, (BATCH, *x.labels))
        lead = [BATCH, *lead]
    x = _channels_first(x, lead, axes, channels)
    if printer.scope.axis is not None and axes == (printer.scope.axis,):
        code = _along_sequence(printer, expr, x, len(lead))
    else:
        code = _dense(printer, expr, x)
    out = (*per, *into)
    sizes_code = ", ".join(printer.scope.whole(dim.size).code for dim in out)
    if len(lead) > 1:
        lead_sizes = ", ".join(printer.scope.size_of(label, operand.type) for label in lead)
        code += f".unflatten(0, ({lead_sizes}))"
    at = -1 - len(axes)
    if len(out) > 1:
        code += f".unflatten({at}, ({sizes_code}))"
    elif not out:
        code += f".squeeze({at})"
    return Text(code, (*lead, *(dim.name for dim in out), *axes), "real")


def _channels_first(x: Text, lead: list[str], axes: tuple[str, ...], channels: list[str]) -> Text:
    """[batch, channels, axes...], everything else folded into the batch."""
    x = permuted(x, (*lead, *channels, *axes))
    code = x.at(ATOM)
    if len(channels) > 1:
        code += f".flatten({-len(axes) - len(channels)}, {-len(axes) - 1})"
    elif not channels:
        code += f".unsqueeze({-len(axes) - 1})"
    if len(lead) > 1:
        code += f".flatten(0, {len(lead) - 1})"
    elif not lead:
        code += ".unsqueeze(0)"
    return Text(code if code != x.at(ATOM) else x.code, (*lead[:1], "+", *axes))


def _extent(window: Size, dilation: Size) -> Size:
    """How many points a window spans: dilation * (window - 1) + 1."""
    if dilation == sizes.number(1):
        return window
    return sizes.apply("+", sizes.apply("*", dilation, _less(window, 1)), sizes.number(1))


def _less(size: Size, amount: int) -> Size:
    return sizes.apply("-", size, sizes.number(amount))


def _padding(printer: Printer, expr: Apply) -> list[tuple[str, str]]:
    """How many points before and after, an axis: so that there are at least ceil(length / stride) windows, and one even
    where there is no point."""
    pads = []
    keys = (size_list(expr.attribute(key)) for key in ("window", "stride", "dilation"))
    for window, stride, dilation in zip(*keys, strict=True):
        whole = _less(_extent(window, dilation), 1)
        if expr.attribute("causal"):
            pads.append((printer.scope.whole(whole).code, "0" if stride == sizes.number(1) else "1"))
        elif stride == sizes.number(1):
            before = sizes.apply("floor", sizes.apply("/", whole, sizes.number(2)))
            pads.append((printer.scope.whole(before).code, printer.scope.whole(sizes.apply("-", whole, before)).code))
        else:
            spare = sizes.apply("max", sizes.apply("-", _extent(window, dilation), stride), sizes.number(0))
            before = sizes.apply("floor", sizes.apply("/", spare, sizes.number(2)))
            pads.append((printer.scope.whole(before).code, printer.scope.whole(_extent(window, dilation)).code))
    return pads


def _options(printer: Printer, expr: Apply) -> str:
    """Arguments that differ from what torch takes by itself."""
    code = ""
    for key in ("stride", "dilation"):
        values = size_list(expr.attribute(key))
        if any(value != sizes.number(1) for value in values):
            printed = [printer.scope.whole(value).code for value in values]
            code += f", {key}={printed[0] if len(set(printed)) == 1 else '(' + ', '.join(printed) + ')'}"
    per = dims(expr.attribute("per"))
    if per:
        code += f", groups={printer.scope.whole(sizes.product(tuple([dim.size for dim in per]))).code}"
    return code


def _weights(printer: Printer, expr: Apply) -> list[str]:
    return [printer.text(each).code for each in expr.operands[1:]]


def _dense(printer: Printer, expr: Apply, x: Text) -> str:
    """Windows over all axes at once, zero outside. Those with strides are as many as it takes, and one even where there is no point."""
    axes = names(expr.attribute("axes"))
    pads = _padding(printer, expr)
    flat = [each for pad in reversed(pads) for each in pad]
    strides = size_list(expr.attribute("stride"))
    if len(axes) > LARGEST or all(stride == sizes.number(1) for stride in strides):
        weight, bias = (*_weights(printer, expr), "None")[:2]
        name = printer.scope.help("convolve_points")
        result = f"{name}({x.code}, {weight}, {bias}, ({', '.join(flat)}){_options(printer, expr)})"
    else:
        code = x.code if all(each == "0" for each in flat) else f"F.pad({x.code}, ({', '.join(flat)}))"
        result = f"F.conv{len(axes)}d({', '.join([code, *_weights(printer, expr)])}{_options(printer, expr)})"
    for index, (axis, stride) in enumerate(zip(axes, strides, strict=True)):
        if stride != sizes.number(1):
            length = sizes.apply("ceil", sizes.apply("/", expr.operands[0].type.axis(axis).length, stride))
            result += f".narrow({index - len(axes)}, 0, {printer.scope.whole(length).code})"
    return result


def _along_sequence(printer: Printer, expr: Apply, x: Text, lead: int) -> str:
    """Along the sequence of the layer: no window crosses into another document."""
    stride = size_list(expr.attribute("stride"))[0]
    alone = not printer.scope.steps or not printer.scope.whole_sequence(expr.operands[0].type)
    if stride != sizes.number(1) or alone or lead > 1:
        return _dense(printer, expr, x)
    pads = ", ".join(("0", "0") if _kept(printer, expr) else _padding(printer, expr)[0])
    weights = _weights(printer, expr)
    bias = weights[1] if len(weights) > 1 else "None"
    name = printer.scope.help("convolve")
    return f"{name}({x.code}, {weights[0]}, {bias}, steps, ({pads}){_options(printer, expr)})"


def _kept(printer: Printer, expr: Apply) -> Text | None:
    """The operand of a causal window with what was kept of it in front."""
    operand = expr.operands[0]
    scope = printer.scope
    if not isinstance(operand, Read) or not expr.attribute("causal") or f"{operand.value} window" not in scope.tracks:
        return None
    track = scope.tracks[f"{operand.value} window"]
    whole = scope.owner.windows[operand.value]
    own = extent_of(expr)
    if own != whole:
        length = scope.lengths[str(scope.axis)]
        track = f"{track}[:, {track}.shape[1] - {length} - ({scope.whole(own).code}) :]"
    return Text(track, scope.labels(operand.type), operand.type.kind)


def extent_of(expr: Apply) -> Size:
    """How many points before its own a causal window along one axis reads."""
    window, dilation = (size_list(expr.attribute(key))[0] for key in ("window", "dilation"))
    return _less(_extent(window, dilation), 1)


PRINTERS: dict[str, Callable[[Printer, Apply], Text]] = {"conv": conv}
