"""Comparisons in bfloat16: what is kept of values in between, and what that allows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from recdsl.verify import Example, Subject, narrow, replay
from recdsl.verify.known import Known
from recdsl.verify.pair import make_pairs
from recdsl.verify.tolerance import error
from recdsl.verify.trial import Trial

SPREADING = """
layer main(D = 2, M = 3) over i, j:
  in x : D
  v : M = 0.5 + mean(x)
  repeat 2:
    weights = softmax[m](where(m <= i, 2 * v * tanh((linear(v -> M, init = normal(0, 0.3)))[i->m]), -inf))
    v = tanh(v + sum[m](weights * (sinh(tanh(v)))[i->m]))
  out v + mean(x)
  out result : M = layernorm[M](v)
"""
KEPT = """
layer main(D = 3) over t:
  in x : D
  u = x * x
  s = 0.9 * s[t-1] + u
  out u
  out s
  out 1 * s
"""


def known(text: str) -> Known:
    (both,) = make_pairs(Subject(text), ["auto"])
    return Known(both.program, both.reference, Example(seed=1, batch=2, points=(5,)))


def is_rounded(tensor: Tensor) -> bool:
    return torch.equal(tensor, tensor.bfloat16().double())


def test_values_are_stored_rounded_and_states_are_not() -> None:
    u, s, end = known(KEPT).stored(torch.bfloat16, 0).refer({})
    assert is_rounded(u)
    assert not is_rounded(s)
    assert is_rounded(end)


def test_without_rounding_in_between_values_are_whole() -> None:
    u, s, end = known(KEPT).rounded(torch.bfloat16).refer({})
    assert not any(is_rounded(each) for each in (u, s, end))


@pytest.mark.parametrize("seed", range(40))
def test_norms_of_nearly_equal_values(seed: int) -> None:
    replay(Subject(SPREADING), {"D": 2, "M": 3}, "bfloat16", Example(seed=seed, batch=1, points=(2, 2)))


MISTAKES: dict[str, Callable[[Tensor], Tensor]] = {
    "a quarter too much": lambda value: 1.25 * value,
    "one wrong value": lambda value: value.index_fill(0, torch.tensor([0]), 0.0),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_found_all_the_same(mistake: str) -> None:
    (both,) = make_pairs(Subject(KEPT), ["auto"])
    trial = Trial(both, known(KEPT))

    def wrong(module: object, inputs: object, output: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(MISTAKES[mistake](each) for each in output)

    both.compiled.register_forward_hook(wrong)
    compared = list(narrow.bfloat16(trial))
    assert compared
    assert all(error(each.found, each.expected) > each.allowed for each in compared)
