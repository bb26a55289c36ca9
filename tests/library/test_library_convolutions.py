"""The built-in functions along axes against torch's: convolutions, pooling, embedding."""

from __future__ import annotations

import pytest
import torch
from library_run import Layer, draw, equal
from torch.nn import functional

B, T, D, C = 2, 9, 4, 6


@pytest.mark.parametrize("window", [1, 2, 3, 5])
@pytest.mark.parametrize("dilation", [1, 2])
def test_a_causal_convolution_looks_back_only(window: int, dilation: int) -> None:
    layer = Layer(f"layer f(D, C) over t:\n  in x : D\n  out conv(x, {window} -> C, causal = yes, dilation = {dilation})\n", D=D, C=C)  # fmt: skip
    p, x = layer.parameters, draw(B, T, D)
    before = functional.pad(x.transpose(1, 2), (dilation * (window - 1), 0))
    equal(layer(x), functional.conv1d(before, p["out.weight"], p["out.bias"], dilation=dilation).transpose(1, 2))


@pytest.mark.parametrize("window", [1, 3, 5])
def test_a_convolution_is_centred(window: int) -> None:
    layer = Layer(f"layer f(D, C) over t:\n  in x : D\n  out conv(x, {window} -> C, bias = no)\n", D=D, C=C)
    x = draw(B, T, D)
    expected = functional.conv1d(x.transpose(1, 2), layer.parameters["out.weight"], padding=window // 2)
    equal(layer(x), expected.transpose(1, 2))


def test_per_keeps_channels_apart() -> None:
    layer = Layer("layer f(D) over t:\n  in x : D\n  out conv(x, 3, per = D)\n", D=D)
    p, x = layer.parameters, draw(B, T, D)
    expected = functional.conv1d(x.transpose(1, 2), p["out.weight"], p["out.bias"], padding=1, groups=D)
    equal(layer(x), expected.transpose(1, 2))


def test_a_convolution_over_an_image() -> None:
    layer = Layer("layer f(D, C) over i, j:\n  in x : D\n  out conv(x, 3 -> C)\n", D=D, C=C)
    p, x = layer.parameters, draw(B, 5, 4, D)
    expected = functional.conv2d(x.permute(0, 3, 1, 2), p["out.weight"], p["out.bias"], padding=1)
    equal(layer(x), expected.permute(0, 2, 3, 1))


def test_patches() -> None:
    layer = Layer("layer f(D, C) over i, j:\n  in x : D\n  out conv(x, 2 -> C, stride = 2)\n", D=D, C=C)
    p, x = layer.parameters, draw(B, 4, 6, D)
    expected = functional.conv2d(x.permute(0, 3, 1, 2), p["out.weight"], p["out.bias"], stride=2)
    equal(layer(x), expected.permute(0, 2, 3, 1))


@pytest.mark.parametrize(("name", "theirs"), [("maxpool", functional.max_pool2d), ("avgpool", functional.avg_pool2d)])
def test_pooling_leaves_out_what_fills_no_window(name: str, theirs: object) -> None:
    layer = Layer(f"layer f(D) over i, j:\n  in x : D\n  out {name}(x, 2)\n", D=D)
    x = draw(B, 4, 5, D)
    assert callable(theirs)
    equal(layer(x), theirs(x.permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1))


def test_upsampling_repeats() -> None:
    layer = Layer("layer f(D) over i, j:\n  in x : D\n  out upsample(x, 3)\n", D=D)
    x = draw(B, 2, 3, D)
    equal(layer(x), functional.interpolate(x.permute(0, 3, 1, 2), scale_factor=3).permute(0, 2, 3, 1))


def test_embedding() -> None:
    layer = Layer("layer f(V, D) over t:\n  in ids : token[V]\n  out y : D = embed(ids)\n", V=5, D=D)
    ids = torch.randint(5, (B, T))
    equal(layer(ids), layer.parameters["y.weight"][ids])
