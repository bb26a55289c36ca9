"""What autograd keeps for the backward pass grows with what goes in and out at each point, not with the states at each point."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

import recdsl

# One matrix of 64 by 64 at each point, made of vectors of 64.
STATE = 64 * 64
HEAD = "layer a(D, N = 64) over t:\n  in x : D\n  k, q : N = linear(x)\n  v : D = linear(x)\n"
PROGRAMS = {
    "rank_one": "  S : N D = 0.9 * S[t-1] + k * v\n  out y : D = sum[N](q * S)\n",
    "rank_one, gated": "  S : N D = sigmoid(k) * S[t-1] + k * v\n  out y : D = sum[N](q * S)\n",
    "delta": "  S : N D = S[t-1] + k * (v - sum[N](k * S[t-1])) / 64\n  out y : D = sum[N](q * S)\n",
    "folded": "  S : N D = exp(-softplus(k) * v ^ 2) * S[t-1] + k * v\n  out y : D = sum[N](q * S)\n",
    "sequential": "  S : N D = tanh(S[t-1] + k * v) + 0.1 * sum[N](q * S[t-1])\n  out y : D = sum[N](q * S)\n",
}
WHOLE = {"whole": "  S : N D = tanh(S[t-1] + k * v)\n  out S\n"}


def kept(program: str, length: int, schedule: str) -> int:
    """The numbers in all tensors that are kept for the backward pass, each memory once."""
    found: dict[int, Tensor] = {}

    def keep(x: Tensor) -> Tensor:
        found[x.untyped_storage().data_ptr()] = x
        return x

    torch.manual_seed(0)
    module = recdsl.compile(HEAD + (PROGRAMS | WHOLE)[program], schedule=schedule)(D=64)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        loss = module(torch.randn(1, length, 64)).square().sum()
    loss.backward()
    return sum(x.untyped_storage().nbytes() // x.element_size() for x in found.values())


def growth(program: str, schedule: str = "auto") -> float:
    """How many states are kept for each further point."""
    return (kept(program, 1024, schedule) - kept(program, 512, schedule)) / 512 / STATE


@pytest.mark.parametrize("program", PROGRAMS)
def test_states_are_not_kept(program: str) -> None:
    assert growth(program) < 0.25


@pytest.mark.parametrize("program", PROGRAMS)
def test_step_by_step_they_are_kept_between_segments(program: str) -> None:
    assert growth(program, "sequential") < 0.5


def test_states_that_are_wanted_at_every_point_are_kept() -> None:
    """That the count sees what it should."""
    assert growth("whole", "sequential") > 1
