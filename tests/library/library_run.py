"""Runs a few lines of RDL in float64, interpreted and compiled, to compare a layer of the library with torch's own."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

import recdsl

TOLERANCE = {"rtol": 1e-9, "atol": 1e-9}


class Layer:
    """The last layer of a program; its parameters are drawn anew, so that none stands at a start such as 0 or 1."""

    def __init__(self, text: str, **sizes: int) -> None:
        self.reference = recdsl.reference(text, **sizes)
        self.compiled: nn.Module = recdsl.compile(text)(**sizes)
        self.parameters: dict[str, Tensor] = self.compiled.state_dict()
        with torch.no_grad():
            for parameter in self.parameters.values():
                parameter.copy_(torch.rand_like(parameter) + 0.1)
        self.reference.load(self.parameters)

    def __call__(self, *inputs: Tensor, training: bool = False) -> object:
        """What the compiled module gives, which has to be what the interpreter gives."""
        expected = self.reference(*inputs, training=training)
        found = self.compiled.train(training)(*inputs)
        torch.testing.assert_close(found, expected, **TOLERANCE)
        return found

    def several(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The results of a layer that has more than one."""
        found = self(*inputs)
        assert isinstance(found, tuple)
        return found


def give(module: nn.Module, values: Mapping[str, Tensor]) -> nn.Module:
    """The module of torch in float64, with these parameters."""
    shapes = {name: value.shape for name, value in module.state_dict().items()}
    module.load_state_dict({name: value.clone().reshape(shapes[name]) for name, value in values.items()})
    return module


def equal(ours: object, theirs: Tensor) -> None:
    assert isinstance(ours, Tensor)
    torch.testing.assert_close(ours, theirs.reshape(ours.shape), **TOLERANCE)


def draw(*shape: int) -> Tensor:
    return torch.randn(*shape)
