"""Closed families of functions: what composes with its own kind, so that a chain of steps is one function of the family.

What the families share: one state that is read at one point, and a walk over the expressions of its component that follows values at
the same point to their equations. What leaves the family raises `NotClosed` with its place.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from recdsl.classify.affine import Walk
from recdsl.classify.group import Group
from recdsl.diagnostics import Span
from recdsl.ir.expr import Apply, Call, Const, Expr, Read, walk
from recdsl.ir.module import Equation
from recdsl.ir.types import ValueType

Value = TypeVar("Value")


class NotClosed(Exception):
    """A recurrence, or an expression in it, that is not of a family: why, and where."""

    def __init__(self, reason: str, span: Span | None) -> None:
        super().__init__(reason)
        self.reason, self.span = reason, span


def outside(expr: Expr, reason: str) -> NotClosed:
    """`expr` is not of the family."""
    return NotClosed(reason, next((each.span for each in reversed(tuple(walk(expr))) if each.span is not None), None))


def only_read(group: Group) -> Read:
    """The read of the only state at the only point. Raises `NotClosed` where there are several."""
    for item in group.items:
        if not isinstance(item, Equation):
            raise NotClosed(f"the {item.kind} {item.name} stands in it", item.span)
    states = tuple(group.states)
    if len(states) > 1:
        raise NotClosed(f"{', '.join(states[:-1])} and {states[-1]} need each other", group.items[0].span)
    found = list(group.reads())
    if not found:
        raise NotClosed("it reads all of its earlier points", group.items[0].span)
    first, *others = found
    for each in others:
        if (each.offsets, each.via) != (first.offsets, first.via):
            raise outside(each, f"{states[0]} is read at several points")
    if first.via:
        raise outside(first, f"{states[0]} is read along edges")
    return first


@dataclass(slots=True)
class ClosedWalk(ABC, Generic[Value]):
    """The walk; a family says what a state-free expression and the state are in it, and what operators do."""

    group: Group
    read: Read
    plain: Walk = field(init=False)
    equations: dict[str, Equation] = field(init=False)
    known: dict[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.plain = self.group.walk()
        self.equations = self.group.equations()

    # ---- what a family says

    @abstractmethod
    def free(self, expr: Expr) -> Value:
        """An expression that reads no state."""

    @abstractmethod
    def earlier(self) -> Value:
        """The state itself."""

    @abstractmethod
    def apply(self, expr: Apply) -> Value:
        """An operator on something that depends on the state. Raises `NotClosed`."""

    # ---- the walk

    def state(self) -> Value:
        """The next state as a function of the family. Raises `NotClosed`."""
        return self.value(self.read.value)

    def value(self, name: str) -> Value:
        if name not in self.known:
            self.known[name] = self.of(self.equations[name].expr)
        return self.known[name]

    def is_free(self, expr: Expr) -> bool:
        return self.plain.is_free(expr)

    def of(self, expr: Expr) -> Value:
        """An expression as a function of the family. Raises `NotClosed`."""
        if self.is_free(expr):
            return self.free(expr)
        match expr:
            case Read() if expr.offsets:
                return self.earlier()
            case Read():
                return self.value(expr.value)
            case Apply(operator="broadcast", operands=(x,)):
                return self.of(x)
            case Apply(operator="where", operands=(Const(value=value), then, otherwise)):
                return self.of(then if value else otherwise)
            case Apply():
                return self.apply(expr)
            case Call():
                raise outside(expr, "it goes through a layer that cannot be taken apart")
        raise AssertionError(expr)

    def normal(self, expr: Expr) -> Expr:
        """A coefficient in the form that does not depend on how it is written."""
        return self.group.polynomials.normal([(expr,)])

    @property
    def type(self) -> ValueType:
        return self.group.module.type_of(self.read.value)


def refused(expr: Apply, family: str) -> NotClosed:
    """An operator that a family does not have."""
    return outside(expr, f"{expr.operator} of a value that depends on the state is not {family}")
