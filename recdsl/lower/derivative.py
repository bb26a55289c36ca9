"""The derivative of a planned recurrence at one point, for algorithms that need it in pieces; `adjoint` has it as a recurrence.

    h : H = tanh(w * h[t-1] + x)      →     slopes: h_by_h = (1 - h * h) * w              each state by each earlier one
                                            pull: h_grad * (1 - h * h) * w                from gradients of states to those before

In: a stage of a plan whose algorithm is noted in `solve`. Earlier states stand in the order of `Recurrence.earlier`. Lowering takes no
algorithm whose derivatives cannot be written.
"""

from __future__ import annotations

from recdsl.ir.module import Equation, Module, Program
from recdsl.lower.plan import Recurrence
from recdsl.rewrite.jacobian import Jacobian, jacobian
from recdsl.rewrite.pullback import Pullback, pullback


def slopes(recurrence: Recurrence, module: Module, *, diagonals: bool = False) -> Jacobian:
    """The Jacobian of the states by the earlier ones; `diagonals`: only those of its blocks, where elements of the states meet."""
    return jacobian(module, _equations(recurrence), recurrence.earlier, diagonals)


def pull(recurrence: Recurrence, module: Module, program: Program) -> Pullback:
    """How gradients of the states become gradients of the earlier ones, along one axis."""
    return pullback(module, program, _equations(recurrence), recurrence.earlier)


def _equations(recurrence: Recurrence) -> list[Equation]:
    return [item for item in recurrence.items if isinstance(item, Equation)]
