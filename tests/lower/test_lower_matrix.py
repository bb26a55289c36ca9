"""Matrix states: which decays and kinds the chunkwise algorithms take, and that those they take are right at their limits."""

from __future__ import annotations

import pytest
import torch
from families import algorithms
from torch import Tensor

from recdsl import api
from recdsl.verify import assert_equivalent
from recdsl.verify.schedules import schedules_of

HEAD = "layer f(D = 3, K = 2, V = 4) over t:\n  in x : D\n  in a : K\n  q, k : K = linear(x)\n  v : V = linear(x)\n"
READ = "  out o : V = sum[K](q * S)\n"
RANK_ONE = "  S : K V = d * S[t-1] + k * v\n" + READ
DELTA = "  W : K V = d * S[t-1]\n  S = W + 0.1 * k * (v - sum[K](k * W))\n" + READ

COMPLEX = {
    "written": "  z : K = complex(k, a)\n  S : K V = 0.9 * S[t-1] + z * v\n",
    "decay": "  d : K = exp(complex(-softplus(a), k))\n  S : K V = d * S[t-1] + k * v\n",
    "erased": "  z : K = complex(k, a)\n  S : K V = S[t-1] - 0.1 * z * sum[K](conj(z) * S[t-1]) + k * v\n",
}


def refusals(source: str) -> dict[str, str]:
    """The codes by the algorithm that is refused."""
    (found,) = api.explain(source).recurrences
    return {each.algorithm: each.code for each in found.refused}


@pytest.mark.parametrize("written", COMPLEX)
def test_complex_matrix_states(written: str) -> None:
    source = HEAD + COMPLEX[written] + "  out o : V = real(sum[K](q * S))\n"
    codes = refusals(source)
    assert codes["rank_one"] == ("R512" if written == "erased" else "R527")
    assert codes["delta"] == ("R527" if written == "erased" else "R521")
    assert_equivalent(source, examples=3)


SATURATED = {
    "sum": "  d = 0.5 + 0.5 * tanh(20 * a)\n",
    "sigmoid": "  d = sigmoid(40 * a)\n",
    "difference": "  d = 1 - sigmoid(40 * a)\n",
    "exponential": "  d = exp(-40 * relu(a))\n",
    "choice": "  d = where(a < 0, 0, sigmoid(a))\n",
}


@pytest.mark.parametrize("states", [RANK_ONE, DELTA], ids=["rank one", "delta"])
@pytest.mark.parametrize("decay", SATURATED)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_saturated_decays(states: str, decay: str, dtype: torch.dtype) -> None:
    """Decays that are exactly 0 or 1 by rounding: finite gradients, and those of the loop."""
    source = HEAD + SATURATED[decay] + states
    assert algorithms(source) == {"rank_one" if states == RANK_ONE else "delta"}
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 70, 3, generator=generator, dtype=dtype)
    a = torch.randn(2, 70, 2, generator=generator, dtype=dtype)
    a[:, ::3], a[:, 1::3] = 30.0, -30.0
    found, expected = (both(source, name, dtype, x, a) for name in ("auto", "sequential"))
    for mine, theirs in zip(found, expected, strict=True):
        assert mine.isfinite().all()
        tolerance = 1e-3 if dtype == torch.float32 else 1e-9
        torch.testing.assert_close(mine, theirs, rtol=tolerance, atol=tolerance)


def both(source: str, schedule: str, dtype: torch.dtype, *inputs: Tensor) -> list[Tensor]:
    """The result, and the gradients of its squares by inputs and weights."""
    torch.manual_seed(0)
    module = api.compile(source, schedule=schedule)().to(dtype)
    leaves = [each.clone().requires_grad_() for each in inputs]
    o = module(*leaves)
    return [o, *torch.autograd.grad(o.square().sum(), [*leaves, *module.parameters()])]


@pytest.mark.parametrize("states", [RANK_ONE, DELTA], ids=["rank one", "delta"])
@pytest.mark.parametrize(
    "decay", ["a * a", "relu(a)", "abs(a)", "tanh(a)", "sqrt(a * a)", "where(a < 0, 0, sigmoid(a)) ^ softplus(a)"]
)
def test_decays_that_may_be_zero_without_a_choice(states: str, decay: str) -> None:
    codes = refusals(HEAD + f"  d = {decay}\n" + states)
    assert codes["rank_one" if states == RANK_ONE else "delta"] == "R519"


@pytest.mark.parametrize("states", [RANK_ONE, DELTA], ids=["rank one", "delta"])
def test_a_decay_of_zero_has_its_gradient(states: str) -> None:
    source = HEAD + "  d = a * a\n" + states
    x, a = torch.randn(1, 6, 3, dtype=torch.float64), torch.full((1, 6, 2), 0.5, dtype=torch.float64)
    a[:, 2] = 0.0
    *others, expected = (both(source, name, torch.float64, x, a) for name in schedules_of(api.check(source).program))
    for found in others:
        torch.testing.assert_close(found, expected)
