"""What an algorithm is asked and what it answers: `Case`, then a `Draft`, or `Refused` with the reason."""

from __future__ import annotations

from dataclasses import dataclass

from recdsl.classify.axes import crossing, moving_axes
from recdsl.classify.count import Count
from recdsl.classify.group import Group
from recdsl.classify.system import System
from recdsl.classify.verdict import Verdict
from recdsl.diagnostics import Span
from recdsl.ir.build import apply
from recdsl.ir.expr import Const, Expr, reads
from recdsl.ir.module import Equation
from recdsl.lower.plan import Link, Reading


def plus(left: Expr, right: Expr) -> Expr:
    """left + right; both stay as they are, so that a role is found again in what it is part of."""
    if _is_number(left, 0):
        return right
    return left if _is_number(right, 0) else apply("add", left, right)


def times(coefficient: Expr, x: Expr) -> Expr:
    """coefficient * x, likewise."""
    if _is_number(coefficient, 0):
        return coefficient
    return x if _is_number(coefficient, 1) else apply("mul", coefficient, x)


def _is_number(expr: Expr, value: int) -> bool:
    return isinstance(expr, Const) and expr.value == value


class Refused(Exception):
    """An algorithm that is not valid for a recurrence: a code, the reason, the place."""

    def __init__(self, code: str, reason: str, span: Span | None = None) -> None:
        super().__init__(reason)
        self.code, self.reason, self.span = code, reason, span


@dataclass(frozen=True, slots=True)
class Cost:
    """For one row of a batch: multiply-adds, steps that wait for each other, bytes that are moved to and from memory."""

    work: Count
    depth: Count
    bytes: Count


@dataclass(frozen=True, slots=True)
class Draft:
    """What an algorithm makes of a recurrence.

    `roles` are its coefficients, as expressions that read no state of it. `next` are the states in terms of these and of
    earlier states, in a form that says the same as the program. `readings` take the place of parts of the equations in `readers`.
    `keys` and `values` are what the dims of the states are to the algorithm. Roles and queries become equations; where there are
    `parts`, only these do, and the algorithm computes roles and queries from them. Without `roles` the equations stay as they are, but for what hoisting moves
    out of them. `remark` is what there is to say of it beside its cost. Where it `splits` the recurrence, the equations in `next`
    and `readers` are recurrences of their own, each of which gets its algorithm in turn.
    """

    algorithm: str
    states: tuple[str, ...]
    offset: int
    roles: tuple[tuple[str, Expr], ...]
    next: tuple[tuple[str, Expr], ...]
    cost: Cost
    readings: tuple[Reading, ...] = ()
    readers: tuple[Equation, ...] = ()
    keys: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    remark: str = ""
    parts: tuple[Expr, ...] | None = None
    links: tuple[Link, ...] = ()
    axes: tuple[str, ...] = ()
    marks: tuple[Link, ...] = ()
    splits: bool = False
    constants: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Case:
    """One recurrence, and what is around it."""

    group: Group
    verdict: Verdict

    def affine(self) -> System:
        """The coefficients. Raises `Refused` where the recurrence is not affine."""
        if self.verdict.system is not None:
            return self.verdict.system
        obstacle = self.verdict.obstacle
        if obstacle is None:
            raise Refused("R510", f"the recurrence is {self.verdict.class_}, not affine", self.span)
        raise Refused(obstacle.code, f"not affine: {obstacle.reason}", obstacle.span)

    @property
    def span(self) -> Span | None:
        return next((each.span for each in self.group.items if each.span is not None), None)

    @property
    def axis(self) -> str:
        """The axis along which the recurrence runs: that of the sequence, or the only one in a grid, whose other axes are
        then no more than dims. Raises `Refused` in other layers, and where points of the other axes need each other."""
        module = self.group.module
        if module.domain == "sequence":
            return module.axes[0]
        if module.domain != "grid":
            raise Refused("R520", f"the recurrence runs over a {module.domain}, not a sequence", self.span)
        moving = moving_axes(self.group)
        if len(moving) != 1:
            shown = f"along {' and '.join(moving)}" if moving else "over whole axes"
            raise Refused("R520", f"the recurrence runs {shown}, not along one axis", self.span)
        joined = crossing(self.group, moving[0])
        if joined is not None:
            text = f"{joined.operator} joins points that do not lie along {moving[0]}"
            raise Refused("R512", text, joined.span or self.span)
        return moving[0]

    @property
    def back(self) -> bool:
        """Whether the recurrence runs from the end."""
        return sum(self.group.vector) < 0

    def is_constant(self, expr: Expr) -> bool:
        """Whether an expression is the same all along the recurrence and for all rows of a batch: nothing that it is made of is an input."""
        equations = self.group.polynomials.equations
        return self.axis not in expr.type.axis_names and all(
            read.value in equations and self.is_constant(equations[read.value].expr) for read in reads(expr)
        )

    def one_state(self) -> str:
        """The only state. Raises `Refused` where there are several."""
        states = tuple(self.group.states)
        if len(states) > 1:
            names = " and ".join((", ".join(states[:-1]), states[-1]))
            raise Refused("R513", f"{names} need each other", self.span)
        return states[0]
