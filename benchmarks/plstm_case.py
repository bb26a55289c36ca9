"""One comparison of a compiled program with another computation of the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor
from torch.func import functional_call

import recdsl

Leaves = Mapping[str, Tensor]
Function = Callable[[Leaves], Tensor]


@dataclass(frozen=True)
class Case:
    """A program, what it is called with, and the authors' result for the same leaves. `free` are inputs without a gradient."""

    name: str
    program: str | Path
    leaves: dict[str, Tensor]
    theirs: Function
    sizes: dict[str, int]
    layer: str | None = None
    free: Mapping[str, Tensor] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()  # the leaves that are inputs; the others are parameters

    def schedules(self) -> list[str]:
        found = recdsl.explain(self.program, layer=self.layer).recurrences
        names = dict.fromkeys(
            algorithm.name for each in found if each.domain != "depth" for algorithm in each.algorithms
        )
        return [each for each in names if each != "convolution"]

    def ours(self, schedule: str) -> Function:
        module = recdsl.compile(self.program, "torch", layer=self.layer, schedule=schedule)(**self.sizes).double()

        def call(leaves: Leaves) -> Tensor:
            parameters = {name: value for name, value in leaves.items() if name not in self.inputs}
            inputs = {name: leaves[name] for name in self.inputs}
            result: Tensor = functional_call(module, parameters, (), {**inputs, **self.free})
            return result

        return call


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def differences(case: Case, schedule: str) -> tuple[float, float]:
    """The largest differences of values and of gradients."""
    leaves = {name: value.clone().requires_grad_() for name, value in case.leaves.items()}
    ours, theirs = case.ours(schedule)(leaves), case.theirs(leaves)
    assert ours.shape == theirs.shape, f"{case.name}: {tuple(ours.shape)} beside {tuple(theirs.shape)}"
    weight = torch.randn_like(theirs)
    pairs = zip(_gradients(ours, weight, leaves), _gradients(theirs, weight, leaves), strict=True)
    return _apart(ours, theirs), max(_apart(one, other) for one, other in pairs)


def _gradients(y: Tensor, weight: Tensor, leaves: Leaves) -> tuple[Tensor, ...]:
    return torch.autograd.grad((y * weight).sum(), tuple(leaves.values()), materialize_grads=True)


def _apart(ours: Tensor, theirs: Tensor) -> float:
    return float(((ours - theirs).abs().max() / theirs.abs().max().clamp_min(1e-30)).detach())
