"""Recurrent cells against torch's."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from library_run import Layer, draw, equal, give
from torch import Tensor, nn

B, T, D, H = 2, 4, 3, 5


def stacked(parameters: dict[str, Tensor], gates: Iterable[str], part: str) -> Tensor:
    return torch.cat([parameters[f"{gate}.{part}"] for gate in gates])


def weights(parameters: dict[str, Tensor], gates: Iterable[str]) -> dict[str, Tensor]:
    """The parameters of a cell in torch's layout."""
    names = {"weight_ih": "x.weight", "weight_hh": "h.weight", "bias_ih": "x.bias", "bias_hh": "h.bias"}
    return {name: stacked(parameters, gates, part) for name, part in names.items()}


def test_rnn() -> None:
    ours = Layer("layer f(D, H) over t:\n  in x : D\n  in h : H\n  out rnn(x, h)\n", D=D, H=H)
    p = ours.parameters
    given = {"weight_ih": p["rnn.y.x.weight"], "weight_hh": p["rnn.y.h.weight"], "bias_ih": p["rnn.y.x.bias"]}
    theirs = give(nn.RNNCell(D, H), {**given, "bias_hh": torch.zeros(H)})
    x, h = draw(B, T, D), draw(B, T, H)
    equal(ours(x, h), theirs(x.flatten(0, 1), h.flatten(0, 1)))


def test_gru_cell() -> None:
    ours = Layer("layer f(D, H) over t:\n  in x : D\n  in h : H\n  out gru_cell(x, h)\n", D=D, H=H)
    cell = {name.removeprefix("gru_cell."): value for name, value in ours.parameters.items()}
    theirs = give(nn.GRUCell(D, H), weights(cell, "rzn"))
    x, h = draw(B, T, D), draw(B, T, H)
    equal(ours(x, h), theirs(x.flatten(0, 1), h.flatten(0, 1)))


LSTM = """
layer f(D, H) over t:
  in x : D
  h, c : H = lstm_cell(x, h[t-1], c[t-1])
  out h
  out c
"""


def test_lstm_cell_as_a_recurrence() -> None:
    ours = Layer(LSTM, D=D, H=H)
    cell = {name.removeprefix("lstm_cell."): value for name, value in ours.parameters.items()}
    theirs = give(
        nn.LSTM(D, H, batch_first=True), {f"{name}_l0": value for name, value in weights(cell, "ifgo").items()}
    )
    x = draw(B, T, D)
    h, c = ours.several(x)
    states, (_, last) = theirs(x)
    equal(h, states)
    equal(c[:, -1], last[0])


STACKED = """
model f(D, H, n = 3) over t:
  in x : D
  h, c : H = 0 * linear(x)
  cell = lstm_cell(H)
  loop n:
    h, c = cell(x, h, c)
  out h
  out c
"""


def test_lstm_cell_reads_both_states_before_it_rebinds_one() -> None:
    ours = Layer(STACKED, D=D, H=H)
    cell = {name.removeprefix("cell."): value for name, value in ours.parameters.items() if name.startswith("cell.")}
    theirs = give(nn.LSTMCell(D, H), weights(cell, "ifgo"))
    x = draw(B, T, D)
    h = c = torch.zeros(B * T, H)
    for _ in range(3):
        h, c = theirs(x.flatten(0, 1), (h, c))
    result, memory = ours.several(x)
    equal(result, h)
    equal(memory, c)
