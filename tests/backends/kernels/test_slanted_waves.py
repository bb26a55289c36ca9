"""Waves of a grid as slices: split and joined again, and what a wave reads in an earlier one."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from rendered import rendered
from torch import Tensor

SCHEDULES = [(1, 1), (1, -1), (-1, 1), (-1, -1), (2, 1), (-3, 1), (2, -1), (1, 2), (1, -3), (-1, 2), (0, 1), (-1, 0)]
SHAPES = [(3, 4), (4, 3), (1, 5), (5, 1), (1, 1), (2, 7), (7, 2), (0, 3), (3, 0)]


SlantedWaves = rendered("slanted_waves")["SlantedWaves"]


def waves_of(shape: tuple[int, int], schedule: tuple[int, int]) -> Any:
    return SlantedWaves(shape, schedule, torch.device("cpu"))


def numbered(shape: tuple[int, int]) -> Tensor:
    """Every element of [batch, axes, 2] another number."""
    return torch.arange(4.0 * shape[0] * shape[1], dtype=torch.float64).view(2, *shape, 2)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("shape", SHAPES)
def test_split_and_join(shape: tuple[int, int], schedule: tuple[int, int]) -> None:
    waves, x = waves_of(shape, schedule), numbered(shape).requires_grad_()
    parts = waves.split(x)
    assert [part.shape[1] for part in parts] == waves.sizes
    back = waves.join([x[:, 0, :0], *parts] if 0 not in shape else [x.flatten(1, 2)])
    torch.testing.assert_close(back, x)
    (grad,) = torch.autograd.grad((back * x.detach()).sum(), x)
    torch.testing.assert_close(grad, x.detach())


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("shape", SHAPES)
def test_places_are_in_the_order_of_the_schedule(shape: tuple[int, int], schedule: tuple[int, int]) -> None:
    waves = waves_of(shape, schedule)
    found = [
        list(zip(*(waves.place(axis, w).tolist() for axis in (0, 1)), strict=True)) for w in range(len(waves.sizes))
    ]
    assert sorted(itertools.chain(*found)) == list(itertools.product(*map(range, shape)))
    times = [{schedule[0] * i + schedule[1] * j for i, j in wave} for wave in found]
    assert all(len(wave) <= 1 for wave in times)
    moments = [time for wave in times for time in wave]
    assert moments == sorted(moments)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("shape", SHAPES[:7])
def test_neighbours(shape: tuple[int, int], schedule: tuple[int, int]) -> None:
    """Every offset against the schedule, with and without a start outside."""
    waves, x = waves_of(shape, schedule), numbered(shape)
    parts = waves.split(x)
    for offset in itertools.product(range(-2, 3), repeat=2):
        back = -(schedule[0] * offset[0] + schedule[1] * offset[1])
        if back < 1:
            continue
        for wave in range(len(parts)):
            earlier = parts[wave - back] if wave >= back else x[:, 0, :0]
            starts = 100.0 + torch.arange(float(waves.sizes[wave]), dtype=torch.float64)
            places = list(zip(*(waves.place(axis, wave).tolist() for axis in (0, 1)), strict=True))
            for start in (None, 7.0, starts[:, None]):
                expected = [
                    x[:, i + offset[0], j + offset[1]]
                    if 0 <= i + offset[0] < shape[0] and 0 <= j + offset[1] < shape[1]
                    else x[:, 0, 0] * 0 + (0 if start is None else start if isinstance(start, float) else start[place])
                    for place, (i, j) in enumerate(places)
                ]
                found = waves.near(offset, wave, earlier, *([] if start is None else [start]))
                assert found.shape[1] == len(expected)
                if expected:
                    torch.testing.assert_close(found, torch.stack(expected, 1))
