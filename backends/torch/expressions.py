"""Expressions as text: dispatch over the nodes, and what all families share."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from recdsl.backends.torch import (
    calls,
    contractions,
    convolutions,
    edges,
    precision,
    reads,
    reductions,
    shapes,
    sources,
)
from recdsl.backends.torch.elementwise import elementwise
from recdsl.backends.torch.layout import permuted, spread, united
from recdsl.backends.torch.scope import Scope

from recdsl.emit.precedence import ATOM, BATCH, UNARY, Text
from recdsl.ir.expr import Apply, Call, Const, Expr, Number, Position, Read, Weight
from recdsl.ir.types import ValueType

DTYPES = {"bool": "torch.bool", "int": "torch.int64"}


@dataclass(slots=True)
class Printer:
    """Prints the expressions of one scope. Statements that an expression needs before it go to the scope's lines."""

    scope: Scope

    def text(self, expr: Expr) -> Text:
        if self.scope.pred and not edges.varies(expr):
            return edges.lifted(self, expr)
        text = self._text(expr)
        wide = self.scope.widens and isinstance(expr, Apply) and precision.is_wide(self, expr)
        return replace(text, wide=True) if wide else text

    def _text(self, expr: Expr) -> Text:
        match expr:
            case Const():
                return self._constant(expr)
            case Number():
                text = self.scope.number(expr.size)
                return replace(text, kind=expr.type.kind)
            case Position():
                return reads.position(self, expr)
            case Read():
                return reads.read(self, expr)
            case Weight():
                return Text(self.scope.owner.weights[expr.path], expr.type.dim_names, expr.type.kind)
            case Call():
                return calls.call(self, expr)
            case Apply():
                return _PRINTERS.get(expr.operator, elementwise)(self, expr)

    def _constant(self, expr: Const) -> Text:
        value = expr.value
        if isinstance(value, float) and math.isinf(value):
            code = "math.inf" if value > 0 else "-math.inf"
        else:
            code = repr(value)
        return Text(code, kind=expr.type.kind, strength=UNARY if code.startswith("-") else ATOM, number=True)

    # ---- numbers and tensors

    def tensor(self, text: Text, kind: str = "real") -> Text:
        """The text as a tensor: a Python number becomes one without dimensions."""
        if not text.number:
            return text
        like = self.scope.like
        if kind in DTYPES:
            return Text(f"torch.tensor({text.code}{self.scope.device})", kind=kind)
        if like is None:
            return Text(f"torch.tensor({text.code}, dtype={self.scope.dtype})", kind=kind)
        return Text(f"{like}.new_tensor({text.code})", kind=kind)

    def cast(self, text: Text, kind: str) -> Text:
        """The tensor in another kind, if it is not of that kind already."""
        if text.kind == kind or text.number:
            return text
        if kind == "complex":
            real = self.cast(text, "real")
            code = real.code if self.scope.in_init else f"{self.scope.help('wide')}({real.code})"
            return Text(f"torch.complex({code}, torch.zeros_like({code}))", text.labels, kind)
        return Text(f"{text.at(ATOM)}.to({DTYPES.get(kind, self.scope.dtype)})", text.labels, kind)

    def operands(self, expr: Apply | Call) -> list[Text]:
        return [self.text(each) for each in expr.operands]

    # ---- shapes

    def with_labels(self, text: Text, type: ValueType, names: Sequence[str]) -> Text:
        """A tensor that really has the dimensions `names`, which its type says it has."""
        missing = [name for name in names if name not in text.labels]
        if not missing and not text.number:
            return text
        have = set(text.labels) | set(missing)
        order = (
            *((BATCH,) if BATCH in have else ()),
            *(n for n in (*self.scope.axes_of(type), *type.dim_names) if n in have),
        )
        return self.spread(text, type, order)

    def full(self, text: Text, type: ValueType, batched: bool = True) -> Text:
        """The value with every dimension of its type, in that order, in the kind of the type."""
        order = self.scope.labels(type, batched)
        if not batched and BATCH in text.labels:
            order = (BATCH, *order)
        return self.spread(self.cast(text, type.kind), type, order)

    def spread(self, text: Text, type: ValueType, order: Sequence[str]) -> Text:
        if text.number:
            return self._filled(text, type, [self.scope.size_of(label, type) for label in order], order)
        if set(text.labels) == set(order):
            return permuted(text, order)
        return spread(text, order, lambda label: self.scope.size_of(label, type))

    def _filled(self, text: Text, type: ValueType, sizes: list[str], order: Sequence[str]) -> Text:
        """A number as a tensor of this shape."""
        shape = f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
        plain = {"0": "zeros", "0.0": "zeros", "1": "ones", "1.0": "ones", "False": "zeros"}.get(text.code)
        kind = DTYPES.get(type.kind)
        like = self.scope.like
        if like is not None and kind is None and type.kind == "real":
            code = f"{like}.new_{plain}({shape})" if plain else f"{like}.new_full({shape}, {text.code})"
        else:
            number = self.scope.dtype
            dtype = kind or (f"torch.promote_types({number}, torch.complex64)" if type.kind == "complex" else number)
            values = f"torch.{plain}({shape}" if plain else f"torch.full({shape}, {text.code}"
            code = f"{values}, dtype={dtype}{self.scope.device})"
        return Text(code, tuple(order), type.kind)

    def united(self, type: ValueType, texts: Sequence[Text]) -> tuple[str, ...]:
        """The labels of an elementwise result."""
        return united((*self.scope.axes_of(type), *type.dim_names), texts)


_PRINTERS: dict[str, Callable[[Printer, Apply], Text]] = {
    **reductions.PRINTERS,
    **contractions.PRINTERS,
    **convolutions.PRINTERS,
    **shapes.PRINTERS,
    **sources.PRINTERS,
}
