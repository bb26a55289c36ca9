"""Recurrences from program text against plain torch: sequences, grids, graphs, starts and documents."""

from __future__ import annotations

import torch
from cells import draw, interpreted

F = torch.nn.functional
close = torch.testing.assert_close

LSTM = """
layer lstm(D, H) over t:
  in x : D
  i, f, o : H = sigmoid(linear(x) + linear(h[t-1]))
  g : H = tanh(linear(x) + linear(h[t-1]))
  c = f * c[t-1] + i * g
  h = o * tanh(c)
  out h
"""


def test_lstm_is_the_one_of_torch() -> None:
    reference = interpreted(LSTM, D=3, H=2)
    torch_lstm = torch.nn.LSTM(3, 2, batch_first=True).double()
    for theirs, operand in (("ih", "x"), ("hh", "h")):
        for kind in ("weight", "bias"):
            joined = torch.cat([reference.parameters[f"{gate}.{operand}.{kind}"] for gate in "ifgo"])
            getattr(torch_lstm, f"{kind}_{theirs}_l0").data = joined.detach()
    x, h, c = draw(2, 5, 3), draw(2, 2, seed=2), draw(2, 2, seed=3)
    y, state = reference(x, initial={"h": h, "c": c}, return_state=True)
    expected, (last_h, last_c) = torch_lstm(x, (h[None], c[None]))
    close(y, expected)
    close(state.final_state("h"), last_h[0])
    close(state.final_state("c"), last_c[0])
    gradients = [torch.autograd.grad(each.square().sum(), (x, h, c)) for each in (y, expected)]
    close(*gradients)


def test_gated_linear_attention() -> None:
    source = """
layer gla(D, H, K, V) over t:
  in x : D
  q, k, a : H K = linear(x, bias = no)
  v : H V = linear(x, bias = no)
  S : H K V = sigmoid(a) * S[t-1] + k * v
  out o = sum[K](q * S)
"""
    reference = interpreted(source, D=3, H=2, K=4, V=5)
    x = draw(2, 6, 3)
    q, k, a = (F.linear(x, reference.parameters[f"{name}.weight"]).unflatten(-1, (2, 4)) for name in "qka")
    v = F.linear(x, reference.parameters["v.weight"]).unflatten(-1, (2, 5))
    state, expected = torch.zeros(2, 2, 4, 5, dtype=torch.float64), []
    for t in range(6):
        state = a[:, t].sigmoid()[..., None] * state + k[:, t, :, :, None] * v[:, t, :, None]
        expected.append((q[:, t, :, :, None] * state).sum(-2))
    close(reference(x), torch.stack(expected, 1))


def test_init_sees_the_position_outside() -> None:
    source = """
layer steps(D) over t:
  in x : D
  param w : D = 3
  s = s[t-2] + x
  init s = w * index[t]
  out s
"""
    y = interpreted(source, D=1)(torch.ones(1, 4, 1))
    close(y.flatten(), torch.tensor([-5.0, -2.0, -4.0, -1.0], dtype=torch.float64))


def test_delays_take_their_start_oldest_first() -> None:
    source = "layer delay(D) over t:\n  in x : D\n  s = s[t-2] + x\n  out s\n"
    y, state = interpreted(source, D=1)(
        torch.ones(1, 3, 1), initial={"s": torch.tensor([[[10.0], [20.0]]])}, return_state=True
    )
    assert y.flatten().tolist() == [11, 21, 12]
    assert state.final_state("s", delay=2).flatten().tolist() == [21, 12]


def test_look_ahead_starts_at_the_end_of_each_document() -> None:
    source = "layer ahead(D) over t:\n  in x : D\n  s = 0.5 * s[t+1] + x\n  out s\n"
    reference = interpreted(source, D=2)
    x = draw(2, 5, 2)
    y = reference(x, lengths=[5, 3])
    close(y[1, :3], reference(x[1:, :3])[0])
    close(y[0, 3], x[0, 3] + 0.5 * x[0, 4])


def test_shifts_and_picks_of_inputs() -> None:
    source = "layer shifts(D) over t:\n  in x : D\n  out x[t-1] + x[t+2]\n  out x[t=0] * x\n  out x[t=-1]\n"
    x = draw(2, 5, 3)
    around, first, last = interpreted(source, D=3)(x)
    close(around, F.pad(x, (0, 0, 1, 0))[:, :5] + F.pad(x, (0, 0, 0, 2))[:, 2:])
    close(first, x[:, :1] * x)
    close(last, x[:, -1])


def test_grid() -> None:
    source = """
layer corner(D) over i, j:
  in x : D
  s = x + 0.5 * s[i-1] + 0.25 * s[i, j-1] * s[i-1, j-1] + s[i-1, j+1]
  out s
"""
    x = draw(2, 3, 4, 2)
    cells: dict[tuple[int, int], torch.Tensor] = {}
    zero = torch.zeros(2, 2, dtype=torch.float64)
    for i in range(3):
        for j in range(4):
            at = {(a, b): cells.get((i + a, j + b), zero) for a, b in ((-1, 0), (0, -1), (-1, -1), (-1, 1))}
            cells[i, j] = x[:, i, j] + 0.5 * at[-1, 0] + 0.25 * at[0, -1] * at[-1, -1] + at[-1, 1]
    expected = torch.stack([torch.stack([cells[i, j] for j in range(4)], 1) for i in range(3)], 1)
    close(interpreted(source, D=2)(x), expected)


EDGES = torch.tensor([[0, 0, 1, 2, 2, 1], [1, 2, 2, 3, 3, 4]])


def test_tree_lstm() -> None:
    source = """
layer tree(D, H) over n in dag:
  in x : D
  hs : H = sum[pred](h[pred])
  i : H = sigmoid(linear(x, bias = no) + linear(hs, bias = no))
  c : H = i + sum[pred](sigmoid(linear(h[pred] -> H, bias = no)) * c[pred])
  h = tanh(c)
  out h
"""
    reference = interpreted(source, D=3, H=2)
    x, weights = draw(5, 3), reference.parameters
    h, c = {}, {}
    for node in range(5):
        before = [int(tail) for tail, head in EDGES.T if head == node]
        hs = sum((h[each] for each in before), torch.zeros(2, dtype=torch.float64))
        gate = torch.sigmoid(F.linear(x[node], weights["i.x.weight"]) + F.linear(hs, weights["i.hs.weight"]))
        c[node] = gate + sum(torch.sigmoid(F.linear(h[each], weights["c.weight"])) * c[each] for each in before)
        h[node] = torch.tanh(c[node])
    close(reference(x, edge_index=EDGES), torch.stack([h[node] for node in range(5)]))


def test_values_on_edges() -> None:
    source = """
layer edges(D) over n in dag:
  in x : D
  in e : D edge
  edge C : D = x * e + sum[pred](sigmoid(e[pred] - e) * C[pred] + x[pred])
  out sum[pred](C[pred])
  out mean[pred](C[pred])
"""
    x, e = draw(5, 2), draw(6, 2, seed=2)
    tails, heads = EDGES.tolist()
    c: list[torch.Tensor] = []
    for edge, tail in enumerate(tails):
        into = [other for other in range(6) if heads[other] == tail]
        c.append(x[tail] * e[edge] + sum(torch.sigmoid(e[o] - e[edge]) * c[o] + x[tails[o]] for o in into))
    total = torch.zeros(5, 2, dtype=torch.float64).index_add(0, EDGES[1], torch.stack(c))
    counts = torch.bincount(EDGES[1], minlength=5).clamp(min=1)[:, None]
    ours, mean = interpreted(source, D=2)(x, e, edge_index=EDGES)
    close(ours, total)
    close(mean, total / counts)


def test_graph_against_its_edges_and_empty_reductions() -> None:
    source = """
layer ups(D) over n in dag reversed:
  in x : D
  h = x + sum[pred](h[pred])
  out h
  out max[pred](x[pred])
  out sum[pred](softmax[pred](x[pred]) * x[pred])
"""
    x = draw(3, 1)
    h, largest, soft = interpreted(source, D=1)(x, edge_index=torch.tensor([[0, 0], [1, 2]]))
    close(h[0], x.sum(0))
    close(h[1:], x[1:])
    close(largest.flatten(), torch.tensor([float(x[1:].detach().max()), -torch.inf, -torch.inf], dtype=torch.float64))
    close(soft[0], (x[1:].softmax(0) * x[1:]).sum(0))
    assert soft[1] == 0


def test_graph_without_edges_or_nodes() -> None:
    source = "layer ups(D) over n in dag:\n  in x : D\n  h = x + sum[pred](h[pred])\n  out h\n"
    none = torch.zeros(2, 0, dtype=torch.int64)
    x = draw(1, 2)
    close(interpreted(source, D=2)(x, edge_index=none), x)
    assert interpreted(source, D=2)(x[:0], edge_index=none).shape == (0, 2)


def test_gradient_in_the_program_is_differentiable() -> None:
    source = """
layer learn(K, V) over t:
  in k : K
  in v : V
  loss = 0.5 * sum[V]((sum[K](k * M[t-1]) - v) ^ 2)
  M : K V = M[t-1] - 0.5 * grad(loss, M[t-1])
  out sum[K](k * M)
"""
    k, v = draw(2, 4, 3), draw(2, 4, 2, seed=2)
    memory, expected = torch.zeros(2, 3, 2, dtype=torch.float64), []
    for t in range(4):
        error = (k[:, t, :, None] * memory).sum(1) - v[:, t]
        memory = memory - 0.5 * k[:, t, :, None] * error[:, None]
        expected.append((k[:, t, :, None] * memory).sum(1))
    y, theirs = interpreted(source, K=3, V=2)(k, v), torch.stack(expected, 1)
    close(y, theirs)
    close(torch.autograd.grad(y.sum(), (k, v)), torch.autograd.grad(theirs.sum(), (k, v)))


def test_pieces_through_a_layer_with_windows_and_attention() -> None:
    source = """
layer mix(D) over t:
  in x : D
  u = conv(x, 3, causal = yes, per = D)
  a = attention(u, heads = 1, causal = yes)
  s = 0.5 * s[t-1] + a * index[t]
  out s
"""
    reference = interpreted(source, D=2)
    x = draw(2, 6, 2)
    whole = reference(x)
    first, state = reference(x[:, :3], return_state=True)
    second, state = reference(x[:, 3:4], state=state, return_state=True)
    third = reference(x[:, 4:], state=state)
    close(torch.cat([first, second, third], 1), whole)
