"""The states of a recurrence: what is read at other points inside, how long its chain of steps is, what has to be kept."""

from __future__ import annotations

from recdsl.classify.cost import elements, turns
from recdsl.classify.count import Count, count, number
from recdsl.ir.graph import results_of
from recdsl.ir.module import Depth, Item, Module
from recdsl.ir.sizes import axis_length
from recdsl.ir.types import ValueType
from recdsl.ir.violation import direct_reads

BYTES = {"bool": 1, "int": 8, "real": 4, "complex": 8}


def states_of(items: tuple[Item, ...]) -> dict[str, int]:
    """The values of a component that it reads at other points, in the order of the items, and how many points back
    the farthest of those reads lies."""
    reach = dict.fromkeys((each for item in items for each in results_of(item)), 0)
    for item in items:
        for read in direct_reads(item):
            if read.value in reach:
                farthest = max((abs(amount) for _, amount in read.offsets), default=int(bool(read.via)))
                reach[read.value] = max(reach[read.value], farthest)
    return {value: farthest for value, farthest in reach.items() if farthest}


def depth_of(vector: tuple[int, ...], items: tuple[Item, ...], module: Module) -> str:
    """The number of steps that wait for each other: as many as the schedule takes values, times the turns inside.

    For a vector v that is 1 + Σ |v|·(length - 1); along a graph it is the number of levels of its order.
    """
    inside = [turns(item) for item in items if isinstance(item, Depth)]
    if module.domain == "graph":
        return "*".join(["levels", *(f"({each})" for each in inside)])
    steps = number(1)
    for axis, speed in zip(module.axes, vector, strict=True):
        steps += number(abs(speed)) * (count(axis_length(axis)) + number(-1))
    total = sum(inside, Count())
    return str(steps * total) if inside else str(steps)


def kept_bytes(states: dict[str, int], module: Module, every_point: bool = False) -> Count:
    """What is kept of the states: the last points of a sequence, every point of a grid, a graph, or between turns."""
    total = Count()
    for value, reach in states.items():
        type_ = module.type_of(value)
        if module.domain == "sequence" and not every_point:
            size = number(reach) * elements(ValueType(type_.kind, (), type_.dims))
        else:
            size = elements(type_)
        total += number(BYTES[type_.kind]) * size
    return total
