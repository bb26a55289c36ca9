"""Leaves out of a printed file the functions and classes that nothing in it uses.

A helper of a template is made of several; which of them a file needs depends on how it is called.
"""

from __future__ import annotations

import ast


def without_unused(text: str, kept: frozenset[str]) -> str:
    """The text without top-level definitions that nothing else names, but for those in `kept`."""
    tree = ast.parse(text)
    names = {each: _names(each) - {getattr(each, "name", "")} for each in tree.body}
    own = [each for each in tree.body if isinstance(each, (ast.FunctionDef, ast.ClassDef))]
    while idle := [each for each in own if each.name not in kept.union(*names.values())]:
        own = [each for each in own if each not in idle]
        names = {each: found for each, found in names.items() if each not in idle}
    lines = text.split("\n")
    for each in reversed(tree.body):
        if each not in names:
            del lines[_first_line(each) - 1 : each.end_lineno]
    return "\n".join(lines)


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


def _first_line(statement: ast.stmt) -> int:
    match statement:
        case ast.FunctionDef() | ast.ClassDef():
            return min([statement.lineno, *(each.lineno for each in statement.decorator_list)])
    return statement.lineno
