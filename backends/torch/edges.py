"""Values along the edges of a graph: gathering at the ends of edges, reducing over incoming ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from recdsl.backends.torch.layout import permuted

from recdsl.emit.precedence import ATOM, Text
from recdsl.ir.expr import Apply, Expr, Read

if TYPE_CHECKING:
    from recdsl.backends.torch.expressions import Printer

    AlongDims = Callable[[Printer, Apply, Text, Sequence[str]], Text]


def read(printer: Printer, expr: Read) -> Text:
    """`h[pred]`, or a node read by an edge at the node that it leaves."""
    scope = printer.scope
    receiver = scope.graph
    assert receiver is not None
    whole = scope.values[expr.value]
    on_edges = "edge" in whole.labels
    if expr.via == "tail":
        return _indexed(whole, receiver.tail, "edge")
    if on_edges:  # a node's own edges may be a slice
        return _indexed(whole, receiver.edges, "pred", slices=not scope.on_edges)
    return _indexed(whole, receiver.nodes, "pred")


def _indexed(whole: Text, index: str, label: str, slices: bool = False) -> Text:
    """A value at an index; `index_select` takes a fraction of the time that brackets do."""
    labels = (label, *whole.labels[1:])
    if not index or not whole.labels or whole.labels[0] in whole.labels[1:]:
        return replace(whole, labels=labels if whole.labels else ())
    code = f"{whole.at(ATOM)}[{index}]" if slices else f"{whole.at(ATOM)}.index_select(0, {index})"
    return replace(whole, code=code, labels=labels, strength=ATOM)


def varies(expr: Expr) -> bool:
    """Whether an expression differs from one incoming edge to the next."""
    return "pred" in expr.type.axis_names


def lifted(printer: Printer, expr: Expr) -> Text:
    """What belongs to the receiver, for each of its incoming edges."""
    scope = printer.scope
    assert scope.graph is not None
    text = type(printer)(replace(scope, pred=False)).text(expr)
    if text.number or not text.labels or text.labels[0] not in (scope.module.axes[0], "edge"):
        return text
    return _indexed(text, scope.graph.back, "pred")


def _inside(printer: Printer, expr: Apply) -> Text:
    """The operand of a reduction, for every incoming edge."""
    if printer.scope.on_edges:
        printer.scope.help("Graph.pairs")
    inner = type(printer)(replace(printer.scope, pred=True))
    operand = expr.operands[0]
    text = inner.cast(inner.tensor(inner.text(operand), operand.type.kind), expr.type.kind)
    if "pred" not in text.labels:
        scope = printer.scope
        assert scope.graph is not None
        count = f"len({scope.graph.back})"
        expanded = f"{text.at(ATOM)}.expand({', '.join([count, *('-1' for _ in text.labels)])})"
        return Text(expanded, ("pred", *text.labels), text.kind)
    return permuted(text, ("pred", *(label for label in text.labels if label != "pred")))


def _receiver_label(printer: Printer) -> str:
    scope = printer.scope
    return "edge" if scope.on_edges else scope.module.axes[0]


def reduce(printer: Printer, expr: Apply, over: Sequence[str], along_dims: AlongDims) -> Text:
    """`sum[pred](…)` and its kin: [edges, …] → [receivers, …]; along further dims first, which `along_dims` prints."""
    scope = printer.scope
    assert scope.graph is not None
    x = _inside(printer, expr)
    rest = [name for name in over if name != "pred"]
    if rest:
        x = along_dims(printer, expr, x, rest)
    helper = scope.help(f"{expr.operator}_by")
    code = f"{helper}({x.code}, {scope.graph.back}, {scope.graph.count})"
    return Text(code, (_receiver_label(printer), *x.labels[1:]), expr.type.kind)


def softmax(printer: Printer, expr: Apply) -> Text:
    """`softmax[pred](…)`: a share for each incoming edge."""
    scope = printer.scope
    assert scope.graph is not None
    x = _inside(printer, expr)
    code = f"{scope.help('softmax_by')}({x.code}, {scope.graph.back}, {scope.graph.count})"
    return Text(code, x.labels, "real")
