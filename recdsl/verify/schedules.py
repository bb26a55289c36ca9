"""Which schedules of a program there are to verify: every algorithm that is valid somewhere, those that come to the same once."""

from __future__ import annotations

from recdsl.ir.module import Program
from recdsl.lower.algorithms import NAMES, SEQUENTIAL
from recdsl.lower.lower import prepared
from recdsl.lower.parallel import parallelise
from recdsl.rewrite.differentiate import expand_gradients


def schedules_of(program: Program) -> tuple[str, ...]:
    """`auto` first, then the names that let another algorithm compute some recurrence than those before."""
    ready = prepared(expand_gradients(program))
    auto = parallelise(ready)
    valid = {draft.algorithm for each in auto.decisions for draft in each.options.drafts} | {SEQUENTIAL}
    found = {tuple(each.taken for each in auto.decisions): "auto"}
    for name in NAMES:
        if name in valid:
            found.setdefault(tuple(each.taken for each in parallelise(ready, name).decisions), name)
    return tuple(found.values())
