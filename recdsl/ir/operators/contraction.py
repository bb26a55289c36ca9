"""Contractions: linear and conv. Their weights are opaque here: the attributes say what they do."""

from __future__ import annotations

from recdsl.ir import sizes
from recdsl.ir.expr import Apply, Expr
from recdsl.ir.operators import interval as iv
from recdsl.ir.operators import kinds, ranges
from recdsl.ir.operators.operator import Attributes, Make, NoAdjointError, Operator, TypeRuleError
from recdsl.ir.operators.shared import filled
from recdsl.ir.operators.unite import agree, dims, names, size_list
from recdsl.ir.sizes import Size
from recdsl.ir.types import Axis, ValueType


def _mapped(x: ValueType, attributes: Attributes) -> ValueType:
    """The dims of x that are not contracted, then those of `into`."""
    contract, into, per = (dims(attributes[name]) for name in ("contract", "into", "per"))
    for dim in (*contract, *per):
        if dim.name not in x.dim_names:
            raise TypeRuleError(f"the value has no {dim.name}", 0, f"it is {x}")
        agree(dim.name, "size", dim.size, x.dim(dim.name).size, 0)
    kept = x.without(tuple(dim.name for dim in contract)).dims
    for dim in into:
        if dim.name in {each.name for each in kept}:
            raise TypeRuleError(f"the result would have {dim.name} twice", 0, f"x[{dim.name}->…] renames one of them")
    return ValueType(kinds.fractional((x.kind,))[1], x.axes, (*kept, *into))


def _linear_type(types: tuple[ValueType, ...], attributes: Attributes) -> ValueType:
    return _mapped(types[0], attributes)


def _linear_adjoint(make: Make, node: Apply, upstream: Expr) -> tuple[Expr | None, ...]:
    """The same weight the other way round."""
    weight = node.operands[1]
    if node.type.kind == "complex":
        raise NoAdjointError("the gradient of a linear map of complex values needs its conjugate")
    into, contract, per = (dims(node.attribute(name)) for name in ("into", "contract", "per"))
    full = filled(make, upstream, node.type, tuple(dim.name for dim in (*into, *per)))
    back = make(
        "linear",
        full,
        weight,
        contract=into,
        into=contract,
        per=per,
        transposed=not node.attribute("transposed"),
    )
    return (back, *(None for _ in node.operands[1:]))


def _conv_type(types: tuple[ValueType, ...], attributes: Attributes) -> ValueType:
    mapped = _mapped(types[0], attributes)
    along = names(attributes["axes"])
    strides = dict(zip(along, size_list(attributes["stride"]), strict=True))
    for name in along:
        if name not in mapped.axis_names:
            raise TypeRuleError(f"the value does not vary along {name}", 0, "a window needs an axis to move along")
    axes = tuple(Axis(axis.name, _strided(axis.length, strides.get(axis.name))) for axis in mapped.axes)
    return ValueType(mapped.kind, axes, mapped.dims)


def _strided(length: Size, stride: Size | None) -> Size:
    if stride is None or stride == sizes.number(1):
        return length
    return sizes.apply("ceil", sizes.apply("/", length, stride))


def _matrix_type(types: tuple[ValueType, ...], attributes: Attributes) -> ValueType:
    parts = tuple(dims(attributes[name]) for name in ("per", "rows", "columns"))
    wanted = sorted(dim.name.rstrip("'") for part in parts for dim in part)
    if sorted(types[0].dim_names) != wanted:
        raise TypeRuleError(f"the weight has the dims {', '.join(types[0].dim_names)}, not {', '.join(wanted)}", 0)
    return ValueType(types[0].kind, (), tuple(dim for part in parts for dim in part))


CONTRACTION = (
    Operator(
        name="matrix",
        family="contraction",
        arity=(1, 1),
        type_rule=_matrix_type,
        kinds=kinds.same,
        required=("rows", "columns", "per"),
        defaults=(("transposed", False), ("bias", False)),
        no_adjoint="a weight is no function of the variable",
        range_rule=ranges.first,
        linear_in=((0,),),
    ),
    Operator(
        name="linear",
        family="contraction",
        arity=(2, 3),
        type_rule=_linear_type,
        kinds=kinds.fractional,
        required=("contract", "into", "per"),
        defaults=(("transposed", False),),
        adjoint=_linear_adjoint,
        range_rule=ranges.always(iv.REAL),
        linear_in=((0, 2), (1, 2)),
    ),
    Operator(
        name="conv",
        family="contraction",
        arity=(2, 3),
        type_rule=_conv_type,
        kinds=kinds.fractional,
        required=("axes", "window", "stride", "dilation", "causal", "contract", "into", "per"),
        no_adjoint="it joins points along axes, and its adjoint would read points that are not at hand yet",
        range_rule=ranges.always(iv.REAL),
        linear_in=((0, 2), (1, 2)),
    ),
)
