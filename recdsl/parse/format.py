"""Formats a source (`recdsl fmt`): one layout for every program, all comments kept, the meaning untouched.

    file      units in order, a unit being what takes a line of its own: a `use`, the head of a definition or
              block, a statement
    comments  on a line of their own they stand before the unit that they precede; behind a unit they stay there
    blanks    one line between definitions, at most one inside a body, none behind a head

A unit with comments between its lines is left as it is written, apart from its indentation. A line that grows too
long is broken inside its outermost brackets. Refuses: what does not parse (R1xx).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from recdsl.diagnostics import Source
from recdsl.parse import tree
from recdsl.parse.reader import parse, too_deep
from recdsl.parse.text import Writer, is_inline, writer_of

WIDTH = 120
_CONTINUED = 4
_OPERATORS = "+-*/%^=<>"


@dataclass(frozen=True, slots=True)
class _Unit:
    """What takes a line of its own: its place in the source, its depth there and how it should read."""

    start: int
    end: int
    depth: int
    text: str
    opens: bool = False


def format_source(source: Source) -> str:
    """The source in the one layout. Formatting twice changes nothing more. Raises `RecdslError` (R1xx)."""
    try:
        return _formatted(source)
    except RecursionError:
        raise too_deep() from None


def _formatted(source: Source) -> str:
    file = parse(source)
    text = _Layout(source).lay_out(tuple(_units(file)), file.comments)
    again = parse(Source(source.path, text))
    assert again == file, "the formatter changed the meaning"
    assert sorted(c.text for c in again.comments) == sorted(c.text for c in file.comments), "a comment was lost"
    return text


def _units(file: tree.File) -> Iterator[_Unit]:
    parts: list[tree.Use | tree.Definition] = [*file.uses, *file.definitions]
    for part in sorted(parts, key=lambda each: each.span.start):
        if isinstance(part, tree.Use):
            start = file.source.text.rindex("use", 0, part.span.start)
            yield _Unit(start, part.span.end, 0, Writer().text(part))
            continue
        writer = writer_of(part)
        yield _Unit(part.span.start, part.span.end, 0, writer.head(part), opens=True)
        yield from _body(writer, part.body, 1)


def _body(writer: Writer, body: tuple[tree.Statement, ...], depth: int) -> Iterator[_Unit]:
    for statement in body:
        span = statement.span
        if not isinstance(statement, (tree.Repeat, tree.Loop)):
            yield _Unit(span.start, span.end, depth, writer.text(statement))
        elif is_inline(statement):
            yield _Unit(span.start, statement.body[0].span.end, depth, writer.text(statement))
        else:
            yield _Unit(span.start, span.end, depth, writer.text(statement), opens=True)
            yield from _body(writer, statement.body, depth + 1)


@dataclass(slots=True)
class _Layout:
    """Writes units and comments in order. `last` is the line of the source that was written last; `columns` are the
    columns at which the open blocks stand in the source, outermost first."""

    source: Source
    lines: list[str] = field(default_factory=list)
    last: int = 0
    depth: int = 0
    columns: list[int] = field(default_factory=lambda: [0])
    after_head: bool = False

    def lay_out(self, units: tuple[_Unit, ...], comments: tuple[tree.Comment, ...]) -> str:
        waiting = list(comments)
        for unit in units:
            while waiting and waiting[0].span.start < unit.start:
                self._comment(waiting.pop(0), unit.depth)
            inner = []
            while waiting and waiting[0].span.start < unit.end:
                inner.append(waiting.pop(0))
            self._unit(unit, written=bool(inner))
            if waiting and not waiting[0].own_line and self._line(waiting[0].span.start) == self.last:
                self.lines[-1] += f"  {waiting.pop(0).text}"
        for comment in waiting:
            self._comment(comment, 0)
        return "".join(f"{line}\n" for line in self.lines)

    def _line(self, offset: int) -> int:
        return self.source.position(offset)[0]

    def _column(self, offset: int) -> int:
        """How far a line is indented up to an offset."""
        number, column = self.source.position(offset)
        return len(self.source.line(number)[: column - 1].expandtabs(8))

    def _unit(self, unit: _Unit, written: bool) -> None:
        column = self._column(unit.start)
        self._separate(unit.start, unit.depth, starts_part=unit.opens and unit.depth == 0)
        self.columns[unit.depth :] = [column]
        indent = 2 * unit.depth
        if written:
            self.lines.extend(self._as_written(unit, indent - column))
        else:
            self.lines.extend(_broken(" " * indent + unit.text, indent + _CONTINUED))
        self.last, self.depth, self.after_head = self._line(unit.end), unit.depth, unit.opens

    def _as_written(self, unit: _Unit, shift: int) -> Iterator[str]:
        text = self.source.text[unit.start : unit.end] + (":" if unit.opens else "")
        first, *rest = text.split("\n")
        yield " " * (2 * unit.depth) + first.rstrip()
        for line in rest:
            content = line.strip()
            indent = len(line.expandtabs(8)) - len(line.expandtabs(8).lstrip())
            yield " " * max(0, indent + shift) + content if content else ""

    def _comment(self, comment: tree.Comment, next_depth: int) -> None:
        """A comment on a line of its own; behind the end of a block its column says where it belongs."""
        column = self._column(comment.span.start)
        depth = next_depth
        if next_depth < self.depth:
            inside = (d for d in range(self.depth, next_depth, -1) if self.columns[d] <= column)
            depth = next(inside, next_depth)
        self._separate(comment.span.start, depth, starts_part=False)
        self.lines.append(" " * (2 * depth) + comment.text)
        self.last, self.depth, self.after_head = self._line(comment.span.start), depth, False

    def _separate(self, start: int, depth: int, starts_part: bool) -> None:
        """The blank line before what comes next, where there is one."""
        if not self.lines or self.after_head:
            return
        gap = self._line(start) - self.last > 1
        leaves_body = depth == 0 and self.depth > 0
        after_use = starts_part and not self.lines[-1].startswith("#")
        if gap or leaves_body or after_use:
            self.lines.append("")


def _broken(line: str, indent: int) -> Iterator[str]:
    """A line, cut inside brackets until no part is longer than `WIDTH`, or cannot be cut any more."""
    depth = 0
    while len(line) > WIDTH and (cut := _best_cut(line, indent, depth)):
        column, depth = cut
        yield line[:column].rstrip()
        line = " " * indent + line[column:].lstrip()
    yield line


def _best_cut(line: str, indent: int, depth: int) -> tuple[int, int] | None:
    """The last space at the least depth of brackets, so that the part before it fits, and that depth.
    Behind a comma is better than elsewhere; an operator or arrow goes to the next line with its right operand."""
    best: tuple[int, int] | None = None
    least = (len(line), False)
    quoted = False
    for column, character in enumerate(line[: WIDTH + 1]):
        if character == '"':
            quoted = not quoted
        elif quoted or character not in "([)] ":
            continue
        elif character != " ":
            depth += 1 if character in "([" else -1
        elif depth > 0 and column > indent and line[column - 1] not in _OPERATORS:
            rank = (depth, line[column - 1] != ",")
            if rank <= least:
                best, least = (column, depth), rank
    return best
