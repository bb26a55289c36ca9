"""A name that stands for a value or a weight → its read in a block.

A body (`repeat`, `loop`) takes what it reads of the blocks around in as inputs of its own. None where the value is not
known yet, or after an error was reported.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from recdsl.check.entities import ValueEntity
from recdsl.check.setting import EDGE
from recdsl.diagnostics import Label, Span
from recdsl.ir.expr import Expr, Read, Weight, walk
from recdsl.ir.module import Equation, Input, Item
from recdsl.ir.sizes import Size
from recdsl.ir.types import ValueType

if TYPE_CHECKING:
    from recdsl.check.block import Block


def read_value(block: Block, name: str, span: Span) -> Read | None:
    """The value of a name at the current point; a body takes in those of the blocks around."""
    if name in block.entities and isinstance(block.entities[name], ValueEntity):
        return _own(block, name, span)
    if block.parent is None:  # a name that was refused, such as that of a parameter
        block.failed.add(name)
        return None
    if name not in block.made.captured:
        outer = read_value(block.parent, name, span)
        if outer is None:
            block.guessed = True
            return None
        _capture(block, name, outer)
    type_ = block.types[name]
    return Read(name, _as_seen(block, type_), via=_via(block, type_), span=span)


def _own(block: Block, name: str, span: Span) -> Read | None:
    version = block.made.versions.get(name, name)
    if name in block.names.rebound and name not in block.made.versions:
        if block.strict and not _is_doubled(block, name, block):
            help = "statements that rebind a name are read in the order written"
            block.report.error("R208", f"{name} is read before it has a value", Label(span), help=help)
        return None
    type_ = block.types.get(version)
    if type_ is None:
        block.guessed = True
        if block.strict and version not in block.failed and version != block.building:
            help = "give its equation dims: h : H = …"
            block.report.error("R301", f"the dims of {name} are not known", Label(span), help=help)
        return None
    block.seen.setdefault(version, type_)  # later reads of this pass may find another
    return Read(version, _as_seen(block, type_), via=_via(block, type_), span=span)


def _via(block: Block, type_: ValueType) -> str:
    """A node value that an edge reads is read at the node the edge leaves."""
    at_edge = block.domain == "graph" and block.point_axis == "edge"
    return "tail" if at_edge and type_.axis_names == block.axes else ""


def _as_seen(block: Block, type_: ValueType) -> ValueType:
    return replace(type_, axes=(EDGE,)) if _via(block, type_) else type_


def _capture(block: Block, name: str, outer: Read) -> None:
    type_ = outer.type if block.domain != "pointwise" else replace(outer.type, axes=())
    block.made.captured[name] = outer
    block.types[name] = type_
    assert block.parent is not None
    vocabulary = vocabulary_of(block.parent, Read(outer.value, ValueType()))
    block.made.inputs.append(Input(name, type_, vocabulary=vocabulary))


def read_shifted(block: Block, name: str, span: Span) -> Read | None:
    """The value of a name that is read at a shift: one that is not rebound. Where edges may form cycles nothing recurs along
    them, so that `h[pred]` can only be the value that the name has so far."""
    owner = block.owner_of(name)
    if owner is not None and name in owner.names.rebound and not block.setting.cyclic_graph:
        if _is_doubled(block, name, owner):
            return None
        labels = [Label(span, "read at a shift")]
        places = owner.names.rebound[name]
        labels += [Label(each, "rebound here") for each in (places[1:2] or places[:1])]
        help = f"give the value that is meant a name of its own: now = {name}"
        message = f"{name} is rebound and cannot be read at a shift"
        if not any(each.message == message for each in block.report.found):
            block.report.error("R206", message, *labels, help=help)
        return None
    return read_value(block, name, span)


def _is_doubled(block: Block, name: str, owner: Block) -> bool:
    """Whether a name is defined twice where that is refused (R203), so that nothing more need be said."""
    if owner.setting.rebinds or name not in owner.names.doubled:
        return False
    block.failed.add(name)
    return True


def read_weight(block: Block, name: str, span: Span) -> Expr | None:
    """A `param` or `const`, here or of a block around."""
    if name in block.entities:
        spec = block.made.weights.get(name)
        return None if spec is None else Weight(name, ValueType(spec.kind, (), spec.dims), span)
    assert block.parent is not None, name
    shared = f"%{name}"
    if shared not in block.made.captured:
        weight = read_weight(block.parent, name, span)
        if weight is None:
            return None
        _capture(block, shared, weight if isinstance(weight, Read) else block.parent.nameless(weight, shared))
    return Read(shared, block.types[shared], span=span)


def vocabulary_of(block: Block, expr: Expr) -> Size | None:
    """The vocabulary of a token input that an expression reads."""
    for each in walk(expr):
        if isinstance(each, Read):
            for given in block.made.inputs:
                if given.name == each.value and given.vocabulary is not None:
                    return given.vocabulary
    return None


def reads_value(block: Block, name: str) -> bool:
    """Whether an equation or a body inside this block reads an input."""
    return any(
        isinstance(each, Read) and each.value == name
        for item in block.made.items
        for expr in _expressions_of(item)
        for each in walk(expr)
    )


def _expressions_of(item: Item) -> list[Expr]:
    """What an equation computes and starts from, or a body captures."""
    if isinstance(item, Equation):
        return [item.expr] if item.init is None else [item.expr, item.init]
    return [read for _, read in item.captured]
