"""Timing: the medians of several ways to compute the same, one after another in every round."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from math import inf


def medians(
    ways: Mapping[str, Callable[[], object]],
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
    slow: float = inf,
) -> dict[str, float]:
    """Milliseconds of each way, after a round that does not count. What takes more than `slow` seconds is timed once."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            if turn > 1 and taken[name][0] > slow:
                continue
            start = clock()
            way()
            spent = clock() - start
            if turn > 0:
                taken[name].append(spent)
    return {name: 1000 * statistics.median(times) for name, times in taken.items()}
