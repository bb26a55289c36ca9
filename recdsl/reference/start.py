"""How weights begin: every `WeightSpec` of a program → a tensor of the state dict, in float64."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from recdsl.ir.expr import Apply, Expr
from recdsl.ir.module import Program, WeightSpec
from recdsl.ir.sizes import Value
from recdsl.reference.frame import Frame, Point, Run
from recdsl.reference.graph import Graph
from recdsl.reference.named import DTYPES, line_up
from recdsl.reference.scope import Scope, solve_parameters


def initial_parameters(program: Program, sizes: Mapping[str, Value], seed: int = 0) -> dict[str, Tensor]:
    """The state dict of a program before training, drawn from `seed`; the trained ones require gradients.

    Raises ValueError for sizes that are missing or not whole."""
    scope = Scope(program, program.entry, solve_parameters(program.entry, sizes))
    generator = torch.Generator().manual_seed(seed)
    paths = [(each, spec) for each in scope.walk() for spec in each.module.weights]
    found: dict[str, Tensor] = {}
    for each, spec in sorted(paths, key=lambda pair: pair[1].start == "value"):  # these may read the others
        found[each.prefix + spec.path] = _start(each, spec, found, generator).to(DTYPES[spec.kind])
    ordered = {each.prefix + spec.path: spec for each, spec in paths}
    return {path: found[path].requires_grad_(spec.trained) for path, spec in ordered.items()}


def _start(scope: Scope, spec: WeightSpec, found: Mapping[str, Tensor], generator: torch.Generator) -> Tensor:
    shape = [math.prod(scope.shape(group)) for group in spec.layout]
    values = torch.zeros(shape, dtype=torch.float64)
    match spec.start:
        case "zeros":
            return values
        case "ones":
            return values + 1
        case "normal":
            return values.normal_(generator=generator)
        case "linear":
            assert spec.fan_in is not None
            bound = 1 / math.sqrt(scope.number(spec.fan_in))
            return values.uniform_(-bound, bound, generator=generator)
        case "draw":
            assert isinstance(spec.value, Apply)
            return _draw(values, spec.value, _frame(scope, found), generator)
        case "value":
            assert spec.value is not None
            return _value(scope, spec, spec.value, _frame(scope, found)).reshape(shape).clone()
    raise AssertionError(spec)


def _draw(values: Tensor, draw: Apply, frame: Frame, generator: torch.Generator) -> Tensor:
    numbers = [float(frame.eval(each, {})) for each in draw.operands]
    match draw.operator:
        case "normal":
            return values.normal_(generator=generator) * numbers[1] + numbers[0]
        case "uniform":
            return values.uniform_(numbers[0], numbers[1], generator=generator)
        case "orthogonal":
            return torch.nn.init.orthogonal_(values, gain=numbers[0], generator=generator)
    raise AssertionError(draw)


def _value(scope: Scope, spec: WeightSpec, value: Expr, frame: Frame) -> Tensor:
    """The value of a start `[dims...]`, repeated along the dims it lacks."""
    with torch.no_grad():
        cell = frame.eval(value, {})
    return line_up(cell, value.type.dim_names, [dim.name for dim in spec.dims]).expand(scope.shape(spec.dims))


def _frame(scope: Scope, found: Mapping[str, Tensor]) -> Frame:
    """A frame without inputs and axes, for expressions that read weights and sizes only."""
    nothing = Graph((), ())
    run = Run(scope.program, found, (), nothing, nothing, {}, training=False)
    return Frame(run, scope, {}, (), lambda document: {}, lambda: _one_point())


def _one_point() -> Iterator[Point]:
    yield {}
