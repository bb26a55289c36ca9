"""One statement → what it adds to its block."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from recdsl.check.depth import elaborate_depth
from recdsl.check.entities import ValueEntity
from recdsl.check.equations import define, define_all, refuse_extra_dims
from recdsl.check.forms import is_draw
from recdsl.check.numbers import dims_of, unknown_name
from recdsl.check.reading import read_value
from recdsl.check.results import several_results
from recdsl.check.words import type_of_words
from recdsl.diagnostics import Label
from recdsl.ir.build import apply
from recdsl.ir.expr import Const, Expr, Read
from recdsl.ir.module import External, Input, Output, WeightSpec
from recdsl.ir.types import Dim, ValueType
from recdsl.parse import tree

if TYPE_CHECKING:
    from recdsl.check.block import Block

DEFAULT_STD = 0.02


def elaborate_statement(block: Block, statement: tree.Statement) -> None:
    """Add what a statement makes to `block.made`."""
    match statement:
        case tree.Input():
            _input(block, statement)
        case tree.Weight():
            _weight(block, statement)
        case tree.Output():
            _output(block, statement)
        case tree.Equation():
            define_all(block, statement)
        case tree.Repeat() | tree.Loop():
            elaborate_depth(block, statement)
        case tree.Until():
            _until(block, statement)
        case tree.Init():
            _check_init(block, statement)
        case tree.Extern():
            entity = type_of_words(block, statement.type, block.report)
            if entity is not None:
                block.made.externals.append(External(statement.name.name, replace(entity[0], axes=())))
        case tree.Path():
            _check_path(block, statement)


def _input(block: Block, statement: tree.Input) -> None:
    found = type_of_words(block, statement.type, block.report)
    if block.parent is not None:
        block.report.error("R209", "a body has no inputs", Label(statement.span), help="declare it in the layer")
        block.failed.update(name.name for name in statement.names)
        return
    for name in statement.names:
        if found is None:
            block.failed.add(name.name)
            continue
        type_, words, vocabulary = found
        if {"edge", "static"} <= words:
            help = "leave out one of the two words"
            block.report.error("R304", "a static value is the same on every edge", Label(statement.span), help=help)
        if "edge" in words and block.domain != "graph":
            help = "edges belong to a layer that begins with: layer f(D) over n in dag:"
            block.report.error("R304", "only graphs have edges", Label(statement.span), help=help)
        given = Input(name.name, type_, "static" in words, vocabulary, name.span)
        block.made.inputs.append(given)
        block.types[name.name] = type_
        if name.name in block.names.rebound:
            block.made.versions[name.name] = name.name


def _weight(block: Block, statement: tree.Weight) -> None:
    dims: tuple[Dim, ...] | None = ()
    if statement.dims is not None:
        scalar = [d for d in statement.dims.dims if isinstance(d, tree.Name) and d.name == "scalar"]
        complex_ = [d for d in statement.dims.dims if isinstance(d, tree.Name) and d.name == "complex"]
        plain = tuple(d for d in statement.dims.dims if d not in (*scalar, *complex_))
        kind = "complex" if complex_ else "real"
        dims = dims_of(
            replace(statement.dims, dims=plain),
            block.lookup,
            block.report,
            block.renamed_dims(),
            block.parameter_names(),
        )
    else:
        kind = "real"
    if dims is None:
        return
    for name in statement.names:
        start, value = _start(block, statement, dims)
        layout = tuple((dim,) for dim in dims)
        block.make_weight(WeightSpec(name.name, layout, start, statement.trained, kind, value, span=name.span))


def _start(block: Block, statement: tree.Weight, dims: tuple[Dim, ...]) -> tuple[str, Expr | None]:
    if statement.draw is not None:
        drawn = statement.draw
        if not is_draw(drawn):
            help = "draws are normal(mean, std), uniform(low, high) and orthogonal(gain)"
            block.report.error("R305", "this is not a draw", Label(drawn.span), help=help)
            return "zeros", None
        return "draw", block.start_value(drawn, dims)
    if statement.start is not None:
        value = block.start_value(statement.start, dims)
        if value is not None:
            refuse_extra_dims(block, value, dims, statement.start.span)
        return "value", value
    return "draw", apply("normal", _real(0.0), _real(DEFAULT_STD))


def _real(value: float) -> Expr:
    return Const(value, ValueType("real"))


def _output(block: Block, statement: tree.Output) -> None:
    if block.parent is not None:
        block.report.error("R209", "a body has no results", Label(statement.span), help="put out behind the body")
        return
    if statement.names:
        results = several_results(block, statement.names, statement.value)
        for name in statement.names:
            value = define(block, name, statement.dims, statement.value, statement.span, results=results)
            block.made.outputs.append(Output(name.name, value))
        return
    node = statement.value
    if isinstance(node, tree.Name) and isinstance(block.lookup(node.name), ValueEntity):
        read = read_value(block, node.name, node.span)
        if isinstance(read, Read):
            block.made.outputs.append(Output(None, read.value))
        return
    label = block.unique("out")
    while label in block.entities:
        label = block.unique("out")
    value = define(block, tree.Name(label, statement.span), None, node, statement.span)
    block.made.outputs.append(Output(None, value))


def _check_init(block: Block, statement: tree.Init) -> None:
    name = statement.name
    if block.domain == "graph":
        help = "a sum over no edges is 0; where(…) gives the first nodes another value"
        block.report.error("R405", "in a graph nothing is read before the first node", Label(statement.span), help=help)
        return
    if name.name not in block.names.values:
        unknown_name(name.name, name.span, list(block.names.values), block.report, what="value")
        return
    doubled = [s for s in block.statements if isinstance(s, tree.Init) and s.name.name == name.name]
    if statement is not doubled[0]:
        labels = Label(statement.span, "again"), Label(doubled[0].span, "here")
        block.report.error("R203", f"{name.name} has two starts", *labels, help="leave one of them out")
    if name.name in block.names.rebound:
        help = "only a value with one definition can be read at a shift, and has a start"
        block.report.error("R405", f"{name.name} is rebound and has no start", Label(statement.span), help=help)
    if any(isinstance(s, tree.Input) and name.name in [n.name for n in s.names] for s in block.statements):
        help = f"give the start to an equation of its own: y = {name.name}"
        block.report.error("R405", f"{name.name} is an input and has no start", Label(statement.span), help=help)


# ---- bodies


def _until(block: Block, statement: tree.Until) -> None:
    if block.parent is None or not block.elaborator.in_loop(block):
        help = (
            "until ends the loop around it; a repeat runs all its copies"
            if block.parent
            else "until ends the loop around it"
        )
        block.report.error("R209", "until stands outside a loop", Label(statement.span), help=help)
        return
    if block.made.until is not None:
        block.report.error("R209", "this loop has two untils", Label(statement.span), help="join them with or")
        return
    value = block.expressions("until", statement.condition).value(statement.condition)
    if value is None:
        return
    if value.type.kind != "bool":
        help = "write a comparison: until all(halt >= 1)"
        block.report.error("R305", "until needs a condition", Label(statement.condition.span), help=help)
        return
    if value.type.axes or value.type.dims:
        value = apply("all", value, span=value.span, over=("*",))
    read = block.nameless(value)
    block.made.until = read.value


def _check_path(block: Block, statement: tree.Path) -> None:
    name = statement.block
    repeats = [s for s in block.statements if isinstance(s, tree.Repeat) and s.name is not None]
    found = next((s for s in repeats if s.name is not None and s.name.name == name.name), None)
    if found is None:
        known = [s.name.name for s in repeats if s.name is not None]
        unknown_name(name.name, name.span, known, block.report, what="repeat")
    paths = [s for s in block.statements if isinstance(s, tree.Path) and s.block.name == name.name]
    if statement is not paths[0]:
        labels = Label(statement.span, "again"), Label(paths[0].span, "here")
        block.report.error("R203", f"{name.name} has two paths", *labels, help="leave one of them out")
