"""NaN and infinities stay in their document, under every schedule: what comes behind a reset or behind the end of a row does not meet
what is in front of it, in values, gradients and the state that is left."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from recdsl import api
from recdsl.verify.schedules import schedules_of

POINTS, RESET, END, BAD = 9, 5, 7, 3

MATRIX = "  q, k, a : K = linear(x)\n  v : V = linear(x)\n"
PROGRAMS = {
    "diagonal": "  h : D = sigmoid(x) * h[t-1] + x\n  out h",
    "constant": "  h : D = 0.9 * h[t-1] + x\n  out h",
    "interleaved": "  h : D = sigmoid(x) * h[t-2] + x\n  out h",
    "rank one": MATRIX + "  S : K V = 0.9 * S[t-1] + k * v\n  out o : V = sum[K](q * S)",
    "gates": MATRIX + "  S : K V = sigmoid(a) * S[t-1] + k * v\n  out o : V = sum[K](q * S[t-1])",
    "delta": MATRIX + "  S : K V = S[t-1] - 0.1 * k * (sum[K](k * S[t-1]) - v)\n  out o : V = sum[K](q * S)",
    "gated delta": MATRIX
    + "  W : K V = sigmoid(a) * S[t-1]\n  S = W - 0.1 * k * sum[K](k * W) + k * v\n  out o : V = sum[K](q * S)",
    "folded": MATRIX + "  S : K D = sigmoid(a * x) * S[t-1] + k * x\n  out o : D = sum[K](q * S)",
    "block": "  h : D = 0.5 * h[t-1] + 0.3 * g[t-1] + x\n  g : D = 0.2 * h[t-1] - sigmoid(x) * g[t-1]\n  out h",
    "dense": "  h : D = linear(h[t-1]) + x\n  out h",
    "clamp": "  h : D = relu(0.5 * h[t-1] + x)\n  out h",
    "maximum": "  h : D = max(h[t-1] - 0.1, x)\n  init h = 0\n  out h",
    "logaddexp": "  h : D = logaddexp(h[t-1] - 0.1, x)\n  init h = 0\n  out h",
    "fraction": "  h : D = 1 / (h[t-1] + 1 + x * x)\n  out h",
    "elementwise": "  h : D = tanh(0.5 * h[t-1] + x)\n  out h",
    "network": "  h : D = tanh(linear(h[t-1]) + x)\n  out h",
}


def source(body: str) -> str:
    return f"layer f(D = 3, K = 2, V = 4) over t:\n  in x : D\n{body}\n"


def pairs() -> list[tuple[str, str]]:
    return [(name, each) for name, body in PROGRAMS.items() for each in schedules_of(api.check(source(body)).program)]


@pytest.mark.parametrize(("name", "schedule"), pairs())
def test_other_documents_do_not_know_of_it(name: str, schedule: str) -> None:
    torch.manual_seed(0)
    module = api.compile(source(PROGRAMS[name]), schedule=schedule)().double()
    reset = torch.zeros(2, POINTS, dtype=torch.bool)
    reset[:, RESET] = True
    others = torch.ones(2, POINTS, dtype=torch.bool)
    others[0, :RESET] = False
    for bad in (math.nan, math.inf):
        seen = assert_untouched(module, bad, BAD, others, reset=reset)
        assert math.isinf(bad) or seen[0, BAD:RESET].isnan().any()
    filled = torch.arange(POINTS) < torch.tensor([[END], [POINTS]])
    seen = assert_untouched(module, math.nan, END, filled, lengths=torch.tensor([END, POINTS]))
    assert (seen[0, END:] == 0).all()


def assert_untouched(module: torch.nn.Module, bad: float, point: int, others: Tensor, **documents: Tensor) -> Tensor:
    """A bad number at a point of row 0 changes nothing of the `others` [batch, T]. Gives all results with it."""
    x = torch.randn(2, POINTS, 3, dtype=torch.float64)
    found = []
    for value in (0.5, bad):
        given = x.clone()
        given[0, point] = value
        y, state = module(given.requires_grad_(), return_state=True, **documents)
        kept = y[others]
        (slope,) = torch.autograd.grad(
            (kept * torch.linspace(1.0, 2.0, len(kept), dtype=x.dtype)[:, None]).sum(), given
        )
        found.append((kept, slope[others], *(state[each] for each in sorted(state))))
    torch.testing.assert_close(*found)
    return y.detach()
