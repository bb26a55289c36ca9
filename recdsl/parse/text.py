"""Tree → text: any node of `tree.py` as it would be written. Reading the text gives the same node again.

Parentheses stand only where the grammar needs them. `*` and `/` between sizes are written without spaces
(`2*C`, `D/H/2`): in dims, in the defaults of parameters, and between numbers and the dims of the definition.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from recdsl.parse import tree

Node = (
    tree.Expression
    | tree.Bracket
    | tree.Argument
    | tree.Type
    | tree.Token
    | tree.Statement
    | tree.Hop
    | tree.Parameter
    | tree.Over
    | tree.Definition
    | tree.Use
    | tree.File
)

# How tightly a rule of the grammar binds, and what its operands may be: (own, left, right).
_BINDING = {
    "or": (1, 1, 2),
    "and": (2, 2, 3),
    "not": (3, 3, 3),
    **dict.fromkeys(("==", "!=", "<=", ">=", "<", ">"), (4, 5, 5)),
    **dict.fromkeys(("+", "-"), (5, 5, 6)),
    **dict.fromkeys(("*", "/", "%"), (6, 6, 7)),
    "negative": (7, 7, 7),
    "^": (8, 9, 7),
}
_POSTFIX = 9
_LOOSEST = 1
_PRODUCT = 6


def to_text(node: Node) -> str:
    """The text of a node; several lines for blocks, without a line end behind the last."""
    match node:
        case tree.File():
            return _file(node)
        case tree.Definition():
            writer = writer_of(node)
            return "\n".join([writer.head(node), *_indented(writer, node.body, 1)])
        case tree.Repeat() | tree.Loop():
            return "\n".join(_lines(Writer(), node, 0))
        case _:
            return Writer().text(node)


def writer_of(definition: tree.Definition) -> Writer:
    """A writer that knows the dims of a definition."""
    names = (parameter.name.name for parameter in definition.parameters)
    return Writer(frozenset(name for name in names if name[:1].isupper()))


def is_inline(block: tree.Repeat | tree.Loop) -> bool:
    """Whether the body is one statement on the line of its head: `loop 3: h = f(h)`."""
    first = block.body[0]
    if len(block.body) > 1 or isinstance(first, (tree.Repeat, tree.Loop)):
        return False
    return block.span.source.position(block.span.end)[0] == first.span.place[0]


def _file(file: tree.File) -> str:
    uses = "\n".join(to_text(use) for use in file.uses)
    return "\n\n".join(part for part in (uses, *map(to_text, file.definitions)) if part)


def _indented(writer: Writer, body: tuple[tree.Statement, ...], depth: int) -> Iterator[str]:
    for statement in body:
        yield from _lines(writer, statement, depth)


def _lines(writer: Writer, statement: tree.Statement, depth: int) -> Iterator[str]:
    yield "  " * depth + writer.text(statement)
    if isinstance(statement, (tree.Repeat, tree.Loop)) and not is_inline(statement):
        yield from _indented(writer, statement.body, depth + 1)


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes nodes on one line; `sizes` are the names that are known to be dims."""

    sizes: frozenset[str] = frozenset()

    def text(self, node: Node) -> str:
        """A node on one line; of a `repeat` or `loop` with a block, the head."""
        match node:
            case tree.Token():
                return f"token[{self.expression(node.vocabulary)}]"
            case tree.Type():
                return " ".join(self.text(each) if isinstance(each, tree.Token) else self._dim(each) for each in node.words)  # fmt: skip
            case tree.Along() | tree.Offset() | tree.Pick() | tree.Rename():
                return self.bracket(node)
            case tree.Positional() | tree.Keyword() | tree.Arrow():
                return self.argument(node)
            case tree.Visit() | tree.Skip() | tree.Again():
                return _hop(node)
            case tree.Parameter():
                default = f" = {self._size(node.default, _LOOSEST)}" if node.default else ""
                return node.name.name + default
            case tree.Over():
                return _over(node)
            case tree.Use():
                return f'use "{node.path}"'
            case tree.File() | tree.Definition():
                raise AssertionError(f"{type(node).__name__} takes more than one line")
        if isinstance(node, tree.Expression):
            return self.expression(node)
        return self.statement(node)

    def head(self, definition: tree.Definition) -> str:
        """The first line of a definition."""
        parameters = ", ".join(self.text(each) for each in definition.parameters)
        over = f" {_over(definition.over)}" if definition.over else ""
        return f"{definition.kind} {definition.name.name}({parameters}){over}:"

    def statement(self, node: tree.Statement) -> str:
        match node:
            case tree.Input():
                return f"in {_names(node.names)} : {self.text(node.type)}"
            case tree.Output():
                return f"out {self._equation(node)}" if node.names else f"out {self.expression(node.value)}"
            case tree.Weight():
                return self._weight(node)
            case tree.Init():
                return f"init {node.name.name} = {self.expression(node.value)}"
            case tree.Equation(accumulate=True):
                return f"{_names(node.names)} += {self.expression(node.value)}"
            case tree.Equation():
                return f"{'edge ' if node.edge else ''}{self._equation(node)}"
            case tree.Repeat() | tree.Loop():
                return self._block(node)
            case tree.Until():
                return f"until {self.expression(node.condition)}"
            case tree.Path():
                return f"path {node.block.name} = {', '.join(map(_hop, node.hops))}"
            case tree.Extern():
                return f"extern {node.name.name}({_names(node.arguments)}) : {self.text(node.type)}"

    def _equation(self, node: tree.Output | tree.Equation) -> str:
        return f"{_names(node.names)}{self._declared(node.dims)} = {self.expression(node.value)}"

    def _weight(self, node: tree.Weight) -> str:
        head = f"{'param' if node.trained else 'const'} {_names(node.names)}{self._declared(node.dims)}"
        if node.draw is not None:
            return f"{head} ~ {self.expression(node.draw)}"
        return head if node.start is None else f"{head} = {self.expression(node.start)}"

    def _declared(self, dims: tree.Along | None) -> str:
        return f" : {self.bracket(dims)}" if dims else ""

    def _block(self, node: tree.Repeat | tree.Loop) -> str:
        word = "repeat" if isinstance(node, tree.Repeat) else "loop"
        name = f" as {node.name.name}" if node.name else ""
        body = f" {self.statement(node.body[0])}" if is_inline(node) else ""
        return f"{word} {self.expression(node.count)}{name}:{body}"

    # ---- expressions

    def expression(self, node: tree.Expression, least: int = _LOOSEST, tight: bool = False) -> str:
        """An expression, in parentheses if it binds less tightly than `least`; `tight` where all are sizes."""
        match node:
            case tree.Number():
                return node.text
            case tree.Text():
                return f'"{node.value}"'
            case tree.Truth():
                return "yes" if node.value else "no"
            case tree.Name():
                return node.name
            case tree.Unary():
                return self._unary(node, least, tight)
            case tree.Binary():
                return self._binary(node, least, tight)
            case tree.Index():
                brackets = ", ".join(map(self.bracket, node.brackets))
                return f"{self.expression(node.base, _POSTFIX)}[{brackets}]"
            case tree.Call():
                arguments = ", ".join(self.argument(each, tight) for each in node.arguments)
                return f"{self.expression(node.function, _POSTFIX)}({arguments})"

    def _unary(self, node: tree.Unary, least: int, tight: bool) -> str:
        own, _, inner = _BINDING["negative" if node.operator == "-" else "not"]
        operator = "-" if node.operator == "-" else "not "
        return _enclosed(f"{operator}{self.expression(node.operand, inner, tight)}", own < least)

    def _binary(self, node: tree.Binary, least: int, tight: bool) -> str:
        own, left, right = _BINDING[node.operator]
        close = node.operator in ("*", "/") and (tight or self._is_size(node))
        operator = node.operator if close else f" {node.operator} "
        text = f"{self.expression(node.left, left, tight)}{operator}{self.expression(node.right, right, tight)}"
        return _enclosed(text, own < least)

    def _is_size(self, node: tree.Expression) -> bool:
        match node:
            case tree.Number():
                return True
            case tree.Name():
                return node.name in self.sizes
            case tree.Binary(operator="*" | "/"):
                return self._is_size(node.left) and self._is_size(node.right)
            case _:
                return False

    def _size(self, node: tree.Expression, least: int) -> str:
        return self.expression(node, least, tight=True)

    def _dim(self, node: tree.Expression) -> str:
        """One of several dims side by side: a name, a whole number, a product of those, or in parentheses."""
        match node:
            case tree.Name():
                return node.name
            case tree.Number() if node.text.isdigit():
                return node.text
            case tree.Binary(operator="*" | "/"):
                return f"{self._dim(node.left)}{node.operator}{self._dim_factor(node.right)}"
            case _:
                return f"({self._size(node, _LOOSEST)})"

    def _dim_factor(self, node: tree.Expression) -> str:
        product = isinstance(node, tree.Binary) and node.operator in ("*", "/")
        return f"({self._size(node, _LOOSEST)})" if product else self._dim(node)

    def bracket(self, node: tree.Bracket) -> str:
        """What stands in brackets, or the dims behind a colon or an arrow."""
        match node:
            case tree.Along():
                return " ".join(map(self._dim, node.dims))
            case tree.Offset():
                # `t-1+2` would read as t-(1+2); parentheses make that plain
                return f"{node.axis}{'+' if node.sign > 0 else '-'}{self._size(node.amount, _PRODUCT)}"
            case tree.Pick():
                return f"{node.name}={self.expression(node.value)}"
            case tree.Rename():
                return f"{node.old}->{node.new}"

    def argument(self, node: tree.Argument, tight: bool = False) -> str:
        """One argument of a call."""
        match node:
            case tree.Positional():
                return self.expression(node.value, tight=tight)
            case tree.Keyword():
                return f"{node.name} = {self._expression_or_dims(node.value, tight)}"
            case tree.Arrow():
                return f"{self._expression_or_dims(node.source, tight)} -> {self.bracket(node.dims)}"

    def _expression_or_dims(self, node: tree.Expression | tree.Along, tight: bool) -> str:
        return self.bracket(node) if isinstance(node, tree.Along) else self.expression(node, tight=tight)


def _enclosed(text: str, needed: bool) -> str:
    return f"({text})" if needed else text


def _names(names: tuple[tree.Name, ...]) -> str:
    return ", ".join(name.name for name in names)


def _hop(hop: tree.Hop) -> str:
    match hop:
        case tree.Visit():
            return _range(hop)
        case tree.Skip():
            return f"skip {_range(hop)}"
        case tree.Again():
            return f"loop {hop.times} ({', '.join(map(_hop, hop.hops))})"


def _range(hop: tree.Visit | tree.Skip) -> str:
    return str(hop.first) if hop.first == hop.last else f"{hop.first}..{hop.last}"


def _over(over: tree.Over) -> str:
    graph = f" in {over.graph}" if over.graph else ""
    return f"over {_names(over.axes)}{graph}{' reversed' if over.reversed else ''}"
