"""The images of examples/arrow_pointing: what their classes say of the geometry, and that they depend on the seed only."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import Generator

import recdsl

EXAMPLE = Path(__file__).parents[1] / "examples" / "arrow_pointing"
sys.path.insert(0, str(EXAMPLE))

from arrows import PADDING, ArrowPointing, _scene  # noqa: E402 - the example is no package


def test_arrows_that_hit_meet_the_disc_and_the_others_miss_it_by_a_margin() -> None:
    scene = _scene(Generator().manual_seed(0), 4000, 192.0 - 2 * PADDING)
    x, y = scene.disc_x - scene.x, scene.disc_y - scene.y
    along = x * scene.angle.cos() + y * scene.angle.sin()
    aside = (y * scene.angle.cos() - x * scene.angle.sin()).abs()
    assert (aside[scene.hit] < scene.radius[scene.hit]).all() and (along[scene.hit] > 0).all()
    missed = (along < 0) | (aside > 1.19 * scene.radius)
    assert missed[~scene.hit].all()
    assert 0.45 < scene.hit.double().mean() < 0.55
    assert (torch.hypot(x, y) > 2 * scene.radius).all()


def test_larger_images_hold_objects_of_the_same_size() -> None:
    for size in (48, 96):
        images, _ = ArrowPointing(size, 1, shrink=4.0).batch(Generator().manual_seed(1), 64)
        assert images.shape == (64, size, size, 1)
        ink = (1 - images).sum((1, 2, 3))
        assert 40 < ink.mean() < 180  # a disc of radius 3.75 to 7.5 has 44 to 177 points
        assert images.min() == 0 and images.max() == 1


def test_an_item_depends_on_seed_and_index_only() -> None:
    data = ArrowPointing(192, 3, seed=5)
    assert torch.equal(data[1][0], ArrowPointing(192, 9, seed=5)[1][0])
    assert not torch.equal(data[1][0], data[2][0])
    assert not torch.equal(data[1][0], ArrowPointing(192, 3, seed=6)[1][0])
    with pytest.raises(IndexError):
        data[3]
    with pytest.raises(ValueError, match="at least 180 points"):
        ArrowPointing(96, 1)


def test_the_transformer_of_the_example_takes_both_sizes() -> None:
    model = recdsl.compile(EXAMPLE / "vit.rdl")(D=8, H=2, depth=1)
    for size in (48, 96):
        assert model(torch.rand(2, size, size, 1)).shape == (2, 2)
