"""The algorithm `newton`: all points at once by Newton's method on the whole sequence, and one exact scan backwards.

Valid where `stepwise` is, and the same but for the forward pass. Each iteration linearises the recurrence along the last iterate p,

    h[t] = f(p[t-1]) + J(p[t-1]) * (h[t-1] - p[t-1]),

and solves that affine recurrence by a scan over numbers or small matrices (Danieli et al. 2025, arXiv 2510.21450, section 3). What is left
over is measured at run time; from the first point on at which it does not vanish, the points are computed one after another. So
the result never depends on whether the method converges, only the time that it takes: it pays where the number of dependent steps is the cost.
"""

from __future__ import annotations

from dataclasses import replace

from recdsl.classify.bounds import Bounds
from recdsl.classify.count import number
from recdsl.ir.expr import Expr
from recdsl.lower import stepwise
from recdsl.lower.diagonal import CHUNK
from recdsl.lower.draft import Case, Cost, Draft
from recdsl.rewrite.jacobian import Jacobian

NAME = "newton"
ITERATIONS = 5  # of a recurrence that contracts, to the last digit of float32
MOST = 16  # iterations, before points are computed one after another


def plan(case: Case) -> Draft:
    """The plan of a recurrence. Raises `Refused`."""
    draft = stepwise.plan(case)
    states = number(len(draft.states))
    cost = Cost(
        number(ITERATIONS) * states * draft.cost.work,
        number(ITERATIONS * 2 * CHUNK),
        number(3 * ITERATIONS) * states * draft.cost.bytes,
    )
    found = stepwise.slopes(case, stepwise.earlier_states(case))
    return replace(draft, algorithm=NAME, cost=cost, remark=_remark(case, found), constants=(("iterations", MOST),))


def _remark(case: Case, found: Jacobian) -> str:
    """What is known of convergence: it is certain and fast where earlier states fade at every point."""
    bound = contraction(case, found)
    if bound is None:
        return "whether it converges shows at run time; from the first point on where it does not, points are computed one after another"
    return f"it converges whatever the inputs are: earlier states count by at most {bound:.3g}"


def contraction(case: Case, found: Jacobian) -> float | None:
    """A bound below 1 on the rows of the Jacobian, as far as the program alone proves one."""
    bounds = Bounds(case.group.program, case.group.polynomials)
    for equation in found.equations:
        bounds.values[equation.id] = bounds.of(equation.expr)
    largest = max(sum(_size(bounds, entry) for entry in row) for row in found.entries)
    return largest if largest < 1 else None


def _size(bounds: Bounds, entry: Expr) -> float:
    found = bounds.of(entry)
    return max(abs(found.low), abs(found.high))
