"""Operators that move elements about: their types and the table. The adjoints are in `shape_adjoints`."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from recdsl.ir import sizes
from recdsl.ir.operators import interval as iv
from recdsl.ir.operators import kinds, ranges
from recdsl.ir.operators import shape_adjoints as adjoints
from recdsl.ir.operators.operator import AdjointRule, Attributes, KindRule, Operator, RangeRule, TypeRule, TypeRuleError
from recdsl.ir.operators.unite import agree, dims, names, one_dim, require_names, require_new, size, text, union
from recdsl.ir.sizes import Size
from recdsl.ir.types import Axis, Dim, ValueType

Types = tuple[ValueType, ...]
Part = TypeVar("Part", Dim, Axis)


def _resized(of: ValueType, name: str, length: Size) -> ValueType:
    """The type with another size of one dim, or length of one axis."""
    return replace(
        of,
        axes=tuple(Axis(name, length) if axis.name == name else axis for axis in of.axes),
        dims=tuple(Dim(name, length) if dim.name == name else dim for dim in of.dims),
    )


def _size_of(of: ValueType, name: str) -> Size:
    return of.dim(name).size if name in of.dim_names else of.axis(name).length


def _rename(types: Types, attributes: Attributes) -> ValueType:
    (x,) = types
    old, new = text(attributes["old"]), text(attributes["new"])
    require_names(x, (old,))
    if new != old:
        require_new(x, new)
    return replace(
        x,
        axes=tuple(replace(axis, name=new) if axis.name == old else axis for axis in x.axes),
        dims=tuple(replace(dim, name=new) if dim.name == old else dim for dim in x.dims),
    )


def _require_int(index: ValueType) -> None:
    if index.kind != "int":
        raise TypeRuleError(f"an index is a whole number, and this is of kind {index.kind}", 1)


def _pick(types: Types, attributes: Attributes) -> ValueType:
    x, index = types
    name = text(attributes["name"])
    require_names(x, (name,))
    _require_int(index)
    if index.dims or index.axes:
        raise TypeRuleError("a pick takes one index; gather takes one for every element", 1, "gather[N](x, index)")
    return x.without((name,))


def _merge(types: Types, attributes: Attributes) -> ValueType:
    (x,) = types
    merged, into = names(attributes["names"]), attributes["into"]
    assert isinstance(into, (Dim, Axis))
    require_names(x, merged)
    known = x.dim_names if isinstance(into, Dim) else x.axis_names
    if not all(name in known for name in merged):
        raise TypeRuleError("dims are merged with dims, and axes with axes", 0)
    whole = sizes.product(tuple(_size_of(x, name) for name in merged))
    agree(into.name, "size", into.size if isinstance(into, Dim) else into.length, whole, 0)
    if into.name not in merged:
        require_new(x, into.name)
    if isinstance(into, Dim):
        return replace(x, dims=tuple(_replaced(x.dims, merged, (into,))))
    return replace(x, axes=tuple(_replaced(x.axes, merged, (into,))))


def _split(types: Types, attributes: Attributes) -> ValueType:
    (x,) = types
    name, into = text(attributes["name"]), attributes["into"]
    assert isinstance(into, tuple)
    require_names(x, (name,))
    for each in into:
        assert isinstance(each, (Dim, Axis))
        if each.name != name:
            require_new(x, each.name)
    parts = tuple(each.size if isinstance(each, Dim) else each.length for each in into if isinstance(each, (Dim, Axis)))
    agree(name, "size", sizes.product(parts), _size_of(x, name), 0)
    if name in x.dim_names:
        return replace(x, dims=tuple(_replaced(x.dims, (name,), dims(into))))
    return replace(x, axes=tuple(_replaced(x.axes, (name,), tuple(each for each in into if isinstance(each, Axis)))))


def _replaced(parts: tuple[Part, ...], taken: tuple[str, ...], put: tuple[Part, ...]) -> list[Part]:
    """The parts with those that are taken away, and others where the first of them stood."""
    result: list[Part] = []
    for part in parts:
        if part.name not in taken:
            result.append(part)
        elif put:
            result.extend(put)
            put = ()
    return result


def _other_dims(types: Types, apart_from: str) -> None:
    """Refuse operands whose dims differ, but for one."""
    wanted = types[0].without((apart_from,))
    for index, each in enumerate(types[1:], 1):
        found = each.without((apart_from,))
        if set(found.dim_names) != set(wanted.dim_names):
            raise TypeRuleError(
                f"this has the dims {_listed(found)} beside {apart_from}, and the first one {_listed(wanted)}",
                index,
                "all of them need the same",
            )


def _listed(of: ValueType) -> str:
    return " ".join(of.dim_names) or "none"


def _concat(types: Types, attributes: Attributes) -> ValueType:
    dim = one_dim(attributes["dim"])
    for index, each in enumerate(types):
        if dim.name not in each.dim_names:
            raise TypeRuleError(f"the value has no {dim.name}", index, f"stack[{dim.name}](…) makes a new dim")
    _other_dims(types, dim.name)
    total = sizes.number(0)
    for each in types:
        size_here = each.dim(dim.name).size
        total = size_here if total == sizes.number(0) else sizes.apply("+", total, size_here)
    agree(dim.name, "size", dim.size, total, None)
    joined = union(each.without((dim.name,)) for each in types)
    order = tuple(dim if name == dim.name else joined.dim(name) for name in types[0].dim_names)
    return replace(joined, dims=order)


def _stack(types: Types, attributes: Attributes) -> ValueType:
    dim = one_dim(attributes["dim"])
    for index, each in enumerate(types):
        require_new(each, dim.name, index)
    _other_dims(types, dim.name)
    agree(dim.name, "size", dim.size, sizes.number(len(types)), None)
    joined = union(types)
    return replace(joined, dims=(*joined.dims, dim))


def _slice(types: Types, attributes: Attributes) -> ValueType:
    (x,) = types
    name = text(attributes["name"])
    require_names(x, (name,))
    return _resized(x, name, sizes.apply("-", size(attributes["stop"]), size(attributes["start"])))


def _flip(types: Types, attributes: Attributes) -> ValueType:
    require_names(types[0], names(attributes["names"]))
    return types[0]


def _gather(types: Types, attributes: Attributes) -> ValueType:
    x, index = types
    name = text(attributes["name"])
    require_names(x, (name,))
    _require_int(index)
    return union((x.without((name,)), index)).with_kind(x.kind)


def _scatter(types: Types, attributes: Attributes) -> ValueType:
    x, index = types
    dim = one_dim(attributes["dim"])
    _require_int(index)
    for position, each in enumerate(types):
        require_new(each, dim.name, position)
    joined = union(types).with_kind(x.kind)
    return replace(joined, dims=(*joined.dims, dim))


def _scaled(attribute: str, change: str) -> TypeRule:
    """Every axis `length / window` (rounded down) or `length * factor`."""

    def rule(types: Types, attributes: Attributes) -> ValueType:
        (x,) = types
        for name in names(attributes["axes"]):
            if name not in x.axis_names:
                raise TypeRuleError(f"the value does not vary along {name}", 0)
            length = sizes.apply(change, x.axis(name).length, size(attributes[attribute]))
            x = _resized(x, name, sizes.apply("floor", length) if change == "/" else length)
        return x

    return rule


def _of_kind(rule: TypeRule, kind_rule: KindRule) -> TypeRule:
    def ruled(types: Types, attributes: Attributes) -> ValueType:
        return rule(types, attributes).with_kind(kind_rule(tuple(each.kind for each in types))[1])

    return ruled


def _broadcast(types: Types, attributes: Attributes) -> ValueType:
    (x,) = types
    added = dims(attributes["dims"])
    for dim in added:
        require_new(x, dim.name)
    return replace(x, dims=(*added, *x.dims))


def _inverse(types: Types, attributes: Attributes) -> ValueType:
    (x,) = types
    rows, columns = text(attributes["rows"]), text(attributes["columns"])
    for name in (rows, columns):
        if name not in x.dim_names:
            raise TypeRuleError(f"the value has no {name}", 0)
    if not sizes.same(x.dim(rows).size, x.dim(columns).size):
        raise TypeRuleError(
            f"only a square matrix has an inverse: {rows} is {x.dim(rows).size}, {columns} is {x.dim(columns).size}", 0
        )
    return x


def _diagonal(types: Types, attributes: Attributes) -> ValueType:
    (x,) = types
    kept, taken = text(attributes["kept"]), text(attributes["taken"])
    require_names(x, (kept, taken))
    agree(taken, "size", x.dim(taken).size, x.dim(kept).size, 0)
    return x.without((taken,))


def _operator(
    name: str,
    type_rule: TypeRule,
    required: tuple[str, ...],
    adjoint: AdjointRule | None,
    *,
    arity: tuple[int, int | None] = (1, 1),
    no_adjoint: str = "",
    range_rule: RangeRule = ranges.first,
    linear_in: tuple[tuple[int, ...], ...] | str = ((0,),),
    kind_rule: KindRule = kinds.same,
) -> Operator:
    return Operator(
        name=name,
        family="shape",
        arity=arity,
        type_rule=type_rule,
        kinds=kind_rule,
        required=required,
        adjoint=adjoint,
        no_adjoint=no_adjoint,
        range_rule=range_rule,
        linear_in=linear_in,
    )


def _or_zero(node: object, operands: tuple[iv.Interval, ...]) -> iv.Interval:
    return iv.hull(operands[0], iv.point(0))


_JOINS_POINTS = "it joins points along axes"

SHAPE = (
    _operator("rename", _rename, ("old", "new"), adjoints.rename),
    _operator("pick", _pick, ("name",), adjoints.pick, arity=(2, 2)),
    _operator("merge", _merge, ("names", "into"), adjoints.merge),
    _operator("split", _split, ("name", "into"), adjoints.split),
    _operator(
        "concat",
        _concat,
        ("dim",),
        adjoints.concat,
        arity=(1, None),
        range_rule=ranges.any_of,
        linear_in="jointly",
        kind_rule=kinds.joined,
    ),
    _operator(
        "stack",
        _stack,
        ("dim",),
        adjoints.stack,
        arity=(1, None),
        range_rule=ranges.any_of,
        linear_in="jointly",
        kind_rule=kinds.joined,
    ),
    _operator("slice", _slice, ("name", "start", "stop"), adjoints.slice_),
    _operator("flip", _flip, ("names",), adjoints.flip),
    _operator("gather", _gather, ("name",), adjoints.gather, arity=(2, 2)),
    _operator("scatter", _scatter, ("dim",), adjoints.scatter, arity=(2, 2), range_rule=_or_zero),
    _operator(
        "maxpool",
        _of_kind(_scaled("window", "/"), kinds.ordered),
        ("axes", "window"),
        None,
        no_adjoint=_JOINS_POINTS,
        linear_in=(),
        kind_rule=kinds.ordered,
    ),
    _operator(
        "avgpool",
        _of_kind(_scaled("window", "/"), kinds.fractional),
        ("axes", "window"),
        None,
        no_adjoint=_JOINS_POINTS,
        kind_rule=kinds.fractional,
    ),
    _operator("upsample", _scaled("factor", "*"), ("axes", "factor"), None, no_adjoint=_JOINS_POINTS),
    _operator("broadcast", _broadcast, ("dims",), adjoints.broadcast),
    _operator("diagonal", _diagonal, ("kept", "taken"), adjoints.diagonal),
    _operator(
        "inverse",
        _of_kind(_inverse, kinds.fractional),
        ("rows", "columns"),
        adjoints.inverse,
        kind_rule=kinds.fractional,
        range_rule=ranges.always(iv.REAL),
        linear_in=(),
    ),
)
