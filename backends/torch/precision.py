"""States in float32 at least: which values are, and where they meet tensors in the module's own dtype.

A state that only elementwise operations and sums of products read is kept wide. What a weight is applied to has to
have the dtype of the weight, so that it is made narrow there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from recdsl.emit.precedence import ATOM, Text
from recdsl.ir.expr import Apply, Call, Expr, Read, operands, walk
from recdsl.ir.module import Depth, Equation, Module
from recdsl.lower.plan import ModulePlan, Recurrence

if TYPE_CHECKING:
    from recdsl.backends.torch.expressions import Printer

_NARROW = frozenset({"linear", "conv", "extern", "batchnorm"})


def wide_states(stage: Recurrence, module: Module) -> frozenset[str]:
    """The states of a component that are kept wide: all of them where an algorithm solves it for all points."""
    narrow = set(_applied_to(stage)) if stage.solve is None else set()
    return frozenset(v for v, _ in stage.reach if v not in narrow and module.type_of(v).kind == "real")


def wide_values(plan: ModulePlan) -> frozenset[str]:
    """The values whose past is kept wide."""
    stages = [stage for stage in plan.stages if isinstance(stage, Recurrence)]
    return frozenset(value for stage in stages for value in wide_states(stage, plan.module))


def _applied_to(stage: Recurrence) -> Iterator[str]:
    """Values that weights or sub-layers are applied to as they are."""
    for item in stage.items:
        match item:
            case Equation():
                for expr in walk(item.expr):
                    if isinstance(expr, Call) or (isinstance(expr, Apply) and expr.operator in _NARROW):
                        yield from (each.value for each in expr.operands if isinstance(each, Read))
            case Depth():
                yield from (read.value for _, read in item.captured)
                yield from (carry.start.value for carry in item.carried)


def is_wide(printer: Printer, expr: Expr) -> bool:
    """Whether an expression is computed from wide states."""
    match expr:
        case Read():
            known = printer.scope.reads.get(printer.scope.read_key(expr)) or printer.scope.values.get(expr.value)
            return known is not None and known.wide
        case Call():
            return False
        case Apply() if expr.operator in _NARROW or expr.type.kind != "real":
            return False
    return any(is_wide(printer, each) for each in operands(expr))


def narrowed(printer: Printer, text: Text) -> Text:
    """The tensor in the module's dtype."""
    if not text.wide:
        return text
    return Text(f"{text.at(ATOM)}.to({printer.scope.dtype})", text.labels, text.kind)


def widened(printer: Printer, texts: Sequence[Text]) -> list[Text]:
    """The tensors in one dtype, where one of them is wide."""
    if not any(text.wide for text in texts):
        return list(texts)
    return [text if text.wide or text.number or text.kind != "real" else widen(printer, text) for text in texts]


def widen(printer: Printer, text: Text) -> Text:
    return replace(text, code=f"{printer.scope.help('wide')}({text.code})", strength=ATOM, wide=True)
