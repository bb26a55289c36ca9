"""Loops over points that run in segments, because their states are larger than all that goes in and comes out.

In: a program with what needs no state taken out of its recurrences. Out: the same program, in which what is read of such states has
equations of its own, what is computed beside each of these recurrences, and which of them run in segments.

A backward pass that has the states of all points holds T times the state. In segments of about sqrt(T) points it has those between
segments, and computes the points of one segment again (Chen et al. 2016, arXiv 1604.06174). States that are no larger than what is read
or written at every point anyway, such as those of an LSTM, gain little, and keep their plain loop. Sizes are compared as products of
dims: `H K V` is larger than `H V`, while vectors are never counted as large.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from recdsl.check.schedule import Component
from recdsl.ir.module import Module, Program
from recdsl.lower.beside import Beside, Loop
from recdsl.rewrite.order import ordered_components


@dataclass(frozen=True, slots=True)
class Segments:
    """By the key of a module: items that are computed with a recurrence, by one of its items; the items of those in segments."""

    program: Program
    beside: Mapping[str, Mapping[str, str]]
    items: Mapping[str, frozenset[str]]


def segments(program: Program, solved: Mapping[str, frozenset[str]]) -> Segments:
    """The recurrences along sequences that run in segments, but for those with `solved` items (by the key of the module)."""
    beside: dict[str, Mapping[str, str]] = {}
    items: dict[str, frozenset[str]] = {}
    for key, module in program.modules.items():
        if module.domain == "sequence":
            work = _Work(module, program, solved.get(key, frozenset()))
            work.run()
            program = program.with_module(work.module)
            beside[key], items[key] = work.beside, frozenset(work.segmented)
    return Segments(program, beside, items)


@dataclass(slots=True)
class _Work:
    """One module."""

    module: Module
    program: Program
    solved: frozenset[str]
    beside: dict[str, str] = field(default_factory=dict)
    segmented: set[str] = field(default_factory=set)

    def run(self) -> None:
        for component in ordered_components(self.module, self.program):
            if component.recurrent and not self.solved & set(component.items):
                self._component(component)

    def _component(self, component: Component) -> None:
        loop = Loop(self.module, self.program, frozenset(component.items), component.vector[0])
        if not loop.repeatable():
            return
        for value in loop.kept():
            if loop.large(value):
                loop = Beside(loop, value).loop() or loop.writing(value)
        if any(loop.large(value) for value in loop.states()):
            self.module, self.program = loop.module, loop.program.with_module(loop.module)
            self.beside.update(dict.fromkeys(loop.items - set(component.items), component.items[0]))
            self.segmented.update(component.items)
