"""What stands in brackets behind a value: shifts, `[pred]`, picks, renames; and `index[N]`.

In: a tree with brackets. Out: a read, or operators around one; None where a type is not known yet or after an error was
reported.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from recdsl.check.entities import AxisEntity, SizeEntity, ValueEntity
from recdsl.check.numbers import report_once, size_of, unknown_name
from recdsl.check.reading import read_shifted
from recdsl.check.setting import with_size
from recdsl.ir import sizes
from recdsl.ir.expr import Expr, Position, Read
from recdsl.ir.types import Axis, Dim, ValueType
from recdsl.parse import tree

if TYPE_CHECKING:
    from recdsl.check.expressions import Expressions

PRED = Axis("pred", sizes.axis_length("pred"))


def bracketed(build: Expressions, node: tree.Index) -> Expr | None:
    """A value with brackets behind it."""
    if isinstance(node.base, tree.Name) and node.base.name == "index" and build.block.lookup("index") is None:
        return _positions(build, node)
    offsets = [each for each in node.brackets if isinstance(each, tree.Offset)]
    along = [each for each in node.brackets if isinstance(each, tree.Along)]
    if offsets and along and not _are_axes(build, along):
        help = f"the axes of this layer are {', '.join(build.block.axes)}"
        return build.error(
            "R305", f"{along[0].span.text} is no axis that can stand beside a shift", along[0].span, help=help
        )
    base = _shifted(build, node, offsets) if offsets else _along_edges(build, node, along) if along else None
    if not offsets and not along:
        base = build.value(node.base)
    for bracket in node.brackets:
        match bracket:
            case tree.Pick() if base is not None:
                base = _pick(build, base, bracket)
            case tree.Rename() if base is not None:
                base = _rename(build, base, bracket)
            case tree.Offset() | tree.Along() | tree.Pick() | tree.Rename():
                pass
    return base


def _positions(build: Expressions, node: tree.Index) -> Expr | None:
    match node.brackets:
        case (tree.Along(dims=(tree.Name() as name,)),):
            entity = build.block.lookup(name.name)
            if isinstance(entity, AxisEntity):
                return build.position(entity, node.span)
            if isinstance(entity, SizeEntity) and name.name[0].isupper():
                dim = Dim(name.name, entity.size)
                return Position(name.name, ValueType("int", dims=(dim,)), node.span)
            unknown_name(name.name, name.span, build.block.known_names(), build.report, what="dim or axis")
            return None
    return build.error("R305", "index takes one dim or axis", node.span, help="write index[N] or index[t]")


def _shifted(build: Expressions, node: tree.Index, offsets: list[tree.Offset]) -> Expr | None:
    shifts: dict[str, int] = {}
    for each in offsets:
        amount = _amount(build, each)
        if amount is None or not _is_axis(build, each):
            return None
        if each.axis in shifts:
            return build.error("R305", f"{each.axis} stands here twice", each.span)
        shifts[each.axis] = each.sign * amount
    read = _base_read(build, node)
    if read is None:
        return None
    build.block.need_axes(node.span)
    if build.block.domain == "graph":
        help = "the nodes of a graph have no order; h[pred] is read over the incoming edges: sum[pred](h[pred])"
        return build.error("R304", "a graph has no earlier points", node.span, help=help)
    missing = [axis for axis in shifts if axis not in read.type.axis_names]
    if missing and not build.block.strict:
        axes = tuple(Axis(axis, sizes.axis_length(axis)) for axis in missing)
        read = replace(read, type=build.block.normal(replace(read.type, axes=(*read.type.axes, *axes))))
    elif missing:
        help = f"leave out the shift along {missing[0]}"
        message = f"{read.value} is the same at every point of {missing[0]}"
        return build.error("R304", message, node.span, help=help)
    order = {axis: place for place, axis in enumerate(build.block.axes)}
    kept = tuple(sorted(((a, s) for a, s in shifts.items() if s), key=lambda each: order.get(each[0], 0)))
    return replace(read, offsets=kept, span=node.span)


def _amount(build: Expressions, offset: tree.Offset) -> int | None:
    size = size_of(offset.amount, build.block.lookup)
    if size is not None and size.operator == "number" and isinstance(size.operands[0], int):
        return size.operands[0]
    help = "a shift is a whole number, or a number parameter that is given as one"
    return build.error("R305", "this shift is not known when compiling", offset.amount.span, help=help)


def _is_axis(build: Expressions, offset: tree.Offset) -> bool:
    entity = build.block.lookup(offset.axis)
    if isinstance(entity, AxisEntity) and entity.name in build.block.axes:
        return True
    if not build.block.axes:
        build.block.need_axes(offset.span)
    if isinstance(entity, SizeEntity):
        help = f"{offset.axis} is a dim; only axes can be shifted"
    else:
        help = f"the axes of this layer are {', '.join(build.block.axes)}"
    report_once("R201", f"there is no axis {offset.axis}", offset.span, build.report, help)
    return False


def _base_read(build: Expressions, node: tree.Index) -> Read | None:
    """What a shift applies to: a value, or a nameless equation for any other expression."""
    if isinstance(node.base, tree.Name):
        entity = build.block.lookup(node.base.name)
        if isinstance(entity, ValueEntity):
            return read_shifted(build.block, node.base.name, node.base.span)
        if entity is None:
            build.refuse_name(node.base)
            return None
        help = f"write {node.base.name} without the shift"
        message = f"{node.base.name} is the same at every point"
        return build.error("R304", message, node.span, help=help)
    value = build.value(node.base)
    return None if value is None else build.block.nameless(value, span=node.base.span)


def _along_edges(build: Expressions, node: tree.Index, along: list[tree.Along]) -> Expr | None:
    names = [name.name for each in along for name in each.dims if isinstance(name, tree.Name)]
    if _are_axes(build, along):
        return build.value(node.base)
    if names != ["pred"]:
        help = "write index[N], h[t-1], h[t=0], x[t->s] or, in graphs, h[pred]"
        return build.error("R305", "a value takes no dims in brackets", node.span, help=help)
    read = _base_read(build, node) if build.on_edges(node.span) else None
    if read is None:
        return None
    if build.block.strict and not read.type.axes:
        return build.error(
            "R304", f"{node.base.span.text} is the same at every node", node.span, help="leave out [pred]"
        )
    target = (Axis(build.block.point_axis, sizes.axis_length(build.block.point_axis)), PRED)
    return replace(read, via="pred", type=replace(read.type, axes=target), span=node.span)


def _are_axes(build: Expressions, along: list[tree.Along]) -> bool:
    """Whether these are axes of the layer, at the current point: the `i` of `h[i, j-1]`."""
    names = [each.name if isinstance(each, tree.Name) else "" for part in along for each in part.dims]
    return all(name in build.block.axes for name in names)


def _pick(build: Expressions, base: Expr, bracket: tree.Pick) -> Expr | None:
    index = build.value(bracket.value)
    if index is None:
        return None
    if isinstance(build.block.lookup(bracket.name), AxisEntity):
        build.block.need_axes()
    return build.operator("pick", (base, index), bracket.span, name=bracket.name)


def _rename(build: Expressions, base: Expr, bracket: tree.Rename) -> Expr | None:
    renamed = build.operator("rename", (base,), bracket.span, old=bracket.old, new=bracket.new)
    entity = build.block.lookup(bracket.new)
    if renamed is not None and isinstance(entity, SizeEntity) and bracket.old in base.type.dim_names:
        defaults = build.block.defaults()
        old = base.type.dim(bracket.old).size
        if sizes.same(sizes.substitute(old, defaults), sizes.substitute(entity.size, defaults)):
            return with_size(renamed, bracket.new, entity.size)
    return renamed
