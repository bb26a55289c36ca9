"""`linear`, `conv` and `embed`: the functions that make parameters of their own.

In a call they make the parameters of the equation that they stand in. `f = conv(3 -> C)` makes them once, in a module
of their own that is called like a layer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from recdsl.check.arguments import Arguments
from recdsl.check.entities import SizeEntity
from recdsl.check.forms import is_draw
from recdsl.check.numbers import check_count, dims_of, size_of
from recdsl.check.reading import vocabulary_of
from recdsl.ir import sizes
from recdsl.ir.expr import Attribute, Const, Expr, Weight
from recdsl.ir.module import WeightSpec
from recdsl.ir.sizes import Size
from recdsl.ir.types import Dim
from recdsl.parse import tree

if TYPE_CHECKING:
    from recdsl.check.expressions import Expected, Expressions

COMMON = ("per", "bias", "init")


@dataclass(frozen=True, slots=True)
class _Maps:
    """The dims of a contraction: what goes away, what comes, what stays apart."""

    contract: tuple[Dim, ...]
    into: tuple[Dim, ...]
    per: tuple[Dim, ...]

    @property
    def attributes(self) -> dict[str, Attribute]:
        return {"contract": self.contract, "into": self.into, "per": self.per}


def linear(
    build: Expressions, name: str, arguments: Arguments, along: tree.Along | None, expected: Expected
) -> Expr | None:
    """`linear(x)`, `linear(x -> H K)`, with `per`, `bias`, `init`."""
    if not arguments.allow(name, build.report, 1, COMMON) or not arguments.needs(name, build.report, 1):
        return None
    if along is not None:
        return build.error("R204", "linear takes no dims in brackets", along.span, help="write linear(x -> H)")
    per_names = _per(build, arguments)
    goal = _goal(build, arguments, expected)
    if per_names is None:
        return None
    operand = build.value(arguments.positional[0])
    if goal is None:
        return _unknown_dims(build, name, arguments)
    if operand is None:
        return build.unknown(goal, arguments.span)
    maps = _maps(build, operand, goal, per_names, arguments)
    if maps is None:
        return None
    layout = ((maps.per,) if maps.per else ()) + (maps.into, maps.contract)
    fan_in = sizes.product(tuple(dim.size for dim in maps.contract))
    weights = _weights(build, arguments, layout, layout[:-1], fan_in)
    return build.operator("linear", (operand, *weights), arguments.span, **maps.attributes)


def conv(
    build: Expressions, name: str, arguments: Arguments, along: tree.Along | None, expected: Expected
) -> Expr | None:
    """`conv(x, 3 -> C)`, `conv(x, width, causal = yes, per = E)`, with `bias`, `init`, `stride`, `dilation`."""
    allowed = (*COMMON, "causal", "stride", "dilation")
    if not arguments.allow(name, build.report, 2, allowed) or not arguments.needs(name, build.report, 2):
        return None
    build.block.need_axes(arguments.span)
    per_names = _per(build, arguments)
    causal = _truth(build, arguments, "causal", False)
    window = size_of(arguments.positional[1], build.block.lookup)
    stride, dilation = (_number(build, arguments, key) for key in ("stride", "dilation"))
    if window is None:
        help = "write conv(x, 3 -> C)"
        return build.error("R305", "the width of a window is a number", arguments.positional[1].span, help=help)
    if per_names is None or causal is None or stride is None or dilation is None:
        return None
    if not _can_be_windows(build, arguments, {"width": window, "stride": stride, "dilation": dilation}):
        return None
    goal = _goal(build, arguments, expected)
    inner = goal if goal is not None and per_names and {d.name for d in goal} == set(per_names) else None
    operand = build.value(arguments.positional[0], inner)
    if operand is None:
        return build.unknown(goal, arguments.span) if goal is not None else None
    if goal is None and per_names and all(each in operand.type.dim_names for each in per_names):
        goal = tuple(operand.type.dim(each) for each in per_names)
    if goal is None:
        return _unknown_dims(build, name, arguments)
    axes = tuple(axis for axis in build.block.normal(operand.type).axis_names if axis != "pred")
    if not axes:
        return build.error("R304", "this does not vary along any axis", arguments.span, help="use linear")
    if not build.has_order(axes, arguments.span):
        return None
    maps = _maps(build, operand, goal, per_names, arguments)
    if maps is None:
        return None
    layout = (maps.per + maps.into, maps.contract, *(((Dim("window", window)),) for _ in axes))
    fan_in = sizes.product((*(dim.size for dim in maps.contract), *(window for _ in axes)))
    weights = _weights(build, arguments, layout, layout[:1], fan_in)
    return build.operator(
        "conv",
        (operand, *weights),
        arguments.span,
        axes=axes,
        window=(window,) * len(axes),
        stride=(stride,) * len(axes),
        dilation=(dilation,) * len(axes),
        causal=causal,
        **maps.attributes,
    )


def embed(
    build: Expressions, name: str, arguments: Arguments, along: tree.Along | None, expected: Expected
) -> Expr | None:
    """`embed(ids)`: a row of a table for each token; `embed(ids, V)` where the vocabulary is not known from the input."""
    if not arguments.allow(name, build.report, 2, ("init",)) or not arguments.needs(name, build.report, 1):
        return None
    operand = build.value(arguments.positional[0])
    goal = _goal(build, arguments, expected)
    if goal is None:
        return _unknown_dims(build, name, arguments)
    if operand is None:
        return build.unknown(goal, arguments.span)
    vocabulary = _vocabulary(build, operand, arguments)
    if vocabulary is None:
        return None
    start, value = _start(build, arguments, "normal")
    weight = build.block.make_weight(
        WeightSpec(_path(build, arguments, "weight"), ((vocabulary,), goal), start, value=value, span=arguments.span)
    )
    return build.operator("gather", (weight, operand), arguments.span, name=vocabulary.name)


def _can_be_windows(build: Expressions, arguments: Arguments, found: dict[str, Size]) -> bool:
    """Whether the width, stride and dilation of a convolution are positive whole numbers; R306 where one is not."""
    fine = True
    for name, size in found.items():
        span = arguments.keywords[name].span if name in arguments.keywords else arguments.positional[1].span
        fine = check_count(f"the {name}", size, span, build.report) and fine
    return fine


def _vocabulary(build: Expressions, operand: Expr, arguments: Arguments) -> Dim | None:
    if len(arguments.positional) == 2:
        given = arguments.positional[1]
        dims = dims_of(tree.Along((given,), given.span), build.block.lookup, build.report) if not isinstance(given, tree.Along) else None  # fmt: skip
        return dims[0] if dims else None
    size = vocabulary_of(build.block, operand)
    if size is None:
        help = "declare it with in ids : token[V], or write embed(ids, V)"
        build.error("R305", "the vocabulary of this value is not known", arguments.positional[0].span, help=help)
        return None
    return Dim(next(sizes.names_in(size), "V"), size)


# ---- parts that they share


def _goal(build: Expressions, arguments: Arguments, expected: Expected) -> Expected:
    if arguments.arrow is None:
        return expected
    block = build.block
    return dims_of(arguments.arrow, block.lookup, build.report, block.renamed_dims(), block.parameter_names())


def _unknown_dims(build: Expressions, name: str, arguments: Arguments) -> None:
    if arguments.arrow is None:
        needs_dims(build, name, arguments)


def needs_dims(build: Expressions, name: str, arguments: Arguments) -> None:
    """R301: the dims of a result are not decided by anything. Silent while types are still being inferred."""
    build.block.guessed = True
    if build.block.strict and not build.asked_for_dims:
        build.asked_for_dims = True
        shown = ", ".join(each.span.text for each in arguments.positional) or "x"
        help = "give the equation dims: y : H = …"
        if name != "noise":
            help = f"give the equation dims (y : H = …), or write {name}({shown} -> H)"
        build.error("R301", f"the dims of this {name} are not known", arguments.span, help=help)


def _per(build: Expressions, arguments: Arguments) -> tuple[str, ...] | None:
    keyword = arguments.keywords.get("per")
    if keyword is None:
        return ()
    nodes = keyword.value.dims if isinstance(keyword.value, tree.Along) else (keyword.value,)
    names = [node.name for node in nodes if isinstance(node, tree.Name)]
    if len(names) < len(nodes):
        return build.error("R305", "per takes the names of dims", keyword.span, help="write per = H")
    return tuple(names)


def _maps(
    build: Expressions, operand: Expr, goal: tuple[Dim, ...], per_names: tuple[str, ...], arguments: Arguments
) -> _Maps | None:
    missing = [each for each in per_names if each not in operand.type.dim_names]
    if missing:
        found = " ".join(operand.type.dim_names) or "none"
        span = arguments.keywords["per"].span
        return build.error("R302", f"the value has no dim {missing[0]}", span, help=f"its dims are {found}")
    per = tuple(operand.type.dim(each) for each in per_names)
    for dim in goal:
        if dim.name in per_names and not sizes.same(dim.size, operand.type.dim(dim.name).size):
            message = f"{dim.name} has the size {operand.type.dim(dim.name).size} in the value and {dim.size} here"
            return build.error("R302", message, arguments.span)
    return _Maps(
        tuple(dim for dim in operand.type.dims if dim.name not in per_names),
        tuple(dim for dim in goal if dim.name not in per_names),
        per,
    )


def _weights(
    build: Expressions,
    arguments: Arguments,
    layout: tuple[tuple[Dim, ...], ...],
    bias_layout: tuple[tuple[Dim, ...], ...],
    fan_in: Size,
) -> tuple[Weight, ...]:
    """The weight and, unless `bias = no`, the bias; `bias = -4` starts it there."""
    start, value = _start(build, arguments, "linear")
    fan = fan_in if start == "linear" else None
    spec = WeightSpec(_path(build, arguments, "weight"), layout, start, value=value, fan_in=fan, span=arguments.span)
    made = [build.block.make_weight(spec)]
    keyword = arguments.keywords.get("bias")
    node = keyword.value if keyword is not None else None
    if isinstance(node, tree.Truth) and not node.value:
        return tuple(made)
    bias = replace(spec, path=_bias_path(spec.path), layout=bias_layout, value=None)
    if node is not None and not isinstance(node, tree.Truth):
        bias = replace(bias, start="value", value=build.block.start_value(node, bias.dims), fan_in=None)
    elif start != "linear":
        bias = replace(bias, start="zeros", fan_in=None)
    made.append(build.block.make_weight(bias))
    return tuple(made)


def _bias_path(path: str) -> str:
    return path.removesuffix("weight") + "bias"


def _path(build: Expressions, arguments: Arguments, role: str) -> str:
    """`q.weight`, or with the name of the operand where an equation makes several: `i.x.weight`."""
    if not build.label:
        return role
    if not build.several:
        return f"{build.label}.{role}"
    base = operand_label(arguments.positional[0], build)
    label, count = base, 1
    while label in build.used_labels:
        count += 1
        label = f"{base}_{count}"
    build.used_labels.add(label)
    return f"{build.label}.{label}.{role}"


def operand_label(node: tree.Expression | tree.Along, build: Expressions) -> str:
    """The first value named in an operand."""
    return next((name for name in _value_names(node) if build.block.is_value(name)), "value")


def _value_names(node: tree.Expression | tree.Along) -> list[str]:
    match node:
        case tree.Name():
            return [node.name]
        case tree.Unary():
            return _value_names(node.operand)
        case tree.Binary():
            return _value_names(node.left) + _value_names(node.right)
        case tree.Index():
            return _value_names(node.base)
        case tree.Call():
            return [name for each in node.arguments for name in _value_names(each.source if isinstance(each, tree.Arrow) else each.value)]  # fmt: skip
        case _:
            return []


def _start(build: Expressions, arguments: Arguments, default: str) -> tuple[str, Expr | None]:
    keyword = arguments.keywords.get("init")
    if keyword is None:
        return default, None
    node = keyword.value
    if isinstance(node, tree.Name) and node.name in ("zeros", "ones"):
        return node.name, None
    if isinstance(node, tree.Along):
        build.error("R305", "init takes zeros, ones, a draw or an expression", keyword.span)
        return default, None
    value = build.block.start_value(node, ())
    return ("draw" if is_draw(node) else "value"), value


def _truth(build: Expressions, arguments: Arguments, name: str, default: bool) -> bool | None:
    keyword = arguments.keywords.get(name)
    if keyword is None:
        return default
    value = build.value(keyword.value)
    if isinstance(value, Const) and isinstance(value.value, bool):
        return value.value
    return build.error("R305", f"{name} is yes or no", keyword.span)


def _number(build: Expressions, arguments: Arguments, name: str) -> Size | None:
    keyword = arguments.keywords.get(name)
    if keyword is None:
        return sizes.number(1)
    size = size_of(keyword.value, build.block.lookup)
    if size is None:
        return build.error("R305", f"{name} is a number known when the module is built", keyword.span)
    return size


def makes_instance(function: str, arguments: Arguments, build: Expressions) -> bool:
    """Whether `linear(D -> H)`, `conv(3 -> C)` or `embed(V -> D)` is given no value: it is an instance then."""
    if function not in ("linear", "conv", "embed") or arguments.arrow is None or not arguments.positional:
        return False
    first = arguments.positional[0]
    names = first.dims if isinstance(first, tree.Along) else (first,)
    return all(
        isinstance(node, tree.Number)
        or (isinstance(node, tree.Name) and isinstance(build.block.lookup(node.name), SizeEntity))
        for node in names
    ) and len(arguments.positional) == (1)
