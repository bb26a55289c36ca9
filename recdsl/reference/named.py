"""Tensors with named dims: one tensor and the tuple of its names, lined up by name.

A cell, the value at one point, is a plain tensor whose dims are those of its type, in that order.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

DTYPES = {"bool": torch.bool, "int": torch.int64, "real": torch.float64, "complex": torch.complex128}


def line_up(tensor: Tensor, have: Sequence[str], want: Sequence[str]) -> Tensor:
    """The dims `have` of a tensor in the order of `want`, with size 1 where it lacks one."""
    assert tensor.ndim == len(have), (tensor.shape, have)
    assert set(have) <= set(want), (have, want)
    ordered = tensor.permute([have.index(name) for name in want if name in have])
    return ordered.reshape([tensor.shape[have.index(name)] if name in have else 1 for name in want])
