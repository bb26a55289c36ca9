"""A compiled module beside the reference, with the same weights and inputs, and what they are compared by.

A check makes `Comparison`s: a name, what the compiled module gives, what the reference gives.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from recdsl import api, pipeline
from recdsl.diagnostics import Diagnostic, RecdslError
from recdsl.emit.names import state_dict_path
from recdsl.ir.module import Program
from recdsl.loader import passing_class
from recdsl.pipeline import Checked
from recdsl.reference import Reference
from recdsl.settings import Setting
from recdsl.verify.schedules import schedules_of
from recdsl.verify.sizes import Sizes, choose_sizes
from recdsl.verify.tolerance import RELATIVE

_MOVED = 0.1  # trained parameters are moved by this, so that a start of 0 or 1 hides nothing


@dataclass(frozen=True, slots=True)
class Comparison:
    """`name` says what is compared; `allowed` is the largest error, relative to the largest value."""

    name: str
    found: Tensor
    expected: Tensor
    allowed: float = RELATIVE


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be verified: a path or program text, the target, and what is fixed when compiling."""

    source: str | Path
    target: str = "torch"
    layer: str | None = None
    settings: Mapping[str, Setting] | None = None
    schedule: str = "auto"

    def program(self) -> Program:
        return self.checked().program

    def checked(self) -> Checked:
        return api.check(self.source, layer=self.layer, settings=self.settings)


@dataclass(frozen=True, slots=True)
class Pair:
    """Both sides, with the sizes that they were built with, and the schedule of the compiled side."""

    schedule: str
    program: Program
    sizes: Sizes
    compiled: nn.Module
    reference: Reference

    def path(self, name: str) -> str:
        """A leaf's name in the reference, by that in the compiled module."""
        return next((path for path in self.reference.parameters if state_dict_path(path) == name), name)

    def leaves(self, inputs: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """What gradients are taken by, for the compiled module and for the reference: inputs and parameters. A
        compiled module lacks the parameters of equations that no result needs."""
        parameters = dict(self.compiled.named_parameters())
        trained = {path: tensor for path, tensor in self.reference.parameters.items() if tensor.requires_grad}
        given = {name: tensor for name, tensor in inputs.items() if tensor.requires_grad}
        unread = {path: torch.zeros_like(tensor, requires_grad=True) for path, tensor in trained.items()}
        left = {path: parameters.get(state_dict_path(path), unread[path]) for path in trained}
        return {**given, **left}, {**given, **trained}


def make_pairs(
    subject: Subject, schedules: Iterable[str] | None = None, sizes: Mapping[str, int | float] | None = None
) -> list[Pair]:
    """Compile a program with small sizes, in float64, under each of some schedules, by default every valid one; all get the same
    weights, as does the reference. Raises `RecdslError`."""
    checked = subject.checked()
    program = checked.program
    _expect_no_externals(program)
    chosen = choose_sizes(program, sizes)
    names = schedules_of(program) if schedules is None else tuple(schedules)
    modules = [_compiled(checked, subject.target, name, chosen) for name in names]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        with torch.no_grad():
            for parameter in modules[0].parameters():
                parameter.add_(_MOVED * torch.randn_like(parameter))
    state = modules[0].state_dict()
    for each in modules[1:]:
        each.load_state_dict(state)
    reference = reference_with(program, chosen, state)
    return [Pair(name, program, chosen, each, reference) for name, each in zip(names, modules, strict=True)]


def _expect_no_externals(program: Program) -> None:
    """Raise `RecdslError` (R212) for functions that only a host knows."""
    names = [each.name for module in program.modules.values() for each in module.externals]
    if names:
        message = f"nothing can be verified of {names[0]}, which the host binds"
        raise RecdslError([Diagnostic("R212", message, help="put a layer in its place, and verify the rest")])


def module_class(checked: Checked, target: str, schedule: str) -> type[nn.Module]:
    """The class of a compiled program."""
    return passing_class(pipeline.compile_checked(checked, target, schedule=schedule))


def _compiled(checked: Checked, target: str, schedule: str, sizes: Sizes) -> nn.Module:
    made = module_class(checked, target, schedule)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return made(**sizes).double().eval()


def reference_with(program: Program, sizes: Sizes, state: Mapping[str, Tensor]) -> Reference:
    """The reference with the weights of a compiled module, and its own starts for those that no result needs."""
    reference = Reference(program, **sizes)
    paths = {state_dict_path(path): path for path in reference.parameters}
    reference.load({**reference.parameters, **{paths.get(path, path): tensor for path, tensor in state.items()}})
    return reference


def results(output: object) -> tuple[Tensor, ...]:
    """One or several results as a tuple."""
    found = output if isinstance(output, tuple) else (output,)
    assert all(isinstance(each, Tensor) for each in found), found
    return found


def compare_outputs(found: object, expected: object, what: str) -> Iterator[Comparison]:
    left, right = results(found), results(expected)
    for number, (mine, other) in enumerate(zip(left, right, strict=True), 1):
        yield Comparison(what if len(left) == 1 else f"{what} {number}", mine, other)


def gradients(outputs: tuple[Tensor, ...], leaves: Mapping[str, Tensor], seed: int) -> dict[str, Tensor]:
    """Gradients of one weighted sum of the results, which depends on the seed and the shapes alone."""
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
