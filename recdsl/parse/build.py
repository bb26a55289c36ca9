"""Lark's parse tree → the dataclasses of `tree.py`. One method a grammar rule, named like it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lark import Token, Tree

from recdsl.diagnostics import Diagnostics, Label, Source, Span
from recdsl.parse import tree

_BINARY = {"or_": "or", "and_": "and", "add": "+", "sub": "-", "mul": "*", "div": "/", "mod": "%", "pow": "^", "size_mul": "*", "size_div": "/"}  # fmt: skip

Node = Any  # a lark Tree or Token; typed from the first dataclass on


class TreeBuilder:
    """Builds the typed tree of one source; `report` holds what is wrong with it (R106)."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.report = Diagnostics()

    def file(self, node: Node) -> tuple[tuple[tree.Use, ...], tuple[tree.Definition, ...]]:
        uses = tuple(self._use(child) for child in node.children if child.data == "use")
        definitions = tuple(self._definition(child) for child in node.children if child.data == "definition")
        return uses, definitions

    def _span(self, node: Node) -> Span:
        if isinstance(node, Token):
            assert node.start_pos is not None and node.end_pos is not None
            return Span(self.source, node.start_pos, node.end_pos)
        return Span(self.source, node.meta.start_pos, min(node.meta.end_pos, len(self.source.text)))

    def _trimmed(self, node: Node) -> Span:
        """The span of a node that ends a line, without the white space behind it."""
        span = self._span(node)
        return Span(span.source, span.start, span.start + len(span.text.rstrip()))

    def _use(self, node: Node) -> tree.Use:
        return tree.Use(str(node.children[0])[1:-1], self._span(node.children[0]))

    def _definition(self, node: Node) -> tree.Definition:
        kind, name, parameters, over, *body = node.children
        return tree.Definition(
            str(kind),
            self._name(name),
            tuple(self._parameter(each) for each in (parameters.children if parameters else ()) if each is not None),
            self._over(over) if over else None,
            self._statements(body),
            Span(self.source, self._span(kind).start, self._span(over or parameters or name).end),
        )

    def _parameter(self, node: Node) -> tree.Parameter:
        name, default = node.children
        return tree.Parameter(self._name(name), self.expression(default) if default else None, self._span(node))

    def _over(self, node: Node) -> tree.Over:
        if node.data == "over_axes":
            return tree.Over(tuple(self._name(each) for each in node.children), None, False, self._span(node))
        name, graph, backwards = node.children
        return tree.Over((self._name(name),), str(graph), backwards is not None, self._span(node))

    def _name(self, node: Node) -> tree.Name:
        if isinstance(node, Tree):  # the rule `name`: a NAME, or a keyword that stands where a name does
            return tree.Name(self._span(node).text, self._span(node))
        return tree.Name(str(node), self._span(node))

    # ---- statements

    def _statements(self, nodes: list[Node]) -> tuple[tree.Statement, ...]:
        found: list[tree.Statement] = []
        for node in nodes:
            if isinstance(node, Tree) and node.data in ("_block", "_suite", "_line"):
                found.extend(self._statements(node.children))
            elif isinstance(node, Tree):
                found.append(self._statement(node))
        return tuple(found)

    def _statement(self, node: Tree[Token]) -> tree.Statement:
        build: Callable[[Node], tree.Statement] = getattr(self, f"_{node.data}")
        return build(node)

    def _input(self, node: Node) -> tree.Input:
        names, type_ = node.children
        return tree.Input(self._names(names), self._type(type_), self._trimmed(node))

    def _names(self, node: Node) -> tuple[tree.Name, ...]:
        return tuple(self._name(each) for each in node.children)

    def _type(self, node: Node) -> tree.Type:
        words = tuple(
            tree.Token(self.expression(each.children[0]), self._span(each))
            if isinstance(each, Tree) and each.data == "token"
            else self.expression(each)
            for each in node.children
        )
        return tree.Type(words, self._trimmed(node))

    def _output_value(self, node: Node) -> tree.Output:
        return tree.Output((), None, self.expression(node.children[0]), self._trimmed(node))

    def _output_equation(self, node: Node) -> tree.Output:
        names, dims, value = node.children
        return tree.Output(self._names(names), self._dims(dims), self.expression(value), self._trimmed(node))

    def _weight_free(self, node: Node) -> tree.Weight:
        return self._weight(node, None, None)

    def _weight_drawn(self, node: Node) -> tree.Weight:
        return self._weight(node, self.expression(node.children[3]), None)

    def _weight_started(self, node: Node) -> tree.Weight:
        return self._weight(node, None, self.expression(node.children[3]))

    def _weight(self, node: Node, draw: tree.Expression | None, start: tree.Expression | None) -> tree.Weight:
        kind, names, dims = node.children[:3]
        return tree.Weight(kind.type == "PARAM", self._names(names), self._dims(dims), draw, start, self._trimmed(node))

    def _init(self, node: Node) -> tree.Init:
        name, value = node.children
        return tree.Init(self._name(name), self.expression(value), self._trimmed(node))

    def _equation(self, node: Node) -> tree.Equation:
        names, dims, value = node.children
        return tree.Equation(self._names(names), self._dims(dims), self.expression(value), self._trimmed(node))

    def _accumulate(self, node: Node) -> tree.Equation:
        name, value = node.children
        return tree.Equation((self._name(name),), None, self.expression(value), self._trimmed(node), accumulate=True)

    def _edge_equation(self, node: Node) -> tree.Equation:
        names, dims, value = node.children
        return tree.Equation(
            self._names(names), self._dims(dims), self.expression(value), self._trimmed(node), edge=True
        )

    def _repeat(self, node: Node) -> tree.Repeat:
        count, name, *body = node.children
        return tree.Repeat(
            self.expression(count), self._name(name) if name else None, self._statements(body), self._head(node)
        )

    def _loop(self, node: Node) -> tree.Loop:
        count, name, *body = node.children
        return tree.Loop(
            self.expression(count), self._name(name) if name else None, self._statements(body), self._head(node)
        )

    def _head(self, node: Node) -> Span:
        """The first line of a block statement."""
        span = self._span(node)
        count, name = node.children[:2]
        return Span(span.source, span.start, self._span(name or count).end)

    def _until(self, node: Node) -> tree.Until:
        return tree.Until(self.expression(node.children[0]), self._trimmed(node))

    def _path(self, node: Node) -> tree.Path:
        block, *hops = node.children
        return tree.Path(self._name(block), tuple(self._hop(each) for each in hops), self._trimmed(node))

    def _hop(self, node: Node) -> tree.Hop:
        if node.data == "again":
            times, *hops = node.children
            return tree.Again(int(times), tuple(self._hop(each) for each in hops), self._span(node))
        first, last = node.children
        kind = tree.Visit if node.data == "visit" else tree.Skip
        hop = kind(int(first), int(last or first), self._span(node))
        if hop.last < hop.first:
            label = Label(hop.span)
            help = f"write {hop.last}..{hop.first}, or name the layers one by one for another order"
            self.report.error("R106", f"the range {hop.span.text} runs backwards", label, help=help)
        return hop

    def _extern(self, node: Node) -> tree.Extern:
        name, *arguments, type_ = node.children
        given = tuple(self._name(each) for each in arguments if each is not None)
        return tree.Extern(self._name(name), given, self._type(type_), self._trimmed(node))

    def _dims(self, node: Node) -> tree.Along | None:
        if node is None:
            return None
        return tree.Along(tuple(self.expression(each) for each in node.children), self._trimmed(node))

    # ---- expressions

    def expression(self, node: Node) -> tree.Expression:
        span = self._span(node)
        match node.data:
            case "integer" | "real" | "size_number":
                return tree.Number(str(node.children[0]), span)
            case "string":
                return tree.Text(str(node.children[0])[1:-1], span)
            case "yes" | "no":
                return tree.Truth(node.data == "yes", span)
            case "name_value":
                return self._name(node.children[0])
            case "size_name":
                return tree.Name(str(node.children[0]), span)
            case "neg" | "not_":
                return tree.Unary("-" if node.data == "neg" else "not", self.expression(node.children[0]), span)
            case "compare":
                left, operator, right = node.children
                return tree.Binary(str(operator), self.expression(left), self.expression(right), span)
            case "index":
                base, brackets = node.children
                return tree.Index(self.expression(base), tuple(self._bracket(each) for each in brackets.children), span)
            case "call":
                function, *arguments = node.children
                given = tuple(self._argument(each) for each in arguments if each is not None)
                return tree.Call(self.expression(function), given, span)
            case name if name in _BINARY:
                left, right = node.children
                return tree.Binary(_BINARY[name], self.expression(left), self.expression(right), span)
        raise AssertionError(f"no dataclass for the rule {node.data!r}")

    def _bracket(self, node: Node) -> tree.Bracket:
        span = self._span(node)
        match node.data:
            case "along":
                (dims,) = node.children
                return tree.Along(tuple(self.expression(each) for each in dims.children), span)
            case "later" | "earlier":
                axis, amount = node.children
                return tree.Offset(str(axis), 1 if node.data == "later" else -1, self.expression(amount), span)
            case "pick":
                name, value = node.children
                return tree.Pick(self._name(name).name, self.expression(value), span)
            case "rename":
                old, new = node.children
                return tree.Rename(str(old), str(new), span)
        raise AssertionError(f"no dataclass for the rule {node.data!r}")

    def _argument(self, node: Node) -> tree.Argument:
        span = self._span(node)
        match node.data:
            case "keyword":
                name, value = node.children
                return tree.Keyword(self._name(name).name, self._expression_or_dims(value), span)
            case "arrow":
                source, dims = node.children
                found = self._dims(dims)
                assert found is not None
                return tree.Arrow(self._expression_or_dims(source), found, span)
        return tree.Positional(self.expression(node), span)

    def _expression_or_dims(self, node: Node) -> tree.Expression | tree.Along:
        if isinstance(node, Tree) and node.data == "several":
            return tree.Along(tuple(self._name(each) for each in node.children), self._span(node))
        return self.expression(node)
