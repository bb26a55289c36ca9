"""Diagonals of a Jacobian, through the operators that join elements.

    h : H = tanh(linear(x) + linear(h[t-1]))      →     h_by_h = (1 - h * h) * diagonal(h.h.weight)

The slope of a value v by an earlier state s has the dims of both. Along a dim that both have it is the diagonal, v[i] by s[i]; along a
dim of s that v lacks it has all entries. So a sum over a dim of the state keeps the dim, and whatever spreads that sum again meets the
diagonal. In: an application, the slope of its first operand. Out: the slope of its value; 0 where only more than the diagonal of the
operand's slope would tell, which is a valid approximation.
"""

from __future__ import annotations

from recdsl.ir.build import apply, const, index, number, simplified
from recdsl.ir.expr import Apply, Const, Expr, Read, rebuild
from recdsl.ir.operators.operator import NoAdjointError
from recdsl.ir.operators.shared import filled
from recdsl.ir.operators.table import OPERATORS
from recdsl.ir.operators.unite import dims, names, text
from recdsl.ir.sizes import product
from recdsl.ir.types import Dim

ZERO = const(0.0)


def diagonal(node: Apply, own: Read, slope: Expr, states: frozenset[str]) -> Expr:
    """The slope of an application by one state. `own` reads its value where the derivative needs that; `states` are the state's dims."""
    if isinstance(slope, Const) and slope.value == 0:
        return ZERO
    match node.operator:
        case "linear":
            return _linear(node, slope, states)
        case "rename":
            return _renamed(node, slope, states)
        case "softmax":
            return _softmax(node, own, slope, states)
    if OPERATORS[node.operator].family == "reduction":
        return _reduced(node, own, slope, states)
    return ZERO


def _linear(node: Apply, slope: Expr, states: frozenset[str]) -> Expr:
    """Σ_j W[i, j] x[j] by s[i] is W[i, i] times x[i] by s[i]; a map between other dims takes the slope as it takes the value."""
    x, weight = node.operands[:2]
    contract, into, per = (dims(node.attribute(name)) for name in ("contract", "into", "per"))
    joined = {dim.name for dim in contract}
    if joined & states:
        same = [dim.name for dim in contract] == [dim.name for dim in into]
        return simplified("mul", _weights(node, contract, per), slope) if same else ZERO
    if any(dim.name in slope.type.dim_names and dim.name not in joined for dim in into):
        return ZERO
    full = filled(simplified, slope, x.type, tuple(dim.name for dim in (*contract, *per)))
    return apply("linear", full, weight, contract=contract, into=into, per=per, transposed=node.attribute("transposed"))


def _weights(node: Apply, contract: tuple[Dim, ...], per: tuple[Dim, ...]) -> Expr:
    """The diagonal of a square map."""
    columns = tuple(Dim(f"{dim.name}'", dim.size) for dim in contract)
    matrix: Expr = apply(
        "matrix", node.operands[1], rows=contract, columns=columns, per=per, transposed=node.attribute("transposed")
    )
    for dim, column in zip(contract, columns, strict=True):
        matrix = apply("diagonal", matrix, kept=dim.name, taken=column.name)
    return matrix


def _renamed(node: Apply, slope: Expr, states: frozenset[str]) -> Expr:
    """x[N->M] by s[N] is 0 but at equal indices; only written where that is one matrix for all points."""
    (x,) = node.operands
    old, new = text(node.attribute("old")), text(node.attribute("new"))
    if new in slope.type.dim_names or old not in x.type.dim_names:
        return ZERO
    if old in states:
        if slope.type.axes:
            return ZERO
        equal = simplified("eq", index(x.type.dim(old)), index(node.type.dim(new)))
        return simplified("where", equal, slope, ZERO)
    return simplified("rename", slope, old=old, new=new) if old in slope.type.dim_names else slope


def _softmax(node: Apply, own: Read, slope: Expr, states: frozenset[str]) -> Expr:
    """p[i] (1 - p[i]) along a dim of the state; p ⊙ (slope - Σ p ⊙ slope) along others."""
    over = set(names(node.attribute("over")))
    if over <= states:
        return simplified("mul", simplified("mul", own, simplified("sub", const(1.0), own)), slope)
    if over & states:
        return ZERO
    mean = simplified("sum", simplified("mul", own, slope), over=tuple(names(node.attribute("over"))))
    return simplified("mul", own, simplified("sub", slope, mean))


def _reduced(node: Apply, own: Read, slope: Expr, states: frozenset[str]) -> Expr:
    """The gradient of the value by each element times that element's slope: one entry each along dims of the state, added up along
    others."""
    try:
        adjoint = OPERATORS[node.operator].adjoint
        assert adjoint is not None
        (gradient,) = adjoint(simplified, node, const(1.0))
    except NoAdjointError:
        return ZERO
    if gradient is None:
        return ZERO
    gradient = rebuild(gradient, lambda each: own if each == node else each)
    total = simplified("mul", gradient, slope)
    over = [dim for dim in node.operands[0].type.dims if dim.name in names(node.attribute("over"))]
    others = [dim for dim in over if dim.name not in states]
    count = product(tuple(dim.size for dim in others if dim.name not in total.type.dim_names))
    summed = tuple(dim.name for dim in others if dim.name in total.type.dim_names)
    total = simplified("sum", total, over=summed) if summed else total
    return simplified("mul", number(count), total)
