"""Leaves out of a printed file the functions and classes that nothing in it uses.

A helper of a template is made of several; which of them a file needs depends on how it is called.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement at the top of a part: its lines from `first` up to `last`, the name that it defines, "" for statements that stay
    in any case, and the names that it uses."""

    first: int
    last: int
    name: str
    uses: frozenset[str]


def without_unused(parts: Iterable[str], kept: frozenset[str]) -> str:
    """The text of all parts without top-level definitions that nothing else names, but for those in `kept`."""
    found = [(part, _statements(part)) for part in parts]
    left = [each for _, statements in found for each in statements]
    while True:
        used = kept.union(*(each.uses for each in left))
        idle = {each.name for each in left if each.name and each.name not in used}
        if not idle:
            break
        left = [each for each in left if each.name not in idle]
    names = {each.name for each in left}
    return "\n\n".join(_without(part, [each for each in own if each.name not in names]) for part, own in found)


def _without(part: str, gone: list[Statement]) -> str:
    lines = part.split("\n")
    for each in reversed(gone):
        del lines[each.first : each.last]
    return "\n".join(lines)


@lru_cache(maxsize=256)
def _statements(part: str) -> tuple[Statement, ...]:
    """The statements of a part; helpers come again in many files."""
    return tuple(_statement(each) for each in ast.parse(part).body)


def _statement(statement: ast.stmt) -> Statement:
    assert statement.end_lineno is not None
    if not isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return Statement(statement.lineno - 1, statement.end_lineno, "", frozenset(_names(statement)))
    first = min([statement.lineno, *(each.lineno for each in statement.decorator_list)])
    uses = frozenset(_names(statement) - {statement.name})
    return Statement(first - 1, statement.end_lineno, statement.name, uses)


def _names(statement: ast.stmt) -> set[str]:
    """Every name in a statement, also those in annotations that are strings."""
    found = set()
    for each in ast.walk(statement):
        match each:
            case ast.Name(id=name):
                found.add(name)
            case ast.Constant(value=str(text)) if text.isidentifier():
                found.add(text)
    return found
