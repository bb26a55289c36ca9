"""Builtins that move, join or cut dims and axes: `merge`, `split`, `concat`, `stack`, `slice`, `flip`, `gather`, windows.

In: a call, as for every builtin. Out: the operator, its dims written out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recdsl.check.arguments import Arguments
from recdsl.check.forms import names_of
from recdsl.check.numbers import can_count, check_count, dims_of, size_of
from recdsl.check.setting import with_size
from recdsl.ir import sizes
from recdsl.ir.expr import Expr
from recdsl.ir.sizes import Size
from recdsl.ir.types import Axis, Dim
from recdsl.parse import tree

if TYPE_CHECKING:
    from recdsl.check.expressions import Expected, Expressions


def merge_or_split(
    build: Expressions, name: str, arguments: Arguments, along: tree.Along | None, expected: Expected
) -> Expr | None:
    """`merge(x, H V -> D)`, `split(x, D -> H V)`, also of axes."""
    if not arguments.allow(name, build.report, 2) or not arguments.needs(name, build.report, 2):
        return None
    if arguments.arrow is None:
        example = "merge(x, H V -> D)" if name == "merge" else "split(x, D -> H V)"
        return build.error("R204", f"{name} needs an arrow", arguments.span, help=f"write {example}")
    operand = build.value(arguments.positional[0])
    source = arguments.positional[1]
    names = tuple(n.name for n in (source.dims if isinstance(source, tree.Along) else [source]) if isinstance(n, tree.Name))  # fmt: skip
    targets = tuple(each.name for each in arguments.arrow.dims if isinstance(each, tree.Name))
    if operand is None:
        return None
    if names and all(each in operand.type.axis_names for each in names):
        return _merge_axes(build, name, operand, names, targets, arguments)
    dims = dims_of(arguments.arrow, build.block.lookup, build.report)
    if dims is None:
        return None
    if name == "merge":
        if len(dims) != 1:
            return build.error("R204", "merge makes one dim", arguments.arrow.span)
        return _merge_dims(build, operand, names, dims[0], arguments)
    if len(names) != 1:
        return build.error("R204", "split takes one dim apart", source.span)
    if names[0] in operand.type.dim_names:
        size = sizes.product(tuple(dim.size for dim in dims))
        if build.agree(operand.type.dim(names[0]).size, size):
            operand = with_size(operand, names[0], size)
    return build.operator(name, (operand,), arguments.span, name=names[0], into=dims)


def _merge_dims(
    build: Expressions, operand: Expr, names: tuple[str, ...], into: Dim, arguments: Arguments
) -> Expr | None:
    """Merge dims into one that is as large as they are together, by default or as the caller has it."""
    together = sizes.product(tuple(dim.size for dim in operand.type.dims if dim.name in names))
    if not build.agree(together, into.size):
        return build.operator("merge", (operand,), arguments.span, names=names, into=into)
    merged = build.operator("merge", (operand,), arguments.span, names=names, into=Dim(into.name, together))
    return None if merged is None else with_size(merged, into.name, into.size)


def _merge_axes(
    build: Expressions, name: str, operand: Expr, names: tuple[str, ...], targets: tuple[str, ...], arguments: Arguments
) -> Expr | None:
    build.block.need_axes()
    if name == "merge":
        length = sizes.product(tuple(operand.type.axis(each).length for each in names))
        return build.operator(name, (operand,), arguments.span, names=names, into=Axis(targets[0], length))
    unknown = [each for each in targets if each not in build.block.axes]
    if unknown:
        help = "an axis is split into axes of the layer, whose lengths are known"
        return build.error("R304", f"the length of {unknown[0]} is not known", arguments.span, help=help)
    into = tuple(Axis(each, sizes.axis_length(each)) for each in targets)
    return build.operator(name, (operand,), arguments.span, name=names[0], into=into)


def concat_or_stack(
    build: Expressions, name: str, arguments: Arguments, along: tree.Along | None, expected: Expected
) -> Expr | None:
    """`concat[C](a, b)` puts values behind each other along C, `stack[F](a, b)` along a new dim F."""
    operands = [build.value(each) for each in arguments.positional]
    names = names_of(build, along) if along is not None else None
    if names is None or len(names) != 1:
        return build.error("R204", f"{name} needs one dim in brackets", arguments.span, help=f"write {name}[C](a, b)")
    if not arguments.allow(name, build.report, 999) or not arguments.needs(name, build.report, 1):
        return None
    known = tuple(each for each in operands if each is not None)
    if len(known) < len(operands):
        return build.placeholder(known, arguments.span)
    size: Size | None = sizes.number(len(known))
    if name == "concat":
        size = None
        for operand in known:
            if names[0] not in operand.type.dim_names:
                return build.error("R302", f"this has no dim {names[0]}", operand.span or arguments.span)
            part = operand.type.dim(names[0]).size
            size = part if size is None else sizes.apply("+", size, part)
    assert size is not None
    return build.operator(name, known, arguments.span, dim=Dim(names[0], size))


def slice_part(
    build: Expressions, name: str, arguments: Arguments, along: tree.Along | None, expected: Expected
) -> Expr | None:
    if not arguments.allow(name, build.report, 3) or not arguments.needs(name, build.report, 3):
        return None
    names = names_of(build, along) if along is not None else None
    if names is None or len(names) != 1:
        return build.error("R204", "slice needs one dim in brackets", arguments.span, help="write slice[D](x, 0, 4)")
    operand = build.value(arguments.positional[0])
    start, stop = (size_of(each, build.block.lookup) for each in arguments.positional[1:])
    if start is None or stop is None:
        return build.error("R305", "the ends of a slice are numbers known when the module is built", arguments.span)
    length = sizes.apply("-", stop, start)
    if not can_count(length) or (
        start.operator == "number" and not can_count(sizes.apply("+", start, sizes.number(1)))
    ):
        help = f"write slice[{names[0]}](x, 0, 4) for the first four"
        return build.error("R306", f"there is nothing from {start} to {stop}", arguments.span, help=help)
    if operand is None:
        return None
    return build.operator(name, (operand,), arguments.span, name=names[0], start=start, stop=stop)


def flip(
    build: Expressions, name: str, arguments: Arguments, along: tree.Along | None, expected: Expected
) -> Expr | None:
    if not arguments.allow(name, build.report, 1) or not arguments.needs(name, build.report, 1):
        return None
    names = names_of(build, along) if along is not None else None
    if names is None:
        return build.error("R204", "flip needs dims or axes in brackets", arguments.span, help="write flip[i](x)")
    operand = build.value(arguments.positional[0], expected)
    if operand is None or not build.has_order(names, arguments.span):
        return None
    return build.operator(name, (operand,), arguments.span, names=names)


def gather_or_scatter(
    build: Expressions, name: str, arguments: Arguments, along: tree.Along | None, expected: Expected
) -> Expr | None:
    """`gather[V](x, index)` and `scatter[V](x, index)`."""
    if not arguments.allow(name, build.report, 2) or not arguments.needs(name, build.report, 2):
        return None
    if along is None or len(along.dims) != 1:
        return build.error("R204", f"{name} needs one dim in brackets", arguments.span)
    operands = tuple(build.value(each) for each in arguments.positional)
    if operands[0] is None or operands[1] is None:
        return None
    pair = (operands[0], operands[1])
    if name == "gather":
        names = names_of(build, along)
        return None if names is None else build.operator(name, pair, arguments.span, name=names[0])
    dims = dims_of(along, build.block.lookup, build.report)
    return None if dims is None else build.operator(name, pair, arguments.span, dim=dims[0])


def window(
    build: Expressions, name: str, arguments: Arguments, along: tree.Along | None, expected: Expected
) -> Expr | None:
    """`maxpool(x, 2)`, `avgpool(x, 2)`, `upsample(x, 2)`, along all axes of the value or those in brackets."""
    if not arguments.allow(name, build.report, 2) or not arguments.needs(name, build.report, 2):
        return None
    build.block.need_axes()
    operand = build.value(arguments.positional[0], expected)
    size = size_of(arguments.positional[1], build.block.lookup)
    if size is None:
        return build.error("R305", "this size is not known when the module is built", arguments.positional[1].span)
    if not check_count("this", size, arguments.positional[1].span, build.report):
        return None
    if operand is None:
        return None
    names = names_of(build, along) if along is not None else operand.type.axis_names
    if names is None or not build.has_order(names, arguments.span):
        return None
    if name == "upsample":
        return build.operator(name, (operand,), arguments.span, axes=names, factor=size)
    return build.operator(name, (operand,), arguments.span, axes=names, window=size)
