"""The verdict on one recurrence: its class, what shows it, and what stands in the way of a better one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from recdsl.classify import automaton, clamp, mobius, semiring
from recdsl.classify.affine import NotAffine
from recdsl.classify.closed import NotClosed
from recdsl.classify.group import Group
from recdsl.classify.jacobian import Mixing, mixing
from recdsl.classify.outer import pairs
from recdsl.classify.system import System, system_of
from recdsl.diagnostics import Span
from recdsl.ir.expr import Apply, Expr, Read, rebuild, walk
from recdsl.ir.module import Depth, Equation

Form = semiring.Semiring | clamp.Clamp | mobius.Mobius | automaton.Automaton
FAMILIES: dict[str, Callable[[Group], Form]] = {
    "semiring": semiring.find, "clamp": clamp.find, "mobius": mobius.find, "automaton": automaton.find,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps a recurrence from a class: a code, why, the place."""

    code: str
    reason: str
    span: Span | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """`class_` is a name of the table in docs/recurrences.md. `system` holds the coefficients of an affine recurrence, `form` those
    of the other closed families; of a nonlinear one `mixing` is where elements of the state meet, None when they never do."""

    class_: str
    system: System | None = None
    form: Form | None = None
    mixing: Mixing | None = None
    obstacle: Obstacle | None = None


def verdict_of(group: Group) -> Verdict:
    """The class of a component."""
    depth = next((each for each in group.items if isinstance(each, Depth)), None)
    if depth is not None:
        reason = f"the {depth.kind} {depth.name} stands in it"
        return Verdict("nonlinear", obstacle=Obstacle("R510", reason, depth.span))
    whole = next((each for each in _expressions(group) if _reads_all_points(each, group)), None)
    if whole is not None:
        return Verdict("nonlinear", obstacle=Obstacle("R510", "it reads all of its earlier points", whole.span))
    kinds = {group.module.type_of(each).kind for each in group.states}
    obstacle: Obstacle | None = None
    if kinds <= {"real", "complex"}:
        try:
            system = system_of(group.walk(), tuple(group.states), group.bounds)
        except NotAffine as error:
            obstacle = Obstacle(error.code, error.reason, error.expr.span or _span(group))
        else:
            return Verdict(_affine_class(system, group), system)
    form = _form(group)
    if form is not None:
        return Verdict(form[0], form=form[1], obstacle=obstacle)
    if _folds_points(group):
        return Verdict("semiring", obstacle=obstacle)
    found = mixing(group)
    if found is not None and found.opaque:
        return Verdict("opaque", mixing=found, obstacle=obstacle)
    return Verdict("nonlinear", mixing=found, obstacle=obstacle)


def _expressions(group: Group) -> Iterator[Expr]:
    return (each for equation in group.equations().values() for each in walk(equation.expr))


def _reads_all_points(expr: Expr, group: Group) -> bool:
    """Whether a value of the component is read at all points of an axis, under another name of it."""
    if not isinstance(expr, Apply) or expr.operator != "rename" or expr.attribute("old") not in group.module.axes:
        return False
    return any(isinstance(each, Read) and each.value in group.equations() for each in walk(expr))


def _form(group: Group) -> tuple[str, Form] | None:
    for name, find in FAMILIES.items():
        with suppress(NotClosed):
            return name, find(group)
    return None


def _folds_points(group: Group) -> bool:
    """Whether a state is folded over several of its points, each with a shift of its own: `min(d[i-1] + 1, d[j-1] + 1)`.

    That is so where it would be of the semiring with all of these reads at one point.
    """
    first = next(group.reads(), None)
    if len(group.states) != 1 or first is None or all(each.offsets == first.offsets for each in group.reads()):
        return False

    def moved(expr: Expr) -> Expr:
        is_state = isinstance(expr, Read) and expr.value in group.states and bool(expr.offsets)
        return first if is_state else expr

    items = tuple(
        replace(item, expr=rebuild(item.expr, moved)) if isinstance(item, Equation) else item for item in group.items
    )
    return semiring.is_semiring(replace(group, items=items))


def _affine_class(system: System, group: Group) -> str:
    if system.dense:
        return "block" if system.varies() else "lti"
    if system.low_rank:
        return "delta"
    if is_outer(system, group):
        return "rank-one"
    if not system.varies():
        return "lti"
    return "diagonal" if len(system.reads) == 1 else "block"


def is_outer(system: System, group: Group) -> bool:
    """Whether every state is a matrix whose decay is shared along one of two dims that its inputs are products over."""
    dims = [set(group.module.type_of(state).dim_names) for state in system.states]
    shared = set.intersection(*dims)
    decays = [set(each.coefficient.type.dim_names) for each in system.links]
    for key, value in itertools.combinations(sorted(shared), 2):
        if any(key in each for each in decays) and any(value in each for each in decays):
            continue
        found = [pairs(products, {key}, {value}, group.polynomials) for _, products in system.inputs]
        given = [each for part in found if part is not None for each in part]
        crosses = any({key} <= set(e.key.type.dim_names) and {value} <= set(e.value.type.dim_names) for e in given)
        if all(part is not None for part in found) and crosses:
            return True
    return False


def _span(group: Group) -> Span | None:
    return next((each.span for each in group.items if each.span is not None), None)
