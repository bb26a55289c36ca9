"""The words of a declared type, `in x : D edge`: kind, dims, `static`, `edge`, and the vocabulary of tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recdsl.check.numbers import dims_of, size_of
from recdsl.check.setting import EDGE
from recdsl.diagnostics import Diagnostics, Label
from recdsl.ir import sizes
from recdsl.ir.sizes import Size
from recdsl.ir.types import Axis, ValueType
from recdsl.parse import tree

if TYPE_CHECKING:
    from recdsl.check.block import Block


def type_of_words(block: Block, node: tree.Type, report: Diagnostics) -> tuple[ValueType, set[str], Size | None] | None:
    """A type, its words `static` and `edge`, and the vocabulary of tokens."""
    kind, words, vocabulary = "real", set[str](), None
    dims: list[tree.Expression] = []
    for word in node.words:
        match word:
            case tree.Token():
                kind, vocabulary = "int", size_of(word.vocabulary, block.lookup)
                if vocabulary is None:
                    help = "write token[V], V being a parameter, or a number"
                    report.error("R305", "the vocabulary is not a size", Label(word.vocabulary.span), help=help)
                    return None
            case tree.Name(name=("bool" | "complex" | "real") as name):
                if kind not in ("real", name):
                    report.error("R303", f"a value cannot be {kind} and {name}", Label(word.span), help="leave one out")
                    return None
                kind = name
            case tree.Name(name=("static" | "edge") as name):
                words.add(name)
            case tree.Name(name="scalar"):
                pass
            case _:
                dims.append(word)
    along = tree.Along(tuple(dims), node.span)
    found = dims_of(along, block.lookup, report, block.renamed_dims(), block.parameter_names())
    if found is None:
        return None
    axes: tuple[Axis, ...] = tuple(Axis(axis, sizes.axis_length(axis)) for axis in block.axes)
    if "edge" in words:
        axes = (EDGE,)
    return ValueType(kind, () if "static" in words else axes, found), words, vocabulary
