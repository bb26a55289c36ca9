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
from recdsl.check.forms import DRAWS, has_no_arrow, is_axis, is_plain, names_of
from recdsl.check.numbers import size_of
from recdsl.check.reshaping import concat_or_stack, flip, gather_or_scatter, merge_or_split, slice_part, window
from recdsl.check.setting import with_size
from recdsl.ir import sizes
from recdsl.ir.expr import Const, Expr, Number, Read
from recdsl.ir.types import ValueType
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


def _elementwise(
    build: Expressions, name: str, arguments: Arguments, along: tree.Along | None, expected: Expected
) -> Expr | None:
    arity = 1 if name in UNARY else 2 if name in BINARY else 3
    if not is_plain(build, name, arguments, along, arity):
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


def _extremum(
    build: Expressions, name: str, arguments: Arguments, along: tree.Along | None, expected: Expected
) -> Expr | None:
    """`max(a, b)` is elementwise, `max[K](x)` and `max(x)` reductions."""
    if along is None and len(arguments.positional) > 2:
        help = f"write {name}(a, {name}(b, c))"
        return build.error("R204", f"{name} takes two arguments at most", arguments.positional[2].span, help=help)
    if along is None and len(arguments.positional) == 2:
        if not is_plain(build, name, arguments, along, 2):
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
    if not has_no_arrow(build, name, arguments):
        return None
    names = names_of(build, along) if along is not None else None
    stays = name in ("softmax", "cumsum", "topk")
    only_axes = names is not None and all(is_axis(build, each) or each == "pred" for each in names)
    operand = build.value(arguments.positional[0], expected if stays or only_axes else None)
    count = build.value(arguments.positional[1]) if arity == 2 else None
    if operand is None or (arity == 2 and count is None) or (along is not None and names is None):
        return None
    over = names if names is not None else operand.type.dim_names
    if "pred" in over and not (build.on_edges(arguments.span) and _works_over_edges(build, name, over, arguments)):
        return None
    if "pred" in over and not operand.type.axes:
        operand = build.at_every_point(operand, arguments.span)
    if name == "cumsum" and not build.has_order(over, arguments.span):
        return None
    if name == "argmax" and len(over) != 1:
        return build.error("R204", "argmax works along one dim", arguments.span, help="write argmax[K](x)")
    if not over and not stays:
        return operand
    if name == "cumsum" and len(over) == 1 and over[0] in build.block.axes and over[0] in operand.type.axis_names:
        return build.block.running_sum(operand, over[0], arguments.span)
    if isinstance(count, Number):
        count = replace(count, type=ValueType("int"))
    operands = (operand,) if count is None else (operand, count)
    return build.operator(name, operands, arguments.span, over=over)


OVER_EDGES = ("sum", "mean", "max", "min", "prod", "logsumexp", "softmax")


def _works_over_edges(build: Expressions, name: str, over: tuple[str, ...], arguments: Arguments) -> bool:
    """R305 for what has no meaning for the edges that come in, of which each node has its own number."""
    if name not in OVER_EDGES:
        help = f"{', '.join(OVER_EDGES[:-1])} and {OVER_EDGES[-1]} do"
        build.error("R305", f"{name} does not run over edges", arguments.span, help=help)
    elif name == "softmax" and len(over) > 1:
        help = f"write total = logsumexp[{', '.join(over)}](…), then exp(… - total)"
        build.error("R305", "softmax runs over edges alone, or over dims", arguments.span, help=help)
    else:
        return True
    return False


def _everywhere(
    build: Expressions, name: str, arguments: Arguments, along: tree.Along | None, expected: Expected
) -> Expr | None:
    if along is not None:
        return _along(build, name, arguments, along, expected)
    if not is_plain(build, name, arguments, along, 1):
        return None
    operand = build.value(arguments.positional[0])
    return None if operand is None else build.operator(name, (operand,), arguments.span, over=("*",))


def _draw(
    build: Expressions, name: str, arguments: Arguments, along: tree.Along | None, expected: Expected
) -> Expr | None:
    if not build.block.in_start:
        help = "noise(std) draws at every point"
        return build.error("R305", f"{name} draws only the start of a parameter", arguments.span, help=help)
    if not is_plain(build, name, arguments, along, DRAWS[name]):
        return None
    operands = [build.value(each) for each in arguments.positional]
    known = tuple(each for each in operands if each is not None)
    return build.operator(name, known, arguments.span) if len(known) == len(operands) else None


def _noise(
    build: Expressions, name: str, arguments: Arguments, along: tree.Along | None, expected: Expected
) -> Expr | None:
    if not is_plain(build, name, arguments, along, 1):
        return None
    if expected is None:
        return needs_dims(build, name, arguments)
    std = build.value(arguments.positional[0])
    axes = (build.block.point_axis,) if build.block.domain == "graph" else build.block.axes
    return None if std is None else build.operator(name, (std,), arguments.span, dims=expected, axes=axes)


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
    if not is_plain(build, name, arguments, along, 7):
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
    if not is_plain(build, name, arguments, along, 2):
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
    **dict.fromkeys(("merge", "split"), merge_or_split),
    **dict.fromkeys(("concat", "stack"), concat_or_stack),
    **dict.fromkeys(("gather", "scatter"), gather_or_scatter),
    **dict.fromkeys(("maxpool", "avgpool", "upsample"), window),
    "slice": slice_part,
    "flip": flip,
    "inverse": _inverse,
    "noise": _noise,
    "normalise_batch": _batch,
    "grad": _grad,
    "linear": linear,
    "conv": conv,
    "embed": embed,
}
