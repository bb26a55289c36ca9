"""Nodes of a dump as names, numbers, sizes, types and attributes. Raises DumpError where a node is none."""

from __future__ import annotations

from typing import NoReturn

from recdsl.ir.dump_text import Atom, DumpError, Field, Form, Node, Row, as_literal, show
from recdsl.ir.expr import Attribute
from recdsl.ir.sizes import OPERATORS, Size
from recdsl.ir.types import KINDS, Axis, Dim, ValueType


def row_of(node: Node) -> tuple[Node, ...]:
    return node.items if isinstance(node, Row) else refuse(node, "[…] is expected")


def form_of(node: Node) -> Form:
    return node if isinstance(node, Form) else refuse(node, "(…) is expected")


def atom_of(node: Node) -> Atom:
    return node if isinstance(node, Atom) else refuse(node, "a word is expected")


def text_of(node: Node) -> str:
    return atom_of(node).text


def whole_of(node: Node) -> int:
    value = as_literal(atom_of(node))
    return value if isinstance(value, int) else refuse(node, "a whole number is expected")


def real_of(node: Node) -> float:
    value = as_literal(atom_of(node))
    return value if isinstance(value, float) else refuse(node, "a number is expected")


def truth_of(node: Node) -> bool:
    value = as_literal(atom_of(node))
    return value if isinstance(value, bool) else refuse(node, "true or false is expected")


def refuse(node: Node, message: str) -> NoReturn:
    shown = show(node)
    raise DumpError(f"{message}: {shown if len(shown) < 80 else shown[:77] + '…'}")


def size_of(node: Node) -> Size:
    if isinstance(node, Form):
        if node.head not in OPERATORS:
            refuse(node, "a size is expected")
        return Size(node.head, tuple(map(size_of, node.items[1:])))
    atom = atom_of(node)
    if not atom.quoted and atom.text.startswith("|"):
        return Size("axis", (atom.text[1:-1],))
    try:
        value = as_literal(atom)
    except DumpError:
        return Size("name", (atom.text,))
    assert value is not None
    return Size("number", (value,))


def dim_of(node: Node) -> Dim:
    name, size = _listed(node)
    return Dim(name, size if size is not None else Size("name", (name,)))


def axis_of(node: Node) -> Axis:
    name, length = _listed(node)
    return Axis(name, length if length is not None else Size("axis", (name,)))


def _listed(node: Node) -> tuple[str, Size | None]:
    """`H`, `H=(/ D 4)`, and the forms (dim H …) and (axis t …)."""
    match node:
        case Atom():
            return node.text, None
        case Field():
            return node.name, size_of(node.value)
        case Form(items=(_, name)):
            return text_of(name), None
        case Form(items=(_, name, size)):
            return text_of(name), size_of(size)
    refuse(node, "a dim or an axis is expected")


def type_of(node: Node) -> ValueType:
    nodes, kind = row_of(node), "real"
    match nodes:
        case (Atom(text=first, quoted=False), *_) if first in KINDS:
            nodes, kind = nodes[1:], first
    split = nodes.index(Atom("over")) if Atom("over") in nodes else len(nodes)
    return ValueType(kind, tuple(map(axis_of, nodes[split + 1 :])), tuple(map(dim_of, nodes[:split])))


def attribute_of(node: Node) -> Attribute:
    match node:
        case Atom(quoted=True):
            return node.text
        case Atom():
            try:
                value = as_literal(node)
            except DumpError:
                return dim_of(node)
            assert value is not None
            return value
        case Row():
            return tuple(map(attribute_of, node.items))
        case Form() if node.head == "size":
            return size_of(node.items[1])
        case Form() if node.head == "axis":
            return axis_of(node)
    return dim_of(node)
