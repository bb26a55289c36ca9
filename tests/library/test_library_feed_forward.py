"""Position-wise networks against torch's functions."""

from __future__ import annotations

import torch
from library_run import Layer, draw, equal
from torch.nn import functional

B, T, D = 2, 3, 6


def test_mlp() -> None:
    layer = Layer("layer f(D) over t:\n  in x : D\n  out mlp(x, 10)\n", D=D)
    p, x = layer.parameters, draw(B, T, D)
    inner = functional.gelu(functional.linear(x, p["mlp.y.x.weight"], p["mlp.y.x.bias"]))
    equal(layer(x), functional.linear(inner, p["mlp.y.x_2.weight"], p["mlp.y.x_2.bias"]))


def test_swiglu_has_the_width_that_keeps_its_parameters_level() -> None:
    layer = Layer("layer f(D) over t:\n  in x : D\n  out swiglu(x)\n", D=D)
    p, x = layer.parameters, draw(B, T, D)
    assert p["swiglu.up.weight"].shape == (16, D)
    gate, up = (functional.linear(x, p[f"swiglu.{name}.weight"]) for name in ("gate", "up"))
    equal(layer(x), functional.linear(functional.silu(gate) * up, p["swiglu.y.weight"]))


MIXTURE = """
layer expert(D):
  in x : D
  out y : D = linear(x)

layer f(D, E) over t:
  in x : D
  in scores : E
  out mixture(x, expert, scores = scores, top = 2)
"""


def test_mixture_weighs_the_best_experts() -> None:
    layer, experts = Layer(MIXTURE, D=D, E=4), 4
    p, x, scores = layer.parameters, draw(B, T, D), draw(B, T, experts)
    each = [[p[f"mixture.experts.{i}.expert.y.{part}"] for part in ("weight", "bias")] for i in range(experts)]
    results = torch.stack([functional.linear(x, *parameters) for parameters in each], -2)
    best = scores.topk(2, -1)
    weight = torch.zeros_like(scores).scatter(-1, best.indices, best.values.softmax(-1))
    equal(layer(x, scores), (weight[..., None] * results).sum(-2))
