"""The functions that are always there and are no layers: each turns a call into operators of the tables.

A builtin is called with (expressions, name, arguments, dims in brackets, expected dims).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from recdsl.check.arguments import Arguments
from recdsl.check.contractions import conv, embed, linear, needs_dims
from recdsl.check.entities import AxisEntity
from recdsl.check.numbers import can_count, check_count, dims_of, size_of
from recdsl.check.setting import with_size
from recdsl.ir import sizes
from recdsl.ir.expr import Const, Expr, Number, Read
from recdsl.ir.sizes import Size
from recdsl.ir.types import Axis, Dim, ValueType
from recdsl.parse import tree

if TYPE_CHECKING:
    from recdsl.check.expressions import Expected, Expressions

Builtin = Callable[["Expressions", str, Arguments, tree.Along | None, "Expected"], Expr | None]

UNARY = (
    "abs", "sign", "floor", "ceil", "round", "exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "reciprocal",
    "sin", "cos", "tan", "sinh", "cosh", "atan", "tanh", "sigmoid", "logsigmoid", "relu", "silu", "gelu", "softplus",
    "elu", "mish", "erf", "hardsigmoid", "hardtanh", "real", "imag", "conj", "angle", "stop",
)  # fmt: skip
BINARY = ("logaddexp", "atan2", "complex", "quantise", "dropout")
TERNARY = ("where", "clamp")
REDUCTIONS = ("sum", "mean", "prod", "logsumexp", "norm", "argmax", "max", "min")
DRAWS = {"normal": 2, "uniform": 2, "orthogonal": 1}


def _elementwise(
    build: Expressions, name: str, arguments: Arguments, along: tree.Along | None, expected: Expected
) -> Expr | None:
    arity = 1 if name in UNARY else 2 if name in BINARY else 3
    if not _plain(build, name, arguments, along, arity):
        return None
    if name == "where":
        return _where(build, arguments, expected)
    if name in LIMITS and not _within(build, name, arguments):
        return None
    return build.elementwise(name, tuple(build.value(each, expected) for each in arguments.positional), arguments.span)


# The second argument of these: the least value, what it has to stay below, and what it is called.
LIMITS = {"quantise": (2, math.inf, "the number of bits"), "dropout": (0, 1, "the rate")}


def _within(build: Expressions, name: str, arguments: Arguments) -> bool:
    """R306 for a second argument that is known now and makes no sense."""
    least, limit, what = LIMITS[name]
    size = size_of(arguments.positional[1], build.block.lookup)
    if size is None or size.operator != "number" or least <= sizes.evaluate(size, {}) < limit:
        return True
    help = f"it is at least {least}" + (f" and less than {limit}" if math.isfinite(limit) else "")
    build.error("R306", f"{what} cannot be {size}", arguments.positional[1].span, help=help)
    return False


def _where(build: Expressions, arguments: Arguments, expected: Expected) -> Expr | None:
    """Where the condition is known when compiling, the other branch makes nothing."""
    condition = build.value(arguments.positional[0], expected)
    if isinstance(condition, Const) and isinstance(condition.value, bool):
        return build.value(arguments.positional[1 if condition.value else 2], expected)
    branches = tuple(build.value(each, expected) for each in arguments.positional[1:])
    return build.elementwise("where", (condition, *branches), arguments.span)


def _plain(build: Expressions, name: str, arguments: Arguments, along: tree.Along | None, arity: int) -> bool:
    """Whether a call has just `arity` arguments by position."""
    if along is not None:
        build.error("R204", f"{name} takes no dims in brackets", along.span)
        return False
    return (
        arguments.allow(name, build.report, arity)
        and arguments.needs(name, build.report, arity)
        and _no_arrow(build, name, arguments)
    )


def _no_arrow(build: Expressions, name: str, arguments: Arguments) -> bool:
    if arguments.arrow is not None:
        build.error("R204", f"{name} takes no arrow", arguments.arrow.span)
    return arguments.arrow is None


def _extremum(
    build: Expressions, name: str, arguments: Arguments, along: tree.Along | None, expected: Expected
) -> Expr | None:
    """`max(a, b)` is elementwise, `max[K](x)` a reduction."""
    if along is None and len(arguments.positional) == 2:
        if not _plain(build, name, arguments, along, 2):
            return None
        operands = tuple(build.value(each, expected) for each in arguments.positional)
        return build.elementwise({"max": "maximum", "min": "minimum"}[name], operands, arguments.span)
    return _along(build, name, arguments, along, expected)


def _along(
    build: Expressions, name: str, arguments: Arguments, along: tree.Along | None, expected: Expected
) -> Expr | None:
    """A reduction, softmax, cumsum or topk along the dims in brackets, or along all dims."""
    arity = 2 if name == "topk" else 1
    if not arguments.allow(name, build.report, arity) or not arguments.needs(name, build.report, arity):
        return None
    if not _no_arrow(build, name, arguments):
        return None
    names = names_of(build, along) if along is not None else None
    stays = name in ("softmax", "cumsum", "topk")
    only_axes = names is not None and all(is_axis(build, each) or each == "pred" for each in names)
    operand = build.value(arguments.positional[0], expected if stays or only_axes else None)
    count = build.value(arguments.positional[1]) if arity == 2 else None
    if operand is None or (arity == 2 and count is None) or (along is not None and names is None):
        return None
    over = names if names is not None else operand.type.dim_names
    if name == "argmax" and len(over) != 1:
        return build.error("R204", "argmax works along one dim", arguments.span, help="write argmax[K](x)")
    if not over and not stays:
        return operand
    if name == "cumsum" and len(over) == 1 and over[0] in build.block.axes and over[0] in operand.type.axis_names:
        return build.block.running_sum(operand, over[0])
    if isinstance(count, Number):
        count = replace(count, type=ValueType("int"))
    operands = (operand,) if count is None else (operand, count)
    return build.operator(name, operands, arguments.span, over=over)


def names_of(build: Expressions, along: tree.Along) -> tuple[str, ...] | None:
    """The plain names in brackets."""
    names = []
    for each in along.dims:
        if not isinstance(each, tree.Name):
            return build.error("R305", "dims in brackets are names", each.span)
        if is_axis(build, each.name):
            build.block.need_axes()
        names.append(each.name)
    return tuple(names)


def is_axis(build: Expressions, name: str) -> bool:
    return isinstance(build.block.lookup(name), AxisEntity)


def _everywhere(
    build: Expressions, name: str, arguments: Arguments, along: tree.Along | None, expected: Expected
) -> Expr | None:
    if along is not None:
        return _along(build, name, arguments, along, expected)
    if not _plain(build, name, arguments, along, 1):
        return None
    operand = build.value(arguments.positional[0])
    return None if operand is None else build.operator(name, (operand,), arguments.span, over=("*",))


def _draw(
    build: Expressions, name: str, arguments: Arguments, along: tree.Along | None, expected: Expected
) -> Expr | None:
    if not build.block.in_start:
        help = "noise(std) draws at every point"
        return build.error("R305", f"{name} draws only the start of a parameter", arguments.span, help=help)
    if not _plain(build, name, arguments, along, DRAWS[name]):
        return None
    operands = [build.value(each) for each in arguments.positional]
    known = tuple(each for each in operands if each is not None)
    return build.operator(name, known, arguments.span) if len(known) == len(operands) else None


def _noise(
    build: Expressions, name: str, arguments: Arguments, along: tree.Along | None, expected: Expected
) -> Expr | None:
    if not _plain(build, name, arguments, along, 1):
        return None
    if expected is None:
        return needs_dims(build, name, arguments)
    std = build.value(arguments.positional[0])
    axes = (build.block.point_axis,) if build.block.domain == "graph" else build.block.axes
    return None if std is None else build.operator(name, (std,), arguments.span, dims=expected, axes=axes)


def _merge(
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


def _concat(
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


def _slice(
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


def _flip(
    build: Expressions, name: str, arguments: Arguments, along: tree.Along | None, expected: Expected
) -> Expr | None:
    if not arguments.allow(name, build.report, 1) or not arguments.needs(name, build.report, 1):
        return None
    names = names_of(build, along) if along is not None else None
    if names is None:
        return build.error("R204", "flip needs dims or axes in brackets", arguments.span, help="write flip[i](x)")
    operand = build.value(arguments.positional[0], expected)
    return None if operand is None else build.operator(name, (operand,), arguments.span, names=names)


def _gather(
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


def _window(
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
    if names is None:
        return None
    if name == "upsample":
        return build.operator(name, (operand,), arguments.span, axes=names, factor=size)
    return build.operator(name, (operand,), arguments.span, axes=names, window=size)


def _inverse(
    build: Expressions, name: str, arguments: Arguments, along: tree.Along | None, expected: Expected
) -> Expr | None:
    if not arguments.allow(name, build.report, 1) or not arguments.needs(name, build.report, 1):
        return None
    names = names_of(build, along) if along is not None else None
    if names is None or len(names) != 2:
        return build.error("R204", "inverse needs two dims", arguments.span, help="write inverse[N M](A)")
    operand = build.value(arguments.positional[0])
    if operand is None:
        return None
    missing = [each for each in names if each not in operand.type.dim_names]
    if missing:
        return build.error("R302", f"the value has no dim {missing[0]}", arguments.span)
    rows, columns = (operand.type.dim(each).size for each in names)
    square = with_size(operand, names[1], rows) if build.agree(rows, columns) else operand
    result = build.operator(name, (square,), arguments.span, rows=names[0], columns=names[1])
    return None if result is None else with_size(result, names[1], columns)


def _batch(
    build: Expressions, name: str, arguments: Arguments, along: tree.Along | None, expected: Expected
) -> Expr | None:
    """`normalise_batch(x, weight, bias, mean, variance, eps, momentum)`, what batchnorm is made of."""
    if not _plain(build, name, arguments, along, 7):
        return None
    build.block.need_axes()
    operands = [build.value(each, expected) for each in arguments.positional[:5]]
    numbers = [size_of(each, build.block.lookup) for each in arguments.positional[5:]]
    known = tuple(each for each in operands if each is not None)
    eps, momentum = numbers
    if len(known) < 5 or eps is None or momentum is None:
        return None
    return build.operator("batchnorm", known, arguments.span, eps=eps, momentum=momentum)


def _grad(
    build: Expressions, name: str, arguments: Arguments, along: tree.Along | None, expected: Expected
) -> Expr | None:
    if not _plain(build, name, arguments, along, 2):
        return None
    loss, read = (build.value(each) for each in arguments.positional)
    target = arguments.positional[1]
    if read is not None and not isinstance(read, Read) and build.block.strict:
        help = "write grad(loss, M[t-1])"
        return build.error("R305", "a derivative is taken by a value that is read", target.span, help=help)
    if loss is None or read is None:
        return None if read is None or build.block.strict else build.unknown(read.type.dims, arguments.span)
    if not build.block.strict and not isinstance(read, Read):
        return None
    return build.operator("grad", (loss, read), arguments.span)


BUILTINS: dict[str, Builtin] = {
    **dict.fromkeys((*UNARY, *BINARY, *TERNARY), _elementwise),
    **dict.fromkeys(REDUCTIONS, _along),
    **dict.fromkeys(("softmax", "cumsum", "topk"), _along),
    **dict.fromkeys(("max", "min"), _extremum),
    **dict.fromkeys(("all", "any"), _everywhere),
    **dict.fromkeys(DRAWS, _draw),
    **dict.fromkeys(("merge", "split"), _merge),
    **dict.fromkeys(("concat", "stack"), _concat),
    **dict.fromkeys(("gather", "scatter"), _gather),
    **dict.fromkeys(("maxpool", "avgpool", "upsample"), _window),
    "slice": _slice,
    "flip": _flip,
    "inverse": _inverse,
    "noise": _noise,
    "normalise_batch": _batch,
    "grad": _grad,
    "linear": linear,
    "conv": conv,
    "embed": embed,
}
