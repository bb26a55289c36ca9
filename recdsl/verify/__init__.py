"""Tests by random programs and inputs: the strategies, and the comparison of compiled modules with the reference.

programs(domains, limits)    a hypothesis strategy of program texts that pass the checker
recurrent_programs(limits)   a strategy of programs that are made of recurrences of the known classes
inputs(program)              a strategy of examples: lengths of axes, documents, graphs
assert_equivalent(source)    raises where a compiled module and the reference differ
verify(source)               the same as a report
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recdsl.verify.equivalence import Report as Report
    from recdsl.verify.equivalence import assert_equivalent as assert_equivalent
    from recdsl.verify.equivalence import replay as replay
    from recdsl.verify.equivalence import verify as verify
    from recdsl.verify.examples import Example as Example
    from recdsl.verify.examples import inputs as inputs
    from recdsl.verify.generate import programs as programs
    from recdsl.verify.generate import recurrent_programs as recurrent_programs
    from recdsl.verify.pair import Subject as Subject
    from recdsl.verify.scene import Limits as Limits

_HOMES = {
    "Example": "examples",
    "Limits": "scene",
    "Report": "equivalence",
    "Subject": "pair",
    "assert_equivalent": "equivalence",
    "inputs": "examples",
    "programs": "generate",
    "recurrent_programs": "generate",
    "replay": "equivalence",
    "verify": "equivalence",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    """The public names, imported when first used, because they need torch or hypothesis."""
    if name in _HOMES:
        return getattr(import_module(f"recdsl.verify.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
