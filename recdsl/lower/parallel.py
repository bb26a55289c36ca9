"""Recurrences that can be computed for all points at once are brought to the form of the algorithm that does it.

    h = (1 - z) * h[t-1] + z * x       →     h_decay = 1 - z;  h_input = z * x;  h = h_decay * h[t-1] + h_input

The program still says the same: coefficients become equations before the recurrence, what is read of a matrix state equations after
it, and the states' own equations are what is left between. Which algorithm computes them is noted beside, as a `Solve`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from recdsl.check.schedule import Component
from recdsl.classify.group import Group, group_of
from recdsl.classify.verdict import verdict_of
from recdsl.diagnostics import Diagnostic, Label, RecdslError
from recdsl.ir.build import apply
from recdsl.ir.expr import Apply, Call, Expr, Read
from recdsl.ir.graph import node_of, results_of
from recdsl.ir.module import Equation, Item, Module, Program
from recdsl.lower import gated_product
from recdsl.lower.algorithms import NAMES, SEQUENTIAL, Options, options
from recdsl.lower.cancelled import cancelled
from recdsl.lower.draft import Case, Draft, Refused
from recdsl.lower.joint import joint
from recdsl.lower.plan import Solve
from recdsl.lower.products import reordered
from recdsl.rewrite.fresh import fresh_name
from recdsl.rewrite.order import ordered_components

Solves = dict[str, tuple[Solve, ...]]  # by the key of the module


@dataclass(frozen=True, slots=True)
class Decision:
    """One recurrence, every algorithm that was asked for it, and the name of the one that computes it."""

    case: Case
    options: Options
    taken: str


@dataclass(frozen=True, slots=True)
class Parallel:
    """The program with its recurrences in form, how each is solved, and all decisions in the order in which they were made."""

    program: Program
    solves: Solves
    decisions: tuple[Decision, ...]

    def classes(self, key: str) -> dict[str, str]:
        """The class of the recurrence that each item of a module is part of."""
        return {
            node_of(item): each.case.verdict.class_
            for each in self.decisions
            if each.case.group.module.key == key
            for item in each.case.group.items
        }


def parallelise(program: Program, schedule: str = "auto") -> Parallel:
    """The program with its recurrences in form; those without a `Solve` run step by step.

    `schedule` forces one algorithm wherever it is valid. Raises RecdslError (R5xx) where it is valid nowhere.
    """
    work = _Work(program, schedule)
    for key in program.modules:
        work.module(key)
    if schedule not in ("auto", SEQUENTIAL) and not work.forced:
        raise RecdslError([_nowhere(schedule, work.reasons)])
    return Parallel(work.program, work.solves, tuple(work.decisions))


def _nowhere(schedule: str, reasons: list[Refused]) -> Diagnostic:
    if not reasons:
        return Diagnostic("R509", f"there is no recurrence that {schedule} could compute")
    first = reasons[0]
    labels = (Label(first.span, first.reason),) if first.span is not None else ()
    text = f"{schedule} does not apply: {first.reason}"
    return Diagnostic(
        first.code, text, labels, help=f"recdsl explain lists the algorithms that do; they are among {', '.join(NAMES)}"
    )


@dataclass(slots=True)
class _Work:
    program: Program
    schedule: str
    solves: Solves = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    reasons: list[Refused] = field(default_factory=list)
    forced: bool = False

    def module(self, key: str) -> None:
        done: set[str] = set()
        while (component := self._next(key, done)) is not None:
            alone = self._case(key, component)
            less = cancelled(alone)
            if less is not None:
                self.program = self.program.with_module(in_order(less, self.program.with_module(less)))
                continue
            case, found = self._joint(key, component) or (alone, options(alone))
            group = case.group
            draft = self._chosen(found)
            self.decisions.append(Decision(case, found, SEQUENTIAL if draft is None else draft.algorithm))
            if draft is None or not draft.splits:
                done.update(map(node_of, group.items), component.items)
            if draft is not None:
                change = _Change(group, draft, self.program)
                self.program = self.program.with_module(change.module())
                if not draft.splits:
                    self.solves[key] = (*self.solves.get(key, ()), change.solve())
                    done.update(draft.states)

    def _case(self, key: str, component: Component) -> Case:
        group = group_of(self.program.modules[key], self.program, component)
        return Case(group, verdict_of(group))

    def _joint(self, key: str, first: Component) -> tuple[Case, Options] | None:
        """The recurrence together with those that it hands its states on to, where no state is whole then."""
        whole = joint(self.program.modules[key], self.program, first)
        if whole is None or self.schedule == SEQUENTIAL:
            return None
        case = self._case(key, whole)
        found = options(case)
        valid = {each.algorithm for each in found.drafts}
        wanted = gated_product.NAME if self.schedule == "auto" else self.schedule
        return (case, found) if {wanted, gated_product.NAME} <= valid else None

    def _next(self, key: str, done: set[str]) -> Component | None:
        """The next recurrent component, in the order of computation."""
        for component in ordered_components(self.program.modules[key], self.program):
            if component.recurrent and not set(component.items) & done:
                return component
        return None

    def _chosen(self, found: Options) -> Draft | None:
        if self.schedule == SEQUENTIAL:
            return None
        if self.schedule == "auto":
            return found.best
        draft = next((each for each in found.drafts if each.algorithm == self.schedule), None)
        if draft is not None:
            self.forced = True
            return draft
        refused = dict(found.refused)
        if self.schedule in refused:
            self.reasons.append(refused[self.schedule])
        return found.best


@dataclass(slots=True)
class _Change:
    """One draft put into its module."""

    group: Group
    draft: Draft
    program: Program
    made: dict[Expr, Read] = field(default_factory=dict)
    added: list[Equation] = field(default_factory=list)
    taken: set[str] = field(init=False)

    def __post_init__(self) -> None:
        module = self.source
        self.taken = {given.name for given in module.inputs}
        self.taken |= {each for item in module.items for each in results_of(item)}
        self.taken |= {spec.path.split(".")[0] for spec in module.weights} | {each.path for each in module.instances}

    @property
    def source(self) -> Module:
        return self.group.module

    def solve(self) -> Solve:
        draft = self.draft
        roles = tuple((name, self._with_names(expr)) for name, expr in draft.roles)
        readings = tuple(replace(each, query=self._with_names(each.query)) for each in draft.readings)
        return Solve(
            draft.algorithm,
            draft.states,
            draft.offset,
            roles,
            readings,
            draft.keys,
            draft.values,
            draft.links,
            draft.axes,
            draft.marks,
            draft.constants,
        )

    def module(self) -> Module:
        for name, expr in self._named():
            self._name(expr, name.split("[")[0])
        changed = {each.id: each for each in self.draft.readers}
        items: list[Item] = []
        after = dict(self.draft.next)
        for item in self.source.items:
            if isinstance(item, Equation) and item.id in after:
                item = replace(item, expr=self._with_names(after[item.id]))
            elif isinstance(item, Equation) and item.id in changed:
                item = replace(item, expr=self._with_names(changed[item.id].expr))
            items.append(item)
        new = [
            replace(each, expr=self._with_names(each.expr)) for name, each in changed.items() if name not in self.taken
        ]
        module = replace(self.source, items=(*self.added, *items, *new))
        return in_order(module, self.program.with_module(module))

    def _named(self) -> tuple[tuple[str, Expr], ...]:
        """What becomes equations, and what for."""
        if self.draft.parts is not None:
            return tuple(("part", each) for each in self.draft.parts)
        return (*self.draft.roles, *(("query", each.query) for each in self.draft.readings))

    def _name(self, expr: Expr, role: str) -> None:
        if not isinstance(expr, (Apply, Call)) or expr in self.made:
            return
        read = self._existing(expr)
        if read is None:
            name = self._new(f"{self.draft.states[0].split('~')[0].lstrip('%')}_{role}")
            span = next(each.span for each in self.source.items if node_of(each) == self.draft.states[0])
            value = reordered(expr, self.source.type_of(self.draft.states[0]).dim_names)
            self.added.append(Equation(name, name, value.type, value, span=span))
            read = Read(name, value.type, span=expr.span)
        self.made[expr] = read

    def _existing(self, expr: Expr) -> Read | None:
        """An equation that says the same already."""
        polynomials = self.group.polynomials
        form = polynomials.normal([(expr,)])
        for each in self.source.equations():
            outside = each.id not in polynomials.held and each.type == expr.type
            if outside and (each.expr == expr or polynomials.normal([(each.expr,)]) == form):
                return Read(each.id, each.type)
        return None

    def _new(self, wish: str) -> str:
        stem = wish if not wish[0].isdigit() else f"part_{wish}"
        return fresh_name(stem, self.taken)

    def _with_names(self, expr: Expr) -> Expr:
        return rebuild_top(expr, self.made)


def rebuild_top(expr: Expr, names: dict[Expr, Read]) -> Expr:
    """The expression with named parts read by their names, largest parts first."""
    if expr in names:
        return names[expr]
    if not isinstance(expr, (Apply, Call)):
        return expr
    parts = tuple(rebuild_top(each, names) for each in expr.operands)
    if isinstance(expr, Apply) and any(new.type != old.type for new, old in zip(parts, expr.operands, strict=True)):
        return apply(expr.operator, *parts, span=expr.span, **dict(expr.attributes))  # dims may stand in another order
    return replace(expr, operands=parts)


def in_order(module: Module, program: Program) -> Module:
    """The module with its items in an order in which they can be computed."""
    items = {node_of(item): item for item in module.items}
    order = [name for each in ordered_components(module, program) for name in each.items]
    return replace(module, items=tuple(items[name] for name in order))
