"""The start of a recurrence that folds with an operation for which 0 is not neutral (R410, a warning).

Along edges nothing starts: a fold over those that come in has a neutral element of its own where there are none.
"""

from __future__ import annotations

from recdsl.diagnostics import Diagnostics, Label
from recdsl.ir.expr import Apply, Const, Expr, Number, Read, reads
from recdsl.ir.module import Equation, Module

NEUTRAL = {"maximum": "-inf", "minimum": "inf", "logaddexp": "-inf", "mul": "1"}
NAMES = {"maximum": "max", "minimum": "min", "logaddexp": "logaddexp", "mul": "a product"}


def check_starts(module: Module, report: Diagnostics) -> None:
    """Warn of every equation that folds over itself without an `init`."""
    for equation in module.equations():
        if equation.init is None and (folded := _fold_over(equation.expr, equation)) is not None:
            span = folded.span or equation.span
            assert span is not None, equation.id
            label = Label(span, "folds over itself" if folded.span else "")
            name, operator = equation.name, folded.operator
            help = f"say what is meant: init {name} = {NEUTRAL[operator]}"
            report.warning("R410", f"{name} starts at 0, which is not neutral for {NAMES[operator]}", label, help=help)


def _fold_over(expr: Expr, equation: Equation) -> Apply | None:
    """The operation, seen from the root, that combines the equation's own earlier value with something else."""
    if not isinstance(expr, Apply) or expr.operator not in NEUTRAL:
        return None
    earlier = [any(_is_earlier(read, equation) for read in reads(each)) for each in expr.operands]
    if not any(earlier):
        return None
    others = [each for each, found in zip(expr.operands, earlier, strict=True) if not found]
    if expr.operator == "mul":
        direct = any(isinstance(each, Read) and _is_earlier(each, equation) for each in expr.operands)
        return expr if direct else None
    if any(isinstance(each, (Const, Number)) for each in others):
        return None  # a bound, not a fold
    return expr


def _is_earlier(read: Read, equation: Equation) -> bool:
    return read.value == equation.id and bool(read.offsets)
