"""Lowering: a checked program becomes lists of stages.

In: a program without `grad`. Out: a `ProgramPlan`; nothing in it is computed that no result needs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from recdsl.ir.graph import node_of, results_of
from recdsl.ir.module import Depth, Item, Module, Program
from recdsl.lower.captured import shift_outside
from recdsl.lower.plan import ModulePlan, ProgramPlan, Stage, Whole
from recdsl.lower.separate import separate
from recdsl.lower.sequential import sequential
from recdsl.lower.traits import callees_first, traits
from recdsl.rewrite.hoist import hoist
from recdsl.rewrite.order import inline_between, item_reads, ordered_components


def lower(program: Program) -> ProgramPlan:
    """The stages of every module that the entry point needs."""
    program = hoist(separate(_pruned(shift_outside(program))))
    known = traits(program)
    plans = {
        module.key: ModulePlan(module, tuple(_stages(module, program)), known[module.key])
        for module in callees_first(program)
    }
    return ProgramPlan(program, plans)


def _pruned(program: Program) -> Program:
    """The program without items that no output needs."""
    for module in program.modules.values():
        inlined = inline_between(module, program)
        program = program.with_module(replace(inlined, items=_needed(inlined, program)))
    return program


def _needed(module: Module, program: Program) -> tuple[Item, ...]:
    producer = {value: item for item in module.items for value in results_of(item)}
    wanted = {output.value for output in module.outputs} | _wanted_outside(module, program)
    needed: set[str] = set()
    while wanted:
        item = producer.get(wanted.pop())
        if item is not None and node_of(item) not in needed:
            needed.add(node_of(item))
            wanted.update(each.value for each in item_reads(item))
    return tuple(item for item in module.items if node_of(item) in needed)


def _wanted_outside(module: Module, program: Program) -> set[str]:
    """Values of a body that the depth item around it takes out."""
    wanted: set[str] = set()
    for around in program.modules.values():
        for item in around.items:
            if isinstance(item, Depth) and item.body == module.key:
                wanted.update(carry.body_out for carry in item.carried)
                wanted.update({item.until} if item.until is not None else ())
    return wanted


def _stages(module: Module, program: Program) -> Iterator[Stage]:
    items = {node_of(item): item for item in module.items}
    for component in ordered_components(module, program):
        group = tuple(items[name] for name in component.items)
        if component.recurrent:
            others = [item for item in module.items if node_of(item) not in component.items]
            read = {each.value for item in others for each in item_reads(item)}
            read |= {output.value for output in module.outputs} | _wanted_outside(module, program)
            yield sequential(module, group, component.vector, frozenset(read))
        else:
            yield from (Whole(item) for item in group)
