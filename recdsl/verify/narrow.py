"""The compiled module in float32 and bfloat16, against the reference on the same rounded inputs and weights.

What may be wrong is a share of the largest value, and a few times what rounding inputs and weights alone changes in the reference; in
bfloat16, a few times what rounding the values in between changes too. A program that spreads small differences, as a norm of nearly
equal values does, is no mistake of the compiler. Programs with jumps (`x > 0`, `argmax`) are not compared.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from recdsl.ir.expr import Apply, walk
from recdsl.ir.module import Depth, Equation, Program
from recdsl.verify.known import Inputs
from recdsl.verify.pair import Comparison, gradients, results
from recdsl.verify.tolerance import NARROW, ROUGH, SPREAD, error, scale
from recdsl.verify.trial import Trial

DRAWS = 4  # how often the values in between are rounded, by chance up or down
_JUMPS = frozenset({"sign", "floor", "ceil", "round", "quantise", "argmax", "topk"})
_JUMPS_OF_REALS = frozenset({"mod", "eq", "ne", "lt", "le", "gt", "ge"})


def float32(trial: Trial) -> Iterator[Comparison]:
    """Results and gradients."""
    yield from _compared(trial, torch.float32, with_gradients=True)


def bfloat16(trial: Trial) -> Iterator[Comparison]:
    """Results; gradients would be compared with what rounding leaves of small ones."""
    yield from _compared(trial, torch.bfloat16, with_gradients=False)


def _compared(trial: Trial, dtype: torch.dtype, with_gradients: bool) -> Iterator[Comparison]:
    compiled, known, word = copy.deepcopy(trial.pair.compiled).to(dtype), trial.known, str(dtype).removeprefix("torch.")
    inputs = {name: _rounded(tensor, dtype) for name, tensor in known.inputs.items()}
    if trial.pair.schedule in ROUGH:
        return
    rounded, allowed = known.rounded(dtype), NARROW[dtype]
    found = compiled(*inputs.values(), **known.edges())
    expected, exact = rounded.refer({}), known.whole[0]
    triples = zip(results(found), results(expected), results(exact), strict=True)
    for place, (own, near, plain) in enumerate(triples, 1):
        close = _near(f"output {place} in {word}", own, near, plain, allowed)
        if dtype == torch.bfloat16 and error(own, near) > close.allowed:  # costs a run of the reference
            coarse = [results(known.stored(dtype, draw).refer({}))[place - 1] for draw in range(DRAWS)]
            close = replace(close, allowed=allowed + SPREAD * max(error(each, plain) for each in coarse))
        yield close
    if not with_gradients:
        return
    leaves = {**_given(inputs), **dict(compiled.named_parameters())}
    mine = gradients(results(found), leaves, trial.example.seed)
    other, before = (each.gradients(answer, each.leaves()) for each, answer in ((rounded, expected), (known, exact)))
    largest = max((scale(each) for each in other.values()), default=0.0)
    for name, tensor in mine.items():
        path = trial.pair.path(name)
        share = allowed * largest / scale(other[path])  # small gradients are differences of large ones
        yield _near(f"gradient in {word} by {name}", tensor, other[path], before[path], share)


def _near(name: str, found: Tensor, expected: Tensor, exact: Tensor, share: float) -> Comparison:
    return Comparison(name, found, expected, share + SPREAD * error(expected, exact))


def _rounded(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    if tensor.is_complex():
        return tensor.detach().to(torch.complex64).requires_grad_()
    return tensor.detach().to(dtype).requires_grad_() if tensor.is_floating_point() else tensor


def _given(inputs: Mapping[str, Tensor]) -> Inputs:
    return {name: tensor for name, tensor in inputs.items() if tensor.requires_grad}


# ---- what a program has


def is_continuous(program: Program) -> bool:
    """Whether small differences stay small: it has no jumps, and no loop whose end depends on a value."""
    applications = list(_applications(program))
    ends = any(isinstance(item, Depth) and item.until for module in program.modules.values() for item in module.items)
    return not ends and not any(_jumps(each) for each in applications)


def _jumps(expr: Apply) -> bool:
    real = any(each.type.kind == "real" for each in expr.operands)
    return expr.operator in _JUMPS or (expr.operator in _JUMPS_OF_REALS and real)


def _applications(program: Program) -> Iterator[Apply]:
    for module in program.modules.values():
        for item in module.items:
            if isinstance(item, Equation):
                yield from (each for each in walk(item.expr) if isinstance(each, Apply))
