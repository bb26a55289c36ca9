"""Work: how many multiply-adds an expression takes for a whole row of a batch.

An operation counts once an element of its result (a function such as `exp` too), a reduction once an element of its
operand, a contraction once for each weight that an element meets. Reads, renames and shapes cost nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from recdsl.classify.count import Count, count, number
from recdsl.ir import sizes
from recdsl.ir.expr import Apply, Call, Expr, operands
from recdsl.ir.module import Depth, Equation, Item, Module, Program
from recdsl.ir.operators.table import OPERATORS
from recdsl.ir.sizes import Size
from recdsl.ir.types import Axis, Dim, ValueType


def work(items: Iterable[Item], module: Module, program: Program) -> Count:
    """The work of some items of a module, in its parameters and the lengths of its axes."""
    total = Count()
    for item in items:
        match item:
            case Equation():
                total += _expression(item.expr, module, program)
            case Depth():
                body = program.modules[item.body]
                turn = work(body.items, body, program)
                if body.domain == "pointwise":
                    turn *= _lengths(axis for carry in item.carried for axis in carry.type.axes)
                total += turn * turns(item)
    return total


def turns(item: Depth) -> Count:
    """How often a `repeat` or `loop` runs its body."""
    return number(len(item.path)) if item.path is not None else count(item.count)


def elements(type_: ValueType) -> Count:
    """How many numbers a value has in a row of a batch."""
    return _lengths(type_.axes) * _product(type_.dims)


def _expression(expr: Expr, module: Module, program: Program) -> Count:
    total = Count()
    for each in operands(expr):
        total += _expression(each, module, program)
    match expr:
        case Apply():
            return total + _application(expr)
        case Call():
            return total + _call(expr, module, program)
    return total


def _application(expr: Apply) -> Count:
    match OPERATORS[expr.operator].family:
        case "elementwise" | "source" | "whole":
            return elements(expr.type) if expr.operator != "stop" else Count()
        case "reduction" | "along":
            return elements(expr.operands[0].type)
        case "contraction":
            return elements(expr.type) * _weights_an_element(expr)
    if expr.operator == "inverse":
        return elements(expr.type) * count(expr.type.dim(str(expr.attribute("rows"))).size)
    return Count()


def _weights_an_element(expr: Apply) -> Count:
    total = number(1)
    contracted = expr.attribute("contract")
    assert isinstance(contracted, tuple)
    windows = expr.attribute("window") if expr.operator == "conv" else ()
    assert isinstance(windows, tuple)
    for each in (*contracted, *windows):
        assert isinstance(each, (Dim, Size))
        total *= count(each.size if isinstance(each, Dim) else each)
    return total


def _call(expr: Call, module: Module, program: Program) -> Count:
    """The work of the layer with its parameters in the caller's terms, for each of the carried dims."""
    callee = program.callee(module, expr.instance)
    values: dict[str, Size] = {
        each.dim: sizes.product(tuple(dim.size for dim in each.stands_for)) for each in expr.bound
    }
    values |= dict(module.instance(expr.instance).arguments)
    for parameter in callee.parameters:
        if parameter.name not in values and parameter.default is not None:
            values[parameter.name] = sizes.substitute(parameter.default, values)
    lengths = {axis.name: axis.length for operand in expr.operands for axis in operand.type.axes}
    values |= {f"|{inner}|": lengths[outer] for inner, outer in expr.axes if outer in lengths}
    total = work(callee.items, callee, program).substitute(values) * _product(expr.carried)
    mapped = [outer for _, outer in expr.axes] if callee.axes else []
    return total * _lengths(axis for axis in expr.type.axes if axis.name not in mapped)


def _product(dims: Iterable[Dim]) -> Count:
    total = number(1)
    for dim in dims:
        total *= count(dim.size)
    return total


def _lengths(axes: Iterable[Axis]) -> Count:
    """The number of points along axes; along `pred` those are edges (from a node), or pairs of edges (from an edge)."""
    lengths = {axis.name: axis.length for axis in axes}
    if "pred" in lengths:
        return count(sizes.axis_length("pairs" if "edge" in lengths else "edge"))
    total = number(1)
    for length in lengths.values():
        total *= count(length)
    return total
