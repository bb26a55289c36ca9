"""`c : H = f * c[t-1] + i * g` → an equation: its kind and dims, its value, its start.

Declared dims win; without them an equation has those of its value. Refuses (R301, R302, R405) dims that are not known or
not declared, kinds that do not fit, and starts that move.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from recdsl.check.entities import InstanceEntity
from recdsl.check.numbers import dims_of
from recdsl.check.reading import read_value
from recdsl.check.results import Results, several_results
from recdsl.check.setting import EDGE, makes_whole_numbers
from recdsl.diagnostics import Label, Span
from recdsl.ir import sizes
from recdsl.ir.build import apply
from recdsl.ir.expr import Expr, reads
from recdsl.ir.module import Equation
from recdsl.ir.types import Axis, Dim, ValueType, join_kinds
from recdsl.parse import tree

if TYPE_CHECKING:
    from recdsl.check.block import Block
    from recdsl.check.expressions import Expected


def define_all(block: Block, statement: tree.Equation) -> None:
    """The equations of a statement: one for each name."""
    if any(isinstance(block.entities.get(name.name), InstanceEntity) for name in statement.names):
        return
    results = several_results(block, statement.names, statement.value)
    for name in statement.names:
        define(
            block, name, statement.dims, statement.value, statement.span, statement.edge, statement.accumulate, results
        )


def define(
    block: Block,
    name: tree.Name,
    declared: tree.Along | None,
    node: tree.Expression,
    span: Span,
    edge: bool = False,
    accumulate: bool = False,
    results: Results | None = None,
) -> str:
    """Build one equation; returns the id of its value."""
    id_ = _next_version(block, name.name)
    before, block.point_axis = block.point_axis, "edge" if edge else block.point_axis
    try:
        _build(block, id_, name, declared, node, span, accumulate, results)
    finally:
        block.point_axis = before
    if name.name in block.names.rebound:
        block.made.versions[name.name] = id_
    return id_


def _next_version(block: Block, name: str) -> str:
    if name not in block.names.rebound:
        return name
    if name not in block.made.versions:
        return name
    return block.new_version(name)


def _build(
    block: Block,
    id_: str,
    name: tree.Name,
    declared: tree.Along | None,
    node: tree.Expression,
    span: Span,
    accumulate: bool,
    results: Results | None,
) -> None:
    kind, dims = _declared(block, declared)
    if declared is not None and dims is None:
        block.failed.add(id_)
        return
    if _edge_outside_graph(block, span):
        return
    if dims is not None and id_ not in block.types:
        block.types[id_] = _guess(block, kind or "real", dims)
        block.guesses[id_] = [block.types[id_].axes]
    expected = dims if dims is not None else _expected(block, id_, name.name)
    errors = len(block.report.errors)
    label = block.parameter_label(name.name)
    block.building = id_
    value = results.next(expected) if results else block.expressions(label, node).value(node, expected)
    block.building = ""
    if accumulate:
        value = _accumulated(block, name, value, span)
    if value is None or len(block.report.errors) > errors:
        _guess_again(block, id_)
    if value is None:
        if block.strict and len(block.report.errors) == errors and not block.failed and not block.failed_call:
            help = f"give its equation dims: {name.name} : H = …"
            block.report.error("R301", f"the dims of {name.name} are not known", Label(name.span), help=help)
        if len(block.report.errors) > errors or block.strict:
            block.failed.add(id_)
        return
    if len(block.report.errors) > errors:
        block.failed.add(id_)
    type_ = _result_type(block, value, kind, dims, node.span)
    if type_ is None:
        block.failed.add(id_)
        return
    value = _broadcast(value, type_)
    block.types[id_] = type_
    init = _init_value(block, name.name, type_)
    block.made.items.append(Equation(id_, name.name, type_, value, init, span))


def _edge_outside_graph(block: Block, span: Span) -> bool:
    """Report an `edge` equation in a layer that is no graph."""
    if block.point_axis != "edge" or block.domain == "graph":
        return False
    block.need_axes()
    help = "edges belong to a layer that begins with: layer f(D) over n in dag:"
    block.report.error("R304", "only graphs have edges", Label(span), help=help)
    return True


def _declared(block: Block, declared: tree.Along | None) -> tuple[str | None, tuple[Dim, ...] | None]:
    """The kind and the dims that stand behind the colon."""
    if declared is None:
        return None, None
    kinds = {"bool", "complex", "real"}
    kind = next((d.name for d in declared.dims if isinstance(d, tree.Name) and d.name in kinds), None)
    plain = tuple(d for d in declared.dims if not (isinstance(d, tree.Name) and d.name in {*kinds, "scalar"}))
    dims = dims_of(
        replace(declared, dims=plain), block.lookup, block.report, block.renamed_dims(), block.parameter_names()
    )
    return kind, dims


def _guess(block: Block, kind: str, dims: tuple[Dim, ...]) -> ValueType:
    axes = tuple(Axis(axis, sizes.axis_length(axis)) for axis in block.axes)
    return ValueType(kind, (EDGE,) if block.point_axis == "edge" else axes, dims)


def _guess_again(block: Block, id_: str) -> None:
    """A recurrence that does not have the points of the layer may have those that pooling made of another value. Where no guess
    is right the first one stays."""
    if id_ not in block.guesses:
        return
    tried = block.guesses[id_]
    found = [each.axes for each in block.types.values() if [axis.name for axis in each.axes] == list(block.axes)]
    others = [axes for axes in found if axes not in tried]
    if others:
        tried.append(others[0])
    axes = others[0] if others else tried[0]
    block.guessed |= axes != block.types[id_].axes
    block.types[id_] = replace(block.types[id_], axes=axes)


def _expected(block: Block, id_: str, name: str) -> Expected:
    """Without declared dims: those of the value that is rebound, else those found by the pass before."""
    previous = block.types.get(block.made.versions.get(name, ""))
    known = previous or block.types.get(id_)
    return known.dims if known is not None else None


def _accumulated(block: Block, name: tree.Name, value: Expr | None, span: Span) -> Expr | None:
    if name.name not in block.made.versions:
        if block.strict:
            help = f"write {name.name} = … first"
            block.report.error("R208", f"{name.name} has no value to add to", Label(name.span), help=help)
        return None
    read = read_value(block, name.name, name.span)
    if block.strict and read is not None and value is not None and read.type.dims:
        extra = [dim for dim in value.type.dim_names if dim not in read.type.dim_names]
        if extra:
            help = f"{name.name} has the dims {' '.join(read.type.dim_names)}; sum over {extra[0]}, or begin with a value that has it"
            block.report.error("R302", f"this adds the dim {extra[0]} to {name.name}", Label(span), help=help)
            return None
    return block.builder().elementwise("add", (read, value), span)


def _result_type(
    block: Block, value: Expr, kind: str | None, dims: tuple[Dim, ...] | None, span: Span
) -> ValueType | None:
    type_ = block.normal(value.type)
    if dims is not None:
        errors = len(block.report.errors)
        refuse_extra_dims(block, value, dims, span)
        if len(block.report.errors) > errors:
            return None
        type_ = replace(type_, dims=dims)
    found = type_.kind
    if found == "int" and kind is None and not makes_whole_numbers(value):
        found = "real"
    if kind is not None and join_kinds(kind, found) != kind:
        help = {"bool": "a comparison such as x > 0 makes one", "real": "real(z), imag(z) and abs(z) are real"}.get(
            kind
        )
        block.report.error("R302", f"the value is {found}, not {kind}", Label(span), help=help)
        return None
    if "pred" in type_.axis_names:
        help = "no name holds one: sum over them in this expression, sum[pred](…)"
        block.report.error("R302", "this has a value per incoming edge", Label(span), help=help)
        return None
    if block.domain == "graph" and block.point_axis == "edge" and block.axes[0] in type_.axis_names:
        block.report.error("R302", "this is a value of nodes, not of edges", Label(span))
        return None
    if block.domain == "graph" and block.point_axis != "edge" and "edge" in type_.axis_names:
        help = "read it over the incoming edges, sum[pred](e[pred]), or make the equation one of edges: edge y = …"
        block.report.error("R302", "this is a value of edges, not of nodes", Label(span), help=help)
        return None
    return replace(type_, kind=kind or found)


def _broadcast(value: Expr, type_: ValueType) -> Expr:
    missing = tuple(dim for dim in type_.dims if dim.name not in value.type.dim_names)
    return apply("broadcast", value, span=value.span, dims=missing) if missing else value


def _init_value(block: Block, name: str, type_: ValueType) -> Expr | None:
    statement = _init_of(block, name)
    if statement is None:
        return None
    value = block.expressions(f"{name}.init", statement.value).value(statement.value, type_.dims)
    if value is None:
        return None
    refuse_extra_dims(block, value, type_.dims, statement.value.span, "start")
    moving = next((read for read in reads(value) if read.type.axes), None)
    if moving is not None:
        help = "a start reads static inputs, weights, sizes and index[t]"
        label = Label(moving.span or statement.value.span)
        block.report.error(
            "R405", f"the start of {name} reads {moving.value}, which varies along axes", label, help=help
        )
    return value


def _init_of(block: Block, name: str) -> tree.Init | None:
    return next((s for s in block.statements if isinstance(s, tree.Init) and s.name.name == name), None)


def refuse_extra_dims(block: Block, value: Expr, dims: tuple[Dim, ...], span: Span, noun: str = "value") -> None:
    """R302 for dims of a value that its declaration lacks, or gives another size."""
    extra = [name for name in value.type.dim_names if name not in [dim.name for dim in dims]]
    if extra:
        help = f"all its dims are {' '.join(value.type.dim_names)}; declare them, or sum over those that are too many"
        if noun == "start":
            help = f"it starts a value with the dims {' '.join(dim.name for dim in dims) or 'none'}"
        block.report.error("R302", f"the {noun} has the dim {extra[0]}, which is not declared", Label(span), help=help)
    for dim in value.type.dims:
        declared = next((each for each in dims if each.name == dim.name), dim)
        if not sizes.same(dim.size, declared.size):
            message = f"{dim.name} has the size {declared.size} here and {dim.size} in the value"
            block.report.error("R302", message, Label(span))
