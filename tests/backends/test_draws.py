"""Draws under every schedule: one for each call, point and element, and the same wherever its value is read."""

from __future__ import annotations

import pytest
import torch

from recdsl import api
from recdsl.verify.schedules import schedules_of

SEQUENCE = "layer f(D = 3) over t:\n  in x : D\n"
GRID = "layer f(D = 3) over i, j:\n  in x : D\n"
AVERAGE = "  h = (1 - z) * h[t-1] + z\n  init h = 1\n  out h\n"
CELL = "layer cell(D):\n  in h : D\n  z : D = 0.5 + noise(0.1)\n  out (1 - z) * h + z\n"
NOISY = "layer noisy(D):\n  in x : D\n  out dropout(x, 0.5)\n"
CELLS = """\
layer cell(D):
  in h : D
  in c : D
  z : D = 0.5 + noise(0.1)
  out (1 - z) * h + z * c
  out (1 - z) * c + z * h
layer f(D = 3) over t:
  in x : D
  h, c : D = cell(h[t-1], c[t-1])
  init h = 0.5
  init c = 1.5
  out 0.5 * (h + c) + 0 * x
"""
ONCE = {
    "noise": SEQUENCE + "  z : D = 0.5 + noise(0.1)\n" + AVERAGE,
    "dropout": SEQUENCE + "  z = 0.1 + 0.2 * dropout(sigmoid(x), 0.5)\n" + AVERAGE,
    "inside": SEQUENCE + "  y = sigmoid(x) * dropout(1 + 0 * x, 0.5)\n  z = 0.5 * y\n" + AVERAGE,
    "grid": GRID + "  z : D = 0.5 + noise(0.1)\n" + AVERAGE.replace("t-1", "i-1, j"),
    "layer": CELL + SEQUENCE + "  h : D = cell(h[t-1])\n  init h = 1\n  out h + 0 * x\n",
    "two results": CELLS,
    "operand": "layer pair(D):\n  in x : D\n  out x\n  out 1 - x\n"
    + SEQUENCE
    + "  a, b : D = pair(dropout(0.5 * sigmoid(x), 0.5))\n  h = b * h[t-1] + a\n  init h = 1\n  out h\n",
    "call": NOISY + SEQUENCE + "  z = 0.2 * noisy(sigmoid(x))\n" + AVERAGE,
}
APART = {
    "calls": NOISY + SEQUENCE + "  f = noisy(D = D)\n  h : D = 0.5 * h[t-1] + f(x) - f(x)\n  out h\n",
    "calls in a function": NOISY + SEQUENCE + "  f = noisy(D = D)\n  h : D = tanh(h[t-1] + f(x) - f(x))\n  out h\n",
    "outside": SEQUENCE + "  out dropout(x, 0.5) - dropout(x, 0.5)\n",
    "input": SEQUENCE + "  h = 0.5 * h[t-1] + dropout(x, 0.5) - dropout(x, 0.5)\n  out h\n",
    "named": SEQUENCE + "  a = dropout(x, 0.5)\n  b = dropout(x, 0.5)\n  h = 0.5 * h[t-1] + a - b\n  out h\n",
    "coefficient": SEQUENCE + "  h = (dropout(x, 0.5) - dropout(x, 0.5)) * h[t-1] + x\n  out h - x\n",
    "function": SEQUENCE + "  h = tanh(dropout(x, 0.5) - dropout(x, 0.5) + 0.5 * h[t-1])\n  out h\n",
    "state": SEQUENCE + "  h = 0.5 * h[t-1] + x\n  out dropout(h, 0.5) - dropout(h, 0.5)\n",
    "noise": SEQUENCE + "  a, b : D = noise(1)\n  h = 0.5 * h[t-1] + a - b\n  out h\n",
    "grid": GRID + "  h = 0.5 * h[i-1, j] + dropout(x, 0.5) - dropout(x, 0.5)\n  out h\n",
}


def cases(programs: dict[str, str]) -> list[tuple[str, str]]:
    return [(name, each) for name, source in programs.items() for each in schedules_of(api.check(source).program)]


def shape(name: str) -> tuple[int, ...]:
    """That of the input."""
    return (2, 6, 7, 3) if name == "grid" else (2, 70, 3)


@pytest.mark.parametrize(("name", "schedule"), cases(ONCE))
def test_a_draw_is_made_once(name: str, schedule: str) -> None:
    """An average of ones is one, whatever the weights, as long as they add up."""
    torch.manual_seed(0)
    module = api.compile(ONCE[name], schedule=schedule)().double()
    h = module(torch.randn(shape(name), dtype=torch.float64))
    torch.testing.assert_close(h, torch.ones_like(h), rtol=0, atol=1e-9)


@pytest.mark.parametrize(("name", "schedule"), cases(APART))
def test_equal_calls_draw_apart(name: str, schedule: str) -> None:
    torch.manual_seed(0)
    module = api.compile(APART[name], schedule=schedule)().double()
    y = module(torch.ones(shape(name), dtype=torch.float64))
    assert (y.abs() > 1e-3).double().mean() > 0.3


@pytest.mark.parametrize("over", ["t", "i, j", "n in dag"])
def test_noise_is_drawn_at_every_point(over: str) -> None:
    source = f"layer f(D = 2) over {over}:\n  in x : D\n  z : D = noise(1)\n  out z + x\n"
    size, edges = (2, *(3 for _ in over.split(",")), 2), {}
    if "dag" in over:
        size, edges = (4, 2), {"edge_index": torch.tensor([[0, 1], [1, 2]])}
    for run in (api.compile(source)(), api.reference(source)):
        y = run(torch.zeros(size), **edges)
        assert len(y.unique()) == y.numel()


def test_a_layer_draws_wherever_it_is_applied() -> None:
    source = """\
layer cell(D):
  in h : D
  out 0.5 * h + noise(1)
layer f(D = 3, H = 2) over t:
  in x : H D
  h : H D = cell[D](h[t-1])
  out h - 0.5 * h[t-1] + x
"""
    for name in schedules_of(api.check(source).program):
        y = api.compile(source, schedule=name)().double()(torch.zeros(2, 5, 2, 3, dtype=torch.float64))
        assert len(y.unique()) == y.numel(), name
