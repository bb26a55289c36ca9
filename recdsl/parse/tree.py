"""The tree: one frozen dataclass a grammar rule, each with its span. Spans do not count in comparisons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from recdsl.diagnostics import Source, Span

# ---- expressions


@dataclass(frozen=True, slots=True)
class Number:
    """`3`, `0.5`, `1e-3`; `text` is kept as written."""

    text: str
    span: Span = field(compare=False)

    @property
    def value(self) -> int | float:
        return int(self.text) if self.text.isdigit() else float(self.text)


@dataclass(frozen=True, slots=True)
class Text:
    """A string in double quotes."""

    value: str
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Truth:
    """`yes` or `no`."""

    value: bool
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Name:
    name: str
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Unary:
    """`-x`, `not x`."""

    operator: str
    operand: Expression
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Binary:
    """`+ - * / % ^`, a comparison, `and`, `or`."""

    operator: str
    left: Expression
    right: Expression
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Along:
    """Dims or axes named in brackets: `[K]`, `[H K]`, `[pred]`; also the dims of a type or an arrow."""

    dims: tuple[Expression, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Offset:
    """`t-1` (sign -1, amount 1) or `t+2` (sign +1, amount 2)."""

    axis: str
    sign: int
    amount: Expression
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Pick:
    """`t=0`: one point of an axis, or one index of a dim."""

    name: str
    value: Expression
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Rename:
    """`t->s`, `N->M`."""

    old: str
    new: str
    span: Span = field(compare=False)


Bracket = Along | Offset | Pick | Rename


@dataclass(frozen=True, slots=True)
class Index:
    """`base[brackets]`: a read at a shift, a pick, a rename, or the dims that a call works along."""

    base: Expression
    brackets: tuple[Bracket, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Positional:
    value: Expression
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Keyword:
    """`name = value`; several dims side by side (`per = H K`) come as `Along`."""

    name: str
    value: Expression | Along
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Arrow:
    """`x -> H K`, `3 -> C`, `H V -> D`."""

    source: Expression | Along
    dims: Along
    span: Span = field(compare=False)


Argument = Positional | Keyword | Arrow


@dataclass(frozen=True, slots=True)
class Call:
    """`function(arguments)`; a function with brackets is an `Index`."""

    function: Expression
    arguments: tuple[Argument, ...]
    span: Span = field(compare=False)


Expression = Number | Text | Truth | Name | Unary | Binary | Index | Call

# ---- statements


@dataclass(frozen=True, slots=True)
class Token:
    """`token[V]` in a type."""

    vocabulary: Expression
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Type:
    """What stands behind a colon: dims, `token[V]` and the words static, edge, bool, complex, scalar."""

    words: tuple[Expression | Token, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Input:
    names: tuple[Name, ...]
    type: Type
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Output:
    """`out h` (no names) or `out y : D = value`."""

    names: tuple[Name, ...]
    dims: Along | None
    value: Expression
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Weight:
    """`param` (trained) or `const`; drawn (`~`), from a start (`=`), or neither."""

    trained: bool
    names: tuple[Name, ...]
    dims: Along | None
    draw: Expression | None
    start: Expression | None
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Init:
    name: Name
    value: Expression
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Equation:
    """`a, b : H = value`, `x += value` (accumulate), `edge C : H = value` (edge)."""

    names: tuple[Name, ...]
    dims: Along | None
    value: Expression
    span: Span = field(compare=False)
    accumulate: bool = False
    edge: bool = False


@dataclass(frozen=True, slots=True)
class Repeat:
    """`repeat N as block:` — copies with their own parameters."""

    count: Expression
    name: Name | None
    body: tuple[Statement, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Loop:
    """`loop R as core:` — one copy, several turns."""

    count: Expression
    name: Name | None
    body: tuple[Statement, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Until:
    condition: Expression
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Visit:
    """`3` or `0..3`, both ends included."""

    first: int
    last: int
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Skip:
    """`skip 4`: says that these are left out."""

    first: int
    last: int
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Again:
    """`loop 3 (5..6)`: the hops three times in all."""

    times: int
    hops: tuple[Hop, ...]
    span: Span = field(compare=False)


Hop = Visit | Skip | Again


@dataclass(frozen=True, slots=True)
class Path:
    block: Name
    hops: tuple[Hop, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Extern:
    name: Name
    arguments: tuple[Name, ...]
    type: Type
    span: Span = field(compare=False)


Statement = Input | Output | Weight | Init | Equation | Repeat | Loop | Until | Path | Extern

# ---- definitions


@dataclass(frozen=True, slots=True)
class Parameter:
    name: Name
    default: Expression | None
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Over:
    """`over t`, `over i, j` (graph is None), `over n in dag`, `over n in graph` (graph is the last word)."""

    axes: tuple[Name, ...]
    graph: str | None
    reversed: bool
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Definition:
    """`layer` or `model` (kind), its parameters, axes and body."""

    kind: str
    name: Name
    parameters: tuple[Parameter, ...]
    over: Over | None
    body: tuple[Statement, ...]
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Use:
    path: str
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class Comment:
    """`# …`, kept for the formatter; `own_line` when nothing stands before it on its line."""

    text: str
    own_line: bool
    span: Span = field(compare=False)


@dataclass(frozen=True, slots=True)
class File:
    source: Source = field(compare=False)
    uses: tuple[Use, ...]
    definitions: tuple[Definition, ...]
    comments: tuple[Comment, ...] = field(compare=False)


_PLAIN = ("str", "bool", "int", "Span", "Source")
_CHILDREN: dict[type, tuple[str, ...]] = {
    each: tuple(name for name, type_ in each.__annotations__.items() if str(type_).split(" ")[0] not in _PLAIN)
    for each in list(globals().values())
    if isinstance(each, type) and "span" in getattr(each, "__slots__", ())
}


def nodes(node: object, bodies: bool = True) -> Iterator[object]:
    """A node and all nodes below it, in the order written; without the bodies of `repeat` and `loop` if so asked."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, tuple):
            waiting.extend(reversed(each))
        elif (children := _CHILDREN.get(type(each))) is not None:
            yield each
            waiting.extend(getattr(each, name) for name in reversed(children) if bodies or name != "body")
