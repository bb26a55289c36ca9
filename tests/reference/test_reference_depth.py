"""Sub-layers, `repeat`, `loop`, `until` and `path` from program text."""

from __future__ import annotations

import pytest
import torch
from cells import draw, interpreted

F = torch.nn.functional
close = torch.testing.assert_close

CHAIN = """
model chain(D, N = 4) over t:
  in x : D
  repeat N as block:
    x = tanh(linear(x)) + block
  out x
"""


def through(parameters: dict[str, torch.Tensor], x: torch.Tensor, path: list[int]) -> torch.Tensor:
    for turn, copy in enumerate(path):
        x = F.linear(x, parameters[f"block.{copy}.x.weight"], parameters[f"block.{copy}.x.bias"]).tanh() + turn
    return x


def test_repeat_has_a_copy_each() -> None:
    reference, x = interpreted(CHAIN, D=3), draw(2, 2, 3)
    close(reference(x), through(reference.parameters, x, [0, 1, 2, 3]))


def test_path_of_the_call_and_of_each_row() -> None:
    reference, x = interpreted(CHAIN, D=3), draw(2, 2, 3)
    close(reference(x, path=[2, 0, 2]), through(reference.parameters, x, [2, 0, 2]))
    rows = [[1], [3, 3, 0]]
    expected = torch.stack([through(reference.parameters, x[row], path) for row, path in enumerate(rows)])
    close(reference(x, path=rows), expected)
    close(reference(x, path=[]), x)
    with pytest.raises(ValueError, match=r"the path of block names copies \[0, 4\], but there are 4, from 0"):
        reference(x, path=[0, 4])


def test_path_statement() -> None:
    reference, x = interpreted(CHAIN + "  path block = 0, skip 1, loop 2 (2..3)\n", D=3), draw(2, 2, 3)
    close(reference(x), through(reference.parameters, x, [0, 2, 3, 2, 3]))


def test_state_across_layers_and_points() -> None:
    source = """
model deep(D, N) over t:
  in x : D
  r = 0 * x
  repeat N as block:
    s = 0.5 * s[t-1] + x
    r = r + s
    x = x + s
  out r
"""
    x, expected = draw(2, 4, 3), torch.zeros(2, 4, 3, dtype=torch.float64)
    y = interpreted(source, D=3, N=2)(x)
    for _ in range(2):
        decay = torch.tensor([[0.5 ** (t - s) if s <= t else 0.0 for s in range(4)] for t in range(4)]).double()
        s = decay @ x
        expected, x = expected + s, x + s
    close(y, expected)


def test_loop_until() -> None:
    source = """
model halve(D, R) over t:
  in x : D
  n : scalar = 0
  loop R as turn:
    x = x / 2
    n += 1 + 0 * turn
    until all(x < 1)
  out x
  out n
"""
    reference = interpreted(source, D=1, R=10)
    y, turns = reference(torch.tensor([[[3.0], [0.5]], [[7.0], [1.0]]]))
    assert y.flatten().tolist() == [0.375, 0.0625, 0.875, 0.125]
    assert turns.flatten().tolist() == [3, 3, 3, 3]
    y, turns = interpreted(source, D=1, R=2)(torch.tensor([[[9.0]]]))
    assert (y.item(), turns.item()) == (2.25, 2)


def test_loop_shares_its_weights() -> None:
    source = "model core(D) over t:\n  in x : D\n  loop 3 as core:\n    x = linear(x, bias = no)\n  out x\n"
    reference, x = interpreted(source, D=2), draw(1, 2, 2)
    assert list(reference.parameters) == ["core.x.weight"]
    close(reference(x), x @ torch.linalg.matrix_power(reference.parameters["core.x.weight"].mT, 3))


def test_instances_share_and_calls_do_not() -> None:
    source = """
layer half(D):
  in x : D
  out y : D = linear(x) / 2

layer twice(D) over t:
  in x : D
  f = linear(D -> D)
  out f(f(x)) + half(x) - half(x)
"""
    reference, x = interpreted(source, D=2), draw(1, 2, 2)
    weights = reference.parameters
    assert [path for path in weights if path.endswith("weight")] == ["f.weight", "half.y.weight", "half_2.y.weight"]
    f, half, half_2 = ((weights[f"{name}.weight"], weights[f"{name}.bias"]) for name in ("f", "half.y", "half_2.y"))
    expected = F.linear(F.linear(x, *f), *f) + F.linear(x, *half) / 2 - F.linear(x, *half_2) / 2
    close(reference(x), expected)


def test_merged_and_carried_dims() -> None:
    source = """
layer norms(H, V) over t:
  in x : H V
  out rmsnorm(x)
  out rmsnorm[V](x)
"""
    reference, x = interpreted(source, H=2, V=3), draw(2, 4, 2, 3)
    both, each = reference(x)
    close(both, x * (x.square().mean((-2, -1), keepdim=True) + 1e-6).rsqrt())
    close(each, x * (x.square().mean(-1, keepdim=True) + 1e-6).rsqrt())
    assert [tuple(p.shape) for p in reference.parameters.values()] == [(6,), (3,)]


def test_attention_of_the_library() -> None:
    source = "layer a(D) over t:\n  in x : D\n  out y : D = attention(x, heads = 2, causal = yes)\n"
    reference, x = interpreted(source, D=4), draw(2, 5, 4)
    weights = {path.removeprefix("attention."): each for path, each in reference.parameters.items()}
    q, k, v = (F.linear(x, weights[f"{n}.weight"], weights[f"{n}.bias"]).unflatten(-1, (2, 2)).mT.mT for n in "qkv")
    heads = F.scaled_dot_product_attention(*(each.transpose(1, 2) for each in (q, k, v)), is_causal=True)
    y = F.linear(heads.transpose(1, 2).flatten(2), weights["y.weight"], weights["y.bias"])
    close(reference(x), y)


def test_a_recurrence_called_on_a_shorter_axis() -> None:
    source = """
layer total(D) over i, j:
  in x : D
  s = s[i-1] + x
  out s

layer coarse(D) over i, j:
  in x : D
  out upsample(total(avgpool(x, 2)), 2)
"""
    x = draw(1, 4, 4, 1)
    pooled = F.avg_pool2d(x.movedim(-1, 1), 2).cumsum(2)
    close(interpreted(source, "coarse", D=1)(x), F.interpolate(pooled, scale_factor=2).movedim(1, -1))


def test_lengths_reach_into_sub_layers() -> None:
    source = """
layer back(D) over t:
  in x : D
  s = s[t+1] + x
  out s

layer outer(D) over t:
  in x : D
  out back(2 * x)
"""
    reference, x = interpreted(source, "outer", D=2), draw(2, 5, 2)
    y = reference(x, lengths=torch.tensor([2, 5]))
    close(y[0, :2], reference(x[:1, :2])[0])
    assert not y[0, 2:].any()
