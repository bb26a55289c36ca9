"""What holds of a program after every stage: numbered invariants, each a sentence and a function.

In: a program and the stage that it comes from. A violation is a mistake of the compiler, never of the user, and raises
InvariantError with the module, the node and the number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from recdsl.ir import calls_hold, modules_hold, order_holds, values_hold
from recdsl.ir.dump import dump
from recdsl.ir.module import Module, Program
from recdsl.ir.violation import Violation

STAGES = ("check", "expand", "hoist", "lower")
SHOWN = 5


class InvariantError(AssertionError):
    """A stage made a program that is none."""


@dataclass(frozen=True, slots=True)
class Invariant:
    """`statement` holds of every module after the stage `since` and after all later ones."""

    number: str
    statement: str
    violations: Callable[[Module, Program], Iterator[Violation]]
    since: str = "check"


INVARIANTS = (
    Invariant("I1", "ids of values, names of items, weights and instances are unique in a module", modules_hold.unique),
    Invariant("I2", "every read and every output names a value of its module", values_hold.reads_known),
    Invariant("I3", "the type of a read is that of the value, seen at the shift or along the edge", values_hold.reads_agree),
    Invariant("I4", "an operator has its attributes and operands, and the type that its rule gives", values_hold.operators_agree),
    Invariant("I5", "an equation has all dims and axes of its expression and start", values_hold.equations_agree),
    Invariant("I6", "a start before the first point reads only what does not vary along the axes", values_hold.starts_static),
    Invariant("I7", "every weight that is used is in the state dict, with the dims of its layout", modules_hold.weights_known),
    Invariant("I8", "sizes read only the module's parameters", modules_hold.sizes_known),
    Invariant("I9", "every instance has a module, and all its parameters a value", calls_hold.instances_complete),
    Invariant("I10", "a call gives every input of the layer, and has the dims of its output", calls_hold.calls_agree),
    Invariant("I11", "the inputs of a body are what is captured, carried and counted around it", calls_hold.bodies_agree),
    Invariant("I12", "no module is made of itself", calls_hold.acyclic),
    Invariant("I13", "every component has a schedule", order_holds.scheduled),
    Invariant("I14", "no grad is left", values_hold.gradients_expanded, since="expand"),
    Invariant("I15", "what is costly and does not depend on a recurrence stands outside of it", order_holds.hoisted, since="hoist"),
    Invariant("I16", "what a component reads is computed in it or before it", order_holds.ordered, since="lower"),
)  # fmt: skip


def check_invariants(program: Program, after: str = "check") -> None:
    """Raise InvariantError where a program breaks an invariant that holds after the stage `after`."""
    known = [each for each in INVARIANTS if STAGES.index(each.since) <= STAGES.index(after)]
    if program.main not in program.modules:
        raise InvariantError(f"after {after}: there is no module {program.main}")
    for invariant in known:
        found = [
            (module, each) for module in program.modules.values() for each in invariant.violations(module, program)
        ]
        if found:
            shown = "\n".join(_text(module, each) for module, each in found[:SHOWN])
            raise InvariantError(f"after {after}: {invariant.number} is broken ({invariant.statement})\n{shown}")


def _text(module: Module, violation: Violation) -> str:
    node = violation.node if isinstance(violation.node, str) else dump(violation.node).rstrip().replace("\n", "\n    ")
    return f"  in {module.key}: {violation.message}\n    {node}"
