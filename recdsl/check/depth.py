"""`repeat`, `loop` and `path` → a depth item around a module of its own.

The body is a block whose inputs are what it reads from outside and the names that it rebinds. It is taken to be pointwise,
and given the axes of the layer around only when something in it works along them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from recdsl.check.entities import AxisEntity, SizeEntity, ValueEntity
from recdsl.check.names import body_targets
from recdsl.check.numbers import check_count, size_of
from recdsl.check.reading import read_value, reads_value
from recdsl.check.setting import NeedsAxes, Setting
from recdsl.diagnostics import Label
from recdsl.ir import sizes
from recdsl.ir.expr import Read
from recdsl.ir.module import Carry, Depth, Input
from recdsl.ir.sizes import Size
from recdsl.ir.types import Axis, ValueType, join_kinds
from recdsl.parse import tree

if TYPE_CHECKING:
    from recdsl.check.block import Block

LONGEST_PATH = 10_000


def elaborate_depth(block: Block, statement: tree.Repeat | tree.Loop) -> None:
    """Add a `repeat` or `loop` to a block."""
    count = size_of(statement.count, block.lookup)
    if count is None:
        help = "a number, or a parameter of the layer"
        block.report.error("R305", "how often is not known when the module is built", Label(statement.count.span), help=help)  # fmt: skip
        return
    if not check_count("the number of turns", count, statement.count.span, block.report):
        return
    kind = "repeat" if isinstance(statement, tree.Repeat) else "loop"
    name = statement.name.name if statement.name is not None else kind
    if statement.name is not None and isinstance(block.lookup(name), (ValueEntity, SizeEntity, AxisEntity)):
        help = f"give the {kind} another name; it counts the turns from 0"
        block.report.error("R203", f"{name} has a meaning already", Label(statement.name.span), help=help)
        return
    name = block.unique(name)
    carried = _carried_names(block, statement)
    starts = {each: read for each in carried if (read := _start(block, each)) is not None}
    if len(starts) < len(carried):
        return
    try:
        _elaborate(block, statement, name, kind, count, starts, pointwise=True)
    except NeedsAxes as error:
        block.need_axes(error.span)
        _elaborate(block, statement, name, kind, count, starts, pointwise=False)


def _carried_names(block: Block, statement: tree.Repeat | tree.Loop) -> list[str]:
    """The names of values outside that the body assigns, in the order of their first assignment."""
    names: list[str] = []
    for each in body_targets(statement.body):
        if each.name not in names and _is_outer_value(block, each.name):
            names.append(each.name)
    return names


def _is_outer_value(block: Block | None, name: str) -> bool:
    while block is not None:
        if isinstance(block.entities.get(name), ValueEntity):
            return True
        block = block.parent
    return False


def _start(block: Block, name: str) -> Read | None:
    span = block.names.values[name] if name in block.names.values else block.statements[0].span
    read = read_value(block, name, span)
    return read if isinstance(read, Read) else None


def _elaborate(
    block: Block,
    statement: tree.Repeat | tree.Loop,
    name: str,
    kind: str,
    count: Size,
    starts: dict[str, Read],
    pointwise: bool,
) -> None:
    types = dict(block.bodies.get(id(statement), {})) if not pointwise else {}
    for each, read in starts.items():
        types[each] = _joined(_seen(read.type, pointwise), types.get(each))
    setting = Setting(
        f"{block.setting.key}.{name}",
        f"{block.setting.name}_{name}",
        "pointwise" if pointwise else block.domain,
        () if pointwise else block.axes,
        block.setting.parameters,
        rebinds=True,
        cyclic_graph=not pointwise and block.setting.cyclic_graph,
    )
    turn = statement.name.name if statement.name is not None else None
    for _ in range(4):
        given = [Input(each, types[each], vocabulary=None) for each in starts]
        if turn is not None:
            given.append(Input(turn, ValueType("int"), static=True))
        inner = block.body(setting, statement.body, tuple(given))
        inner.strict = block.strict
        made = inner.run()
        grown = {each: _joined(types[each], inner.types.get(made.versions.get(each, each))) for each in starts}
        if grown == types:
            break
        types = grown
    block.bodies[id(statement)] = types
    block.failed_call = block.failed_call or inner.failed_call
    _finish(block, statement, name, kind, count, starts, inner, types, turn)
    if block.strict:
        _check_dims_of_turns(block, starts, inner)
        block.report.found.extend(inner.report.found)
        block.failed.update(each for each in starts if inner.report.errors)


def _check_dims_of_turns(block: Block, starts: dict[str, Read], inner: Block) -> None:
    """R302 where a value comes out of a turn with dims that it did not go in with; a value without dims may get some."""
    for name, read in starts.items():
        before, after = read.type.dims, inner.types.get(inner.made.versions.get(name, name))
        if not before or after is None:
            continue
        known = {dim.name: dim.size for dim in before}
        if not all(dim.name in known and sizes.same(dim.size, known[dim.name]) for dim in after.dims):
            came, went = " ".join(map(str, before)), " ".join(map(str, after.dims))
            label = Label(inner.names.rebound[name][-1])
            help = "every turn takes what the one before has left, so the dims stay the same"
            message = f"{name} goes into a turn with the dims {came} and comes out with {went}"
            block.report.error("R302", message, label, help=help)


def _seen(type_: ValueType, pointwise: bool) -> ValueType:
    return replace(type_, axes=()) if pointwise else type_


def _joined(left: ValueType, right: ValueType | None) -> ValueType:
    """The type that both can be taken as: what one lacks is broadcast."""
    if right is None:
        return left
    axes = left.axes + tuple(axis for axis in right.axes if axis.name not in left.axis_names)
    dims = left.dims + tuple(dim for dim in right.dims if dim.name not in left.dim_names)
    return ValueType(join_kinds(left.kind, right.kind), axes, dims)


def _finish(
    block: Block,
    statement: tree.Repeat | tree.Loop,
    name: str,
    kind: str,
    count: Size,
    starts: dict[str, Read],
    inner: Block,
    types: dict[str, ValueType],
    turn: str | None,
) -> None:
    made = inner.made
    uses_turn = turn is not None and any(each.name == turn for each in made.inputs) and reads_value(inner, turn)
    if turn is not None and not uses_turn:
        made.inputs = [each for each in made.inputs if each.name != turn]
    block.elaborator.add_body(inner, statement.span)
    axes = _axes_of_all(starts, made.captured) if inner.domain == "pointwise" else ()
    carries = []
    for each, read in starts.items():
        type_ = types[each]
        if inner.domain == "pointwise":
            type_ = block.normal(replace(type_, axes=axes))
        result = block.new_version(each) if each in block.entities else each
        body_out = made.versions.get(each, each)
        carries.append(Carry(read, each, body_out, result, type_))
        block.types[result] = type_
        if each in block.entities:
            block.made.versions[each] = result
    depth = Depth(
        name,
        kind,
        count,
        inner.setting.key,
        tuple(made.captured.items()),
        tuple(carries),
        turn if uses_turn else None,
        made.until,
        path=_path_of(block, statement, count),
        span=statement.span,
    )
    block.made.items.append(depth)


def _axes_of_all(starts: dict[str, Read], captured: dict[str, Read]) -> tuple[Axis, ...]:
    axes: dict[str, Axis] = {}
    for read in (*starts.values(), *captured.values()):
        for axis in read.type.axes:
            axes.setdefault(axis.name, axis)
    return tuple(axes.values())


def _path_of(block: Block, statement: tree.Repeat | tree.Loop, count: Size) -> tuple[int, ...] | None:
    """The default chain of copies, checked against their number where that is known."""
    if not isinstance(statement, tree.Repeat) or statement.name is None:
        return None
    name = statement.name.name
    path = next((s for s in block.statements if isinstance(s, tree.Path) and s.block.name == name), None)
    if path is None:
        return None
    limit = _known_count(block, count)
    count_of_visits = _number_of_visits(path.hops)
    if count_of_visits > LONGEST_PATH:
        help = f"a path visits {LONGEST_PATH} copies at most"
        block.report.error("R307", f"this path visits {count_of_visits} copies", Label(path.span), help=help)
        return None
    for hop in _all_hops(path.hops):
        if limit is not None and hop.last >= limit:
            help = f"{name} has the copies 0 to {limit - 1}"
            block.report.error("R307", f"there is no {name} {hop.last}", Label(hop.span), help=help)
    return tuple(_visits(path.hops))


def _known_count(block: Block, count: Size) -> int | None:
    defaults = {p.name: p.default for p in block.setting.parameters if p.default is not None}
    try:
        value = sizes.evaluate(sizes.substitute(count, defaults), {})
    except (KeyError, ArithmeticError):
        return None
    return int(value)


def _number_of_visits(hops: tuple[tree.Hop, ...]) -> int:
    found = 0
    for hop in hops:
        match hop:
            case tree.Visit():
                found += hop.last - hop.first + 1
            case tree.Again():
                found += _number_of_visits(hop.hops) * hop.times
            case tree.Skip():
                pass
    return found


def _visits(hops: tuple[tree.Hop, ...]) -> list[int]:
    found: list[int] = []
    for hop in hops:
        match hop:
            case tree.Visit():
                found.extend(range(hop.first, hop.last + 1))
            case tree.Again():
                found.extend(_visits(hop.hops) * hop.times)
            case tree.Skip():
                pass
    return found


def _all_hops(hops: tuple[tree.Hop, ...]) -> list[tree.Visit | tree.Skip]:
    found: list[tree.Visit | tree.Skip] = []
    for hop in hops:
        if isinstance(hop, tree.Again):
            found.extend(_all_hops(hop.hops))
        else:
            found.append(hop)
    return found
