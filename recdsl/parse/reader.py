"""Text → tree. In: a `Source`. Out: a `File`. Refuses: what the grammar does not accept (R1xx).

The grammar is `grammar/rdl.lark`. Its tables are built once and kept in the user's cache directory, named by
their content, because building them takes longer than everything else that `check` does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import ClassVar

from lark import Lark, UnexpectedCharacters, UnexpectedInput, UnexpectedToken
from lark.indenter import DedentError, Indenter

from recdsl.diagnostics import Diagnostic, RecdslError, Source, Span
from recdsl.parse import tree
from recdsl.parse.brackets import open_brackets
from recdsl.parse.build import TreeBuilder
from recdsl.parse.mistakes import Stop, bad_indentation, explain

MOST_ERRORS = 10
NOTHING = "_=0"  # stands for a line with a mistake while the rest is searched for more


class _Indentation(Indenter):
    """Turns changes of indentation into tokens; inside brackets lines run on."""

    NL_type = "_NL"
    OPEN_PAREN_types: ClassVar = ["LPAR", "LSQB"]
    CLOSE_PAREN_types: ClassVar = ["RPAR", "RSQB"]
    INDENT_type = "_INDENT"
    DEDENT_type = "_DEDENT"
    tab_len = 8


def grammar_text() -> str:
    """The text of `rdl.lark`."""
    return resources.files("recdsl.grammar").joinpath("rdl.lark").read_text(encoding="utf-8")


def build_parser(strict: bool = False, cache_file: str | None = None) -> Lark:
    """A parser for RDL; `strict` also refuses any collision of terminals in the grammar itself."""
    return Lark(
        grammar_text(),
        parser="lalr",
        start="file",
        strict=strict,
        postlex=_Indentation(),
        propagate_positions=True,
        maybe_placeholders=True,
        cache=cache_file or False,
    )


@cache
def _parser() -> Lark:
    cache_file = _cache_file()
    if cache_file is None:
        return build_parser()
    try:
        return build_parser(cache_file=cache_file)
    except OSError:
        return build_parser()


def _cache_file() -> str | None:
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "recdsl"
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return str(root / "grammar.tables") if os.access(root, os.W_OK) else None


def read_source(path: str | Path) -> Source:
    """Read a file as UTF-8, with or without a mark in front. Raises `RecdslError` (R101) when it cannot be read."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        message = f"cannot read {str(path)!r}: {reason or error}"
        raise RecdslError([Diagnostic("R101", message, help="give the path of a readable .rdl file")]) from None
    return Source(str(path), text)


def parse(source: Source) -> tree.File:
    """Parse a source. Raises `RecdslError` (R1xx) at the first place that no rule accepts."""
    text = source.text if source.text.endswith("\n") else source.text + "\n"
    try:
        parsed = _parser().parse(text)
    except (UnexpectedInput, DedentError) as error:
        raise RecdslError(_syntax_errors(source, text, error)) from None
    builder = TreeBuilder(source)
    try:
        uses, definitions = builder.file(parsed)
    except RecursionError:
        raise too_deep() from None
    builder.report.raise_errors()
    return tree.File(source, uses, definitions, tuple(_comments(source)))


def too_deep() -> RecdslError:
    """R110: an expression that Python's stack has no room for."""
    help = "give parts of the longest expression names of their own"
    return RecdslError([Diagnostic("R110", "an expression is nested too deeply", help=help)])


def _comments(source: Source) -> Iterator[tree.Comment]:
    """Every comment of a source; a `#` inside a string is none."""
    offset = 0
    for line in source.text.split("\n"):
        quoted = False
        for column, character in enumerate(line):
            if character == '"':
                quoted = not quoted
            elif character == "#" and not quoted:
                text = line[column:].rstrip()
                own_line = not line[:column].strip()
                yield tree.Comment(text, own_line, Span(source, offset + column, offset + column + len(text)))
                break
        offset += len(line) + 1


def _syntax_errors(source: Source, text: str, error: UnexpectedInput | DedentError) -> Iterator[Diagnostic]:
    """The first mistake, and those behind it that are found when its line is taken out."""
    last = -1
    for _ in range(MOST_ERRORS):
        if isinstance(error, DedentError):
            if last < 0:
                yield bad_indentation(source)
            return
        stop = _stop(source, text, error)
        if stop.start <= last:
            return
        yield explain(stop)
        last = stop.start
        rest = _without_line(text, stop)
        if rest is None:
            return
        text = rest
        try:
            _parser().parse(text)
        except (UnexpectedInput, DedentError) as next_error:
            error = next_error
        else:
            return


def _stop(source: Source, text: str, error: UnexpectedInput) -> Stop:
    if isinstance(error, UnexpectedCharacters):
        start = error.pos_in_stream or 0
        return Stop(source, start, start + 1, "", frozenset(error.allowed or ()))
    assert isinstance(error, UnexpectedToken), error
    token = error.token
    start = len(source.text) if token.start_pos is None else token.start_pos
    end = start + 1 if token.end_pos is None else token.end_pos
    if token.type == "_INDENT":
        start, end = _line_at(text, end)
    elif token.type in ("_NL", "_DEDENT"):
        end = start + 1
    return Stop(source, start, end, token.type, frozenset(error.accepts))


def _line_at(text: str, start: int) -> tuple[int, int]:
    """The content of the line that `start` lies in the margin of."""
    while start < len(text) and text[start] in " \t":
        start += 1
    return start, len(text[start:].split("\n", 1)[0].rstrip()) + start


def _without_line(text: str, stop: Stop) -> str | None:
    """The text with a harmless equation in place of the line of a mistake; None where the lines around it would not
    be understood without it: heads of blocks, brackets that run on, indentation."""
    begin = text.rfind("\n", 0, stop.start) + 1
    end = text.find("\n", stop.start)
    first, end = _line_at(text, begin)[0], len(text) if end < 0 else end
    content = text[first:end].split("#")[0].rstrip()
    following = next((each for each in text[end + 1 :].split("\n") if each.strip()), "")
    opens_block = len(following) - len(following.lstrip()) > first - begin
    if stop.kind in ("_INDENT", "_DEDENT", "$END") or first == begin or opens_block or content.endswith(":"):
        return None
    if len(content) < len(NOTHING) or open_brackets(text, begin) or open_brackets(text[begin:end], end - begin):
        return None
    return text[:first] + NOTHING + " " * (end - first - len(NOTHING)) + text[end:]
