"""The range of a polynomial in which no atom has a power: it takes its least and greatest value where every atom is at one of its ends.

lb + (1 - lb) * s  with lb, s in (0, 1)    lies in (0, 1); taking the products one by one would give (-1, 2)
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

from recdsl.classify.polynomial import Monomial
from recdsl.ir.expr import Expr
from recdsl.ir.operators.interval import REAL, Interval

MOST = 5  # atoms

Corner = tuple[int, ...]  # for each atom whether it is at its low end (0) or at its high one (1)


def at_corners(monomials: list[Monomial], of: Callable[[Expr], Interval]) -> Interval:
    """The range of a sum of products, whose atoms lie in the intervals that `of` gives; all numbers where this does not say."""
    atoms = list(dict.fromkeys(atom for product, _ in monomials for atom in product))
    if len(monomials) < 2 or len(atoms) > MOST or any(len(set(product)) < len(product) for product, _ in monomials):
        return REAL
    sides = [of(atom) for atom in atoms]
    if any(math.isinf(value) for side in sides for value in (side.low, side.high)):
        return REAL
    values: dict[Corner, float] = {}
    for corner in itertools.product((0, 1), repeat=len(atoms)):
        at = {atom: side.high if end else side.low for atom, side, end in zip(atoms, sides, corner, strict=True)}
        values[corner] = math.fsum(number * math.prod(at[atom] for atom in product) for product, number in monomials)
    low, high = min(values.values()), max(values.values())
    lowest = {corner for corner, value in values.items() if value == low}
    highest = {corner for corner, value in values.items() if value == high}
    return Interval(low, high, not _is_reached(lowest, sides), not _is_reached(highest, sides))


def _is_reached(corners: set[Corner], sides: list[Interval]) -> bool:
    """Whether a point between these corners is inside: atoms at ends that are closed, or anywhere between their ends."""
    choices: list[list[Corner]] = []
    for side in sides:
        closed = [(end,) for end, is_open in enumerate((side.low_open, side.high_open)) if not is_open]
        choices.append([*closed, (0, 1)])
    return any(all(each in corners for each in itertools.product(*face)) for face in itertools.product(*choices))
