"""Recurrences on grids wave after wave, with the gradient along the solution: when, and that the program stays the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from families import algorithms

from recdsl import api
from recdsl.verify import assert_equivalent

HEAD = "layer f(D = 2) over i, j:\n  in x : D\n"
SPECS = Path(__file__).parents[2] / "specs"

PROGRAMS = {
    "a minimum over neighbours": HEAD
    + "  h = min(min(h[i-1], h[j-1]) + 1, h[i-1, j-1] + sigmoid(x))\n  init h = index[i] + index[j]\n  out h\n",
    "nonlinear": HEAD + "  h = tanh(h[i-1] + 0.5 * h[j-1] + x)\n  out h\n",
    "another corner": HEAD + "  a : D = linear(x)\n  h = tanh(h[i+1] + a * h[j-1] + x)\n  out h\n",
    "steep waves": HEAD + "  h = tanh(h[i-1, j+1] + 0.5 * h[j-1] + x * index[i])\n  init h = 1\n  out h\n",
    "the first axis advances": HEAD
    + "  h = tanh(h[i-1, j+1] + 0.5 * h[i-1] + x + index[j])\n  init h = 0.5\n  out h\n",
    "steep from the first axis": HEAD
    + "  h = tanh(h[i-1] + c[j-1] + x)\n  c = h * c[i-2] + c[i+1, j-1] + x\n  init c = 0.5\n  out h\n  out c\n",
    "no steps of one": HEAD + "  h = tanh(h[i-2, j+1] + 0.5 * h[i+1, j-1] + x)\n  out h\n",
    "three axes": "layer f(D = 2) over i, j, k:\n  in x : D\n  h = tanh(h[i-1] + 0.5 * h[j-1] - h[k+1]) + x\n  out h\n",
    "three axes, two of which move": "layer f(D = 2) over i, j, k:\n  in x : D\n  h = tanh(h[i-1] * h[k-1]) + x\n  out h\n",
    "several states and another value": HEAD
    + "  param w : D ~ normal(0, 1)\n  p = tanh(w * q[i-1] + x)\n  g = sigmoid(p * q[j-1])\n  q = g * p[j-1] + x * q[i-1, j-1]\n"
    "  init q = w\n  out q\n  out g + p\n",
    "a start from weights": HEAD
    + "  param w : D ~ normal(0, 1)\n  h = tanh(h[i-1, j+2] * 0.5 + h[j-1] + x)\n  init h = w * index[j]\n  out h\n",
    "a dim of its own": "layer f(D = 2, K = 3) over i, j:\n  in x : D\n  k : K = linear(x)\n  h : D K = tanh(h[i-1] + k * h[j-1]) + x\n"
    "  out sum[K](h)\n",
    "constant": HEAD + "  h : D = cos(h[i-1] + h[j-1])\n  out h * x\n",
    "nothing but a fold": HEAD + "  m = max(m[i-1], m[j-1]) + x\n  init m = 0\n  out m\n",
}
REFUSED = {
    "R512": "  h : D = tanh(linear(h[i-1]) + h[j-1] + x)\n  out h\n",
    "R520": "  h = tanh(h[i-1] + x)\n  out h\n",
    "R523": "  h : D = tanh(h[i-1] + h[i-2] + h[i-3] + h[j-1] + h[j-2] + h[j-3] + h[i-1, j-1] + h[i-2, j-1] + h[i-1, j-2])\n  out h + x\n",
    "R527": "  b = x > 0\n  s = (s[i-1] and b) or s[j-1]\n  out where(s, x, 1)\n",
    "R528": "  h = tanh(dropout(h[i-1], 0.1) + h[j-1] + x)\n  out h\n",
    "R572": "  h = 0.5 * h[i-1] + 0.5 * h[j-1] + x\n  out h\n",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_is_the_program(name: str) -> None:
    assert algorithms(PROGRAMS[name]) == {"wavewise"}
    assert_equivalent(PROGRAMS[name], examples=3, schedules=["wavewise"])


@pytest.mark.parametrize("spec", ["edit_distance", "time_warp", "longest_path"])
def test_tables(spec: str) -> None:
    assert algorithms(str(SPECS / f"{spec}.rdl")) == {"wavewise"}


@pytest.mark.parametrize("code", REFUSED)
def test_refused(code: str) -> None:
    (report,) = [each for each in api.explain(HEAD + REFUSED[code]).recurrences if each.domain == "grid"]
    assert {each.algorithm: each.code for each in report.refused}["wavewise"] == code


@pytest.mark.parametrize("name", ["nonlinear", "a minimum over neighbours", "no steps of one"])
def test_transformations(name: str) -> None:
    """Mapped and compiled it is the same as plain; a second derivative is refused, not wrong."""
    torch.manual_seed(0)
    module, x = api.compile(PROGRAMS[name])(D=2).double(), torch.randn(3, 2, 4, 5, 2, dtype=torch.float64)

    def loss(x: torch.Tensor) -> torch.Tensor:
        return module(x).square().sum()

    plain = torch.stack([torch.func.grad(loss)(each) for each in x])
    torch.testing.assert_close(torch.vmap(torch.func.grad(loss))(x), plain)
    torch._dynamo.reset()
    compiled, given = torch.compile(module, backend="aot_eager"), x[0].clone().requires_grad_()
    torch.testing.assert_close(torch.autograd.grad(compiled(given).square().sum(), given)[0], plain[0])
    (first,) = torch.autograd.grad(loss(given), given, create_graph=True)
    with pytest.raises(RuntimeError, match="no second derivative"):
        first.sum().backward()


@pytest.mark.parametrize("schedule", ["auto", "sequential"])
def test_paths_that_do_not_exist_have_no_weight(schedule: str) -> None:
    """Left of the corner and above it all is -inf; the three ways through four points weigh the same."""
    source = (
        HEAD
        + "  d = logaddexp(logaddexp(d[i-1], d[j-1]), d[i-1, j-1]) + x\n  init d = where(i + j < -1, 0, -inf)\n  out d\n"
    )
    x = torch.zeros(1, 2, 2, 1, dtype=torch.float64, requires_grad=True)
    result = api.compile(source, schedule=schedule)(D=1).double()(x)[0, 1, 1, 0]
    (gradient,) = torch.autograd.grad(result, x)
    torch.testing.assert_close(gradient.flatten().tolist(), [1.0, 1 / 3, 1 / 3, 1.0])


def test_nothing_is_kept_of_a_wave() -> None:
    """What is kept for the gradient is a few values at each point, whatever the waves are."""
    module, found = api.compile(PROGRAMS["nonlinear"])(D=2), []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: found.append(x) or x, lambda x: x):
        module(torch.randn(1, 20, 30, 2, requires_grad=True))
    assert len(found) < 40


@pytest.mark.parametrize(("reads", "schedule"), [(8, "wavewise"), (9, "sequential")])
def test_each_read_takes_derivatives_so_there_may_be_eight(reads: int, schedule: str) -> None:
    terms = " + ".join(f"0.1 * h[i-{n}]" for n in range(1, reads))
    (report,) = api.explain(HEAD + f"  h = tanh({terms} + 0.1 * h[j-1] + x)\n  out h\n").recurrences
    assert report.schedule == schedule
    found = [(each.code, each.reason) for each in report.refused if each.algorithm == "wavewise"]
    assert found == ([] if reads == 8 else [("R523", "9 earlier values are needed at a point, more than 8")])
