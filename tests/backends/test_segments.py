"""Loops in segments: which recurrences run in them, that they compute what the reference says, and what they keep."""

from __future__ import annotations

import copy
import functools
import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import recdsl
from recdsl import api
from recdsl.lower.lower import lower
from recdsl.lower.plan import Recurrence
from recdsl.rewrite.differentiate import expand_gradients
from recdsl.verify import Example, assert_equivalent

HEAD = "layer f(D = 3, N = 2, V = 4) over t:\n  in x : D\n  k, q : N = tanh(linear(x))\n  v : V = tanh(linear(x))\n"
CELL = "  S : N V = tanh(0.9 * S[t-1] + k * v)\n"
PROGRAMS = {
    "read": CELL + "  out y : D = linear(sum[N](q * S))\n",
    "read before": CELL + "  out y : D = linear(sum[N](q * S[t-1]) + sum[N](k * S))\n",
    "read in parts": CELL
    + "  A = sigmoid(v) * S\n  B = A * k\n  out y : D = linear(sum[N](B)) + linear(sum[N](q * A))\n",
    "two back": "  S : N V = tanh(S[t-1] - 0.5 * S[t-2] + k * v)\n  out sum[N](q * S)\n",
    "start": CELL + "  init S = 0.1 * index[N] + 0.2\n  out sum[N](q * S)\n",
    "start by place": "  S : N V = tanh(S[t-1] + 0.5 * S[t-2] + k * v)\n  init S = 0.1 * t\n  out sum[N](q * S)\n",
    "start from an input": "  in s : N V static\n" + CELL + "  init S = s\n  out sum[N](q * S)\n",
    "place": "  S : N V = tanh(0.9 * S[t-1] + k * v / (t + 1))\n  out sum[N](q * S)\n",
    "place alone": "  param w : N V\n  S : N V = tanh(0.9 * S[t-1] + w * t)\n  out sum[N](S)\n",
    "weights": "  S : N V = tanh(linear(S[t-1]) + k * v)\n  out y : D = linear(sum[N](q * S))\n",
    "with a vector": (
        "  h : V = tanh(linear(x) + sum[N](q * S[t-1]) + linear(h[t-1]))\n"
        "  S : N V = tanh(S[t-1] + k * h)\n  out h + 0.5 * h[t-1]\n"
    ),
    "several": CELL + "  u = sum[N](q * S)\n  M : N V = sin(M[t-1] + k * u)\n  out sum[N](q * M) + sum[N](k * S)\n",
    "from the end": "  S : N V = tanh(0.9 * S[t+1] + k * v)\n  out sum[N](q * S) + sum[N](k * S[t+1])\n",
    "whole numbers": (
        "  in c : token[2]\n  S : N V = where(c == 1, S[t-1] + index[N] + index[V], S[t-1] % 5)\n  out sum[N](S) * v\n"
    ),
}
STATIC = frozenset({"start from an input"})
LONG = Example(1, 2, (11,), lengths=(11, 6), resets=((3, 4, 9), (5,)), cut=5)


def recurrences(source: str) -> list[Recurrence]:
    plan = lower(expand_gradients(api.check(source).program), "sequential")
    return [each for module in plan.modules.values() for each in module.stages if isinstance(each, Recurrence)]


@functools.cache
def module(source: str) -> nn.Module:
    torch.manual_seed(0)
    made = recdsl.compile(source, schedule="sequential")()
    assert isinstance(made, nn.Module)
    return made


@pytest.mark.parametrize("name", PROGRAMS)
def test_segments_are_what_the_reference_says(name: str) -> None:
    source = HEAD + PROGRAMS[name]
    found = recurrences(source)
    assert found
    assert all(each.segmented for each in found)
    lone = Example(2, 1, (1,), cut=0)
    none = Example(3, 2, (0,), lengths=(0, 0), cut=0)
    assert_equivalent(source, examples=[LONG, lone, none], schedules=("sequential",))


def test_a_name_keeps_its_value_for_the_second_time() -> None:
    """A later version of a name stands in the same variable, unless the points of a segment read the first one."""
    source = (
        "model f(D = 3, N = 2, V = 4) over t:\n  in x : D\n  in s : V static\n  k : N = tanh(linear(x))\n"
        "  S : N V = tanh(0.9 * S[t-1] * s + k)\n  y = sum[N](S)\n  x = argmax(x)\n  out y * x\n"
    )
    assert_equivalent(source, examples=[LONG], schedules=("sequential",))


@pytest.mark.parametrize("name", ["two back", "start by place", "with a vector"])
def test_states_of_rows_that_ended_in_earlier_segments(name: str, x: Tensor) -> None:
    made = module(HEAD + PROGRAMS[name])
    reset = torch.zeros(2, 11, dtype=torch.bool)
    reset[0, 9] = reset[1, 4] = True
    ends = (11, 5)
    _, both = made(x, lengths=torch.tensor(ends), reset=reset, return_state=True)
    for row, end in enumerate(ends):
        _, alone = made(x[row : row + 1, :end], reset=reset[row : row + 1, :end], return_state=True)
        torch.testing.assert_close({key: each[row : row + 1] for key, each in both.items()}, alone)


def test_a_body_that_borrows_a_layer() -> None:
    source = (
        "model f(D = 2, N = 3) over t:\n  in x : D\n  norm = layernorm(N = D)\n  repeat 2 as block:\n"
        "    k : N = tanh(linear(x))\n    S : N D = tanh(norm[D](S[t-1]) + k * x)\n    x += sum[N](k * S)\n  out norm(x)\n"
    )
    assert sum(each.segmented for each in recurrences(source)) == 1
    assert_equivalent(source, examples=[LONG], schedules=("sequential",))


# ---- which loops


@pytest.mark.parametrize(
    "body",
    [
        "  h : V = tanh(linear(x) + linear(h[t-1]))\n  out y : D = linear(h)\n",  # a vector
        "  h : V = tanh(linear(h[t-1]) + sum[N](k))\n  out sum[V](h)\n",  # a vector that only a number is read of
        "  w, u : N V = linear(x)\n  S : N V = tanh(w * S[t-1] + u)\n  out sum[N](S)\n",  # read as much at every point
        CELL + "  out S\n",  # written at every point
        CELL + "  out sum[N V t](S)\n",  # all points meet
        CELL + "  out sum[N](conv(S, 3 -> N, causal = yes))\n",  # points meet
        CELL
        + "  y = sum[N](q * S)\n  h = tanh(h[t-1] + y)\n  out sum[N](norm[V](h) * S)\n",  # needed behind what it leads to
        "  extern g(x) : N V\n  S : N V = g(S[t-1] + k * v)\n  out sum[N](S)\n",  # the host would see it twice
        "  S : N V = sum[s](where(s < t, q * S[t->s], 0)) + k * v\n  out sum[N](S)\n",  # needs all earlier points
    ],
)
def test_loops_that_stay_whole(body: str) -> None:
    found = recurrences(HEAD + body)
    assert found
    assert not any(each.segmented for each in found)


# ---- the second time


DRAWS = HEAD + "  S : N V = tanh(0.9 * dropout(S[t-1], 0.5) + k * v)\n  out y : D = linear(sum[N](q * S))\n"
WEIGHTS = HEAD + PROGRAMS["weights"]


def gradients(made: nn.Module, x: Tensor, run: Callable[..., Tensor] | None = None) -> dict[str, Tensor]:
    """Of the input and of all weights, where `run` stands for the module."""
    made.zero_grad()
    given = x.clone().requires_grad_()
    (made if run is None else run)(given).pow(2).sum().backward()
    assert given.grad is not None
    return {"x": given.grad} | {
        name: each.grad.clone() for name, each in made.named_parameters() if each.grad is not None
    }


def plain(monkeypatch: pytest.MonkeyPatch, made: nn.Module) -> None:
    """From here on the points are computed once."""
    held = sys.modules[type(made).__module__].__dict__["Held"]
    monkeypatch.setattr(held, "again", lambda self, *given: self.points(*given))


@pytest.fixture
def x() -> Tensor:
    torch.manual_seed(1)
    return torch.randn(2, 11, 3)


def test_draws_are_the_same_the_second_time(x: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    made = module(DRAWS)
    torch.manual_seed(2)
    twice = gradients(made, x)
    plain(monkeypatch, made)
    torch.manual_seed(2)
    torch.testing.assert_close(gradients(made, x), twice, rtol=0, atol=0)


def test_points_are_computed_twice_only_for_gradients(x: Tensor) -> None:
    made = module(WEIGHTS)
    calls: list[int] = []
    watch = made.get_submodule("S").register_forward_hook(lambda *_: calls.append(1))
    with torch.no_grad():
        made(x)
    assert len(calls) == 11
    made(x).sum().backward()
    watch.remove()
    assert len(calls) == 2 * 11 + 9  # all but the last segment, which has two points


def test_weights_of_the_call(x: Tensor) -> None:
    """`functional_call` puts its weights in for the forward pass alone."""
    made = module(WEIGHTS)
    weights = {name: (1.5 * each).detach().requires_grad_() for name, each in made.named_parameters()}
    loss = torch.func.functional_call(made, weights, (x,)).pow(2).sum()
    found = torch.autograd.grad(loss, list(weights.values()))
    other = copy.deepcopy(made)
    other.load_state_dict(weights)
    wanted = gradients(other, x)
    torch.testing.assert_close(dict(zip(weights, found, strict=True)), {name: wanted[name] for name in weights})


def test_vectorised_over_weights(x: Tensor) -> None:
    made = module(WEIGHTS)
    members = [{name: factor * each.detach() for name, each in made.named_parameters()} for factor in (1.0, 0.9)]
    both = {name: torch.stack([member[name] for member in members]) for name in members[0]}

    def loss(weights: dict[str, Tensor]) -> Tensor:
        found: Tensor = torch.func.functional_call(made, weights, (x,)).pow(2).sum()
        return found

    slopes = torch.func.vmap(torch.func.grad(loss))(both)
    for place, member in enumerate(members):
        torch.testing.assert_close({name: each[place] for name, each in slopes.items()}, torch.func.grad(loss)(member))
    given = {name: each.requires_grad_() for name, each in both.items()}
    found = torch.autograd.grad(torch.func.vmap(loss)(given).sum(), list(given.values()))
    torch.testing.assert_close(dict(zip(given, found, strict=True)), slopes)


def test_compiled_and_exported(x: Tensor) -> None:
    made = module(WEIGHTS)
    torch._dynamo.reset()
    wanted = gradients(made, x)
    compiled = torch.compile(made, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(gradients(made, x, compiled), wanted)
    torch.testing.assert_close(torch.export.export(made, (x,)).module()(x), made(x))


def test_second_derivatives(x: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    made = copy.deepcopy(module(WEIGHTS)).double()

    def second() -> Tensor:
        given = x.double().requires_grad_()
        (slope,) = torch.autograd.grad(made(given).pow(3).sum(), given, create_graph=True)
        return torch.autograd.grad(slope.pow(2).sum(), given)[0]

    found = second()
    plain(monkeypatch, made)
    torch.testing.assert_close(found, second())


def test_autocast_holds_the_second_time(x: Tensor) -> None:
    made = module(WEIGHTS)
    found: list[torch.dtype] = []
    watch = made.get_submodule("S").register_forward_hook(lambda _module, _given, result: found.append(result.dtype))
    with torch.autocast("cpu", torch.bfloat16):
        loss = made(x).float().pow(2).sum()
    torch.autograd.grad(loss, list(made.parameters()))
    watch.remove()
    assert found == [torch.bfloat16] * (11 + 9)
