"""The image model's layers against the closed form of pLSTM: h = (G ∘ QKᵀ) V with G = M (I - T)⁻¹ S + diag(direct).

T is the matrix over all edges of the grid, S leads from cells to the edges that leave them, M from the edges that enter
a cell to the cell.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from recdsl import pipeline
from recdsl.reference import Reference

SPEC = Path(__file__).parents[2] / "specs" / "plstm.rdl"
COVERS = ((), (0,), (1,), (0, 1))
ROWS, COLUMNS, D, H = 3, 4, 6, 2
K = D // H


def running(layer: str, **sizes: int) -> Reference:
    """A layer of the spec with parameters that are drawn anew."""
    made = Reference(pipeline.check(pipeline.load(SPEC), layer).program, **sizes)
    with torch.no_grad():
        for name, parameter in made.parameters.items():
            gate = name.split(".")[0] in ("gamma", "alpha", "t_rr", "t_dr", "t_dd")
            parameter.add_(torch.randn_like(parameter) * (0.05 if gate else 0.5))
    return made


def gates(parameters: dict[str, Tensor], name: str, cover: int, x: Tensor) -> Tensor:
    return functional.linear(x, parameters[f"{name}.weight"][cover], parameters[f"{name}.bias"][cover])


def transitions(parameters: dict[str, Tensor], cover: int, x: Tensor) -> dict[str, Tensor]:
    """What is carried on, from which edge to which, `[rows, columns, heads]`."""
    if "gamma.weight" in parameters:
        gamma = torch.tanh(5 * gates(parameters, "gamma", cover, x))
        alpha = torch.sigmoid(gates(parameters, "alpha", cover, x))
        right, down = gamma * alpha, gamma * (1 - alpha)
        return {"rr": right, "dr": right, "rd": down, "dd": down}
    found = {turn: torch.tanh(5 * gates(parameters, f"t_{turn}", cover, x)) for turn in ("rr", "dr", "dd")}
    return {**found, "rd": torch.zeros_like(found["rr"])}


def gating(parameters: dict[str, Tensor], cover: int, x: Tensor, head: int) -> Tensor:
    """M (I - T)⁻¹ S of one cover, whose first cell is the upper left one, `[cells, cells]`."""
    cells = ROWS * COLUMNS
    across = torch.zeros(2 * cells, 2 * cells, dtype=torch.float64)
    source, mark = torch.zeros(2 * cells, cells).double(), torch.zeros(cells, 2 * cells).double()
    turn = transitions(parameters, cover, x)
    gate = {name: torch.sigmoid(gates(parameters, name, cover, x)) for name in ("s_r", "s_d", "m_r", "m_d")}
    for i in range(ROWS):
        for j in range(COLUMNS):
            here, left, above = i * COLUMNS + j, i * COLUMNS + j - 1, (i - 1) * COLUMNS + j
            right, down = here, cells + here
            source[right, here], source[down, here] = gate["s_r"][i, j, head], gate["s_d"][i, j, head]
            if j > 0:
                mark[here, left] = gate["m_r"][i, j, head]
                across[right, left], across[down, left] = turn["rr"][i, j, head], turn["rd"][i, j, head]
            if i > 0:
                mark[here, cells + above] = gate["m_d"][i, j, head]
                across[right, cells + above] = turn["dr"][i, j, head]
                across[down, cells + above] = turn["dd"][i, j, head]
    return mark @ torch.linalg.solve(torch.eye(2 * cells, dtype=torch.float64) - across, source)


def closed_form(parameters: dict[str, Tensor], x: Tensor) -> Tensor:
    """One image `[rows, columns, D]` → `[rows, columns, D]`."""

    def projected(name: str) -> Tensor:
        y = functional.linear(x, parameters[f"{name}.weight"], parameters[f"{name}.bias"])
        return y.reshape(ROWS * COLUMNS, H, K)

    q, k, v = map(projected, "qkv")
    direct = torch.sigmoid(functional.linear(x, parameters["direct.weight"], parameters["direct.bias"])).reshape(-1, H)
    place = torch.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS)
    heads = []
    for head in range(H):
        total = torch.diag(direct[:, head])
        for cover, flips in enumerate(COVERS):
            order = place.flip(flips).flatten() if flips else place.flatten()
            flipped = x.reshape(-1, D)[order].reshape(ROWS, COLUMNS, D)
            back = torch.argsort(order)
            total = total + gating(parameters, cover, flipped, head)[back][:, back]
        heads.append((total * (q[:, head] @ k[:, head].T)) @ v[:, head] / K**0.5)
    h = functional.rms_norm(torch.stack(heads, 1), (K,), parameters["rmsnorm.weight"], 1e-5)
    y = functional.linear(h.flatten(1), parameters["y.weight"], parameters["y.bias"])
    return y.reshape(ROWS, COLUMNS, D)


@pytest.mark.parametrize("layer", ["p_layer", "d_layer"])
def test_a_layer_is_its_closed_form(layer: str) -> None:
    made, x = running(layer, D=D, H=H), torch.randn(2, ROWS, COLUMNS, D, dtype=torch.float64)
    expected = torch.stack([closed_form(made.parameters, image) for image in x])
    torch.testing.assert_close(made(x), expected, rtol=1e-9, atol=1e-9)


def test_the_covers_see_the_whole_image() -> None:
    """A change of any cell reaches every cell."""
    made, x = running("p_layer", D=D, H=H), torch.randn(1, ROWS, COLUMNS, D, dtype=torch.float64, requires_grad=True)
    y = made(x)
    assert isinstance(y, Tensor)
    for i, j in ((0, 0), (1, 2), (ROWS - 1, COLUMNS - 1)):
        (reach,) = torch.autograd.grad(y[0, i, j].sum(), x, retain_graph=True)
        assert (reach.abs().sum(-1) > 0).all()


def test_in_p_mode_no_more_goes_out_than_came_in() -> None:
    made, x = running("p_layer", D=D, H=H), torch.randn(ROWS, COLUMNS, D, dtype=torch.float64)
    turn = transitions(made.parameters, 0, x)
    for incoming in "rd":
        assert (turn[f"{incoming}r"].abs() + turn[f"{incoming}d"].abs() <= 1).all()


def test_the_model_as_typed_reads_digits() -> None:
    made = running("plstm")
    scores = made(torch.randn(1, 8, 8, 1, dtype=torch.float64))
    assert isinstance(scores, Tensor)
    assert scores.shape == (1, 10)
    assert scores.isfinite().all()
