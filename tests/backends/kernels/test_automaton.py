"""Finite automata against a loop."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from monoids import LENGTHS
from rendered import rendered
from torch import Tensor

automaton = rendered("two_level", "automaton")["automaton"]


def tables(*shape: int, seed: int = 0) -> Tensor:
    return torch.randint(0, shape[-1], shape, generator=torch.Generator().manual_seed(seed))


def loop(table: Tensor, first: Tensor, back: bool = False) -> Tensor:
    length = table.shape[1]
    shape = torch.broadcast_shapes(first.shape, (table.shape[0], *table.shape[2:-1]))
    state, states = first.expand(shape), torch.empty(shape[0], length, *shape[1:], dtype=torch.int64)
    for t in reversed(range(length)) if back else range(length):
        state = table[:, t].expand(*shape, -1).gather(-1, state[..., None])[..., 0]
        states[:, t] = state
    return states


@pytest.mark.parametrize("length", [*LENGTHS, 5000])
@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("dims", [(), (3,), (2, 3)])
def test_same_as_the_loop(length: int, back: bool, dims: tuple[int, ...]) -> None:
    table, first = tables(2, length, *dims, 5), tables(2, *dims, 5, seed=1)[..., 0]
    assert torch.equal(automaton(table, first, back), loop(table, first, back))


@given(st.integers(1, 2), st.sampled_from([1, 3, 64, 65, 200]), st.integers(1, 3), st.integers(1, 9), st.booleans())
def test_permutations(batch: int, length: int, dims: int, n: int, wide: bool) -> None:
    """Maps that never merge states; the dims of the tables or of the start may be 1."""
    table = torch.rand(batch, length, 1 if wide else dims, n, generator=torch.Generator().manual_seed(n)).argsort(-1)
    first = tables(batch, dims if wide else 1, n)[..., 0]
    assert torch.equal(automaton(table, first), loop(table, first))


def test_a_parity_bit() -> None:
    bits = torch.randint(0, 2, (3, 1000), generator=torch.Generator().manual_seed(0))
    table = torch.stack((bits, 1 - bits), -1)
    assert torch.equal(automaton(table, torch.zeros(3, dtype=torch.int64)), bits.cumsum(1) % 2)


def test_transformed_and_traced() -> None:
    table, first = tables(2, 2, 66, 3, 4), tables(2, 2, 3, 4, seed=1)[..., 0]
    expected = torch.stack([automaton(*x) for x in zip(table, first, strict=True)])
    assert torch.equal(torch.vmap(automaton)(table, first), expected)
    assert torch.equal(torch.vmap(automaton, (0, None))(table, first[0])[0], expected[0])
    assert torch.equal(torch.vmap(automaton, (None, 0))(table[0], first)[0], expected[0])
    compiled = torch.compile(automaton, fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(table[0], first[0]), expected[0])
