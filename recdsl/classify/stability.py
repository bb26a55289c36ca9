"""Whether a recurrence can grow: what is proved, and which sub-expression stands in the way.

affine         the transition is at most 1 in size (see `transition`)
semiring       sums, maxima and logarithms of sums of exponentials never spread differences
all others     the states stay in an interval that their next values do not leave
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from recdsl.check.causality import names_together, source_name
from recdsl.classify.bounds import Bounds
from recdsl.classify.group import Group
from recdsl.classify.transition import transition
from recdsl.classify.verdict import Verdict
from recdsl.diagnostics import Span
from recdsl.ir.operators import interval as iv
from recdsl.ir.operators.interval import Interval

ROUNDS = 8  # of looking for an interval that the next values do not leave


@dataclass(frozen=True, slots=True)
class Stability:
    """`text` begins with `proved` or `bounded` where that is so, and otherwise says what is in the way, at `span`."""

    text: str
    span: Span | None = None

    @property
    def holds(self) -> bool:
        return self.text.startswith(("proved", "bounded"))


def stability(group: Group, verdict: Verdict) -> Stability:
    """What can be said of a recurrence. For complex and real states; the others are finite."""
    if verdict.system is not None:
        return Stability(*transition(group, verdict.system))
    if not group.states:
        span = next((each.span for each in group.items if each.span is not None), None)
        return Stability("unknown: every point reads all points before it", span)
    kinds = {group.module.type_of(each).kind for each in group.states}
    if verdict.class_ == "automaton" or kinds == {"bool"}:
        return Stability("bounded: there are finitely many states")
    if verdict.class_ == "semiring":
        return Stability("proved: sums, maxima and logsumexp never spread differences between states")
    return _bounded(group)


def _bounded(group: Group) -> Stability:
    found = invariant(group)
    said = ", ".join(f"{_name(each, group)} in {range_}" for each, range_ in found.items() if _is_finite(range_))
    free = [each for each, range_ in found.items() if not _is_finite(range_)]
    if not free:
        return Stability(f"bounded: {said}")
    span = next((each.span for each in group.equations().values() if each.id in free), None)
    names = names_together([_name(each, group) for each in free])
    return Stability(f"unknown: no bound of {names} is known{'; ' * bool(said)}{said}", span)


def _name(state: str, group: Group) -> str:
    return source_name(state, group.module)


def invariant(group: Group) -> dict[str, Interval]:
    """For each state an interval that holds its start and that no step leaves, as small as a few rounds make it."""
    lost: set[str] = set()
    while True:
        ranges = {state: iv.REAL if state in lost else _start(group, state) for state in group.states}
        for turn in range(ROUNDS):
            grown = {state: iv.hull(ranges[state], after) for state, after in _after(group, ranges).items()}
            if turn >= ROUNDS // 2:
                grown = {state: _widened(ranges[state], range_) for state, range_ in grown.items()}
            moving = {state for state in ranges if grown[state] != ranges[state] and state not in lost}
            ranges = {state: ranges[state] if state in lost else grown[state] for state in ranges}
            if not moving:
                break
        else:
            lost |= moving
            continue
        last = _after(group, ranges)
        return {state: last[state] if state in lost else ranges[state] for state in ranges}


def _start(group: Group, state: str) -> Interval:
    init = next((each.init for each in group.equations().values() if each.id == state), None)
    return iv.point(0) if init is None else group.bounds.of(init)


def _after(group: Group, ranges: dict[str, Interval]) -> dict[str, Interval]:
    """The ranges of the next states, when the earlier ones lie in `ranges`."""
    equations = group.equations()
    bounds = Bounds(group.program, group.polynomials)
    bounds.values.update(ranges)
    found = {}
    for state in ranges:
        found[state] = bounds.of(equations[state].expr) if state in equations else iv.REAL
    return found


def _widened(before: Interval, after: Interval) -> Interval:
    """Ends that have moved go on to the next power of two, so that what creeps up on a limit gets there."""
    low = after.low if after.low == before.low else -_power(-after.low)
    high = after.high if after.high == before.high else _power(after.high)
    return Interval(low, high, after.low_open or low != after.low, after.high_open or high != after.high)


def _power(value: float) -> float:
    """The next power of two from a number on, upwards; 0 from negative ones."""
    if value <= 0 or math.isinf(value):
        return max(value, 0.0)
    return 2.0 ** math.ceil(math.log2(value))


def _is_finite(range_: Interval) -> bool:
    return abs(range_.low) < iv.INF and abs(range_.high) < iv.INF
