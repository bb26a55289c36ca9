"""The error of one tensor against another."""

from __future__ import annotations

import math

import pytest
import torch

from recdsl.verify.tolerance import FLOOR, error


def test_relative_to_the_largest_value() -> None:
    assert error(torch.tensor([1.0, 100.0]), torch.tensor([2.0, 100.0])) == pytest.approx(0.01)


def test_small_tensors_have_a_floor() -> None:
    assert error(torch.tensor([1e-9]), torch.tensor([0.0])) == pytest.approx(1e-9 / FLOOR)


def test_nothing_to_compare() -> None:
    assert error(torch.zeros(0, 2), torch.zeros(0, 2)) == 0


def test_other_shapes() -> None:
    assert error(torch.zeros(1, 2), torch.zeros(2)) == math.inf


def test_infinities_and_nan_stand_in_the_same_places() -> None:
    odd = torch.tensor([math.inf, -math.inf, math.nan, 1.0])
    assert error(odd, odd.clone()) == 0
    for place in range(3):
        other = odd.clone()
        other[place] = 1.0
        assert error(other, odd) == math.inf
        assert error(odd, other) == math.inf


def test_complex_numbers_and_truth_values() -> None:
    assert error(torch.tensor([1 + 1j]), torch.tensor([1 - 1j])) == pytest.approx(math.sqrt(2))
    assert error(torch.tensor([True]), torch.tensor([False])) > 0
