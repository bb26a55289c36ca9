"""Brackets in the text, for messages about those that do not match."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

PAIRS = {"(": ")", "[": "]"}


@dataclass(frozen=True, slots=True)
class Bracket:
    """An opening or closing bracket and where it stands."""

    sign: str
    offset: int


def open_brackets(text: str, end: int) -> list[Bracket]:
    """The brackets that are open at `end`, outermost first."""
    found: list[Bracket] = []
    for bracket in _brackets(text, 0, end):
        if bracket.sign in PAIRS:
            found.append(bracket)
        elif found and PAIRS[found[-1].sign] == bracket.sign:
            found.pop()
    return found


def never_closed(text: str, opened: list[Bracket]) -> Bracket | None:
    """The innermost of some open brackets that is not closed before the next statement begins."""
    depth = 0
    pending = list(opened)
    for bracket in _brackets(text, opened[-1].offset + 1, _end_of_statement(text, opened[-1].offset)):
        if bracket.sign in PAIRS:
            depth += 1
        elif depth:
            depth -= 1
        elif pending and PAIRS[pending[-1].sign] == bracket.sign:
            pending.pop()
    return pending[-1] if pending else None


def _end_of_statement(text: str, start: int) -> int:
    """Where the statement around `start` ends at the latest: before a line that is not indented further than its own."""
    begin = text.rfind("\n", 0, start) + 1
    depth = _indentation(text[begin:])
    end = text.find("\n", start)
    while end >= 0:
        line = text[end + 1 :].split("\n", 1)[0]
        if line.strip() and _indentation(line) <= depth and line.strip()[0] not in ")]":
            return end
        if end + 1 >= len(text):
            break
        end = text.find("\n", end + 1)
    return len(text)


def _indentation(line: str) -> int:
    return len(line) - len(line.lstrip(" \t"))


def _brackets(text: str, start: int, end: int) -> Iterator[Bracket]:
    """Every bracket between two offsets that stands neither in a string nor in a comment."""
    quoted = comment = False
    for offset in range(start, min(end, len(text))):
        sign = text[offset]
        if sign == "\n":
            quoted = comment = False
        elif sign == '"' and not comment:
            quoted = not quoted
        elif sign == "#" and not quoted:
            comment = True
        elif sign in "()[]" and not quoted and not comment:
            yield Bracket(sign, offset)
