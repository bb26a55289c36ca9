"""The two sides of matrix states: dims that are summed over when they are read (keys), dims that go through (values), and the rest,
over which there is one state each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from recdsl.classify.group import Group
from recdsl.classify.outer import Pair, Product, pairs
from recdsl.ir.expr import Expr, reads
from recdsl.ir.module import Equation
from recdsl.lower.draft import Case, Refused
from recdsl.lower.plan import Reading
from recdsl.lower.readings import Readings, summed_dims


@dataclass(frozen=True, slots=True)
class Sides:
    """`keys` and `values` are names of dims; `readings` and `readers` are what is read, `pairs` what each state gets."""

    keys: tuple[str, ...]
    values: tuple[str, ...]
    readings: tuple[Reading, ...]
    readers: tuple[Equation, ...]
    pairs: tuple[tuple[str, tuple[Pair, ...]], ...]


def sides_of(
    case: Case,
    states: tuple[str, ...],
    inputs: tuple[tuple[str, tuple[Product, ...]], ...],
    keyed: Iterable[Expr],
    readings: Readings | None = None,
) -> Sides:
    """The sides of some states that share their dims. `keyed` are further factors on the side of the keys; `readings` are how the
    states may be read, at the point and the one before where nothing is said.

    Raises `Refused`: R515 for a state that is read whole, R516 for readings that sum over different dims, R517 for inputs that are no
    products of both sides.
    """
    group = case.group
    if any(each.init is not None for each in group.module.equations() if each.id in states):
        raise Refused("R518", "a matrix state that starts elsewhere than at 0 is computed whole", case.span)
    if any(group.module.type_of(each).kind != "real" for each in states):
        raise Refused("R527", f"{', '.join(states)} is not real", case.span)
    readings = readings or Readings(group, states)
    readings.collect()
    refuse_circles(case, states, readings)
    over = summed_dims(readings.found, readings.changed)
    if not over:
        raise Refused("R515", f"nothing is read of {', '.join(states)}", case.span)
    if len(over) > 1:
        shown = " and ".join(sorted("[" + ", ".join(sorted(each)) + "]" for each in over))
        raise Refused("R516", f"{', '.join(states)} is summed over {shown}: there are no two sides", case.span)
    keys = next(iter(over))
    dims = group.module.type_of(states[0]).dim_names
    touched = {
        name for each in (*keyed, *(reading.query for reading in readings.found)) for name in each.type.dim_names
    }
    free = [name for name in dims if name not in keys and name not in touched]
    values = _values(group, keys, free, inputs)
    if not values:
        raise Refused("R517", f"what {', '.join(states)} gets is no sum of products of two sides", case.span)
    found = []
    for state, products in inputs:
        own = pairs(products, keys, values, group.polynomials)
        if own is None:
            raise Refused("R517", f"what {state} gets is no sum of products of two sides", case.span)
        found.append((state, own))
    ordered = tuple(name for name in dims if name in keys)
    return Sides(
        ordered,
        tuple(name for name in dims if name in values),
        tuple(readings.found),
        tuple(readings.changed.values()),
        tuple(found),
    )


def refuse_circles(case: Case, states: tuple[str, ...], readings: Readings) -> None:
    """Readings are taken at once, one for each state: none may need what another one gives (R522), or vary along an axis that
    the state does not have (R515). Raises `Refused`."""
    equations = {each.id: each for each in case.group.module.equations()} | readings.changed
    results = {each.result for each in readings.found} | set(states)
    seen: set[str] = set()

    def needs(expr: Expr) -> bool:
        for read in reads(expr):
            if read.value in results:
                return True
            if read.value in equations and read.value not in seen:
                seen.add(read.value)
                if needs(equations[read.value].expr):
                    return True
        return False

    for each in readings.found:
        expr = readings.changed[each.result].expr
        more = set(expr.type.axis_names) - set(case.group.module.type_of(each.state).axis_names)
        if more:
            raise Refused("R515", f"it is read anew along {', '.join(sorted(more))}", each.query.span or case.span)
        if any(needs(read) for read in reads(expr) if read.value not in states):
            raise Refused("R522", f"how {each.state} is read depends on what is read of it", case.span)


def _values(
    group: Group, keys: frozenset[str], free: list[str], inputs: tuple[tuple[str, tuple[Product, ...]], ...]
) -> set[str]:
    """Those dims which no factor has together with a key."""
    return {
        name
        for name in free
        if all(pairs(products, keys, {name}, group.polynomials) is not None for _, products in inputs)
    }
