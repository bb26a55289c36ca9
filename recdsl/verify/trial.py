"""One example on both sides: the calls that checks make, and what comes of them as `Comparison`s."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from recdsl.ir.expr import Apply, Read, walk
from recdsl.ir.module import Equation, Module
from recdsl.verify.examples import Example
from recdsl.verify.known import Inputs, Known, Options
from recdsl.verify.pair import Comparison, Pair, compare_outputs, gradients, results


class RefusedError(Exception):
    """The compiled module says that a call has no meaning for it."""


@dataclass(frozen=True)
class Trial:
    """A pair, and what is known of the example that it is tried on."""

    pair: Pair
    known: Known

    @property
    def entry(self) -> Module:
        return self.pair.program.entry

    @property
    def example(self) -> Example:
        return self.known.example

    @property
    def inputs(self) -> Inputs:
        return self.known.inputs

    @property
    def whole(self) -> tuple[Any, Any]:
        """The results of the reference for a plain call, and its state."""
        return self.known.whole

    # ---- calls

    def refer(self, options: Options) -> Any:
        return self.known.refer(options)

    def call(self, options: Options, inputs: Inputs | None = None) -> Any:
        """What the compiled module gives. Raises RefusedError where it says that this has no meaning."""
        given = self.inputs if inputs is None else inputs
        try:
            return self.pair.compiled(*given.values(), **self.known.edges(), **options)
        except ValueError as error:
            if "has no meaning" in str(error):
                raise RefusedError(str(error)) from None
            raise

    def at(self, point: int) -> Inputs:
        """The inputs of one step."""
        return {name: tensor[:, point] if self._varies(name) else tensor for name, tensor in self.inputs.items()}

    def between(self, first: int, behind: int) -> Inputs:
        """The inputs of one piece."""
        pairs = self.inputs.items()
        return {name: tensor[:, first:behind] if self._varies(name) else tensor for name, tensor in pairs}

    def _varies(self, name: str) -> bool:
        return not self.entry.input(name).static

    def outputs_along(self) -> list[bool]:
        """For every result whether it varies along the first axis."""
        return [self.entry.axes[0] in self.entry.type_of(each.value).axis_names for each in self.entry.outputs]

    # ---- comparisons

    def both(self, options: Options, **of_reference: object) -> Iterator[Comparison]:
        """Results and gradients of one call with the same options, and some that only the reference needs."""
        behind = f" with {' and '.join(options)}" if options else ""
        found = self.call(options)
        expected = self.refer({**options, **of_reference}) if options or of_reference else self.whole[0]
        yield from compare_outputs(found, expected, f"output{behind}")
        yield from self.gradients(found, expected, f"gradient{behind}")

    def gradients(self, found: object, expected: object, what: str, by: Inputs | None = None) -> Iterator[Comparison]:
        """Gradients by the inputs, the parameters, and what else is given."""
        left, right = self.pair.leaves({**self.inputs, **(by or {})})
        mine, other = gradients(results(found), left, self.example.seed), self.known.gradients(expected, right)
        for name in left:
            yield Comparison(f"{what} by {name}", mine[name], other[name])

    def states(self, found: Mapping[str, Any], expected: Any, what: str) -> Iterator[Comparison]:
        """What the state keeps of equations of the entry point."""
        for name, tensor in self.kept(found).items():
            dims = len(self.entry.type_of(name).dims)
            delay = tensor.shape[1] if tensor.ndim == dims + 2 else 1
            if delay == 0:  # a window of one point keeps nothing
                continue
            last = expected.final_state(name, delay)
            yield Comparison(f"{what}: {name}", tensor, last.reshape(tensor.shape))

    def kept(self, state: Mapping[str, Any]) -> Inputs:
        """The entries of a state that hold the last values of equations, by the equation."""
        found: Inputs = {}
        for equation in self.entry.equations():
            tensor = state.get(equation.id)
            if isinstance(tensor, Tensor) and equation.id not in self._renamed and self._has_size(equation, tensor):
                found[equation.id] = tensor
        return found

    @cached_property
    def _renamed(self) -> set[str]:
        """The values whose whole past is kept, in a layout of its own."""
        every = (each for equation in self.entry.equations() for each in walk(equation.expr))
        renames = (each for each in every if isinstance(each, Apply) and each.operator == "rename")
        return {read.value for rename in renames for read in walk(rename) if isinstance(read, Read)}

    def _has_size(self, equation: Equation, tensor: Tensor) -> bool:
        shape = self.pair.reference.scope.shape(equation.type.dims)
        inner = tuple(tensor.shape[tensor.ndim - len(shape) :])
        return bool(equation.type.axes) and tensor.ndim - len(shape) in (1, 2) and inner == shape


def joined(before: tuple[Tensor, ...], after: tuple[Tensor, ...], along: list[bool]) -> tuple[Tensor, ...]:
    """The results of two pieces as those of a whole."""
    triples = zip(before, after, along, strict=True)
    return tuple(torch.cat([one, other], 1) if here else other for one, other, here in triples)
