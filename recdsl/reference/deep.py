"""A deep stack: recurrences are evaluated by recursion, one level a point."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TypeVar

import torch

STACK_BYTES = 512 << 20
RECURSION_LIMIT = 1_000_000
T = TypeVar("T")


def deeply(function: Callable[[], T]) -> T:
    """The result of `function`, called in a thread with a large stack; what it raises is raised here."""
    results: list[T] = []
    errors: list[BaseException] = []
    gradients = torch.is_grad_enabled()

    def work() -> None:
        try:
            with torch.set_grad_enabled(gradients):
                results.append(function())
        except BaseException as error:
            errors.append(error)

    limit, stack = sys.getrecursionlimit(), threading.stack_size(STACK_BYTES)
    sys.setrecursionlimit(max(limit, RECURSION_LIMIT))
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    finally:
        sys.setrecursionlimit(limit)
        threading.stack_size(stack)
    if errors:
        raise errors[0]
    return results[0]
