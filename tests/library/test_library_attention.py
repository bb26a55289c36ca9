"""Attention and positions against torch's."""

from __future__ import annotations

import pytest
import torch
from library_run import Layer, draw, equal
from torch import Tensor
from torch.nn import functional

B, T, D, HEADS = 2, 7, 8, 4


def by_torch(layer: Layer, x: Tensor, groups: int, seen: Tensor) -> Tensor:
    """`scaled_dot_product_attention` with the layer's maps."""
    weight = layer.parameters

    def heads(name: str, count: int) -> Tensor:
        y = functional.linear(x, weight[f"attention.{name}.weight"], weight[f"attention.{name}.bias"])
        return y.unflatten(-1, (count, D // HEADS)).transpose(1, 2)

    q, k, v = heads("q", HEADS), heads("k", groups), heads("v", groups)
    o = functional.scaled_dot_product_attention(q, k, v, attn_mask=seen, enable_gqa=True)
    return functional.linear(o.transpose(1, 2).flatten(2), weight["attention.y.weight"], weight["attention.y.bias"])


def mask(causal: bool, window: int) -> Tensor:
    s, t = torch.arange(T), torch.arange(T)[:, None]
    seen = s <= t if causal else torch.ones(T, T, dtype=torch.bool)
    return seen & ((t - s).abs() < window) if window else seen


@pytest.mark.parametrize("window", [0, 1, 3, T + 2])
@pytest.mark.parametrize("groups", [1, 2, HEADS])
@pytest.mark.parametrize("causal", [True, False])
def test_attention(causal: bool, groups: int, window: int) -> None:
    settings = f"heads = {HEADS}, groups = {groups}, causal = {'yes' if causal else 'no'}, window = {window}"
    layer = Layer(f"layer f(D) over t:\n  in x : D\n  out attention(x, {settings})\n", D=D)
    x = draw(B, T, D)
    equal(layer(x), by_torch(layer, x, groups, mask(causal, window)))


def test_attention_of_one_head_by_default_sees_everything() -> None:
    layer = Layer(f"layer f(D) over t:\n  in x : D\n  out attention(x, {HEADS})\n", D=D)
    x = draw(B, T, D)
    equal(layer(x), by_torch(layer, x, HEADS, mask(causal=False, window=0)))


def test_rotary_turns_pairs_as_complex_numbers() -> None:
    layer = Layer("layer f(K) over t:\n  in x : K\n  out rotary(x, t)\n", K=D)
    x = draw(B, T, D)
    pairs = torch.view_as_complex(x.unflatten(-1, (D // 2, 2)))
    angle = torch.arange(T)[:, None] / 10000 ** (torch.arange(0, D, 2) / D)
    equal(layer(x), torch.view_as_real(pairs * torch.polar(torch.ones_like(angle), angle)).flatten(-2))


def test_rotary_attention_depends_on_distances_only() -> None:
    layer = Layer(f"layer f(D) over t:\n  in x : D\n  out attention(x, {HEADS}, causal = yes, rotate = yes, window = 2)\n", D=D)  # fmt: skip
    x = draw(1, T, D)
    later = layer(torch.cat([draw(1, 3, D), x], 1))
    alone = layer(x)
    assert isinstance(later, Tensor)
    assert isinstance(alone, Tensor)
    equal(later[:, 4:], alone[:, 1:])


def test_position_is_the_sinusoid_of_the_transformer() -> None:
    layer = Layer("layer f(D) over t:\n  in x : D\n  out x + position(t, D)\n", D=D)
    angle = torch.arange(T)[:, None] / 10000 ** (torch.arange(0, D, 2) / D)
    expected = torch.stack([torch.sin(angle), torch.cos(angle)], -1).flatten(-2)
    equal(layer(torch.zeros(1, T, D)), expected)
