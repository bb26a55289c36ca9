"""What a user is told where no rule of the grammar accepts the text.

In: a source and the place at which the parser stopped. Out: one `Diagnostic` (R102 to R109), with a remedy where the text looks like
something that another language, a paper or a slip of the hand would have there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from recdsl.diagnostics import Diagnostic, Label, Source, Span, nearest
from recdsl.parse.brackets import Bracket, never_closed, open_brackets
from recdsl.parse.foreign import CHARACTERS, STATEMENT_WORDS

DEFINITION_WORDS = ("layer", "model", "use")
KEYWORDS = ("in", "out", "param", "const", "init", "edge", "repeat", "loop", "until", "path", "extern", *DEFINITION_WORDS)  # fmt: skip
CLOSES = {")": "(", "]": "["}


@dataclass(frozen=True, slots=True)
class Stop:
    """Where the parser stopped: a token of a kind ("" for a character that begins none) and what it would have taken."""

    source: Source
    start: int
    end: int
    kind: str
    allowed: frozenset[str]

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    @property
    def before(self) -> str:
        """The text of the line in front of the place."""
        begin = self.source.text.rfind("\n", 0, self.start) + 1
        return self.source.text[begin : self.start]

    @property
    def word(self) -> tuple[str, int]:
        """The first word of the line and its offset."""
        line = self.source.line(self.source.position(self.start)[0])
        begin = self.start - len(self.before) + len(line) - len(line.lstrip())
        end = begin
        while end < len(self.source.text) and (self.source.text[end].isalnum() or self.source.text[end] == "_"):
            end += 1
        return self.source.text[begin:end], begin

    @property
    def is_first(self) -> bool:
        """Whether the first word of the line is the place itself."""
        return not self.before.strip()

    @property
    def is_second(self) -> bool:
        """Whether only one word stands in front of the place."""
        return not self.is_first and self.before.strip() == self.word[0]

    def error(self, code: str, message: str, help: str | None = None) -> Diagnostic:
        return Diagnostic(code, message, (Label(Span(self.source, self.start, max(self.end, self.start + 1))),), help)


def explain(stop: Stop) -> Diagnostic:
    """The first explanation that fits."""
    rules: tuple[Callable[[Stop], Diagnostic | None], ...] = (
        _string,
        _bracket,
        _end_of_file,
        _word_of_another_language,
        _misspelt,
        _sign,
        _layout,
    )
    found = next((found for rule in rules if (found := rule(stop)) is not None), None)
    return found or stop.error("R102", f"{stop.text!r} cannot stand here", expected(stop))


def bad_indentation(source: Source) -> Diagnostic:
    """The first line that goes back to an indentation no open block has."""
    open_blocks, offset = [0], 0
    for line in source.text.split("\n"):
        wide = line.expandtabs(8)
        depth = len(wide) - len(wide.lstrip())
        if line.strip() and not line.strip().startswith("#"):
            if depth > open_blocks[-1]:
                open_blocks.append(depth)
            while depth < open_blocks[-1]:
                open_blocks.pop()
            if depth != open_blocks[-1]:
                span = Span(source, offset + len(line) - len(line.lstrip()), offset + len(line))
                tabs = any(each.lstrip(" ").startswith("\t") for each in source.text.split("\n"))
                help = (
                    "a tab counts as 8 spaces; indent with spaces only"
                    if tabs
                    else "indent it like the line it belongs with"
                )
                message = "this line's indentation matches no open block"
                return Diagnostic("R104", message, (Label(span, f"indented by {depth}"),), help)
        offset += len(line) + 1
    end = len(source.text.rstrip())
    return Diagnostic("R104", "the indentation matches no open block", (Label(Span(source, end, end + 1)),))


# ---- the rules


def _string(stop: Stop) -> Diagnostic | None:
    if stop.kind or stop.text != '"':
        return None
    return stop.error("R105", "this string has no end", 'close it with " on the same line')


def _bracket(stop: Stop) -> Diagnostic | None:
    """A bracket that is not closed, closed by another kind, or closes nothing."""
    opened = open_brackets(stop.source.text, stop.start)
    if stop.text in CLOSES:
        if not opened:
            return stop.error("R109", f"this {stop.text!r} closes no bracket", "leave it out, or open one before it")
        if opened[-1].sign != CLOSES[stop.text]:
            return _clash(stop, opened[-1])
    if not opened:
        return None
    left = never_closed(stop.source.text, opened)
    if left is None:
        return None
    label = Label(Span(stop.source, left.offset, left.offset + 1), "opened here")
    closing = next(close for close, sign in CLOSES.items() if sign == left.sign)
    return Diagnostic("R109", f"this {left.sign!r} is not closed", (label,), f"add {closing!r}")


def _clash(stop: Stop, opened: Bracket) -> Diagnostic:
    closing = next(close for close, sign in CLOSES.items() if sign == opened.sign)
    labels = (
        Label(Span(stop.source, stop.start, stop.end), f"{closing!r} is expected"),
        Label(Span(stop.source, opened.offset, opened.offset + 1), "opened here"),
    )
    return Diagnostic("R109", f"{stop.text!r} cannot close {opened.sign!r}", labels, f"close it with {closing!r} first")


def _end_of_file(stop: Stop) -> Diagnostic | None:
    if stop.kind != "$END":
        return None
    end = len(stop.source.text.rstrip())
    label = Label(Span(stop.source, end, end + 1), "the file ends here")
    help = "indent the lines of the block" if "_INDENT" in stop.allowed else expected(stop)
    return Diagnostic("R103", "the file ends in the middle of a statement", (label,), help)


def _word_of_another_language(stop: Stop) -> Diagnostic | None:
    word, begin = stop.word
    opens_block = stop.source.line(stop.source.position(stop.start)[0]).rstrip().endswith(":")
    if not (stop.is_first or stop.is_second or opens_block) or word not in STATEMENT_WORDS:
        return None if stop.text not in ("if", "else") else stop.error("R102", f"{stop.text!r} cannot stand here", STATEMENT_WORDS["if"])  # fmt: skip
    label = Label(Span(stop.source, begin, begin + len(word)))
    return Diagnostic("R102", f"no statement begins with {word!r}", (label,), STATEMENT_WORDS[word])


def _misspelt(stop: Stop) -> Diagnostic | None:
    """A keyword like the one that was typed, at the beginning of a line or where only keywords can stand."""
    word, begin = stop.word
    follows = stop.is_second and (stop.text[:1].isalnum() or stop.kind == "STRING")
    if word not in KEYWORDS and (stop.is_first or (follows and len(word) > 1)):
        known = DEFINITION_WORDS if "LAYER" in stop.allowed else KEYWORDS
        if close := nearest(word, known):
            label = Label(Span(stop.source, begin, begin + len(word)))
            return Diagnostic("R102", f"no statement begins with {word!r}", (label,), f"did you mean {close!r}?")
    words = [WORDS[name] for name in stop.allowed if name in WORDS]
    if stop.kind == "NAME" and (close := nearest(stop.text, words)):
        return stop.error("R102", f"{stop.text!r} cannot stand here", f"did you mean {close!r}?")
    return None


def _sign(stop: Stop) -> Diagnostic | None:
    """Signs that mean something elsewhere."""
    help = _sign_help(stop)
    return None if help is None else stop.error("R102", f"{stop.text!r} cannot stand here", help)


def _sign_help(stop: Stop) -> str | None:
    word = stop.word[0]
    behind = stop.source.text[stop.end : stop.end + 1]
    inside = [bracket.sign for bracket in open_brackets(stop.source.text, stop.start)]
    previous = stop.before.rstrip()[-1:]
    match stop.text:
        case text if text in CHARACTERS:
            return CHARACTERS[text]
        case "*" if previous == "*":
            return "a power is written x ^ 2"
        case "/" if "/" in (previous, behind):
            return "a comment begins with #; a whole quotient is floor(a / b)"
        case "-" | "*" | "/" | "^" as sign if behind == "=" and stop.is_second:
            return f"write {word} = {word} {sign} …"
        case "==" if "EQUAL" in stop.allowed:
            return f"an equation has a single '=': {word} = …"
        case "==" | "!=" | "<" | "<=" | ">" | ">=" if ("LPAR" in stop.allowed and not inside) or previous.isalnum():
            return "join two comparisons with and: a < b and b < c"
        case "[" if stop.is_second and "EQUAL" in stop.allowed:
            return f"an equation holds at every point: {word} = …; only reads are shifted, {word}[t-1]"
        case ":" if inside[-1:] == ["["]:
            return "a part of a dim is slice[D](x, 0, 4), one point of an axis x[t=0]"
        case ":" if inside[-1:] == ["("]:
            return "an argument by name is written with '=': bias = no"
    if stop.kind == "FLOAT" and "MINUS" not in stop.allowed:
        return "a dim is a whole number"
    return None


def _layout(stop: Stop) -> Diagnostic | None:
    """Lines and blocks."""
    line = stop.before.strip()
    match stop.kind:
        case "_NL" if "COLON" in stop.allowed and stop.word[0] in (*DEFINITION_WORDS, "repeat", "loop"):
            return stop.error("R102", "the line ends too early", "a block begins with ':'")
        case "_NL" if "EQUAL" in stop.allowed and ":" in line and stop.word[0] not in KEYWORDS:
            help = f"an equation has a value, {line} = …; an input is declared with in {line}"
            return stop.error("R102", "this equation has no value", help)
        case "_NL" if "EQUAL" in stop.allowed and line == stop.word[0]:
            return stop.error("R102", "the line ends too early", f"an equation has a value: {line} = …")
        case "_NL" if stop.allowed == {"LSQB"}:
            return stop.error("R102", "the line ends too early", "tokens lie below a size: token[V]")
        case "_NL":
            return stop.error("R102", "the line ends too early", expected(stop))
        case "_INDENT":
            return stop.error("R102", "this line is indented too far", "indent it like the line above it")
        case "_DEDENT":
            return stop.error("R102", "this block has no statement", "indent the lines of the block")
    if "_INDENT" in stop.allowed:
        return stop.error("R102", "the block before this line is empty", "indent the lines of the block")
    if "LAYER" in stop.allowed and stop.is_first:
        help = "statements stand in a layer, indented below: layer f(D) over t:"
        return stop.error("R102", f"{stop.text!r} cannot stand here", help)
    return None


# ---- what could stand there


def expected(stop: Stop) -> str | None:
    """The short list of what could stand there, None where it is long."""
    allowed = set(stop.allowed)
    found: list[str] = []
    if {"NAME", "LPAR", "MINUS"} <= allowed or {"NAME", "LPAR", "INT"} <= allowed:
        found.append("a value" if "STRING" in allowed or "MINUS" in allowed else "a dim")
        allowed -= {"NAME", "INT", "STRING"}
    found += sorted(READABLE[name] for name in allowed if name in READABLE)
    return f"expected {' or '.join(found)}" if 0 < len(found) <= 5 else None


WORDS = {"OVER": "over", "REVERSED": "reversed", "DAG": "dag", "GRAPH": "graph", "AS": "as", "IN": "in", "SKIP": "skip", "LOOP": "loop"}  # fmt: skip
READABLE = {
    "NAME": "a name",
    "INT": "a number",
    "COLON": "':'",
    "EQUAL": "'='",
    "RPAR": "')'",
    "RSQB": "']'",
    "COMMA": "','",
    "DAG": "'dag'",
    "GRAPH": "'graph'",
    "_NL": "the end of the line",
    "STRING": "a string in double quotes",
}
