"""How closely a compiled module has to agree with the reference."""

from __future__ import annotations

import math

import torch
from torch import Tensor

RELATIVE = 1e-9  # of the largest value of a tensor, in float64
NARROW = {torch.float32: 1e-4, torch.bfloat16: 1e-1}  # the same where module and inputs are of another type
ROUGH = frozenset(
    {"fourier"}
)  # schedules that lose digits of values far below the largest: they are compared in float64 only
SPREAD = 8  # how much more may be wrong than what rounding inputs and weights alone changes
FLOOR = 1e-2  # tensors whose largest value is smaller are compared as if it were this


def error(found: Tensor, expected: Tensor) -> float:
    """The largest difference relative to the largest finite value that is expected; infinite where the shapes differ,
    or where NaN and infinities do not stand in the same places."""
    if found.shape != expected.shape:
        return math.inf
    if not expected.numel():
        return 0.0
    left, right = as_numbers(found), as_numbers(expected)
    same = (left == right) | (left.isnan() & right.isnan())
    difference = (left - right).abs().masked_fill(same, 0)
    if not bool(difference.isfinite().all()):
        return math.inf
    return float(difference.max()) / scale(expected)


def scale(tensor: Tensor) -> float:
    """The largest finite value of a tensor, what its errors are relative to."""
    if not tensor.numel():
        return FLOOR
    values = as_numbers(tensor).abs()
    return max(float(values.masked_fill(~values.isfinite(), 0).max()), FLOOR)


def as_numbers(tensor: Tensor) -> Tensor:
    """The values without their graph, as float64 or complex numbers."""
    found = tensor.detach().cpu()
    return found if found.is_complex() else found.double()
