"""Lowering: a checked program becomes lists of stages.

In: a program without `grad`. Out: a `ProgramPlan`; nothing in it is computed that no result needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import networkx as nx

from recdsl.ir.expr import Read, reads
from recdsl.ir.graph import node_of, results_of
from recdsl.ir.module import Item, Module, Program
from recdsl.lower.captured import shift_outside
from recdsl.lower.joint import order_of
from recdsl.lower.parallel import Parallel, Solves, parallelise
from recdsl.lower.plan import ModulePlan, ProgramPlan, Solve, Stage, Whole
from recdsl.lower.segments import segments
from recdsl.lower.separate import separate
from recdsl.lower.sequential import sequential
from recdsl.lower.traits import callees_first, traits
from recdsl.rewrite.hoist import hoist
from recdsl.rewrite.order import body_results, inline_between, item_reads, ordered_components


def lower(program: Program, schedule: str = "auto") -> ProgramPlan:
    """The stages of every module that the entry point needs. `schedule` forces an algorithm wherever it is valid.

    Raises RecdslError (R5xx) where it is valid nowhere.
    """
    return planned(parallelise(prepared(program), schedule))


def prepared(program: Program) -> Program:
    """The program as its recurrences are classified: without what no output needs, a name for each value whose past is kept."""
    return separate(_pruned(shift_outside(program)))


def planned(parallel: Parallel) -> ProgramPlan:
    """The stages of a program whose recurrences have their algorithms."""
    program, solves = parallel.program, parallel.solves
    solved = {
        key: frozenset(state for each in own if each.roles for state in each.states) for key, own in solves.items()
    }
    states = {key: frozenset(state for each in own for state in each.states) for key, own in solves.items()}
    loops = segments(_pruned(hoist(program, solved), solves), states)
    program = loops.program
    solves = {key: _left(own, program.modules[key]) for key, own in solves.items()}
    known = traits(program)
    plans: dict[str, ModulePlan] = {}
    for module in callees_first(program):
        key = module.key
        stages = Stages(
            module,
            program,
            solves.get(key, ()),
            parallel.classes(key),
            loops.beside.get(key, {}),
            loops.items.get(key, frozenset()),
        )
        plans[key] = ModulePlan(module, tuple(stages.all()), known[key])
    return ProgramPlan(program, plans)


def _left(solves: tuple[Solve, ...], module: Module) -> tuple[Solve, ...]:
    """Those whose states are still needed: what a recurrence reads may turn out to be a constant."""
    present = {node_of(item) for item in module.items}
    return tuple(each for each in solves if present & set(each.states))


def _pruned(program: Program, solves: Solves | None = None) -> Program:
    """The program without items that no output needs."""
    for module in program.modules.values():
        inlined = inline_between(module, program)
        own = (solves or {}).get(module.key, ())
        program = program.with_module(replace(inlined, items=_needed(inlined, program, own)))
    return program


def _needed(module: Module, program: Program, solves: tuple[Solve, ...]) -> tuple[Item, ...]:
    producer = {value: item for item in module.items for value in results_of(item)}
    wanted = {output.value for output in module.outputs} | body_results(module, program)
    needed: set[str] = set()
    while wanted:
        item = producer.get(wanted.pop())
        if item is not None and node_of(item) not in needed:
            needed.add(node_of(item))
            wanted.update(each.value for each in item_reads(item))
            wanted.update(each.value for each in _coefficients(item, solves))
            wanted.update(state for solve in solves if node_of(item) in solve.states for state in solve.states)
    return tuple(item for item in module.items if node_of(item) in needed)


def _coefficients(item: Item, solves: tuple[Solve, ...]) -> Iterator[Read]:
    """What the algorithm that computes an item reads beside it."""
    for solve in solves:
        if node_of(item) in solve.states:
            yield from (each for _, role in solve.roles for each in reads(role))
        yield from (
            each for reading in solve.readings if reading.result == node_of(item) for each in reads(reading.query)
        )


@dataclass(slots=True)
class Stages:
    """The stages of one module. What is read of a solved state belongs to its stage, and what is computed `beside` an item to
    that of the item; the items of loops in segments are `segmented`."""

    module: Module
    program: Program
    solves: tuple[Solve, ...]
    classes: Mapping[str, str]
    beside: Mapping[str, str]
    segmented: frozenset[str]

    def all(self) -> Iterator[Stage]:
        items = {node_of(item): item for item in self.module.items}
        for names, vector in self._groups():
            group = tuple(items[name] for name in names)
            if vector is None:
                yield from (Whole(item) for item in group)
                continue
            others = [item for item in self.module.items if node_of(item) not in names]
            read = {each.value for item in others for each in item_reads(item)}
            read |= {output.value for output in self.module.outputs} | body_results(self.module, self.program)
            class_ = next(self.classes[name] for name in names if name in self.classes)
            stage = sequential(self.module, group, vector, frozenset(read), class_)
            solve = self._solve(names)
            if solve is not None:
                stage = replace(stage, algorithm=solve.algorithm, solve=solve)
            yield replace(stage, segmented=bool(self.segmented & set(names)))

    def _solve(self, names: tuple[str, ...]) -> Solve | None:
        return next((each for each in self.solves if set(each.states) & set(names)), None)

    def _groups(self) -> Iterator[tuple[tuple[str, ...], tuple[int, ...] | None]]:
        """Items that are computed together, in order: the components, each with what is read of its states."""
        found = ordered_components(self.module, self.program)
        present = {node_of(item) for item in self.module.items}
        readings = {
            each.result: solve.states[0] for solve in self.solves for each in solve.readings if each.result in present
        }
        home = {name: place for place, each in enumerate(found) for name in each.items}
        joined = {home[result]: home[state] for result, state in (*readings.items(), *self.beside.items())}
        vectors = {place: each.vector for place, each in enumerate(found) if each.recurrent}
        for solve in self.solves:
            first, *others = dict.fromkeys(home[state] for state in solve.states)
            joined |= dict.fromkeys(others, first)
            if others:
                vectors[first] = order_of(solve.links)
        items = {node_of(item): item for item in self.module.items}
        results = {value: name for name, item in items.items() for value in results_of(item)}
        needs: nx.DiGraph[int] = nx.DiGraph()
        needs.add_nodes_from(place for place in range(len(found)) if place not in joined)
        for name, item in items.items():
            reader = joined.get(home[name], home[name])
            for read in (*item_reads(item), *_coefficients(item, self.solves)):
                if read.value in results:
                    source = joined.get(home[results[read.value]], home[results[read.value]])
                    if source != reader:
                        needs.add_edge(source, reader)
        for place in nx.lexicographical_topological_sort(needs):
            own = found[place]
            extra = tuple(
                name for each, state in sorted(joined.items()) if state == place for name in found[each].items
            )
            yield (*own.items, *extra), vectors.get(place)
