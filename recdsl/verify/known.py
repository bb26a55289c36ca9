"""The reference's side of one example: inputs, answers and gradients, each computed once for all schedules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from recdsl.check.schedule import components
from recdsl.ir.expr import Apply, walk
from recdsl.ir.module import Equation, Module, Program
from recdsl.reference import Reference
from recdsl.verify.examples import Example
from recdsl.verify.pair import gradients, results

Inputs = dict[str, Tensor]
Options = Mapping[str, Any]

_FIXED = frozenset({"return_state", "lengths", "reset", "training"})  # options that the example alone decides


@dataclass
class Known:
    """`answers` are kept by the names of the options, `slopes` by the answer that they belong to, `narrowed` by the type that the
    numbers were rounded to, `coarse` by that and the draw."""

    program: Program
    reference: Reference
    example: Example
    answers: dict[frozenset[str], Any] = field(default_factory=dict)
    slopes: dict[int, Inputs] = field(default_factory=dict)
    narrowed: dict[torch.dtype, Known] = field(default_factory=dict)
    coarse: dict[tuple[torch.dtype, int], Known] = field(default_factory=dict)

    @property
    def entry(self) -> Module:
        return self.program.entry

    @cached_property
    def inputs(self) -> Inputs:
        return self.example.tensors(self.entry, self.reference.sizes)

    @cached_property
    def whole(self) -> tuple[Any, Any]:
        """The results of a plain call, and its state."""
        result, state = self.refer({"return_state": True})
        return result, state

    def rounded(self, dtype: torch.dtype) -> Known:
        """The same with weights and inputs rounded to another type."""
        if dtype not in self.narrowed:
            self.narrowed[dtype] = self._rounded(dtype)
        return self.narrowed[dtype]

    def stored(self, dtype: torch.dtype, draw: int) -> Known:
        """The same with the values of all operators rounded too, up or down by chance, but for those in recurrences: modules keep
        states in float32 at least."""
        key = (dtype, draw)
        if key not in self.coarse:
            other, whole = self._rounded(dtype), _in_recurrences(self.program)
            chance, half = torch.Generator().manual_seed(draw), torch.finfo(dtype).eps / 2

            def kept(node: Apply, value: Tensor) -> Tensor:
                if id(node) in whole or not value.is_floating_point():
                    return value
                moved = value * (1 + half * (2 * torch.rand(value.shape, generator=chance, dtype=value.dtype) - 1))
                return moved.to(dtype).to(value.dtype)

            other.reference.kept = kept
            self.coarse[key] = other
        return self.coarse[key]

    def _rounded(self, dtype: torch.dtype) -> Known:
        reference = Reference(self.program, **self.reference.sizes)
        reference.load({path: _rounded(tensor, dtype) for path, tensor in self.reference.parameters.items()})
        other = Known(self.program, reference, self.example)
        other.inputs = {name: _rounded(tensor, dtype) for name, tensor in self.inputs.items()}
        return other

    def leaves(self) -> Inputs:
        """What gradients are taken by: inputs and weights."""
        both = {**self.inputs, **self.reference.parameters}
        return {name: tensor for name, tensor in both.items() if tensor.requires_grad}

    def edges(self) -> Inputs:
        return {"edge_index": self.example.edge_index()} if self.entry.domain == "graph" else {}

    def refer(self, options: Options) -> Any:
        """What the reference gives for the inputs of the example."""
        key = frozenset(options)
        if key in self.answers:
            return self.answers[key]
        reference: Any = self.reference
        answer = reference(*self.inputs.values(), **self.edges(), **options)
        if key <= _FIXED:
            self.answers[key] = answer
        return answer

    def gradients(self, expected: object, leaves: Inputs) -> Inputs:
        """The gradients of one weighted sum of results."""
        if id(expected) in self.slopes:
            return self.slopes[id(expected)]
        found = gradients(results(expected), leaves, self.example.seed)
        if any(expected is each for each in self._kept()):
            self.slopes[id(expected)] = found
        return found

    def _kept(self) -> list[object]:
        return [
            part
            for answer in self.answers.values()
            for part in (answer, *(answer if isinstance(answer, tuple) else ()))
        ]


def _in_recurrences(program: Program) -> frozenset[int]:
    """The expressions of the equations of recurrences, by `id`."""
    return frozenset(
        id(node)
        for module in program.modules.values()
        for component in components(module, program)
        if component.recurrent
        for item in module.items
        if isinstance(item, Equation) and item.id in component.items
        for node in walk(item.expr)
    )


def _rounded(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """Rounded numbers in the type that they had."""
    if tensor.is_complex():
        return tensor.detach().to(torch.complex64).to(tensor.dtype).requires_grad_(tensor.requires_grad)
    if not tensor.is_floating_point():
        return tensor
    return tensor.detach().to(dtype).to(tensor.dtype).requires_grad_(tensor.requires_grad)
