"""One place where an invariant does not hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from recdsl.ir.expr import Expr, Read, walk
from recdsl.ir.module import Depth, Equation, Item, Module


@dataclass(frozen=True, slots=True)
class Violation:
    """`node` is a dataclass of the program, or a name."""

    node: object
    message: str


def expressions(module: Module) -> Iterator[Expr]:
    """Every node of every expression of a module: equations, starts, what depth items read, starts of weights."""
    for root in roots(module):
        yield from walk(root)


def roots(module: Module) -> Iterator[Expr]:
    for item in module.items:
        yield from _roots_of(item)
    yield from (spec.value for spec in module.weights if spec.value is not None)


def direct_reads(item: Item) -> Iterator[Read]:
    """Every read that stands in an item."""
    return (each for root in _roots_of(item) for each in walk(root) if isinstance(each, Read))


def _roots_of(item: Item) -> Iterator[Expr]:
    match item:
        case Equation():
            yield item.expr
            if item.init is not None:
                yield item.init
        case Depth():
            yield from (read for _, read in item.captured)
            yield from (carry.start for carry in item.carried)
