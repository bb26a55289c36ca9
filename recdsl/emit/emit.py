"""Emission: a checked program without `grad` becomes the text of one file."""

from __future__ import annotations

from recdsl.ir.module import Program
from recdsl.lower.lower import lower

TARGETS = ("torch",)


def emit(program: Program, target: str = "torch") -> str:
    """The text of a standalone Python file with one class a module; the last one is the entry point."""
    assert target in TARGETS, target
    from recdsl.backends.torch.program import print_program

    text: str = print_program(lower(program))
    return text
