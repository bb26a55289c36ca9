"""Draws, and operators on whole values that no other family has."""

from __future__ import annotations

from dataclasses import replace

from recdsl.ir import sizes
from recdsl.ir.expr import Apply
from recdsl.ir.operators import interval as iv
from recdsl.ir.operators import kinds, ranges
from recdsl.ir.operators.interval import Interval
from recdsl.ir.operators.operator import Attributes, Operator, RangeRule, TypeRule, TypeRuleError
from recdsl.ir.operators.unite import dims, names, text, union
from recdsl.ir.types import KINDS, Axis, ValueType

Types = tuple[ValueType, ...]

_ANYTHING = ranges.always(iv.REAL)


def _noise(types: Types, attributes: Attributes) -> ValueType:
    axes = tuple(Axis(name, sizes.axis_length(name)) for name in names(attributes["axes"]))
    kinds.real_function((types[0].kind,))
    return union((types[0], ValueType("real", axes, dims(attributes["dims"])))).with_kind("real")


def _draw(types: Types, attributes: Attributes) -> ValueType:
    """The start of a weight: the weight's layout decides the dims."""
    assert not attributes
    for index, each in enumerate(types):
        kinds.real_function((each.kind,))
        if each.dims or each.axes:
            raise TypeRuleError("a draw takes plain numbers", index)
    return ValueType("real")


def _batchnorm(types: Types, attributes: Attributes) -> ValueType:
    assert set(attributes) == {"eps", "momentum"}
    x = types[0]
    for index, each in enumerate(types[1:], 1):
        for name in each.dim_names:
            if name not in x.dim_names:
                raise TypeRuleError(f"the value has no {name}", index)
    return union(types).with_kind(kinds.real_function((x.kind,))[1])


def _extern(types: Types, attributes: Attributes) -> ValueType:
    kind = text(attributes["kind"])
    assert kind in KINDS
    return ValueType(kind, union(types).axes, dims(attributes["dims"]))


def _grad(types: Types, attributes: Attributes) -> ValueType:
    loss, read = types
    if loss.kind not in ("int", "real") or read.kind not in ("real", "complex"):
        raise TypeRuleError("a derivative is of a real value by a real or complex one", 0 if loss.kind != "real" else 1)
    axes = union((read, loss)).axes
    other = next((each.name for each in axes if each.length != sizes.axis_length(each.name)), None)
    if other is not None:
        raise TypeRuleError(f"a derivative is taken at each point, and the loss varies along {other} too", 0)
    return replace(read, axes=axes)


def _uniform_range(node: Apply, operands: tuple[Interval, ...]) -> Interval:
    return iv.hull(*operands)


def _orthogonal_range(node: Apply, operands: tuple[Interval, ...]) -> Interval:
    return iv.multiply(operands[0], iv.closed(-1, 1))


def _operator(
    name: str,
    arity: tuple[int, int | None],
    type_rule: TypeRule,
    no_adjoint: str,
    *,
    family: str = "source",
    required: tuple[str, ...] = (),
    defaults: tuple[tuple[str, str], ...] = (),
    range_rule: RangeRule = _ANYTHING,
    pure: bool = False,
) -> Operator:
    return Operator(
        name=name,
        family=family,
        arity=arity,
        type_rule=type_rule,
        required=required,
        defaults=defaults,
        no_adjoint=no_adjoint,
        range_rule=range_rule,
        pure=pure,
    )


_START = "it stands in the start of a weight only"

SOURCE = (
    _operator("noise", (1, 1), _noise, "its draw cannot be repeated", required=("dims", "axes")),
    _operator("normal", (2, 2), _draw, _START),
    _operator("uniform", (2, 2), _draw, _START, range_rule=_uniform_range),
    _operator("orthogonal", (1, 1), _draw, _START, range_rule=_orthogonal_range),
)

WHOLE = (
    _operator(
        "batchnorm",
        (5, 5),
        _batchnorm,
        "its mean and variance are over the batch, so the points depend on each other",
        family="whole",
        required=("eps", "momentum"),
    ),
    _operator(
        "extern",
        (0, None),
        _extern,
        "what the host binds is opaque",
        family="whole",
        required=("name", "dims"),
        defaults=(("kind", "real"),),
    ),
    _operator("grad", (2, 2), _grad, "inner derivatives are taken first", family="whole", pure=True),
)
