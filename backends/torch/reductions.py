"""Reductions, and operators that work along dims: sums of products become `einsum` instead of large products."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from recdsl.backends.torch import edges
from recdsl.backends.torch.elementwise import brought
from recdsl.backends.torch.layout import aligned, permuted, place
from recdsl.backends.torch.precision import widened

from recdsl.emit.precedence import ATOM, BATCH, PRODUCT, Text
from recdsl.ir.expr import Apply, Expr, Read
from recdsl.ir.operators.unite import names
from recdsl.ir.types import ValueType

if TYPE_CHECKING:
    from recdsl.backends.torch.expressions import Printer

# What stands in for points that do not count.
_FILL = {
    "sum": "0", "mean": "0", "prod": "1", "max": "-math.inf", "argmax": "-math.inf", "min": "math.inf", "norm": "0",
    "logsumexp": "-math.inf", "all": "True", "any": "False", "softmax": "lowest", "cumsum": "0", "topk": "-math.inf",
}  # fmt: skip


_STAY = ("softmax", "cumsum", "topk")


def reduction(printer: Printer, expr: Apply) -> Text:
    over = names(expr.attribute("over"))
    operand = expr.operands[0]
    if over == ("*",):
        x = printer.tensor(printer.text(operand), operand.type.kind)
        return Text(f"{x.at(ATOM)}.{expr.operator}()", (), "bool")
    if "pred" in over:
        return edges.reduce(printer, expr, over, _reduce)
    if expr.operator == "sum" and (text := sum_of_products(printer, operand, over)) is not None:
        return text
    x = prepared(printer, expr, printer.text(operand), over)
    if expr.operator == "mean" and _uncounted(printer, operand.type, over):
        return _mean(printer, x, over[0])
    return _reduce(printer, expr, x, over)


def prepared(printer: Printer, expr: Apply, text: Text, over: Sequence[str]) -> Text:
    """The operand with all that is worked along, and with points that do not count filled."""
    x = printer.with_labels(text, expr.operands[0].type, over)
    x = brought(printer, expr, [x])[0] if expr.operator != "topk" else x
    for name in over:
        x = uncounted(
            printer, x, expr.operands[0].type, name, _FILL[expr.operator], "cut" if expr.operator in _STAY else "some"
        )
    return x


def _uncounted(printer: Printer, type: ValueType, over: Sequence[str]) -> bool:
    scope = printer.scope
    return scope.whole_sequence(type) and (scope.axis in over or any(name in scope.renamed for name in over))


def uncounted(printer: Printer, x: Text, type: ValueType, name: str, fill: str, method: str = "cut") -> Text:
    """The tensor with `fill` at the points along an axis that belong to another document, or to none."""
    scope = printer.scope
    if not scope.steps or not scope.whole_sequence(type):
        return x
    if fill == "lowest":
        fill = f"torch.finfo({scope.dtype}).min"
    if name == scope.axis and name in x.labels:
        order = (BATCH, name, *(label for label in x.labels if label not in (BATCH, name)))
        return Text(f"steps.{method}({permuted(x, order).code}, {fill})", order, x.kind)
    if name in scope.renamed:
        return _of_own_document(printer, x, name, fill)
    return x


def _of_own_document(printer: Printer, x: Text, name: str, fill: str) -> Text:
    """Points along a renamed axis count only for points of the same document."""
    scope = printer.scope
    assert scope.axis is not None
    leading = tuple(label for label in (BATCH, scope.axis) if label in x.labels)
    order = (*leading, name, *(label for label in x.labels if label not in (*leading, name)))
    x = permuted(x, order)
    if scope.axis in scope.point:
        code = f"steps.so_far({x.code}, {fill}, {scope.positions['#' + scope.axis].code}, {scope.past})"
    elif scope.axis in leading:
        code = f"steps.only({x.code}, {fill})"
    else:
        code = f"steps.any_of({x.code}, {fill})"
    return Text(code, order, x.kind)


def _mean(printer: Printer, x: Text, name: str) -> Text:
    """A mean over the points that count."""
    scope = printer.scope
    labels = tuple(label for label in x.labels if label != name)
    summed = f"{x.at(ATOM)}.sum({place(x, name)})"
    paired = name != scope.axis and scope.axis in x.labels
    count = (
        f"steps.{'partners' if paired else 'counts'}({len(labels) - (2 if paired else 1)}, {_points(printer, x, name)})"
    )
    return Text(f"{summed} / {count}", labels, "real", strength=PRODUCT)


def _points(printer: Printer, x: Text, name: str) -> str:
    return f"{x.at(ATOM)}.shape[{place(x, name)}]"


def _reduce(printer: Printer, expr: Apply, x: Text, over: Sequence[str]) -> Text:
    labels = tuple(label for label in x.labels if label not in over)
    where = sorted(place(x, name) for name in over)
    dims = str(where[0]) if len(where) == 1 else f"({', '.join(map(str, where))})"
    match expr.operator:
        case "max" | "min":
            code = f"{x.at(ATOM)}.a{expr.operator}({dims})"
        case "norm":
            code = f"torch.linalg.vector_norm({x.code}, dim={dims})"
        case "logsumexp":
            code = f"{printer.scope.help('logsumexp')}({x.code}, {dims})"
        case "prod" | "all" | "any":
            code = x.at(ATOM) + "".join(f".{expr.operator}({dim})" for dim in where)
        case operator:
            code = f"{x.at(ATOM)}.{operator}({dims})"
    return Text(code, labels, expr.type.kind)


# ---- sums of products


def factors(expr: Expr) -> list[Expr]:
    """The factors of a product."""
    if isinstance(expr, Apply) and expr.operator == "mul":
        return [each for operand in expr.operands for each in factors(operand)]
    return [expr]


def sum_of_products(printer: Printer, expr: Expr, over: Sequence[str]) -> Text | None:
    """`sum[K](q * S)` as a contraction, where the product would be larger than its factors; None elsewhere."""
    parts = factors(expr)
    if len(parts) < 2 or any(each.type.kind not in ("real",) for each in parts):
        return None
    texts = [printer.text(each) for each in parts]
    numbers = [text for text in texts if text.number]
    tensors = [text for text in texts if not text.number]
    order = printer.united(expr.type, tensors)
    if len(tensors) < 2 or (
        any(set(text.labels) == set(order) for text in tensors)
        and all(set(text.labels) == set(order) for text in tensors)
    ):
        return None
    if any(name not in order for name in over):
        return None
    tensors = _only_counted(printer, tensors, expr.type, over, any(_is_cleared(printer, each, over) for each in parts))
    if not tensors:
        return None
    tensors = widened(printer, tensors)
    labels = tuple(label for label in order if label not in over)
    text = Text(einsum(tensors, labels), labels, "real")
    for number in numbers:
        text = Text(f"{number.at(PRODUCT)} * {text.at(PRODUCT + 1)}", labels, "real", strength=PRODUCT)
    return text


def _is_cleared(printer: Printer, expr: Expr, over: Sequence[str]) -> bool:
    """Whether a factor is a softmax along the same points, which is 0 at those that do not count."""
    if isinstance(expr, Read) and not expr.offsets:
        equation = next((each for each in printer.scope.module.equations() if each.id == expr.value), None)
        expr = equation.expr if equation is not None else expr
    return isinstance(expr, Apply) and expr.operator == "softmax" and expr.attribute("over") == tuple(over)


def _only_counted(
    printer: Printer, tensors: list[Text], type: ValueType, over: Sequence[str], cleared: bool
) -> list[Text]:
    """The factors with 0 where points do not count: in one factor that has both points; nothing where none has."""
    scope = printer.scope
    for name in over:
        if cleared or not _uncounted(printer, type, (name,)):
            continue
        needed = {name} if name == scope.axis or scope.axis in scope.point else {name, scope.axis}
        found = [index for index, text in enumerate(tensors) if needed <= set(text.labels)]
        if not found:
            return []
        tensors[found[0]] = uncounted(printer, tensors[found[0]], type, name, "0")
    return tensors


def einsum(texts: Sequence[Text], result: Sequence[str]) -> str:
    """`torch.einsum` of tensors with these labels. What all of them share in front stands as `...`."""
    every = list(dict.fromkeys([*result, *(label for text in texts for label in text.labels)]))
    lead: list[str] = []
    for label in result:
        with_it = [text for text in texts if label in text.labels]
        if any(text.labels[: len(lead) + 1] != (*lead, label) for text in with_it):
            break
        if any(lead and text.labels[: len(lead)] == tuple(lead) and text not in with_it for text in texts):
            break
        lead.append(label)
    letters = _letters([label for label in every if label not in lead])
    dots = "..." if lead else ""
    terms = [
        (dots if lead and text.labels[: len(lead)] == tuple(lead) else "")
        + "".join(letters[n] for n in text.labels if n in letters)
        for text in texts
    ]
    out = dots + "".join(letters[name] for name in result if name in letters)
    return f'torch.einsum("{",".join(terms)}->{out}", {", ".join(text.code for text in texts)})'


def _letters(labels: Sequence[str]) -> dict[str, str]:
    """A letter for every label: its own first one if that is free."""
    found: dict[str, str] = {}
    for label in labels:
        own = [c for c in (label[0].lower(), label[0].upper()) if c.isascii() and c.isalpha()]
        spare = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
        found[label] = next(c for c in (*own, *spare) if c not in found.values())
    return found


# ---- along dims


def along(printer: Printer, expr: Apply) -> Text:
    """softmax, cumsum and topk keep the dims that they work along."""
    over = names(expr.attribute("over"))
    if "pred" in over:
        return edges.softmax(printer, expr)
    x = prepared(printer, expr, printer.text(expr.operands[0]), over)
    if len(over) > 1:
        return _flattened(printer, expr, x, over)
    return _along(printer, expr, x, place(x, over[0]))


def _along(printer: Printer, expr: Apply, x: Text, dim: int) -> Text:
    if expr.operator == "topk":
        count = printer.text(expr.operands[1]).code
        code = f"{printer.scope.help('largest')}({x.code}, {count}, {dim})"
    else:
        code = f"{x.at(ATOM)}.{expr.operator}({dim})"
    return Text(code, x.labels, expr.type.kind)


def _flattened(printer: Printer, expr: Apply, x: Text, over: Sequence[str]) -> Text:
    """Several dims are made one, worked along, and taken apart again."""
    rest = [label for label in x.labels if label not in over]
    x = permuted(x, (*rest, *over))
    flat = Text(f"{x.at(ATOM)}.flatten({-len(over)})", (*rest, "+"), x.kind)
    result = _along(printer, expr, flat, -1)
    sizes = ", ".join(printer.scope.size_of(name, expr.operands[0].type) for name in over)
    return Text(f"{result.at(ATOM)}.unflatten(-1, ({sizes}))", x.labels, expr.type.kind)


def lined_up(texts: Sequence[Text], order: Sequence[str]) -> list[str]:
    return [aligned(text, order).code for text in texts]


PRINTERS: dict[str, Callable[[Printer, Apply], Text]] = {
    **dict.fromkeys(("sum", "mean", "max", "min", "prod", "logsumexp", "norm", "argmax", "all", "any"), reduction),
    **dict.fromkeys(("softmax", "cumsum", "topk"), along),
}
