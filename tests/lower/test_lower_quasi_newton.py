"""Recurrences whose elements meet, by Newton's method with the diagonals of the Jacobian: what these are, how gradients go back, when it
applies, and that it is the program."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from cases import last_recurrence
from torch import Tensor, nn

from recdsl import api
from recdsl.lower import quasi_newton
from recdsl.lower.draft import Refused
from recdsl.rewrite.derivative import refusal
from recdsl.verify import assert_equivalent

HEAD = "layer cell(D = 3, H = 4, K = 2, M = H) over t:\n  in x : D\n"
EXACT = {  # where the diagonals that are taken are those of the whole Jacobian
    "elman": "  h : H = tanh(linear(x) + linear(h[t-1], bias = no))\n  out h\n",
    "lstm": (
        "  i, f, o : H = sigmoid(linear(x) + linear(h[t-1]))\n  g : H = tanh(linear(x) + linear(h[t-1]))\n"
        "  c = f * c[t-1] + i * g\n  h = o * tanh(c)\n  out h\n"
    ),
    "gru": (
        "  r, z : H = sigmoid(linear(x) + linear(h[t-1]))\n  n : H = tanh(linear(x) + r * linear(h[t-1]))\n"
        "  h = (1 - z) * n + z * h[t-1]\n  out h\n"
    ),
    "own weight": "  param W : H M ~ normal(0, 0.5)\n  h : H = sin(linear(x) + sum[M](W * h[t-1][H->M]))\n  out h\n",
    "heads": "  h : K H = tanh(linear(x -> K H) + linear(h[t-1] -> H, per = K))\n  out h\n",
    "two dims": "  h : K H = tanh(linear(x -> K H) + linear(h[t-1] -> K H))\n  out h\n",
    "along another dim": "  u : K H = linear(x)\n  h : H = tanh(sum[K](sin(linear(h[t-1] -> H) * u)) / 2)\n  out h\n",
    "sum": "  k : H = linear(x)\n  s : scalar = sum[H](h[t-1] * k)\n  h : H = tanh(k * s + h[t-1])\n  out h\n",
    "mean of rows": "  k : H = linear(x)\n  h : H = sin(k * mean[K](linear(h[t-1] -> H) + linear(x -> K)))\n  out h\n",
    "softmax": "  h : H = softmax[H](sin(h[t-1]) + linear(x)) + 0.5 * h[t-1]\n  out h\n",
    "softmax along another dim": "  u : K H = linear(x)\n  h : H = sum[K](softmax[K](h[t-1] * u) * u)\n  out h\n",
    "norm": "  h : H = (h[t-1] + linear(x)) / (1 + norm[H](h[t-1]))\n  out h\n",
    "logsumexp": "  h : H = tanh(h[t-1] - logsumexp[H](h[t-1]) + linear(x))\n  out h\n",
    "largest": "  h : H = sin(h[t-1] * max[H](h[t-1]) + linear(x))\n  out h\n",
}  # fmt: skip
NEAR = {  # where they are something else
    "reset before the map": (
        "  r, z : H = sigmoid(linear(x) + linear(h[t-1], bias = no))\n  n : H = tanh(linear(x) + linear(r * h[t-1]))\n"
        "  h = z * h[t-1] + (1 - z) * n\n  out h\n"
    ),
    "two maps": "  u : K = tanh(linear(h[t-1]) + 0.1)\n  h : H = tanh(linear(x) + linear(u))\n  out h\n",
    "from the end": "  h : H = tanh(linear(x) + linear(h[t+1]))\n  init h = 0.1 * index[t]\n  out h\n",
    "starts": (
        "  in s : H static\n  param b : H ~ normal(0, 1)\n  h : H = sin(linear(h[t-1]) * s + linear(x)) + b * 0.1 * index[t]\n"
        "  init h = b + s * 0.1\n  out h\n  out h[t-3]\n"
    ),
    "read beside": (
        "  i, f : H = sigmoid(linear(x) + linear(h[t-1]))\n  c : H = f * c[t-1] + i * tanh(linear(h[t-1]))\n  h = f * tanh(c)\n"
        "  out h\n  out i * c[t-1]\n  out f[t-2]\n"
    ),
    "kinks": (
        "  up : H bool = linear(h[t-1]) > linear(x)\n  h : H = where(up, relu(linear(h[t-1])), abs(h[t-1]) * 0.3) + linear(x) * up\n"
        "  out h\n"
    ),
    "called": "  h : H = gru_cell(linear(x -> H), rmsnorm(h[t-1]))\n  out h\n",
    "softmax of a map": "  h : H = softmax[H](linear(h[t-1]) + linear(x)) + 0.5 * h[t-1]\n  out h\n",
    "moved about": "  h : H = tanh(flip[H](linear(h[t-1])) + concat[H](h[t-1], linear(x -> H))[H=1] + linear(x))\n  out h\n",
    "one of two": "  a : H = tanh(linear(b[t-1]) + linear(x))\n  b = 0.5 * b[t-1] + a\n  out b\n",
    "alone": "  h : H = cos(linear(h[t-1]))\n  out sum[H](h) * x\n",
}  # fmt: skip
WILD = HEAD + "  h : H = sin(9 * linear(h[t-1], init = normal(0, 1)) + linear(x))\n  init h = 0.3\n  out h\n"
PROGRAMS = EXACT | NEAR


def points_of(source: str) -> Any:
    """What a compiled module hands to `newton`, from a call in float64."""
    torch.manual_seed(0)
    module: Any = api.compile(source, schedule="quasi_newton")()
    for weight in module.parameters():
        nn.init.normal_(weight, 0, 0.5)
    given: list[Any] = []
    space = type(module).run.__globals__
    solve = space["newton"]
    space["newton"] = lambda points, *more, **named: (given.append(points), solve(points, *more, **named))[1]
    static = (torch.randn(2, 4, dtype=torch.float64),) if "static" in source else ()
    with torch.no_grad():
        module.double()(torch.randn(2, 5, 3, dtype=torch.float64), *static)
    return given[0]


def states_of(points: Any) -> tuple[Tensor, ...]:
    return tuple(torch.rand(2, 5, *x.shape[2:], dtype=torch.float64) for x in points.first)


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_is_the_program(name: str) -> None:
    """Values, gradients, states, steps, pieces, lengths and documents."""
    assert_equivalent(HEAD + PROGRAMS[name], schedules=["quasi_newton"])


def test_gradients_of_what_gets_another_value_afterwards() -> None:
    text = (
        "model f(D = 2) over t:\n  in x : D\n  in s : D static\n  g : D = tanh(s)\n"
        "  h : D = tanh(g * linear(h[t-1] * g) + x)\n  g = 3 * g\n  out h * g\n"
    )
    assert_equivalent(text, examples=2, schedules=["quasi_newton"])


@pytest.mark.parametrize("name", EXACT)
def test_diagonals_are_those_of_the_whole_jacobian(name: str) -> None:
    points = points_of(HEAD + EXACT[name])
    states = states_of(points)
    whole = torch.func.jacrev(lambda *states: points.next(states), tuple(range(len(states))))(*states)
    slopes = points.slopes(states)
    for row, blocks in enumerate(whole):
        for column, block in enumerate(blocks):
            size = states[0].numel()
            expected = block.reshape(size, size).diagonal().view(states[0].shape)
            torch.testing.assert_close(slopes[:, :, row, column], expected)


@pytest.mark.parametrize("name", PROGRAMS)
def test_gradients_go_back_through_the_whole_jacobian(name: str) -> None:
    points = points_of(HEAD + PROGRAMS[name])
    states = states_of(points)
    gradients = tuple(torch.randn_like(x) for x in states)
    _, back, *_ = torch.func.vjp(lambda *states: points.next(states), *states)
    found = points.pull(*gradients, *points.parts(*states, *points.inputs))
    torch.testing.assert_close(found, back(gradients))


# ---- convergence


@pytest.mark.parametrize("name", ["elman", "lstm", "gru", "reset before the map", "two maps"])
def test_cells_converge_with_the_weights_that_they_start_with(name: str) -> None:
    torch.manual_seed(0)
    module: Any = api.compile(HEAD + PROGRAMS[name], schedule="quasi_newton")(D=8, H=32)
    module(torch.randn(2, 300, 8))
    (found,) = module.solves.values()
    assert found["rows"] == 0
    assert 2 <= found["iterations"] <= 30


def test_what_does_not_converge_is_computed_step_by_step() -> None:
    torch.manual_seed(0)
    module: Any = api.compile(WILD, schedule="quasi_newton")().double()
    other = api.compile(WILD, schedule="sequential")().double()
    other.load_state_dict(module.state_dict())
    x = torch.randn(2, 200, 3, dtype=torch.float64)
    x[1] *= 0
    found = module(x)
    assert module.solves["h"]["rows"] >= 1
    rows = [other(x[:, :1])]
    for t in range(1, 200):  # each point from the one before it that was found: errors do not add up
        rows.append(other(x[:, t : t + 1], state={"h": found[:, t - 1].detach()}))
    torch.testing.assert_close(found, torch.cat(rows, 1), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found[:, :20], other(x[:, :20]), rtol=1e-6, atol=1e-6)


def test_gradients_of_what_does_not_converge(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where no point has: two iterations are not enough."""
    monkeypatch.setattr("recdsl.lower.quasi_newton.MOST", 2)
    torch.manual_seed(0)
    source = HEAD + EXACT["lstm"]
    module: Any = api.compile(source, schedule="quasi_newton")().double()
    other = api.compile(source, schedule="sequential")().double()
    other.load_state_dict(module.state_dict())
    x = torch.randn(2, 90, 3, dtype=torch.float64)
    for each in (module, other):
        each(x).square().sum().backward()
    assert module.solves["c"] == {"iterations": 2, "rows": 2}
    for mine, theirs in zip(module.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad)


def test_half_precision_keeps_the_state_wide() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 40, 3).bfloat16()
    source = HEAD + EXACT["lstm"]
    module: Any = api.compile(source, schedule="quasi_newton")().bfloat16()
    other = api.compile(source, schedule="sequential")().bfloat16()
    other.load_state_dict(module.state_dict())
    found, state = module(x, return_state=True)
    assert found.dtype == torch.bfloat16
    assert state["c"].dtype == torch.float32
    torch.testing.assert_close(found, other(x), rtol=2e-2, atol=2e-2)
    for each in (module, other):
        each(x).float().square().sum().backward()
    for mine, theirs in zip(module.parameters(), other.parameters(), strict=True):
        assert theirs.grad is not None
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=0.1, atol=0.1 * float(theirs.grad.abs().max()))


# ---- when it applies


TURNS = "layer turns(D):\n  in x : D\n  loop 2 as turn:\n    x = tanh(linear(x))\n  out x\n"
REFUSED = {
    "R507": "  h : H = linear(turns(h[t-1] + linear(x -> H)))\n  out h\n",
    "R510": "  y : H = linear(h[t-1]) + linear(x)\n  loop 2 as turn:\n    y = tanh(y)\n  h = 0.5 * y\n  out h\n",
    "R512": "  c : K = tanh(linear(h[t-1]) + linear(x))\n  h : H = linear(c[t-1])\n  out h\n",
    "R514": "  h : H = tanh(linear(h[t-1]) + linear(h[t-2])) + linear(x)\n  out h\n",
    "R523": (
        "  a : H = tanh(linear(e[t-1]) + linear(x))\n  b = a[t-1] * 0.5\n  c = b[t-1] * 0.5\n  d = c[t-1] * 0.5\n  e = d[t-1] * 0.5\n"
        "  out e\n"
    ),
    "R528": "  h : H = tanh(linear(h[t-1]) + dropout(linear(x), 0.1))\n  out h\n",
    "R552": "  h : H = tanh(h[t-1] + linear(x))\n  out h\n",
}  # fmt: skip


@pytest.mark.parametrize("code", REFUSED)
def test_refused(code: str) -> None:
    with pytest.raises(Refused) as found:
        quasi_newton.plan(last_recurrence(TURNS + HEAD + REFUSED[code]))
    assert found.value.code == code


def test_refused_without_a_derivative(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise refusal("R508", "sort has no derivative that can be written here", None, "")

    monkeypatch.setattr(quasi_newton, "pullback", refuse)
    with pytest.raises(Refused, match="sort has no derivative") as found:
        quasi_newton.plan(last_recurrence(HEAD + EXACT["elman"]))
    assert found.value.code == "R529"


@pytest.mark.parametrize("name", PROGRAMS)
def test_only_on_request(name: str) -> None:
    report = api.explain(HEAD + PROGRAMS[name])
    rows = [row for each in report.recurrences for row in each.algorithms if row.name == "quasi_newton"]
    assert rows
    assert not any(row.taken for row in rows)
    forced = api.explain(HEAD + PROGRAMS[name], schedule="quasi_newton")
    assert "quasi_newton" in [each.schedule for each in forced.recurrences]


def test_what_is_asked_for_and_is_not_valid_leaves_the_best() -> None:
    """The second recurrence gets what it would have got."""
    source = HEAD + "  h : H = tanh(linear(h[t-1]) + linear(x))\n  g = sigmoid(h) * g[t-1] + h\n  out g\n"
    assert [each.schedule for each in api.explain(source, schedule="quasi_newton").recurrences] == [
        "quasi_newton",
        "diagonal",
    ]


def test_each_iteration_costs_what_depends_on_the_state() -> None:
    (report,) = api.explain(HEAD + EXACT["elman"]).recurrences
    (row,) = [each for each in report.algorithms if each.name == "quasi_newton"]
    assert row.work == "|t|*(10*H^2 + 30*H)"
    assert "D" not in row.bytes
