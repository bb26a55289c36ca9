"""One recurrent component with what is known of it: its equations, its states, the order of its points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from recdsl.check.schedule import Component, components
from recdsl.classify.affine import Walk
from recdsl.classify.bounds import Bounds
from recdsl.classify.polynomial import Polynomials
from recdsl.classify.signature import Signatures
from recdsl.classify.states import states_of
from recdsl.diagnostics import RecdslError
from recdsl.ir.expr import Call, Expr, Read, rebuild, walk
from recdsl.ir.graph import node_of, results_of
from recdsl.ir.module import Equation, Item, Module, Program
from recdsl.rewrite.equations import Equations


@dataclass(frozen=True, slots=True)
class Group:
    """`items` stand in the order of one point; `states` are what is read at other points inside, and how far back.

    Sub-layers that the states go through are taken apart where that can be done: `module` and `items` hold their equations.
    """

    module: Module
    program: Program
    items: tuple[Item, ...]
    vector: tuple[int, ...]
    states: dict[str, int]
    bounds: Bounds

    @property
    def signatures(self) -> Signatures:
        return self.bounds.polynomials.signatures

    @property
    def polynomials(self) -> Polynomials:
        return self.bounds.polynomials

    def equations(self) -> dict[str, Equation]:
        return {each.id: each for each in self.items if isinstance(each, Equation)}

    def walk(self) -> Walk:
        return Walk(self.equations(), bounds=self.bounds)

    def reads(self) -> Iterator[Read]:
        """The reads of states at other points, in the order of the items."""
        for equation in self.equations().values():
            for each in walk(equation.expr):
                if isinstance(each, Read) and each.value in self.states and (each.offsets or each.via):
                    yield each


def group_of(module: Module, program: Program, component: Component) -> Group:
    """The component of a module, with its sub-layers taken apart."""
    items = {node_of(item): item for item in module.items}
    own = tuple(items[name] for name in component.items)
    module, own = _opened(module, program, own)
    named = {node_of(item): item for item in (*module.items, *own)}
    recurrent = [each for each in components(module, program) if each.recurrent]
    held = frozenset(value for each in recurrent for name in each.items for value in results_of(named[name]))
    polynomials = Polynomials(Signatures(module), held)
    return Group(module, program, own, component.vector, states_of(own), Bounds(program, polynomials))


def _opened(module: Module, program: Program, items: tuple[Item, ...]) -> tuple[Module, tuple[Item, ...]]:
    """The module with the sub-layers inlined that values of the component go through; as it is where one cannot be."""
    inside = {each for item in items for each in results_of(item)}
    equations = [each for each in items if isinstance(each, Equation)]
    if not any(_through(each.expr, inside) for each in equations):
        return module, items
    work = Equations(program, module)
    before = set(work.by_id)

    def change(expr: Expr) -> Expr:
        return work.inline(expr) if isinstance(expr, Call) and _touches(expr, inside, work) else expr

    try:
        for equation in equations:
            work.by_id[equation.id] = replace(equation, expr=rebuild(equation.expr, change))
    except RecdslError:
        return module, items
    opened = work.assembled()
    new = {name for name in work.by_id if name not in before}
    own = [
        item
        for item in opened.items
        if node_of(item) in {node_of(each) for each in items} | _dependents(new, inside, work)
    ]
    return opened, tuple(own)


def _through(expr: Expr, inside: set[str]) -> bool:
    return any(
        isinstance(each, Call) and any(isinstance(read, Read) and read.value in inside for read in walk(each))
        for each in walk(expr)
    )


def _touches(call: Call, inside: set[str], work: Equations) -> bool:
    """Whether a call is handed a value of the component, or one that has been made of such by inlining."""
    return any(
        isinstance(each, Read) and (each.value in inside or _depends(each.value, inside, work, set()))
        for each in walk(call)
    )


def _depends(value: str, inside: set[str], work: Equations, seen: set[str]) -> bool:
    if value not in work.by_id or value in seen:
        return False
    seen.add(value)
    reads = {each.value for each in walk(work.by_id[value].expr) if isinstance(each, Read)}
    return bool(reads & inside) or any(_depends(each, inside, work, seen) for each in reads)


def _dependents(new: set[str], inside: set[str], work: Equations) -> set[str]:
    """The inlined equations that depend on the component."""
    return {name for name in new if _depends(name, inside, work, set())}
