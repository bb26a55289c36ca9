"""Expressions as people write them: `1 - z`, `gamma * (1 - alpha)`, `sigmoid(rate)`. For messages only."""

from __future__ import annotations

from dataclasses import dataclass

from recdsl.check.causality import source_name
from recdsl.ir.expr import Apply, Call, Const, Expr, Number, Position, Read, Weight, reads
from recdsl.ir.module import Module

LONGEST = 60  # characters; what is longer is cut
_INFIX = {
    "or": (" or ", 0), "and": (" and ", 1), "eq": (" == ", 2), "ne": (" != ", 2), "lt": (" < ", 2), "le": (" <= ", 2),
    "gt": (" > ", 2), "ge": (" >= ", 2), "add": (" + ", 3), "sub": (" - ", 3), "mul": (" * ", 4), "div": (" / ", 4),
    "mod": (" % ", 4), "pow": (" ^ ", 6),
}  # fmt: skip
_NEGATION, _ATOM = 5, 7
_SEEN_THROUGH = ("rename", "broadcast", "matrix", "stop")


def spelled(expr: Expr, module: Module) -> str:
    """The expression as text of the source language, as far as it has a notation there; long ones are cut."""
    text = _Speller(module).of(expr)[0]
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


@dataclass(frozen=True, slots=True)
class _Speller:
    module: Module

    def of(self, expr: Expr) -> tuple[str, int]:
        """The text, and how strongly it binds."""
        match expr:
            case Const(value=bool() as value):
                return "yes" if value else "no", _ATOM
            case Const(value=value):
                return f"{value:g}", _ATOM if value >= 0 else _NEGATION
            case Number(size=size):
                return str(size), _ATOM if size.operator in ("name", "number") else 0
            case Position(name=name):
                return f"index[{name}]", _ATOM
            case Weight(path=path):
                return path.removesuffix(".weight"), _ATOM
            case Read():
                return self._read(expr), _ATOM
            case Call(instance=instance):
                return f"{instance.split('.')[-1]}({self._listed(expr.operands)})", _ATOM
            case Apply():
                return self._apply(expr)

    def _read(self, read: Read) -> str:
        shifts = ", ".join(f"{axis}{amount:+d}" for axis, amount in read.offsets)
        name = source_name(read.value, self.module)
        if read.value.startswith("%") and self._is_open(read.value):
            name = f"({name})"
        if read.via == "pred":
            return f"{name}[pred]"
        return f"{name}[{shifts}]" if shifts else name

    def _is_open(self, nameless: str) -> bool:
        """Whether the text of a nameless value needs brackets: `1 - z`, but not `tanh(z)`, nor a `cumsum`, which reads itself."""
        expr = next((each.expr for each in self.module.equations() if each.id == nameless), None)
        sign = isinstance(expr, Apply) and expr.operator in (*_INFIX, "neg")
        return sign and expr is not None and all(read.value != nameless for read in reads(expr))

    def _apply(self, expr: Apply) -> tuple[str, int]:
        match expr.operator, expr.operands:
            case operator, (left, right) if operator in _INFIX:
                sign, strength = _INFIX[operator]
                right_strength = strength if operator in ("add", "mul", "pow") else strength + 1
                left_strength = strength + 1 if operator == "pow" else strength
                return f"{self._at(left, left_strength)}{sign}{self._at(right, right_strength)}", strength
            case "neg", (x,):
                return f"-{self._at(x, _NEGATION)}", _NEGATION
            case operator, (x, *_) if operator in _SEEN_THROUGH:
                return self.of(x)
            case "linear", (x, *_):
                return f"linear({self.of(x)[0]})", _ATOM
            case operator, operands:
                word = {"maximum": "max", "minimum": "min"}.get(operator, operator)
                return f"{word}{self._over(expr)}({self._listed(operands)})", _ATOM

    def _over(self, expr: Apply) -> str:
        over = dict(expr.attributes).get("over", ())
        return f"[{', '.join(map(str, over))}]" if isinstance(over, tuple) and over else ""

    def _at(self, expr: Expr, strength: int) -> str:
        text, own = self.of(expr)
        return text if own >= strength else f"({text})"

    def _listed(self, operands: tuple[Expr, ...]) -> str:
        return ", ".join(self.of(each)[0] for each in operands)
