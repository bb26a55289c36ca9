"""What a lowered program is: modules as lists of stages, without anything of a backend.

ProgramPlan   one plan a module, callees first
ModulePlan    the stages of a module in an order in which they can be computed, and what it keeps between calls
Whole         an item computed for all points at once
Recurrence    items that need each other at other points, with the algorithm that computes them
"""

from __future__ import annotations

from dataclasses import dataclass

from recdsl.ir.expr import Expr, Read, walk
from recdsl.ir.module import Equation, Item, Module, Program


@dataclass(frozen=True, slots=True)
class Whole:
    """An item outside of every recurrence."""

    item: Item


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A recurrent component. `items` stand in the order of one point, `vector` is its schedule over the axes of the module.

    `class_` is a name of the table in docs/recurrences.md, `domain` that of the module; the gradient is in `lower.adjoint`.
    `reach` holds, for each value that is read at other points inside, how many points back the farthest read lies
    along the axis that a scan runs over; `kept` are the values that somebody outside reads. A `segmented` loop keeps its states
    between segments of points only (`segments`).
    """

    algorithm: str
    class_: str
    domain: str
    items: tuple[Item, ...]
    vector: tuple[int, ...]
    reach: tuple[tuple[str, int], ...]
    kept: tuple[str, ...]
    solve: Solve | None = None
    segmented: bool = False

    @property
    def earlier(self) -> tuple[Read, ...]:
        """What is read of the states of `solve` at other points, each read once, in the order of the states."""
        states = self.solve.states if self.solve is not None else ()
        equations = (each for each in self.items if isinstance(each, Equation))
        found = (each for equation in equations for each in walk(equation.expr) if isinstance(each, Read))
        reads = dict.fromkeys(each for each in found if each.value in states and each.offsets)
        return tuple(sorted(reads, key=lambda each: states.index(each.value)))


Stage = Whole | Recurrence


@dataclass(frozen=True, slots=True)
class Reading:
    """`result = Σ_keys query * state`, with the state after the point, or `before` it."""

    result: str
    state: str
    query: Expr
    before: bool


@dataclass(frozen=True, slots=True)
class Link:
    """The state `into` gets `role * of`, element by element, with `of` read at `offset` along each axis of the grid, or in a graph
    `via` edges (as a `Read` says)."""

    into: str
    of: str
    offset: tuple[int, ...]
    role: str
    via: str = ""


@dataclass(frozen=True, slots=True)
class Solve:
    """How an algorithm computes the `states` of a recurrence, for all points at once.

    `offset` is that of the reads along the axis, negative when the recurrence looks back. `roles` are the coefficients by what
    they are to the algorithm, mostly leaves: the value of an equation, a weight, a number. `readings` are all that is read of a matrix
    state that is never whole, `keys` and `values` are then its dims on both sides. In a grid `links` are all that the states read of
    each other, and `axes` those along which they do, in the order that the algorithm wants; a reading then sums its `marks`, links into
    its result. `constants` are the numbers that the algorithm chooses, such as the points of a chunk. Every algorithm documents its roles.
    """

    algorithm: str
    states: tuple[str, ...]
    offset: int
    roles: tuple[tuple[str, Expr], ...]
    readings: tuple[Reading, ...] = ()
    keys: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    axes: tuple[str, ...] = ()
    marks: tuple[Link, ...] = ()
    constants: tuple[tuple[str, int], ...] = ()

    def role(self, name: str) -> Expr:
        return dict(self.roles)[name]

    def constant(self, name: str) -> int:
        return dict(self.constants)[name]


@dataclass(frozen=True, slots=True)
class Traits:
    """What a module needs beside its inputs.

    `histories`: values read at earlier points of the sequence, and how many points back. `caches`: values
    whose whole past is read. `windows`: inputs of causal convolutions, which are kept for the extent of the window.
    `index`: whether positions have to be counted on. `points`: whether it has to know which points belong
    together. `stateful`: whether anything is left for the next call. `unmeant` says why `lengths`
    or `reset` have no meaning, by their names.
    """

    histories: tuple[tuple[str, int], ...] = ()
    caches: tuple[str, ...] = ()
    windows: tuple[str, ...] = ()
    index: bool = False
    points: bool = False
    stateful: bool = False
    unmeant: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ModulePlan:
    module: Module
    stages: tuple[Stage, ...]
    traits: Traits


@dataclass(frozen=True, slots=True)
class ProgramPlan:
    """`modules` by key, callees first."""

    program: Program
    modules: dict[str, ModulePlan]

    @property
    def entry(self) -> ModulePlan:
        return self.modules[self.program.main]
