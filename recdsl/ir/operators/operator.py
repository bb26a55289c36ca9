"""What is known of one operator: `Operator`, the rules it is made of, and the errors that rules raise.

A rule never looks at the other families; where it builds expressions it is handed the function that does (`Make`),
so that the tables do not depend on `recdsl.ir.build`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from recdsl.ir.expr import Apply, Attribute, Expr
from recdsl.ir.operators.formula import Formula
from recdsl.ir.operators.interval import Interval
from recdsl.ir.types import ValueType


class TypeRuleError(Exception):
    """Operands that an operator cannot take. `operand_index` is the operand to blame (None: all of them),
    `help` a hint for the user."""

    def __init__(self, message: str, operand_index: int | None = None, help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.operand_index = operand_index
        self.help = help


class NoAdjointError(Exception):
    """An application whose gradient cannot be written with the operators of the tables; the text says why."""


class Make(Protocol):
    """`recdsl.ir.build.simplified`: an operator on operands, with its type."""

    def __call__(self, operator: str, *operands: Expr, **attributes: Attribute) -> Expr: ...


Attributes = Mapping[str, Attribute]
TypeRule = Callable[[tuple[ValueType, ...], Attributes], ValueType]
KindRule = Callable[[tuple[str, ...]], tuple[tuple[str, ...], str]]
AdjointRule = Callable[[Make, Apply, Expr], tuple[Expr | None, ...]]
RangeRule = Callable[[Apply, tuple[Interval, ...]], Interval]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One operator.

    `arity` is the least and the greatest number of operands (None: no limit). `required` and `defaults` are its
    attributes. `type_rule` gives the type of the result from those of the operands, or raises TypeRuleError; `kinds`
    gives the kinds that the operands are brought to before the operation, and the kind of the result.

    The derivative: elementwise operators have `partials`, for each operand the derivative of the result by it, None
    where no gradient flows. The others have `adjoint`, from the application and the gradient of its result to the
    gradient of each operand; it takes precedence (elementwise ones that are not holomorphic have both). A gradient
    may lack dims that its value has and is then constant along them; where it has more, the caller sums over them.
    `no_adjoint` says why there is neither.

    `evaluate(torch, *tensors)` computes an elementwise operator on tensors that are aligned and of the right kinds.
    `range_rule` bounds the result. `linear_in` are groups of operands: linear in all of a group together while
    the others are fixed; "jointly" stands for all operands. `neutral` is what leaves the other operand (or an empty
    reduction) as it is. An operator that is not `pure` must not be repeated: its value may differ each time.
    """

    name: str
    family: str
    arity: tuple[int, int | None]
    type_rule: TypeRule
    range_rule: RangeRule
    kinds: KindRule | None = None
    required: tuple[str, ...] = ()
    defaults: tuple[tuple[str, Attribute], ...] = ()
    partials: tuple[Formula | None, ...] | None = None
    adjoint: AdjointRule | None = None
    no_adjoint: str = ""
    evaluate: Callable[..., Any] | None = None
    linear_in: tuple[tuple[int, ...], ...] | str = ()
    neutral: float | None = None
    pure: bool = True

    def linear_groups(self, count: int) -> tuple[tuple[int, ...], ...]:
        """The groups of `linear_in` for an application with `count` operands."""
        if isinstance(self.linear_in, str):
            return (tuple(range(count)),)
        groups = (tuple(i for i in group if i < count) for group in self.linear_in)
        return tuple(dict.fromkeys(group for group in groups if group))
