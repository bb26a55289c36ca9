"""Gradients that go along the edges of a graph, as equations of the graph with its edges turned round.

    h = sum[pred](a[pred] * h[pred])            h_grad = h_given + sum[pred](a[pred] * h_grad[pred])
    edge C = sum[pred](g * C[pred]) + x    →    edge C_grad = C_given + sum[pred](g[pred] * C_grad[pred])
    o = sum[pred](C[pred])                      edge C_given = o_grad
    edge C = s * k                              k_grad = sum[pred](s[pred] * C_grad[pred])

In: an equation, a read in it, the gradient of what is read at the point of the equation. Out: that gradient at the point that is read.
Of an edge m→n the tail is n once it is turned, and `pred` runs over what were the edges that leave. The other end of such an edge cannot be
named by an equation on it; a gradient that needs a value from there is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from recdsl.diagnostics import RecdslError
from recdsl.ir.build import apply, simplified
from recdsl.ir.expr import Apply, Call, Expr, Position, Read, reads
from recdsl.ir.module import Equation, Module
from recdsl.ir.operators.unite import names
from recdsl.ir.sizes import axis_length
from recdsl.ir.types import Axis
from recdsl.rewrite.derivative import refusal
from recdsl.rewrite.equations import Equations

Place = tuple[bool, str]  # whether a value lives on edges, and `via` what it is read
# By whether the equation stands on edges, and by what it reads: how each value that its gradient needs is read from there.
WAYS: Mapping[tuple[bool, Place], Mapping[Place, str]] = {
    (False, (False, "pred")): {(False, ""): "pred", (False, "pred"): "", (True, "pred"): "pred"},
    (False, (True, "pred")): {(False, ""): "tail", (True, "pred"): ""},
    (True, (False, "tail")): {(False, "tail"): "", (True, ""): "pred"},
    (True, (True, "pred")): {(True, ""): "pred", (True, "pred"): "", (False, "tail"): "tail"},
}


@dataclass(frozen=True, slots=True)
class Turned:
    """`gradients` are the ids of those that are found; the work holds what else there is."""

    work: Equations
    module: Module
    gradients: frozenset[str]

    def arriving(self, item: Equation, read: Read, product: Expr) -> Expr:
        """The product where the equation reads. Raises RecdslError (R508) where that cannot be said."""
        ways = WAYS.get(("edge" in item.type.axis_names, self._place(read)))
        if ways is None:
            raise self._refusal(read)
        whole = self._parted(product)
        summed = "pred" in ways.values()
        if summed and not any(each.via for each in reads(whole)):
            held = self.work.define(whole, replace(whole.type, axes=item.type.axes), None)
            moved: Expr = self._by(held, "pred", read)
        else:
            moved = self._moved(whole, ways, read)
        return simplified("sum", moved, over=("pred",)) if summed else moved

    def _place(self, read: Read) -> Place:
        type = self.module.type_of(read.value) if read.via == "pred" else read.type
        return "edge" in type.axis_names and read.via != "tail", read.via

    def _parted(self, expr: Expr) -> Expr:
        """The expression with names for what sums over edges itself, and without names for what depends on gradients."""
        match expr:
            case Read() if expr.value not in self.gradients and self._moves(expr):
                return self._parted(self.work.by_id[expr.value].expr)
            case Apply() | Call() if isinstance(expr, Call) or "pred" in _over(expr):
                named = self.work.name(expr, None)
                if not isinstance(named, Read) or self._moves(expr):
                    raise refusal("R508", "its gradient sums over edges", expr.span, "more than once on the way")
                return named
            case Apply():
                return replace(expr, operands=tuple(self._parted(each) for each in expr.operands))
        return expr

    def _moves(self, expr: Expr) -> bool:
        """Whether an expression depends on gradients."""
        own = {each.id for each in self.module.equations()}
        return any(
            each.value in self.gradients
            or (
                each.value not in own
                and each.value in self.work.by_id
                and self._moves(self.work.by_id[each.value].expr)
            )
            for each in reads(expr)
        )

    def _moved(self, expr: Expr, ways: Mapping[Place, str], read: Read) -> Expr:
        """The expression with every value read from the other point."""
        match expr:
            case Read() if expr.type.axes:
                via = ways.get(self._place(expr))
                if via is None:
                    raise self._refusal(expr)
                return self._by(expr, via, read)
            case Position() if expr.type.axes:
                raise refusal("R508", "its gradient counts the nodes", expr.span, "at the other end of an edge")
            case Apply():
                operands = tuple(self._moved(each, ways, read) for each in expr.operands)
                return apply(expr.operator, *operands, span=expr.span, **dict(expr.attributes))
        return expr

    def _by(self, value: Read, via: str, read: Read) -> Read:
        """A value as it is read from the place of what `read` reads, or over the edges that come in there."""
        on_edges = {"": self._place(value)[0], "tail": True, "pred": self._place(read)[0]}[via]
        site = "edge" if on_edges else self.module.axes[0]
        along = (site, "pred") if via == "pred" else (site,)
        axes = tuple(Axis(name, axis_length(name)) for name in along)
        return Read(value.value, replace(value.type, axes=axes), via=via, span=value.span)

    def _refusal(self, read: Read) -> RecdslError:
        text = f"the gradient needs {read.value} at the other end of an edge"
        return refusal("R508", text, read.span, "which cannot be named from there")


def _over(expr: Expr) -> tuple[str, ...]:
    return tuple(names(dict(expr.attributes).get("over", ()))) if isinstance(expr, Apply) else ()
