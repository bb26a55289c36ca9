"""The reference interpreter: what a program means, point by point in float64.

In: a checked `Program`, sizes, tensors. Out: the results, differentiable by autograd. Read `frame.py` first (reads,
recurrences, calls, depth), then `operators.py` (what each operator does at one point), `documents.py` (batches),
`scope.py` (sizes and weights) and `interpreter.py` (the class `Reference`). Nothing here knows of rewrites or
algorithms, and speed does not matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recdsl.reference.interpreter import Reference as Reference
    from recdsl.reference.interpreter import State as State
    from recdsl.reference.start import initial_parameters as initial_parameters

__all__ = ["Reference", "State", "initial_parameters"]


def __getattr__(name: str) -> object:
    """The public names, imported when first used, because they need torch."""
    if name == "initial_parameters":
        from recdsl.reference import start

        return start.initial_parameters
    if name in __all__:
        from recdsl.reference import interpreter

        return getattr(interpreter, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
