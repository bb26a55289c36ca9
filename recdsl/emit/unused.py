"""Leaves out of a printed file the functions and classes that nothing in it uses.

A helper of a template is made of several; which of them a file needs depends on how it is called.
"""

from __future__ import annotations

import ast


def without_unused(text: str, kept: frozenset[str]) -> str:
    """The text without top-level definitions that nothing else names, but for those in `kept`."""
    while True:
        tree = ast.parse(text)
        own = {each.name: each for each in tree.body if isinstance(each, (ast.FunctionDef, ast.ClassDef))}
        used = {name for statement in tree.body for name in _names(statement) - {getattr(statement, "name", "")}}
        idle = [each for name, each in own.items() if name not in used | kept]
        if not idle:
            return text
        lines = text.split("\n")
        for each in reversed(idle):
            del lines[_first_line(each) - 1 : each.end_lineno]
        text = "\n".join(lines)


def _names(statement: ast.stmt) -> set[str]:
    """Every name in a statement, also those in annotations that are strings."""
    found = {each.id for each in ast.walk(statement) if isinstance(each, ast.Name)}
    texts = [
        each.value for each in ast.walk(statement) if isinstance(each, ast.Constant) and isinstance(each.value, str)
    ]
    return found | {text for text in texts if text.isidentifier()}


def _first_line(definition: ast.FunctionDef | ast.ClassDef) -> int:
    return min([definition.lineno, *(each.lineno for each in definition.decorator_list)])
