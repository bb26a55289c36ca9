"""The verdict on random systems of equations, compared with the graph of all their points on a box.

A system is possible when the points of a box that is large against its offsets can be put in an order; reads outside the box are
starts. Whatever the checker accepts has to be possible. What it refuses although it is possible is counted and printed (`-s`).
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from recdsl.check.schedule import Component, Unschedulable, components
from recdsl.ir.build import apply
from recdsl.ir.expr import Expr, Read
from recdsl.ir.module import Equation, Module, Output, Program
from recdsl.ir.sizes import axis_length
from recdsl.ir.types import Axis, ValueType

AXES = {1: ("t",), 2: ("i", "j")}
BOX = {1: (16,), 2: (8, 8)}
SYSTEMS = {1: 2000, 2: 2500}

Offset = tuple[int, ...]
System = dict[str, list[tuple[str, Offset]]]  # what every equation reads, and where


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the checker says: the components, or why there are none."""

    components: tuple[Component, ...] = ()
    refused: Unschedulable | None = None


def random_system(draw: random.Random, width: int) -> System:
    """1 to 4 equations with up to two reads each; half of the systems look back more often than ahead."""
    names = [f"e{number}" for number in range(draw.randint(1, 4))]
    steps = draw.choice([range(-2, 3), (-2, -1, -1, 0, 0, 1)])
    return {
        name: [
            (draw.choice(names), tuple(draw.choice(steps) for _ in range(width)))
            for _ in range(draw.choice((0, 1, 2, 2)))
        ]
        for name in names
    }


def module_of(system: System, axes: tuple[str, ...]) -> Module:
    type_ = ValueType(axes=tuple(Axis(axis, axis_length(axis)) for axis in axes))
    start: Expr = apply("noise", apply("neg", Read("x", ValueType())), dims=(), axes=type_.axes)

    def equation(name: str, reads: list[tuple[str, Offset]]) -> Equation:
        expr = start
        for value, offset in reads:
            shifts = tuple((axis, step) for axis, step in zip(axes, offset, strict=True) if step)
            expr = apply("add", expr, Read(value, type_, shifts))
        return Equation(name, name, type_, expr)

    items = tuple(equation(name, reads) for name, reads in system.items())
    return Module("m", "m", "grid" if len(axes) > 1 else "sequence", axes, (), (), (Output(None, "e0"),), items)


def verdict(system: System, axes: tuple[str, ...]) -> Verdict:
    module = module_of(system, axes)
    try:
        return Verdict(components(module, Program({"m": module}, "m")))
    except Unschedulable as refused:
        return Verdict(refused=refused)


def is_possible(system: System, box: tuple[int, ...]) -> bool:
    """Whether all points of a box can be computed one after the other (Kahn's algorithm)."""
    waits: Counter[tuple[str, Offset]] = Counter()
    readers: dict[tuple[str, Offset], list[tuple[str, Offset]]] = {}
    cells = [(name, point) for name in system for point in itertools.product(*map(range, box))]
    for name, point in cells:
        for value, offset in system[name]:
            source = tuple(p + o for p, o in zip(point, offset, strict=True))
            if all(0 <= each < size for each, size in zip(source, box, strict=True)):
                waits[name, point] += 1
                readers.setdefault((value, source), []).append((name, point))
    ready = [cell for cell in cells if not waits[cell]]
    for cell in ready:  # grows while it is gone through
        for reader in readers.get(cell, ()):
            waits[reader] -= 1
            if not waits[reader]:
                ready.append(reader)
    return len(ready) == len(cells)


def broken_promises(found: tuple[Component, ...], system: System) -> Iterator[str]:
    """Reads that the order of components, the order at a point, or a schedule vector does not respect."""
    done: set[str] = set()
    for component in found:
        for place, name in enumerate(component.items):
            for value, offset in system[name]:
                if value in component.items:
                    here = not any(offset)
                    distance = -sum(v * o for v, o in zip(component.vector, offset, strict=True))
                    if (here and component.items.index(value) >= place) or (not here and distance < 1):
                        yield f"{name} reads {value} at {offset}, vector {component.vector}"
                elif value not in done:
                    yield f"{name} reads {value}, which comes later"
        done.update(component.items)


@pytest.mark.parametrize("width", [1, 2])
def test_nothing_impossible_is_accepted(width: int) -> None:
    draw = random.Random(width)
    counts: Counter[str] = Counter()
    for _ in range(SYSTEMS[width]):
        system = random_system(draw, width)
        found, possible = verdict(system, AXES[width]), is_possible(system, BOX[width])
        if found.refused is None:
            assert possible, system
            assert not list(broken_promises(found.components, system)), system
        elif found.refused.cycle:
            assert not is_possible(system, (1,) * width), system
        else:
            alone = {name: system[name] for name in found.refused.items}
            inside = {name: [each for each in reads if each[0] in alone] for name, reads in alone.items()}
            if width == 1 or found.refused.possible:
                assert found.refused.possible == is_possible(inside, BOX[width]), system
        counts[f"{'refused' if found.refused else 'accepted'}, {'possible' if possible else 'impossible'}"] += 1
    print(f"\n{width} axes: {dict(sorted(counts.items()))}")
    assert counts["accepted, possible"] > SYSTEMS[width] / 20
    assert counts["refused, impossible"] > SYSTEMS[width] / 20


def test_enough_systems_are_compared() -> None:
    assert sum(SYSTEMS.values()) > 4000
