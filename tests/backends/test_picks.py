"""A point that is picked where there is none is 0: beyond the end, in an empty row, on an empty image."""

from __future__ import annotations

import pytest
import torch

import recdsl
from recdsl.verify import assert_equivalent

SEQUENCE = """
layer f(D = 2) over t:
  in x : D
  c : D = tanh(linear(x))
  out c[t=2] + c[t=-3]
"""
GRID = """
layer f(D = 2) over i, j:
  in x : D
  out x[i=1][j=-2] + x[i=0][j=0]
"""


@pytest.mark.parametrize("text", [SEQUENCE, GRID])
def test_picks_agree_with_the_reference_at_any_size(text: str) -> None:
    assert_equivalent(text, examples=12)


def test_a_row_without_points_gives_zero() -> None:
    module = recdsl.compile("layer f(D = 2) over t:\n  in x : D\n  c : D = 1 + linear(x)\n  out c[t=-1]\n")()
    found = module(torch.ones(2, 3, 2), lengths=torch.tensor([0, 2]))
    assert torch.equal(found[0], torch.zeros(2))
    assert not torch.equal(found[1], torch.zeros(2))


def test_an_axis_that_is_too_short_gives_zero() -> None:
    module = recdsl.compile(GRID)()
    x = torch.randn(3, 1, 1, 2)
    assert torch.equal(module(x), x[:, 0, 0])
