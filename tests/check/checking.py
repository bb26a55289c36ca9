"""Checked programs from a few lines of text."""

from __future__ import annotations

from recdsl.diagnostics import RecdslError, Source
from recdsl.ir.module import Module, Program
from recdsl.pipeline import check


def program(text: str, **settings: object) -> Program:
    """The checked program of a text; `settings` as `--set` gives them."""
    return check(Source("test.rdl", text), settings=settings).program


def body(*lines: str, head: str = "layer f(D, H, K) over t:") -> Module:
    """The module of one layer with these statements."""
    return program("\n".join([head, *(f"  {line}" for line in lines)]) + "\n").entry


def types(module: Module) -> dict[str, str]:
    """The type of every equation by its name, as text."""
    return {each.id: str(each.type) for each in module.equations() if not each.id.startswith("%")}


def weights(module: Module) -> dict[str, str]:
    """The layout of every weight by its path: `q.weight` → `H K, D`."""
    return {each.path: ", ".join(" ".join(map(str, group)) for group in each.layout) for each in module.weights}


def codes(text: str, **settings: object) -> list[str]:
    """The codes of the errors, or else of the warnings."""
    try:
        found = check(Source("test.rdl", text), settings=settings).warnings
    except RecdslError as error:
        found = error.diagnostics
    return [each.code for each in found]
