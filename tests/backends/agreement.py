"""Compiled modules against the reference interpreter: outputs, gradients, state, pieces, steps, documents."""

from __future__ import annotations

import itertools
import sys
import types
from pathlib import Path
from typing import Any

import torch
from recdsl.backends.torch.program import print_program
from torch import Tensor

from recdsl import pipeline
from recdsl.emit.names import class_names, state_dict_path
from recdsl.ir.module import Input, Module, Program
from recdsl.lower.lower import lower
from recdsl.reference import Reference
from recdsl.rewrite.differentiate import expand_gradients

TOLERANCE = 1e-9
_count = itertools.count()


def checked(source: str | Path, **options: Any) -> Program:
    return pipeline.check(pipeline.load(source), **options).program


def load(text: str) -> types.ModuleType:
    """The emitted text as a Python module."""
    module = types.ModuleType(f"emitted_{next(_count)}")
    sys.modules[module.__name__] = module
    exec(compile(text, module.__name__, "exec"), module.__dict__)
    return module


def compiled(program: Program, **sizes: Any) -> torch.nn.Module:
    """The compiled entry point in float64."""
    expanded = expand_gradients(program)
    name = class_names(list(expanded.modules.values()))[program.main]
    module = load(print_program(lower(expanded))).__dict__
    found = module.get(name) or [each for each in module.values() if isinstance(each, type)][-1]
    return found(**sizes).double()


class Pair:
    """A compiled module and the reference with the same weights."""

    def __init__(self, source: str | Path, sizes: dict[str, Any], seed: int = 0, **options: Any) -> None:
        torch.manual_seed(seed)
        self.program = checked(source, **options)
        self.mine = compiled(self.program, **sizes)
        for parameter in self.mine.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
        self.reference = Reference(self.program, **sizes)
        own = {state_dict_path(path): path for path in self.reference.parameters}
        self.reference.load({own.get(path, path): tensor for path, tensor in self.mine.state_dict().items()})
        self.sizes = self.reference.sizes

    @property
    def entry(self) -> Module:
        return self.program.entry

    def inputs(self, *lengths: int, batch: int = 2) -> list[Tensor]:
        """Random inputs with these lengths of the axes."""
        return [self._input(given, lengths, batch) for given in self.entry.inputs]

    def _input(self, given: Input, lengths: tuple[int, ...], batch: int) -> Tensor:
        from recdsl.ir.sizes import evaluate

        dims = [int(evaluate(dim.size, self.sizes)) for dim in given.type.dims]
        if self.entry.domain == "graph":
            lead = [] if given.static else [lengths[1] if "edge" in given.type.axis_names else lengths[0]]
        else:
            lead = [batch, *(() if given.static else lengths)]
        if given.vocabulary is not None:
            return torch.randint(0, int(evaluate(given.vocabulary, self.sizes)), (*lead, *dims))
        match given.type.kind:
            case "bool":
                return torch.rand(*lead, *dims) < 0.5
            case "int":
                return torch.randint(-3, 4, (*lead, *dims))
        return torch.randn(*lead, *dims, dtype=torch.float64, requires_grad=True)

    def assert_same(self, inputs: list[Tensor], **options: Any) -> None:
        """Outputs and all gradients."""
        mine, reference = self.mine(*inputs, **options), self.reference(*inputs, **options)
        self.compare(mine, reference, inputs)

    def compare(self, mine: Any, reference: Any, inputs: list[Tensor]) -> None:
        mine, reference = _tuple(mine), _tuple(reference)
        for own, wanted in zip(mine, reference, strict=True):
            assert own.shape == wanted.shape, (own.shape, wanted.shape)
            if own.dtype.is_floating_point:
                torch.testing.assert_close(own, wanted, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True)
            else:
                assert torch.equal(own, wanted)
        if not any(each.requires_grad for each in reference):
            return
        weights = [torch.randn_like(each) for each in mine if each.requires_grad]
        found = self._gradients(
            [each for each in mine if each.requires_grad], weights, inputs, dict(self.mine.named_parameters())
        )
        wanted_ = self._gradients(
            [each for each in reference if each.requires_grad],
            weights,
            inputs,
            {state_dict_path(k): v for k, v in self.reference.parameters.items() if v.requires_grad},
        )
        for name in found:
            torch.testing.assert_close(
                found[name],
                wanted_[name],
                rtol=1e-8,
                atol=1e-8,
                msg=lambda text, name=name: f"gradient of {name}: {text}",
            )

    def _gradients(
        self, outputs: list[Tensor], weights: list[Tensor], inputs: list[Tensor], parameters: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        named = {f"input {index}": each for index, each in enumerate(inputs) if each.requires_grad} | dict(
            sorted(parameters.items())
        )
        if not outputs:
            return {}
        total = sum((out * weight).sum() for out, weight in zip(outputs, weights, strict=True))
        grads = torch.autograd.grad(total, list(named.values()), allow_unused=True, retain_graph=True)
        return {
            name: torch.zeros_like(tensor) if grad is None else grad
            for (name, tensor), grad in zip(named.items(), grads, strict=True)
        }

    # ---- sequences

    def assert_pieces(self, inputs: list[Tensor], cut: int) -> None:
        """One call, two pieces and single steps agree, and the state is differentiable."""
        whole, end = self.mine(*inputs, return_state=True)
        first, state = self.mine(*self._part(inputs, 0, cut), return_state=True)
        second, after = self.mine(*self._part(inputs, cut, None), state=state, return_state=True)
        joined = [torch.cat((a, b), 1) for a, b in zip(_tuple(first), _tuple(second), strict=True)]
        self.compare(joined, _tuple(self.reference(*inputs)), inputs)
        assert_state(after, end)
        stepped, state = [], self.mine.init_state(len(inputs[0]))
        for t in range(self._length(inputs)):
            out, state = self.mine.step(*self._at(inputs, t), state)
            stepped.append(_tuple(out))
        for index, each in enumerate(_tuple(whole)):
            torch.testing.assert_close(
                torch.stack([out[index] for out in stepped], 1), each, rtol=TOLERANCE, atol=TOLERANCE
            )
        assert_state(state, end)

    def assert_documents(self, inputs: list[Tensor], **options: Any) -> None:
        """`lengths` and `reset` mean the same in both, also where a state came in."""
        self.assert_same(inputs, **options)
        if self.entry.causality.axis is None:
            return
        before = self._part(inputs, 0, 3)
        _, mine = self.mine(*before, return_state=True)
        _, reference = self.reference(*before, return_state=True)
        out, mine = self.mine(*inputs, state=mine, return_state=True, **options)
        wanted, reference = self.reference(*inputs, state=reference, return_state=True, **options)
        self.compare(out, wanted, inputs)
        out, wanted = self.mine(*before, state=mine), self.reference(*before, state=reference)
        self.compare(out, wanted, inputs)

    def _varying(self) -> list[bool]:
        return [not given.static for given in self.entry.inputs]

    def _length(self, inputs: list[Tensor]) -> int:
        return next(each.shape[1] for each, varies in zip(inputs, self._varying(), strict=True) if varies)

    def _part(self, inputs: list[Tensor], start: int, stop: int | None) -> list[Tensor]:
        return [each[:, start:stop] if varies else each for each, varies in zip(inputs, self._varying(), strict=True)]

    def _at(self, inputs: list[Tensor], t: int) -> list[Tensor]:
        return [each[:, t] if varies else each for each, varies in zip(inputs, self._varying(), strict=True)]


def assert_state(one: Any, other: Any, place: str = "state") -> None:
    """Two states agree in structure and values."""
    assert type(one) is type(other), place
    if isinstance(one, dict):
        assert list(one) == list(other), place
        for key in one:
            assert_state(one[key], other[key], f"{place}[{key!r}]")
    elif isinstance(one, list):
        assert len(one) == len(other), place
        for index, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_state(a, b, f"{place}[{index}]")
    else:
        torch.testing.assert_close(one, other, rtol=TOLERANCE, atol=TOLERANCE, msg=lambda text: f"{place}: {text}")


def _tuple(value: Any) -> tuple[Tensor, ...]:
    return value if isinstance(value, tuple) else tuple(value) if isinstance(value, list) else (value,)


def assert_sequence(pair: Pair, length: int = 6) -> None:
    """All that a sequence layer promises."""
    inputs = pair.inputs(length)
    pair.assert_same(inputs)
    pair.assert_same(pair.inputs(1))
    causal = pair.entry.causality.axis is not None
    if causal:
        pair.assert_pieces(inputs, 2)
    lengths = torch.tensor([length - 2, length])
    reset = torch.zeros(2, length, dtype=torch.bool)
    reset[0, 2] = reset[1, 3] = reset[1, 4] = reset[0, 0] = True
    unmeant = dict(unmeant_words(pair))
    for options in (
        {"lengths": lengths},
        {"reset": reset},
        {"lengths": lengths, "reset": reset},
        {"lengths": lengths * 0},
    ):
        if not set(options) & set(unmeant):
            pair.assert_documents(inputs, **options)
    assert pair.mine(*pair.inputs(0)).shape[1] == 0


def unmeant_words(pair: Pair) -> tuple[tuple[str, str], ...]:
    from recdsl.lower.lower import lower

    return lower(expand_gradients(pair.program)).entry.traits.unmeant
