"""The notation of dumps: atoms, (forms), [rows] and name=value fields, from and to text.

    (equation h [H over t] (mul o (tanh c)) init=none)

An atom with blanks, brackets or quotes in it stands in quotes, as in JSON; so does one that would be taken for a number or a
word of the notation. Raises DumpError for text that is none.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

WIDTH = 110
_SPECIAL = frozenset('()[]"=')
_WORDS = frozenset({"true", "false", "none"})


class DumpError(ValueError):
    """Text that is no dump."""


@dataclass(frozen=True, slots=True)
class Atom:
    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    value: Node


@dataclass(frozen=True, slots=True)
class Form:
    """`(head …)`."""

    items: tuple[Node, ...]

    @property
    def head(self) -> str:
        first = self.items[0] if self.items else None
        if not isinstance(first, Atom):
            raise DumpError(f"a form begins with a word: {show(self)}")
        return first.text


@dataclass(frozen=True, slots=True)
class Row:
    """`[…]`."""

    items: tuple[Node, ...]


Node = Atom | Field | Form | Row


def form(head: str, *items: Node) -> Form:
    return Form((Atom(head), *items))


def word(text: str, *reserved: str) -> Atom:
    """A name, quoted where it would be read as something else; `reserved` are further words that mean something."""
    plain = text.isprintable() and bool(text) and not any(each in _SPECIAL or each.isspace() for each in text)
    taken = text in _WORDS or text in reserved or text.startswith("|") or as_number(text) is not None
    return Atom(text, quoted=not plain or taken)


def literal(value: bool | int | float | None) -> Atom:
    """`true`, `3`, `0.5`, `-inf`, `none`."""
    return Atom(str(value).lower() if value is None or isinstance(value, bool) else repr(value))


def as_literal(atom: Atom) -> bool | int | float | None:
    """The value of an atom that `literal` made. Raises DumpError for another."""
    if not atom.quoted:
        if atom.text in _WORDS:
            return {"true": True, "false": False, "none": None}[atom.text]
        value = as_number(atom.text)
        if value is not None:
            return value
    raise DumpError(f"no literal: {show(atom)}")


def as_number(text: str) -> int | float | None:
    """The number that a text is, None for any other."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None


# ---- from text


@dataclass(frozen=True, slots=True)
class _Token:
    """`kind` is one of ( ) [ ] = for punctuation, "atom" and "text" (quoted)."""

    kind: str
    text: str
    line: int


def parse(text: str) -> Node:
    """The one node that a text holds. Raises DumpError with the line."""
    tokens = [*_tokens(text), _Token("end", "the end", text.count("\n") + 1)]
    node, following = _node(tokens, 0)
    if tokens[following].kind != "end":
        raise DumpError(f"line {tokens[following].line}: more than one form")
    return node


def _tokens(text: str) -> Iterator[_Token]:
    place, line = 0, 1
    while place < len(text):
        letter = text[place]
        if letter == '"':
            end = _closing_quote(text, place, line)
            yield _Token("text", json.loads(text[place:end]), line)
        elif letter in _SPECIAL:
            end = place + 1
            yield _Token(letter, letter, line)
        elif letter.isspace():
            end = place + 1
            line += letter == "\n"
        else:
            end = place
            while end < len(text) and text[end] not in _SPECIAL and not text[end].isspace():
                end += 1
            yield _Token("atom", text[place:end], line)
        place = end


def _closing_quote(text: str, start: int, line: int) -> int:
    place = start + 1
    while place < len(text) and text[place] != '"':
        place += 2 if text[place] == "\\" else 1
    if place >= len(text):
        raise DumpError(f"line {line}: a quote is not closed")
    return place + 1


def _node(tokens: list[_Token], place: int) -> tuple[Node, int]:
    """The node that begins at a token, and the token behind it."""
    token = tokens[place]
    match token.kind:
        case "atom" | "text":
            if token.kind == "atom" and tokens[place + 1].kind == "=":
                value, following = _node(tokens, place + 2)
                return Field(token.text, value), following
            return Atom(token.text, quoted=token.kind == "text"), place + 1
        case "(" | "[":
            closing, items, place = {"(": ")", "[": "]"}[token.kind], [], place + 1
            while tokens[place].kind != closing:
                item, place = _node(tokens, place)
                items.append(item)
            return (Form if closing == ")" else Row)(tuple(items)), place + 1
    raise DumpError(f"line {token.line}: {token.text} cannot stand here")


# ---- to text


def show(node: Node) -> str:
    """The node on one line."""
    match node:
        case Atom():
            return json.dumps(node.text, ensure_ascii=False) if node.quoted else node.text
        case Field():
            return f"{node.name}={show(node.value)}"
        case Form():
            return f"({' '.join(map(show, node.items))})"
        case Row():
            return f"[{' '.join(map(show, node.items))}]"


def layout(node: Node, indent: int = 0, behind: int = 0) -> str:
    """The node on as few lines as fit; `behind` is the number of brackets that will close after it."""
    flat = show(node)
    if len(flat) + indent + behind <= WIDTH or isinstance(node, Atom):
        return flat
    if isinstance(node, Field):
        return f"{node.name}={layout(node.value, indent, behind)}"
    opening, closing = ("(", ")") if isinstance(node, Form) else ("[", "]")
    first = _kept_on_first_line(node, indent)
    lines = [opening + " ".join(map(show, node.items[:first]))]
    for group in _groups(node.items[first:], WIDTH - indent - 2 - behind):
        last = group[-1] is node.items[-1]
        shown = (layout(each, indent + 2, behind + 1 if last else 0) for each in group)
        lines.append(" " * (indent + 2) + " ".join(shown))
    return "\n".join(lines) + closing


def _groups(items: tuple[Node, ...], width: int) -> Iterator[list[Node]]:
    """What stands on one line each: short fields side by side, everything else alone."""
    group: list[Node] = []
    for item in items:
        together = [*group, item]
        fits = sum(len(show(each)) + 1 for each in together) <= width
        if group and not (fits and all(isinstance(each, Field) for each in together)):
            yield group
            group = []
        group.append(item)
    if group:
        yield group


def _kept_on_first_line(node: Form | Row, indent: int) -> int:
    """How many items stand beside the opening bracket: the head of a form and the short ones after it."""
    if isinstance(node, Row):
        return 0
    width = indent
    for number, item in enumerate(node.items):
        width += len(show(item)) + 1
        value = item.value if isinstance(item, Field) else item
        if width > WIDTH or (number and isinstance(value, Form)):
            return number
    return len(node.items)
