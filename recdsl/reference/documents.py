"""What one document is, and the checks of the inputs of a call.

Refuses, with ValueError: shapes that do not fit, tokens out of range.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from recdsl.ir.module import Input
from recdsl.reference.named import DTYPES
from recdsl.reference.scope import Scope


@dataclass(frozen=True, slots=True)
class Document:
    """One run: inputs `[axes..., dims...]` without the batch. The first `past` points are those of earlier pieces.
    `initial` are values before the first point, `[dims...]` or the last few, `[delay, dims...]`; `paths` the copies
    that this document goes through, by `repeat`."""

    row: int
    lengths: Mapping[str, int]
    inputs: Mapping[str, Tensor]
    past: int = 0
    initial: Mapping[str, Tensor] = field(default_factory=dict)
    paths: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


def check_inputs(scope: Scope, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The inputs as float64 (or the dtype of their kind), with dims, ranks and tokens checked."""
    return {each.name: check_input(scope, each, given[each.name]) for each in scope.module.inputs}


def check_input(scope: Scope, given: Input, tensor: Tensor) -> Tensor:
    dims = scope.shape(given.type.dims)
    batch = [] if scope.module.domain == "graph" else ["batch"]
    leading = [*batch, *given.type.axis_names]
    rank_fits = tensor.ndim == len(leading) + len(dims) or (scope.module.domain == "pointwise" and not given.static)
    if not rank_fits or tuple(tensor.shape[tensor.ndim - len(dims) :]) != dims:
        expected = leading + [f"{dim.name}={size}" for dim, size in zip(given.type.dims, dims, strict=True)]
        raise ValueError(f"{given.name} has the shape {list(tensor.shape)}, expected is [{', '.join(expected)}]")
    if given.vocabulary is not None:
        check_tokens(given.name, tensor, int(scope.number(given.vocabulary)))
    return tensor.to(DTYPES[given.type.kind])


def check_tokens(name: str, tensor: Tensor, vocabulary: int) -> None:
    if tensor.is_floating_point() or tensor.is_complex():
        raise ValueError(f"{name} has the dtype {tensor.dtype}; tokens are whole numbers")
    wrong = tensor[(tensor < 0) | (tensor >= vocabulary)]
    if wrong.numel():
        raise ValueError(f"{name} holds {int(wrong[0])}; a token is at least 0 and below {vocabulary}")
