"""A small evaluator of expressions over whole named tensors, and types written as text, for the tests of the tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from recdsl.ir import sizes
from recdsl.ir.expr import Apply, Attribute, Const, Expr, Number, Position, Read, Weight
from recdsl.ir.operators.table import OPERATORS
from recdsl.ir.operators.unite import dims, names, one_dim, size, size_list, text
from recdsl.ir.sizes import Size
from recdsl.ir.types import KINDS, Axis, Dim, ValueType

SIZES = {"A": 2, "B": 3, "C": 4, "N": 3, "M": 3, "E": 1, "S": 2, "|t|": 5, "|s|": 2, "|i|": 4, "|j|": 6, "|pred|": 3}
DTYPES = {"bool": torch.bool, "int": torch.int64, "real": torch.float64, "complex": torch.complex128}


def dim(words: str) -> Dim:
    """`A` or `A=2*C`, of which only `*`, `+` and `-` between two leaves are read."""
    name, _, written = words.partition("=")
    return Dim(name, _size(written or name))


def _size(words: str) -> Size:
    for operator in "+-*":
        left, found, right = words.partition(operator)
        if found:
            return sizes.apply(operator, _size(left), _size(right))
    return sizes.number(int(words)) if words.isdigit() else sizes.name(words)


def axis(words: str) -> Axis:
    name, _, _ = words.partition("=")
    return Axis(name, sizes.axis_length(name))


def typed(words: str) -> ValueType:
    """`A B`, `A int`, `A B over t`, `scalar`; what stands behind = in an axis is for the reader."""
    written, _, over = words.partition(" over ")
    parts = written.split()
    kind = next((part for part in parts if part in KINDS), "real")
    return ValueType(
        kind,
        tuple(axis(part) for part in over.split()),
        tuple(dim(part) for part in parts if part not in (*KINDS, "scalar")),
    )


def order(of: ValueType) -> tuple[str, ...]:
    return (*of.axis_names, *of.dim_names)


def shape(of: ValueType) -> tuple[int, ...]:
    every = (*(each.length for each in of.axes), *(each.size for each in of.dims))
    return tuple(int(sizes.evaluate(each, SIZES)) for each in every)


@dataclass(frozen=True)
class Named:
    """A tensor whose dimensions have names."""

    tensor: Tensor
    names: tuple[str, ...]

    def to(self, wanted: tuple[str, ...]) -> Tensor:
        """The tensor with its dimensions in this order, those that it lacks of size 1."""
        assert set(self.names) <= set(wanted), (self.names, wanted)
        kept = [name for name in wanted if name in self.names]
        tensor = self.tensor.permute([self.names.index(name) for name in kept])
        for position, name in enumerate(wanted):
            if name not in self.names:
                tensor = tensor.unsqueeze(position)
        return tensor

    def spread(self, of: ValueType) -> Tensor:
        return self.to(order(of)).expand(shape(of))


Values = Mapping[str, Tensor]  # by the name of a read or the path of a weight, laid out as its type says


def evaluate(expr: Expr, values: Values) -> Named:
    """The value of an expression over all points at once; reads are looked up by name, shifts are not looked at."""
    match expr:
        case Const():
            return Named(torch.tensor(expr.value, dtype=DTYPES[expr.type.kind]), ())
        case Number():
            return Named(torch.tensor(float(sizes.evaluate(expr.size, SIZES)), dtype=torch.float64), ())
        case Position():
            return Named(torch.arange(shape(expr.type)[0]), order(expr.type))
        case Read():
            return Named(values[expr.value], order(expr.type))
        case Weight():
            return Named(values[expr.path], order(expr.type))
        case Apply():
            return _apply(expr, values)
    raise AssertionError(expr)


def _apply(expr: Apply, values: Values) -> Named:
    operands = [evaluate(each, values) for each in expr.operands]
    attributes = dict(expr.attributes)
    entry = OPERATORS[expr.operator]
    if entry.kinds is not None:
        brought, _ = entry.kinds(tuple(each.type.kind for each in expr.operands))
        operands = [
            Named(each.tensor.to(DTYPES[kind]), each.names) for each, kind in zip(operands, brought, strict=True)
        ]
    if entry.family == "elementwise":
        assert entry.evaluate is not None
        lined = torch.broadcast_tensors(*(each.to(order(expr.type)) for each in operands))
        return Named(entry.evaluate(torch, *lined), order(expr.type))
    if "over" in attributes:
        return _along(expr, operands[0], names(attributes["over"]), [each.tensor for each in operands[1:]])
    if entry.family == "contraction":
        return _contraction(expr, operands, attributes)
    return _moved(expr, operands, attributes)


REDUCE = {
    "sum": lambda x: x.sum(-1),
    "mean": lambda x: x.mean(-1),
    "max": lambda x: x.amax(-1),
    "min": lambda x: x.amin(-1),
    "prod": lambda x: x.prod(-1),
    "logsumexp": lambda x: x.logsumexp(-1),
    "norm": lambda x: torch.linalg.vector_norm(x, dim=-1),
    "argmax": lambda x: x.argmax(-1),
    "all": lambda x: x.all(-1),
    "any": lambda x: x.any(-1),
    "softmax": lambda x: x.softmax(-1),
    "cumsum": lambda x: x.cumsum(-1),
}


def _along(expr: Apply, x: Named, over: tuple[str, ...], others: list[Tensor]) -> Named:
    over = x.names if over == ("*",) else over
    kept = tuple(name for name in x.names if name not in over)
    tensor = x.to((*kept, *over))
    flat = tensor.reshape(*tensor.shape[: len(kept)], -1)
    if expr.operator == "topk":
        ranked = flat.argsort(dim=-1, descending=True, stable=True)[..., : int(others[0])]
        return Named(torch.zeros_like(flat, dtype=torch.bool).scatter(-1, ranked, True), (*kept, *over))
    result = REDUCE[expr.operator](flat)
    if OPERATORS[expr.operator].family == "reduction":
        return Named(result, kept)
    return Named(result.reshape(tensor.shape), (*kept, *over))


def _contraction(expr: Apply, operands: list[Named], attributes: dict[str, Attribute]) -> Named:
    """A weight by its layout; linear by einsum; conv along one axis by adding up its taps."""
    if expr.operator == "matrix":
        per, rows, columns = (tuple(d.name for d in dims(attributes[key])) for key in ("per", "rows", "columns"))
        sides = (columns, rows) if attributes.get("transposed") else (rows, columns)
        return Named(operands[0].tensor, (*per, *sides[0], *sides[1]))
    x, weight = operands[:2]
    contract, into, per = (dims(attributes[name]) for name in ("contract", "into", "per"))
    outside = {each.name: f"{each.name} out" for each in into}
    taps = ("tap",) if expr.operator == "conv" else ()
    order_in = (*(d.name for d in per), *(outside[d.name] for d in into), *(d.name for d in contract), *taps)
    if attributes.get("transposed"):
        order_in = (*(d.name for d in per), *(d.name for d in contract), *(outside[d.name] for d in into))
    if taps:
        x = _windowed(x, attributes)
    letters: dict[str, int] = {}
    spec = [[letters.setdefault(name, len(letters)) for name in found] for found in (x.names, order_in)]
    result = (*(n for n in x.names if n not in {d.name for d in contract} and n != "tap"), *outside.values())
    tensor = torch.einsum(x.tensor, spec[0], weight.tensor, spec[1], [letters[name] for name in result])
    back = {inner: name for name, inner in outside.items()}
    summed = Named(tensor, tuple(back.get(name, name) for name in result))
    if len(operands) == 3:
        bias = Named(operands[2].tensor, (*(d.name for d in per), *(d.name for d in into)))
        summed = Named(summed.to(order(expr.type)) + bias.to(order(expr.type)), order(expr.type))
    return summed


def _windowed(x: Named, attributes: dict[str, Attribute]) -> Named:
    (name,) = names(attributes["axes"])
    window, stride, dilation = (
        int(sizes.evaluate(size_list(attributes[key])[0], SIZES)) for key in ("window", "stride", "dilation")
    )
    extent = dilation * (window - 1) + 1
    left = extent - 1 if attributes["causal"] else max(extent - stride, 0) // 2
    moved = x.to((*(n for n in x.names if n != name), name))
    padded = torch.nn.functional.pad(moved, (left, extent))
    count = -(-moved.shape[-1] // stride)
    taps = [padded[..., tap * dilation :][..., ::stride][..., :count] for tap in range(window)]
    return Named(torch.stack(taps, -1), (*(n for n in x.names if n != name), name, "tap"))


def _moved(expr: Apply, operands: list[Named], attributes: dict[str, Attribute]) -> Named:
    x = operands[0]
    result = order(expr.type)
    match expr.operator:
        case "rename":
            renamed = {text(attributes["old"]): text(attributes["new"])}
            return Named(x.tensor, tuple(renamed.get(name, name) for name in x.names))
        case "pick":
            at = x.names.index(text(attributes["name"]))
            position = int(operands[1].tensor) % x.tensor.shape[at]
            return Named(x.tensor.select(at, position), (*x.names[:at], *x.names[at + 1 :]))
        case "merge":
            merged, into = names(attributes["names"]), attributes["into"]
            assert isinstance(into, (Dim, Axis))
            kept = tuple(name for name in x.names if name not in merged)
            tensor = x.to((*kept, *merged))
            return Named(tensor.reshape(*tensor.shape[: len(kept)], -1), (*kept, into.name))
        case "split":
            at, parts = x.names.index(text(attributes["name"])), attributes["into"]
            assert isinstance(parts, tuple)
            found = [each for each in parts if isinstance(each, (Dim, Axis))]
            inner = [int(sizes.evaluate(p.size if isinstance(p, Dim) else p.length, SIZES)) for p in found]
            return Named(x.tensor.unflatten(at, inner), (*x.names[:at], *(p.name for p in found), *x.names[at + 1 :]))
        case "concat":
            at = result.index(one_dim(attributes["dim"]).name)
            others = [length for name, length in zip(result, shape(expr.type), strict=True) if name != result[at]]
            every = [each.to(result) for each in operands]
            every = [each.expand(*others[:at], each.shape[at], *others[at:]) for each in every]
            return Named(torch.cat(every, at), result)
        case "stack":
            inner_names = tuple(name for name in result if name != one_dim(attributes["dim"]).name)
            every = torch.broadcast_tensors(*(each.to(inner_names) for each in operands))
            return Named(torch.stack(every, -1), (*inner_names, one_dim(attributes["dim"]).name))
        case "slice":
            start, stop = (int(sizes.evaluate(size(attributes[key]), SIZES)) for key in ("start", "stop"))
            return Named(x.tensor.narrow(x.names.index(text(attributes["name"])), start, stop - start), x.names)
        case "flip":
            return Named(x.tensor.flip([x.names.index(name) for name in names(attributes["names"])]), x.names)
        case "broadcast":
            return Named(x.spread(expr.type), result)
        case "diagonal":
            last = (text(attributes["kept"]), text(attributes["taken"]))
            kept = tuple(name for name in x.names if name not in last)
            return Named(x.to((*kept, *last)).diagonal(dim1=-2, dim2=-1), (*kept, last[0]))
        case "inverse":
            last = (text(attributes["rows"]), text(attributes["columns"]))
            kept = tuple(name for name in x.names if name not in last)
            return Named(torch.linalg.inv(x.to((*kept, *last))), (*kept, *last))
        case "gather":
            return _gathered(expr, x, operands[1], text(attributes["name"]))
        case "scatter":
            added = one_dim(attributes["dim"])
            inner_names = tuple(name for name in result if name != added.name)
            source, index = torch.broadcast_tensors(x.to(inner_names), operands[1].to(inner_names))
            zeros = source.new_zeros(*source.shape, int(sizes.evaluate(added.size, SIZES)))
            return Named(zeros.scatter(-1, index[..., None], source[..., None]), (*inner_names, added.name))
        case "maxpool" | "avgpool" | "upsample":
            return _pooled(expr, x, attributes)
    raise AssertionError(expr.operator)


def _gathered(expr: Apply, x: Named, index: Named, name: str) -> Named:
    """Along the dim that is gathered under another name, since the index may have a dim of that name itself."""
    result = order(expr.type)
    source = Named(x.tensor, tuple("from" if each == name else each for each in x.names))
    tensor = source.to((*result, "from")).expand(*shape(expr.type), -1)
    return Named(tensor.gather(-1, index.to(result).expand(shape(expr.type))[..., None])[..., 0], result)


def _pooled(expr: Apply, x: Named, attributes: dict[str, Attribute]) -> Named:
    tensor = x.tensor
    for name in names(attributes["axes"]):
        at = x.names.index(name)
        if expr.operator == "upsample":
            tensor = tensor.repeat_interleave(int(sizes.evaluate(size(attributes["factor"]), SIZES)), at)
            continue
        window = int(sizes.evaluate(size(attributes["window"]), SIZES))
        parts = tensor.narrow(at, 0, tensor.shape[at] // window * window).unflatten(at, (-1, window))
        tensor = parts.amax(at + 1) if expr.operator == "maxpool" else parts.mean(at + 1)
    return Named(tensor, x.names)
