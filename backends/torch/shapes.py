"""Operators that move values about: most cost nothing, because dimensions are known by label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from recdsl.backends.torch import reads
from recdsl.backends.torch.layout import aligned, permuted, place

from recdsl.emit.precedence import ATOM, BATCH, Text
from recdsl.ir.expr import Apply
from recdsl.ir.operators.unite import names, one_dim, size, text
from recdsl.ir.types import Axis, Dim

if TYPE_CHECKING:
    from recdsl.backends.torch.expressions import Printer


def _operand(printer: Printer, expr: Apply, needed: Sequence[str] = ()) -> Text:
    first = expr.operands[0]
    return printer.with_labels(printer.tensor(printer.text(first), first.type.kind), first.type, needed)


def rename(printer: Printer, expr: Apply) -> Text:
    old, new = text(expr.attribute("old")), text(expr.attribute("new"))
    if old == printer.scope.axis:
        return reads.past(printer, expr, new)
    x = printer.text(expr.operands[0])
    return replace(x, labels=tuple(new if label == old else label for label in x.labels))


def broadcast(printer: Printer, expr: Apply) -> Text:
    """Dims that a value gets in addition are left out until something needs them."""
    return printer.text(expr.operands[0])


def pick(printer: Printer, expr: Apply) -> Text:
    name = text(expr.attribute("name"))
    index = printer.text(expr.operands[1])
    x = _operand(printer, expr, (name,))
    labels = tuple(label for label in x.labels if label != name)
    if name == printer.scope.axis and printer.scope.steps and printer.scope.whole_sequence(expr.operands[0].type):
        order = (BATCH, name, *(label for label in labels if label != BATCH))
        return Text(f"steps.pick({permuted(x, order).code}, {index.code})", (order[0], *order[2:]), x.kind)
    if name in expr.operands[0].type.axis_names:
        return Text(f"{printer.scope.help('at_index')}({x.code}, {place(x, name)}, {index.code})", labels, x.kind)
    return Text(f"{x.at(ATOM)}.select({place(x, name)}, {index.code})", labels, x.kind)


def merge(printer: Printer, expr: Apply) -> Text:
    merged, into = names(expr.attribute("names")), expr.attribute("into")
    x = _operand(printer, expr, merged)
    assert isinstance(into, (Dim, Axis))
    order = _front(x, merged) if isinstance(into, Axis) else (*(n for n in x.labels if n not in merged), *merged)
    x = permuted(x, order)
    start = place(x, merged[0])
    labels = (*order[: order.index(merged[0])], into.name, *order[order.index(merged[-1]) + 1 :])
    return Text(f"{x.at(ATOM)}.flatten({start}, {start + len(merged) - 1})", labels, x.kind)


def _front(x: Text, first: Sequence[str]) -> tuple[str, ...]:
    """Axes right behind the batch."""
    lead = tuple(label for label in x.labels if label == BATCH)
    return (*lead, *first, *(label for label in x.labels if label not in (*lead, *first)))


def split(printer: Printer, expr: Apply) -> Text:
    name, into = text(expr.attribute("name")), expr.attribute("into")
    assert isinstance(into, tuple)
    x = _operand(printer, expr, (name,))
    parts = [each for each in into if isinstance(each, (Axis, Dim))]
    sizes = [printer.scope.whole(each.length if isinstance(each, Axis) else each.size).code for each in parts]
    at = x.labels.index(name)
    labels = (*x.labels[:at], *(each.name for each in parts), *x.labels[at + 1 :])
    return Text(f"{x.at(ATOM)}.unflatten({place(x, name)}, ({', '.join(sizes)}))", labels, x.kind)


def concat(printer: Printer, expr: Apply) -> Text:
    joined = one_dim(expr.attribute("dim")).name
    texts = []
    for each in expr.operands:
        text = printer.cast(printer.tensor(printer.text(each), each.type.kind), expr.type.kind)
        texts.append(printer.with_labels(text, each.type, (joined,)))
    order = printer.united(expr.type, texts)
    codes = ", ".join(printer.spread(each, expr.type, order).code for each in texts)
    return Text(f"torch.cat(({codes}), {order.index(joined) - len(order)})", order, expr.type.kind)


def stack(printer: Printer, expr: Apply) -> Text:
    new = one_dim(expr.attribute("dim")).name
    texts = [printer.cast(printer.tensor(printer.text(e), e.type.kind), expr.type.kind) for e in expr.operands]
    order = tuple(label for label in printer.united(expr.type, texts) if label != new)
    inner = expr.type.without((new,))
    codes = ", ".join(printer.spread(each, inner, order).code for each in texts)
    return Text(f"torch.stack(({codes},), -1)", (*order, new), expr.type.kind)


def slice_dim(printer: Printer, expr: Apply) -> Text:
    name = text(expr.attribute("name"))
    x = _operand(printer, expr, (name,))
    start, stop = (printer.scope.whole(size(expr.attribute(key))).code for key in ("start", "stop"))
    behind = ", :" * (-1 - place(x, name))
    return Text(f"{x.at(ATOM)}[..., {start}:{stop}{behind}]", x.labels, x.kind)


def flip(printer: Printer, expr: Apply) -> Text:
    flipped = names(expr.attribute("names"))
    x = _operand(printer, expr, flipped)
    return Text(f"{x.at(ATOM)}.flip({', '.join(str(place(x, name)) for name in flipped)})", x.labels, x.kind)


def gather(printer: Printer, expr: Apply) -> Text:
    name = text(expr.attribute("name"))
    x = _operand(printer, expr, (name,))
    index = printer.tensor(printer.text(expr.operands[1]), "int")
    rest = tuple(label for label in x.labels if label != name)
    if BATCH in rest and BATCH not in index.labels and not set(rest) & set(index.labels):
        x = permuted(x, (*rest, name))
        return Text(f"{x.at(ATOM)}[..., {index.code}]", (*rest, *index.labels), x.kind)
    if not set(rest) & set(index.labels):
        x = permuted(x, (name, *rest))
        if len(x.labels) == 2:
            return Text(f"F.embedding({index.code}, {x.code})", (*index.labels, *rest), x.kind)
        return Text(f"{x.at(ATOM)}[{index.code}]", (*index.labels, *rest), x.kind)
    order = printer.united(expr.type, [Text("", rest), index])
    taken = printer.spread(index, expr.type, order)
    lined = aligned(x, (*order, name))
    code = f"torch.take_along_dim({lined.code}, {taken.at(ATOM)}.unsqueeze(-1), -1).squeeze(-1)"
    return Text(code, order, x.kind)


def scatter(printer: Printer, expr: Apply) -> Text:
    new = one_dim(expr.attribute("dim"))
    x, index = (printer.text(each) for each in expr.operands)
    index = printer.tensor(index, "int")
    count = printer.scope.whole(new.size).code
    mask = Text(f"F.one_hot({index.code}, {count}).bool()", (*index.labels, new.name), "bool")
    order = printer.united(expr.type, [x, mask])
    zero = {"bool": "False"}.get(expr.type.kind, "0")
    x = printer.tensor(x, expr.type.kind)
    return Text(f"torch.where({aligned(mask, order).code}, {aligned(x, order).code}, {zero})", order, x.kind)


def pool(printer: Printer, expr: Apply) -> Text:
    """Windows side by side: each axis is cut into windows, which are reduced; a rest is left out."""
    axes = names(expr.attribute("axes"))
    width = printer.scope.whole(size(expr.attribute("window"))).code
    x = printer.cast(
        _operand(printer, expr, axes), "real" if expr.operator == "avgpool" else expr.operands[0].type.kind
    )
    code, dims = x.at(ATOM), []
    for name in axes:
        length = printer.scope.size_of(name, expr.operands[0].type)
        code += f".narrow({place(x, name)}, 0, {length} // {width} * {width})"
    for count, name in enumerate(label for label in x.labels if label in axes):
        at = x.labels.index(name) + count
        code += f".unflatten({at}, (-1, {width}))"
        dims.append(at + 1)
    reduce = "amax" if expr.operator == "maxpool" else "mean"
    return Text(f"{code}.{reduce}({tuple(dims) if len(dims) > 1 else dims[0]})", x.labels, x.kind)


def upsample(printer: Printer, expr: Apply) -> Text:
    axes = names(expr.attribute("axes"))
    factor = printer.scope.whole(size(expr.attribute("factor"))).code
    x = _operand(printer, expr, axes)
    code = x.at(ATOM) + "".join(f".repeat_interleave({factor}, {place(x, name)})" for name in axes)
    return Text(code, x.labels, x.kind)


def diagonal(printer: Printer, expr: Apply) -> Text:
    pair = [text(expr.attribute("kept")), text(expr.attribute("taken"))]
    x = _operand(printer, expr, pair)
    x = permuted(x, (*(label for label in x.labels if label not in pair), *pair))
    where = "" if len(x.labels) == 2 else "0, -2, -1"
    return Text(f"{x.at(ATOM)}.diagonal({where})", x.labels[:-1], x.kind)


def inverse(printer: Printer, expr: Apply) -> Text:
    matrix = [text(expr.attribute("rows")), text(expr.attribute("columns"))]
    x = printer.cast(_operand(printer, expr, matrix), "real")
    x = permuted(x, (*(label for label in x.labels if label not in matrix), *matrix))
    return Text(f"{printer.scope.help('inverse')}({x.code})", x.labels, x.kind, wide=x.wide)


PRINTERS: dict[str, Callable[[Printer, Apply], Text]] = {
    "rename": rename,
    "broadcast": broadcast,
    "diagonal": diagonal,
    "pick": pick,
    "merge": merge,
    "split": split,
    "concat": concat,
    "stack": stack,
    "slice": slice_dim,
    "flip": flip,
    "gather": gather,
    "scatter": scatter,
    "maxpool": pool,
    "avgpool": pool,
    "upsample": upsample,
    "inverse": inverse,
}
