"""Recurrences without a closed form: what their Jacobian is, when `stepwise` and `newton` apply, and that both are the program."""

from __future__ import annotations

import pytest
import torch
from cases import last_recurrence

from recdsl import api
from recdsl.ir.expr import Const, Expr, Read
from recdsl.lower import newton, stepwise
from recdsl.lower.draft import Refused
from recdsl.verify import assert_equivalent

GRU = """
layer gru(D) over t:
  in x : D
  param w, v : D ~ normal(0, 1)
  z = sigmoid(w * h[t-1] + linear(x -> D))
  h = (1 - z) * h[t-1] + z * tanh(v * h[t-1] + x)
  out h
"""
LSTM = """
layer lstm(D, H) over t:
  in x : D
  param wi, wf, wo, wg : H ~ normal(0, 0.5)
  i = sigmoid(wi * h[t-1] + linear(x -> H))
  f = sigmoid(wf * h[t-1] + linear(x -> H))
  o = sigmoid(wo * h[t-1] + linear(x -> H))
  c : H = f * c[t-1] + i * tanh(wg * h[t-1] + linear(x -> H))
  h : H = o * tanh(c)
  out h
"""
READ_BESIDE = LSTM + "  out o + i * c[t-1]\n  out f[t-2]\n"
RNN = """
layer rnn(D) over t:
  in x : D
  param w : D ~ normal(0, 1)
  h = tanh(w * h[t-1] + linear(x -> D))
  init h = 0.3
  out h
"""
LOGISTIC = """
layer logistic(D) over t:
  in x : D
  h = 3.9 * h[t-1] * (1 - h[t-1]) * sigmoid(x + 3)
  init h = 0.3
  out h
"""
FROM_THE_END = """
layer ends(D) over t:
  in x : D
  param w : D ~ normal(0, 1)
  h = tanh(w * h[t+1] + x) + 0.1 * h[t+1]
  init h = index[t] * 0.01
  out h
"""
CALLED = """
layer cell(D):
  in h : D
  in x : D
  param w : D ~ normal(0, 1)
  z = sigmoid(w * h + x)
  out z * h + (1 - z) * tanh(x - h)
layer called(D) over t:
  in x : D
  h = 0.5 * cell(h[t-1], linear(x -> D)) + 0.1 * x[t-1]
  out h
"""
STARTS = """
layer starts(D, K) over t:
  in x : D
  in s : K D static
  param w : K ~ normal(0, 1)
  param b : K D ~ normal(0, 1)
  h : D K = sin(w * h[t-1] + x) * s + b * 0.1 * index[t]
  init h = b + s * 0.1
  out sum[K](h)
  out h[t-3]
"""
KINKS = """
layer kinks(D) over t:
  in x : D
  param w : D ~ normal(0, 1)
  up = h[t-1] > x
  h = where(up, relu(w * h[t-1] - x), clamp(h[t-1] * x * 2, -1, 1)) + abs(h[t-1] + 0.1) * 0.3 + x * up
  out h
  out up * x
"""
ALONE = """
layer alone(D) over t:
  in x : D
  param w : D ~ normal(0, 1)
  h = cos(w * h[t-1])
  out h * x
"""
NUMBERS = """
layer numbers over t:
  in x : scalar
  h = exp(-h[t-1] * h[t-1]) * x / (1 + h[t-1]^2)
  out h
"""
THREE = """
layer three(D) over t:
  in x : D
  a = tanh(a[t-1] + 0.5 * b[t-1] + x)
  b = 0.5 * b[t-1] * c[t-1] + sigmoid(a)
  c = 0.3 * c[t-1] + sin(a * b[t-1]) + 0.1 * x
  init c = 0.2
  out c
"""
INSIDE = """
layer leaky(D) over t:
  in x : D
  h = softplus(0.5 * h[t-1] + x) - 0.3 * tanh(h[t-1])
  out h
model deep(D) over t:
  in x : D
  repeat 2 as block:
    x += leaky(0.5 * x)
  out x
"""
PROGRAMS = {
    "gru": GRU, "lstm": LSTM, "read beside": READ_BESIDE, "rnn": RNN, "logistic": LOGISTIC, "from the end": FROM_THE_END,
    "called": CALLED, "starts": STARTS, "kinks": KINKS, "alone": ALONE, "numbers": NUMBERS, "three": THREE, "inside": INSIDE,
}  # fmt: skip


@pytest.mark.parametrize("schedule", ["stepwise", "newton"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_it_is_the_program(name: str, schedule: str) -> None:
    """Values, gradients, states, steps, pieces, lengths and documents."""
    assert_equivalent(PROGRAMS[name], schedules=[schedule])


def test_stepwise_is_the_default() -> None:
    text = api.compile_text(GRU).text
    assert "stepwise(h_points)" in text
    assert "newton" not in text


# ---- the Jacobian


def jacobian(source: str) -> tuple[list[str], list[list[object]]]:
    """The names of the equations that the Jacobian needs, and its entries: names or numbers."""
    given = last_recurrence(source)
    found = stepwise.slopes(given, stepwise.earlier_states(given))
    return [each.id for each in found.equations], [[leaf(each) for each in row] for row in found.entries]


def leaf(expr: Expr) -> object:
    match expr:
        case Read(value=value):
            return value
        case Const(value=value):
            return value
    raise AssertionError(expr)


def test_the_chain_rule_through_named_values() -> None:
    names, entries = jacobian(
        "layer a(D) over t:\n  in x : D\n  param w : D\n  z = sigmoid(w * h[t-1] + x)\n  h = z * x + tanh(z)\n  out h\n"
    )
    assert names == ["z", "z_by_h", "h_part", "h_part_by_h", "h_by_h"]
    assert entries == [["h_by_h"]]


def test_entries_without_a_derivative_are_zero() -> None:
    _, entries = jacobian(
        "layer a(D) over t:\n  in x : D\n  a = 0.5 * b[t-1] + x\n  b = max(0.25 * a[t-1], x) + 0.1 * b[t-1]\n  out b\n"
    )
    assert entries == [[0.0, 0.5], ["b_by_a", 0.1]]


# ---- when it applies


REFUSED = {
    "R512": "layer a(D) over t:\n  in x : D\n  h = tanh(linear(h[t-1]) + x)\n  out h\n",
    "R514": "layer a(D) over t:\n  in x : D\n  h = tanh(h[t-1] + h[t-2]) + x\n  out h\n",
    "R520": "layer a(D) over i, j:\n  in x : D\n  h = tanh(h[i-1, j-1] + x)\n  out h\n",
    "R523": "layer a(D) over t:\n  in x : D\n  a = tanh(e[t-1] + x)\n  b = a[t-1] * x\n  c = b[t-1] * x\n  d = c[t-1] * x\n  e = d[t-1] * x\n"
    "  out e\n",
    "R527": "layer a(D) over t:\n  in x : D\n  odd = odd[t-1] != (x > 0)\n  out where(odd, x, -x)\n",
    "R528": "layer a(D) over t:\n  in x : D\n  h = tanh(h[t-1] + dropout(x, 0.1))\n  out h\n",
}  # fmt: skip


@pytest.mark.parametrize("code", REFUSED)
def test_refused(code: str) -> None:
    with pytest.raises(Refused) as found:
        newton.plan(last_recurrence(REFUSED[code]))
    assert found.value.code == code


# ---- convergence


def test_a_contraction_is_proved_from_the_ranges() -> None:
    calm = newton.plan(last_recurrence("layer a(D) over t:\n  in x : D\n  h = 0.5 * tanh(h[t-1] + x)\n  out h\n"))
    assert calm.remark == "it converges whatever the inputs are: earlier states count by at most 0.5"
    assert "run time" in newton.plan(last_recurrence(GRU)).remark


def test_the_module_says_what_it_took() -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 100, 4)
    calm = api.compile(GRU, schedule="newton")(D=4)
    calm(x)
    assert calm.solves["h"]["rows"] == 0
    assert 1 <= calm.solves["h"]["iterations"] <= 8
    wild = api.compile(LOGISTIC, schedule="newton")(D=4)
    found = wild(x)
    assert wild.solves["h"]["rows"] == 3
    assert found.isfinite().all()


def test_half_precision_keeps_the_state_wide() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 40, 4).bfloat16()
    for schedule in ("stepwise", "newton"):
        module = api.compile(LSTM, schedule=schedule)(D=4, H=4).bfloat16()
        other = api.compile(LSTM, schedule="sequential")(D=4, H=4).bfloat16()
        other.load_state_dict(module.state_dict())
        (found, state), (expected, _) = module(x, return_state=True), other(x, return_state=True)
        assert found.dtype == torch.bfloat16
        assert state["c"].dtype == torch.float32
        torch.testing.assert_close(found, expected, rtol=2e-2, atol=2e-2)
