"""A compiled module beside the reference, with the same weights and inputs, and what they are compared by.

A check makes `Comparison`s: a name, what the compiled module gives, what the reference gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from recdsl import api
from recdsl.emit.names import state_dict_path
from recdsl.ir.module import Program
from recdsl.reference import Reference
from recdsl.settings import Setting
from recdsl.verify.examples import Example
from recdsl.verify.sizes import Sizes, choose_sizes

_MOVED = 0.1  # trained parameters are moved by this, so that a start of 0 or 1 hides nothing


@dataclass(frozen=True, slots=True)
class Comparison:
    """`name` says what is compared."""

    name: str
    found: Tensor
    expected: Tensor


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be verified: a path or program text, the target, and what is fixed when compiling."""

    source: str | Path
    target: str = "torch"
    layer: str | None = None
    settings: Mapping[str, Setting] | None = None

    def program(self) -> Program:
        return api.check(self.source, layer=self.layer, settings=self.settings).program


@dataclass(frozen=True, slots=True)
class Pair:
    """Both sides, with the sizes that they were built with."""

    program: Program
    sizes: Sizes
    compiled: nn.Module
    reference: Reference

    def tensors(self, example: Example) -> dict[str, Tensor]:
        return example.tensors(self.program.entry, self.reference.sizes)

    def leaves(self, inputs: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """What gradients are taken by, for the compiled module and for the reference: inputs and parameters. A
        compiled module lacks the parameters of equations that no result needs."""
        parameters = dict(self.compiled.named_parameters())
        trained = {path: tensor for path, tensor in self.reference.parameters.items() if tensor.requires_grad}
        given = {name: tensor for name, tensor in inputs.items() if tensor.requires_grad}
        unread = {path: torch.zeros_like(tensor, requires_grad=True) for path, tensor in trained.items()}
        left = {path: parameters.get(state_dict_path(path), unread[path]) for path in trained}
        return {**given, **left}, {**given, **trained}


def make_pair(subject: Subject, sizes: Mapping[str, int | float] | None = None) -> Pair:
    """Compile a program with small sizes, in float64, and give the reference its weights. Raises `RecdslError`."""
    program = subject.program()
    chosen = choose_sizes(program, sizes)
    made = api.compile(subject.source, subject.target, layer=subject.layer, settings=subject.settings)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        compiled = made(**chosen).double().eval()
        with torch.no_grad():
            for parameter in compiled.parameters():
                parameter.add_(_MOVED * torch.randn_like(parameter))
    reference = Reference(program, **chosen)
    state = compiled.state_dict()
    paths = {state_dict_path(path): path for path in reference.parameters}
    reference.load({**reference.parameters, **{paths.get(path, path): tensor for path, tensor in state.items()}})
    return Pair(program, chosen, compiled, reference)


def results(output: object) -> tuple[Tensor, ...]:
    """One or several results as a tuple."""
    found = output if isinstance(output, tuple) else (output,)
    assert all(isinstance(each, Tensor) for each in found), found
    return found


def compare_outputs(found: object, expected: object, what: str) -> Iterator[Comparison]:
    left, right = results(found), results(expected)
    for number, (mine, other) in enumerate(zip(left, right, strict=True), 1):
        yield Comparison(what if len(left) == 1 else f"{what} {number}", mine, other)


def compare_gradients(
    pair: Pair, inputs: Mapping[str, Tensor], found: object, expected: object, what: str, seed: int
) -> Iterator[Comparison]:
    """Gradients by all inputs and parameters of one weighted sum of the results, the same on both sides."""
    left, right = pair.leaves(inputs)
    mine = _gradients(results(found), left, seed)
    other = _gradients(results(expected), right, seed)
    for name in left:
        yield Comparison(f"{what} by {name}", mine[name], other[name])


def _gradients(outputs: tuple[Tensor, ...], leaves: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    total: Tensor | None = None
    for output in outputs:
        weights = torch.randn(output.shape, generator=generator, dtype=torch.float64)
        if output.requires_grad:
            part = (output * weights).sum()
            part = part.real + part.imag if part.is_complex() else part
            total = part if total is None else total + part
    if total is None:
        return {name: torch.zeros_like(leaf) for name, leaf in leaves.items()}
    found = torch.autograd.grad(total, list(leaves.values()), retain_graph=True, allow_unused=True)
    pairs = zip(leaves.items(), found, strict=True)
    return {name: torch.zeros_like(leaf) if grad is None else grad for (name, leaf), grad in pairs}
