"""Programs on grids and graphs beside what they are known to compute: tables, paths, trees, a shock."""

from __future__ import annotations

import itertools
from pathlib import Path

import torch
from torch import Tensor

import recdsl

SPECS = Path(__file__).parents[2] / "specs"


def made(name: str, **sizes: int | float) -> torch.nn.Module:
    return recdsl.compile(SPECS / f"{name}.rdl", **sizes)().double()


def test_smith_waterman_is_the_textbook_table() -> None:
    score = torch.randn(1, 7, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    table = torch.zeros(8, 6, dtype=torch.float64)
    for i, j in itertools.product(range(1, 8), range(1, 6)):
        gap = torch.maximum(table[i - 1, j], table[i, j - 1]) - 0.5
        table[i, j] = torch.maximum(table[i - 1, j - 1] + score[0, i - 1, j - 1], gap).clamp(min=0)
    torch.testing.assert_close(made("smith_waterman")(score)[0], table.max())


def test_the_gradient_of_the_longest_path_is_the_path() -> None:
    weight = torch.rand(1, 4, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64, requires_grad=True)
    heaviest = made("longest_path")(weight)
    paths = [
        [(sum(step == "d" for step in way[:n]), sum(step == "r" for step in way[:n])) for n in range(9)]
        for way in set(itertools.permutations("dddrrrrr"))
    ]
    best = max(paths, key=lambda path: sum(weight[0, i, j].item() for i, j in path))
    (found,) = torch.autograd.grad(heaviest.sum(), weight)
    assert {tuple(place) for place in found[0].nonzero().tolist()} == set(best)
    assert found.max() == 1


def test_belief_propagation_sums_over_all_states_of_a_tree() -> None:
    tree = torch.tensor([[0, 1, 2, 3], [2, 2, 4, 4]])
    module = made("belief_propagation", K=3)
    unary = torch.randn(5, 3, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    pair = module.get_parameter("pair")
    total = torch.zeros(3, dtype=torch.float64)
    for states in itertools.product(range(3), repeat=5):
        energy = sum(unary[node, state] for node, state in enumerate(states))
        energy = energy + sum(pair[states[a], states[b]] for a, b in tree.T.tolist())
        total[states[4]] += energy.exp().detach()
    torch.testing.assert_close(module(unary, tree)[4].exp(), total)


def shock(zones: int) -> tuple[Tensor, ...]:
    mass = torch.where(torch.arange(zones) < zones / 2, 1.0, 0.125).double() / zones
    with torch.no_grad():
        rho, p, u, x, e = made("sod_tube", N=zones, dt=0.1 / zones)(mass.expand(1, 2 * zones, -1))
    return mass, rho[0], p[0], u[0], x[0], e[0]


def test_the_shock_tube_reaches_the_states_of_the_exact_solution() -> None:
    _, rho, p, u, x, _ = shock(100)
    middle = (x[-1] > 0.6) & (x[-1] < 0.66)
    assert (p[-1, middle] - 0.30313).abs().max() < 3e-3
    assert (u[-1, middle] - 0.92745).abs().max() < 6e-3
    assert (rho[-1, middle] - 0.42632).abs().max() < 3e-3


def test_the_shock_tube_keeps_its_energy_and_gas_at_rest_stays_at_rest() -> None:
    mass, _, _, u, _, e = shock(100)
    after = torch.cat((u[-1], u.new_zeros(1)))
    before = torch.cat((u[-2], u.new_zeros(1)))
    faces = (after + before) / 2  # speeds live between the steps
    energy = (mass * (e[-1] + (faces[1:] ** 2 + faces[:-1] ** 2) / 4)).sum()
    start = (mass * torch.where(torch.arange(100) < 50, 2.5, 2.0)).sum()
    assert abs(energy / start - 1) < 2e-3
    assert u[:, -2:].abs().max() < 1e-6  # the shock has not come there
