"""Programs for the tests of the interpreter: built by hand, without the stages before it, or from text."""

from __future__ import annotations

import torch

from recdsl import pipeline
from recdsl.ir.build import apply
from recdsl.ir.expr import Expr, Read
from recdsl.ir.module import Equation, Input, Module, Output, Parameter, Program, WeightSpec
from recdsl.ir.sizes import axis_length, name
from recdsl.ir.types import Axis, Dim, ValueType
from recdsl.reference import Reference


def dim(letter: str) -> Dim:
    return Dim(letter, name(letter))


def axis(letter: str) -> Axis:
    return Axis(letter, axis_length(letter))


def type_of(dims: str = "", axes: str = "t", kind: str = "real") -> ValueType:
    """`type_of("H K", "t")`: named dims and axes, each of its own size."""
    return ValueType(kind, tuple(map(axis, axes.split())), tuple(map(dim, dims.split())))


def along(value: Expr, *over: str, operator: str = "sum") -> Expr:
    return apply(operator, value, over=over)


def shifted(value: str, type: ValueType, **offsets: int) -> Read:
    return Read(value, type, tuple(offsets.items()))


def equation(id: str, expr: Expr, type: ValueType | None = None, init: Expr | None = None) -> Equation:
    return Equation(id, id, type or expr.type, expr, init)


def program(
    inputs: dict[str, ValueType],
    items: list[Equation],
    outputs: list[str],
    parameters: str,
    domain: str = "sequence",
    axes: tuple[str, ...] = ("t",),
    weights: tuple[WeightSpec, ...] = (),
) -> Program:
    """A program of one module; `parameters` are dims without defaults."""
    module = Module(
        key="main",
        name="main",
        domain=domain,
        axes=axes,
        parameters=tuple(Parameter(each, True, None) for each in parameters.split()),
        inputs=tuple(Input(each, type, static=not type.axes) for each, type in inputs.items()),
        outputs=tuple(Output(each, each) for each in outputs),
        items=tuple(items),
        weights=weights,
    )
    return Program({"main": module}, "main")


def interpreted(source: str, layer: str | None = None, **sizes: float) -> Reference:
    """The interpreter of a program text."""
    return Reference(pipeline.check(pipeline.load(source), layer).program, **sizes)


def draw(*shape: int, seed: int = 1) -> torch.Tensor:
    """Normal draws in float64 that require gradients."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator, requires_grad=True)
