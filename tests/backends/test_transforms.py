"""Modules with solved recurrences under torch's transforms: compiled in one graph, exported, vectorised over weights, in bfloat16 by
autocast, differentiated twice or refused; and sequences that are very long."""

from __future__ import annotations

import functools
import warnings

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import recdsl

PROGRAMS = {
    "diagonal": "  h : D = sigmoid(linear(x)) * h[t-1] + linear(x)\n  out h\n",
    "rank_one": (
        "  q, k : D = linear(x)\n  v : V = linear(x)\n"
        "  S : D V = sigmoid(linear(x -> D)) * S[t-1] + k * v\n  out sum[D](q * S)\n"
    ),
    "delta": (
        "  q, v : D = linear(x)\n  k = l2norm[D](linear(x -> D))\n  b : scalar = sigmoid(linear(x))\n"
        "  S : D V = S[t-1] + b * k * (v[D->V] - sum[D](k * S[t-1]))\n  out sum[D](q * S)\n"
    ),
    "folded": (
        "  param r : D N ~ normal(0, 1)\n  dt : D = softplus(linear(x))\n  b, c : N = linear(x)\n"
        "  s : D N = exp(-dt * exp(r)) * s[t-1] + dt * b * x\n  out sum[N](c * s)\n"
    ),
    "block": "  a : D = 0.5 * sigmoid(linear(x))\n  h : D = a * h[t-1] - 0.2 * h[t-2] + x\n  out h\n",
    "powers": "  h : D = 0.5 * linear(h[t-1]) + x\n  out h\n",
    "semiring": "  h : D = max(h[t-1] - softplus(linear(x)), x)\n  init h = 0\n  out h\n",
    "clamp": "  h : D = relu(tanh(linear(x)) * h[t-1] + x)\n  out h\n",
    "stepwise": "  h : D = 0.5 * tanh(h[t-1] + linear(x)) + 0.1 * x\n  out h\n",
    "newton": "  h : D = 0.5 * tanh(h[t-1] + linear(x)) + 0.1 * x\n  out h\n",
    "quasi_newton": "  h : D = tanh(linear(h[t-1]) + linear(x)) + 0.1 * x\n  out h\n",
}
NAMES = list(PROGRAMS)
FORCED = ("newton", "quasi_newton")  # `auto` takes others; they ask values whether they are done, which breaks a graph
REFUSES_SECOND = ("rank_one", "stepwise", *FORCED)


def schedule(name: str) -> str:
    return name if name in FORCED else "auto"


@functools.cache
def module(name: str) -> nn.Module:
    torch.manual_seed(0)
    made = recdsl.compile(
        f"layer f(D = 3, V = 3, N = 2) over t:\n  in x : D\n{PROGRAMS[name]}", schedule=schedule(name)
    )()
    assert isinstance(made, nn.Module)
    return made


@pytest.fixture
def x() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(2, 9, 3)


@pytest.mark.parametrize("name", NAMES)
def test_the_algorithm_is_taken(name: str) -> None:
    """Each program of this file stands for one algorithm."""
    found = recdsl.explain(
        f"layer f(D = 3, V = 3, N = 2) over t:\n  in x : D\n{PROGRAMS[name]}", schedule=schedule(name)
    )
    assert [each.schedule for each in found.recurrences] == [name]


@pytest.mark.parametrize("name", NAMES)
def test_compiles_in_one_graph(name: str, x: Tensor) -> None:
    """In several where values decide."""
    torch._dynamo.reset()
    compiled = torch.compile(module(name), backend="aot_eager", fullgraph=name not in FORCED)
    given, own = (x.clone().requires_grad_() for _ in range(2))
    torch.testing.assert_close(compiled(given), module(name)(own))
    compiled(given).square().sum().backward()
    module(name)(own).square().sum().backward()
    torch.testing.assert_close(given.grad, own.grad)


@pytest.mark.parametrize("name", NAMES)
def test_computed_again_by_a_checkpoint(name: str, x: Tensor) -> None:
    given, own = (x.clone().requires_grad_() for _ in range(2))
    checkpoint(module(name), given, use_reentrant=False).square().sum().backward()
    module(name)(own).square().sum().backward()
    torch.testing.assert_close(given.grad, own.grad)


@pytest.mark.parametrize("name", [*NAMES, "fourier"])
def test_without_a_batch(name: str) -> None:
    constant = "layer f(D = 3) over t:\n  in x : D\n  h : D = 0.7 * h[t-1] + x\n  out h\n"
    made = recdsl.compile(constant, schedule="fourier")() if name == "fourier" else module(name)
    x = torch.zeros(0, 9, 3, requires_grad=True)
    y = made(x)
    assert y.shape[:2] == (0, 9)
    assert torch.autograd.grad(y.sum(), x)[0].shape == x.shape


@pytest.mark.parametrize("name", NAMES)
def test_exports(name: str, x: Tensor) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exported = torch.export.export(module(name), (x,)).module()
    torch.testing.assert_close(exported(x), module(name)(x))


@pytest.mark.parametrize("name", NAMES)
def test_vectorises_over_weights(name: str, x: Tensor) -> None:
    """An ensemble of two, outputs and gradients, beside its members one by one."""
    own = dict(module(name).named_parameters())
    members = [{key: value.detach() * factor for key, value in own.items()} for factor in (1.0, 0.9)]
    both = {key: torch.stack([member[key] for member in members]) for key in own}

    def loss(weights: dict[str, Tensor]) -> Tensor:
        result = torch.func.functional_call(module(name), weights, (x,))
        assert isinstance(result, Tensor)
        return result.square().sum()

    found = torch.func.vmap(torch.func.grad(loss))(both)
    for place, member in enumerate(members):
        wanted = torch.func.grad(loss)(member)
        torch.testing.assert_close({key: value[place] for key, value in found.items()}, wanted)


@pytest.mark.parametrize("name", NAMES)
def test_autocast_keeps_states_wide(name: str, x: Tensor) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        output, state = module(name)(x, return_state=True)
    exact = module(name)(x)
    torch.testing.assert_close(output.float(), exact, rtol=0.1, atol=0.1)
    assert all(each.dtype == torch.float32 for each in state.values() if each.is_floating_point())


def test_autocast_computes_complex_numbers_in_float32(x: Tensor) -> None:
    """There are none of half precision, which is what the parts come in."""
    made = recdsl.compile(
        "layer f(D = 3) over t:\n  in x : D\n"
        "  h : D complex = exp(complex(-softplus(linear(x)), linear(x))) * h[t-1] + linear(x)\n"
        "  out linear(real(h)) + linear(abs(h) -> D)\n"
    )()
    exact = made(x)
    with torch.autocast("cpu", torch.bfloat16):
        output, state = made(x, return_state=True)
    torch.testing.assert_close(output.float(), exact, rtol=0.1, atol=0.1)
    assert state["h"].dtype == torch.complex64
    half = made.bfloat16()(x.bfloat16())
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), exact, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("name", NAMES)
def test_second_derivatives_are_right_or_refused(name: str, x: Tensor) -> None:
    sequential = recdsl.compile(
        f"layer f(D = 3, V = 3, N = 2) over t:\n  in x : D\n{PROGRAMS[name]}", schedule="sequential"
    )()
    sequential.load_state_dict(module(name).state_dict())

    def second(made: nn.Module) -> Tensor:
        given = x.double().requires_grad_()
        (slope,) = torch.autograd.grad(made.double()(given).pow(3).sum(), given, create_graph=True)
        return torch.autograd.grad(slope.pow(2).sum(), given)[0]

    wanted = second(sequential)
    if name in REFUSES_SECOND:
        with pytest.raises(RuntimeError, match="second derivative"):
            second(module(name))
    else:
        torch.testing.assert_close(second(module(name)), wanted)
    module(name).float()


@pytest.mark.parametrize("name", ["diagonal", "rank_one", "delta", "semiring", "clamp", "powers"])
def test_very_long_sequences(name: str) -> None:
    """200,000 points in one call, beside the same in pieces through the state."""
    torch.manual_seed(2)
    x = torch.randn(1, 200_000, 3)
    with torch.no_grad():
        whole = module(name)(x)
        assert whole.isfinite().all()
        state, parts = None, []
        for part in x.split(50_000, 1):
            output, state = module(name)(part, state=state, return_state=True)
            parts.append(output)
    torch.testing.assert_close(torch.cat(parts, 1), whole, rtol=1e-3, atol=1e-4)
