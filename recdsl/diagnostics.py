"""What a user is told: diagnostics with spans, as text with carets and as data.

In: spans into sources and a message. Out: `Diagnostic` objects; text is made last, by `render`.
A stage collects all its errors in `Diagnostics` and raises `RecdslError` once, at its end.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """One text that was read: `path` as the user gave it, `text` whole. Compared by identity."""

    path: str
    text: str = field(repr=False)

    def line(self, number: int) -> str:
        """The text of line `number` (from 1), without its end."""
        lines = self.text.split("\n")
        return lines[number - 1].rstrip("\r") if 0 < number <= len(lines) else ""

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, both from 1, of a character offset."""
        before = self.text[:offset]
        return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` (included) to `end` (excluded) of a source."""

    source: Source
    start: int
    end: int

    def to(self, other: Span) -> Span:
        """The span from the start of this one to the end of `other`."""
        return Span(self.source, self.start, max(self.end, other.end))

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    @property
    def place(self) -> tuple[int, int]:
        """Line and column of the start, both from 1."""
        return self.source.position(self.start)


@dataclass(frozen=True, slots=True)
class Label:
    """A span with a remark; the first label of a diagnostic is its place."""

    span: Span
    text: str = ""


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One error or warning: a stable code, a message, the steps of the argument, one hint."""

    code: str
    message: str
    labels: tuple[Label, ...] = ()
    help: str | None = None
    severity: str = "error"

    def to_json(self) -> dict[str, object]:
        """The same as data: code, severity, message, help, labels with file, line, column and length."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "help": self.help,
            "labels": [
                {
                    "file": label.span.source.path,
                    "line": label.span.place[0],
                    "column": label.span.place[1],
                    "length": label.span.end - label.span.start,
                    "text": label.text,
                }
                for label in self.labels
            ],
        }


class RecdslError(Exception):
    """A program cannot be meant, read or compiled; `diagnostics` says why."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n\n".join(render(d) for d in self.diagnostics))


@dataclass(slots=True)
class Diagnostics:
    """Collects what one stage has to say, each thing once."""

    found: list[Diagnostic] = field(default_factory=list)

    def error(self, code: str, message: str, *labels: Label, help: str | None = None) -> None:
        self._add(Diagnostic(code, message, labels, help))

    def warning(self, code: str, message: str, *labels: Label, help: str | None = None) -> None:
        self._add(Diagnostic(code, message, labels, help, severity="warning"))

    def _add(self, diagnostic: Diagnostic) -> None:
        if diagnostic not in self.found:
            self.found.append(diagnostic)

    @property
    def errors(self) -> list[Diagnostic]:
        return [d for d in self.found if d.severity == "error"]

    @property
    def warnings(self) -> list[Diagnostic]:
        return [d for d in self.found if d.severity == "warning"]

    def raise_errors(self) -> None:
        """Raise `RecdslError` with all errors in the order of their places, if there are any."""
        if self.errors:
            raise RecdslError(sorted(self.errors, key=_place))


def _place(diagnostic: Diagnostic) -> tuple[str, int]:
    if not diagnostic.labels:
        return ("", 0)
    span = diagnostic.labels[0].span
    return (span.source.path, span.start)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to a mistyped one, or None where none is close."""
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.65)
    return close[0] if close else None


def render(diagnostic: Diagnostic) -> str:
    """The diagnostic as text: header, place, each labelled line with a caret, the hint."""
    lines = [f"{diagnostic.severity}[{diagnostic.code}]: {diagnostic.message}"]
    for group, source in _by_source(diagnostic.labels):
        number, column = group[0].span.place
        width = max(len(str(label.span.place[0])) for label in group)
        lines.append(f"{' ' * width}--> {source.path}:{number}:{column}")
        lines.append(f"{' ' * width} |")
        lines.extend(_marked_lines(group, width, diagnostic.labels[0]))
    if diagnostic.help:
        lines.append(f"help: {diagnostic.help}")
    return "\n".join(lines)


def _by_source(labels: tuple[Label, ...]) -> Iterator[tuple[list[Label], Source]]:
    sources: list[Source] = []
    for label in labels:
        if label.span.source not in sources:
            sources.append(label.span.source)
    for source in sources:
        yield [label for label in labels if label.span.source is source], source


def _marked_lines(group: list[Label], width: int, first: Label) -> Iterator[str]:
    shown = 0
    for label in sorted(group, key=lambda each: each.span.start):
        number, column = label.span.place
        text = label.span.source.line(number)
        if number != shown:
            yield f"{number:>{width}} | {text.expandtabs(4)}".rstrip()
            shown = number
        before = len(text[: column - 1].expandtabs(4))
        length = max(1, min(label.span.end - label.span.start, len(text) - column + 1))
        mark = "^" if label is first else "-"
        yield f"{' ' * width} | {' ' * before}{mark * length} {label.text}".rstrip()
