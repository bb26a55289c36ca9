"""How compiled modules are called: paths, checks of inputs, functions of the host, names, draws."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from agreement import Pair, assert_sequence, checked, compiled

CHAIN = """\
layer memory(D) over t:
  in x : D
  h : D = 0.5 * tanh(linear(h[t-1])) + x
  out y : D = linear(h)
model m(V, D = 4, N = 4) over t:
  in ids : token[V]
  x : D = embed(ids)
  repeat N as block:
    x += memory(x)
    x += attention(x, heads = 2, causal = yes)
  path block = 0..1, skip 2, loop 2 (3)
  out y : V = linear(x)
"""


@pytest.fixture
def chain() -> Pair:
    return Pair(CHAIN, {"V": 5})


def test_default_path(chain: Pair) -> None:
    assert_sequence(chain, 5)


@pytest.mark.parametrize("path", [[0, 1, 2, 3], [3, 0, 0], [], [[0, 1, 2], [3, 1, 1, 0]], [[0], []]])
def test_path(chain: Pair, path: list[Any]) -> None:
    inputs = chain.inputs(4)
    chain.assert_same(inputs, path=path)
    whole = chain.mine(*inputs, path=path)
    first, state = chain.mine(inputs[0][:, :2], path=path, return_state=True)
    second = chain.mine(inputs[0][:, 2:], path=path, state=state)
    torch.testing.assert_close(torch.cat((first, second), 1), whole)
    state, outputs = chain.mine.init_state(2, path=path), []
    for t in range(4):
        output, state = chain.mine.step(inputs[0][:, t], state, path=path)
        outputs.append(output)
    torch.testing.assert_close(torch.stack(outputs, 1), whole)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (torch.zeros(2, 4), {}, "ids must be whole numbers, found torch.float32"),
        (torch.full((2, 4), 5), {}, "ids must lie in 0..4, found 5..5"),
        (torch.zeros(4, dtype=torch.int64), {}, r"ids must be \[batch, t\], found \[4\]"),
        (
            torch.zeros(2, 4, dtype=torch.int64),
            {"lengths": torch.tensor([1, 9])},
            r"lengths must lie in 0..4, found \[1, 9\]",
        ),
        (torch.zeros(2, 4, dtype=torch.int64), {"lengths": torch.tensor([1])}, r"lengths must be whole numbers \[2\]"),
        (
            torch.zeros(2, 4, dtype=torch.int64),
            {"reset": torch.zeros(2, 3)},
            r"reset must be bool \[2, 4\], found \[2, 3\]",
        ),
        (
            torch.zeros(2, 4, dtype=torch.int64),
            {"path": [4]},
            "the path of m.block names layer 4, but there are 4, from 0",
        ),
        (
            torch.zeros(2, 4, dtype=torch.int64),
            {"path": [[0]]},
            "m.block needs one path for each of the 2 samples, found 1",
        ),
    ],
)
def test_refused(chain: Pair, arguments: torch.Tensor, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        chain.mine(arguments, **options)


def test_sizes_must_come_out_whole(chain: Pair) -> None:
    with pytest.raises(ValueError, match=r"K = D/heads is 2\.5, not a positive whole number"):
        type(chain.mine)(V=5, D=5)


def test_reset_without_meaning() -> None:
    module = compiled(checked("layer a(D) over t:\n  in x : D\n  out mean[t](x)\n"), D=2)
    x = torch.randn(2, 3, 2, dtype=torch.float64)
    torch.testing.assert_close(module(x, lengths=torch.tensor([1, 3]))[0], x[0, 0])
    with pytest.raises(ValueError, match="reset has no meaning here: mean works along the whole sequence"):
        module(x, reset=torch.zeros(2, 3, dtype=torch.bool))


def test_functions_of_the_host() -> None:
    pair = Pair(
        "layer a(D) over t:\n  in x : D\n  extern f(x) : D\n  h = 0.5 * f(h[t-1]) + x\n  out h + f(x)\n", {"D": 3}
    )
    inputs = pair.inputs(4)
    with pytest.raises(RuntimeError, match=r"bind a function first: module\.f = \.\.\."):
        pair.mine(*inputs)
    pair.mine.f = torch.sin
    pair.compare(pair.mine(*inputs), pair.reference(*inputs, externals={"f": torch.sin}), inputs)


def test_draws() -> None:
    source = (
        "layer a(D) over t:\n  in x : D\n  h : D = 0.5 * dropout(h[t-1], 0.5) + x + noise(0.1)\n  out dropout(h, 0.3)\n"
    )
    module = compiled(checked(source), D=3)
    x = torch.randn(2, 4, 3, dtype=torch.float64)
    assert not torch.equal(module(x), module(x))
    module.eval()
    assert (module(x) - module(x)).abs().max() < 2


def test_whole_past_of_the_state() -> None:
    """A recurrence that reads all that it computed before."""
    source = """\
layer a(D) over t:
  in x : D
  k : D = linear(x)
  h : D = x + sum[s](where(s < t, 0.3 * h[t->s] * k[t->s], 0)) + 0.1 * h[t-1]
  out h
"""
    module = compiled(checked(source), D=3)
    x = torch.randn(2, 6, 3, dtype=torch.float64)

    def expected(x: torch.Tensor) -> torch.Tensor:
        k, found = module.k(x), []
        for t in range(x.shape[1]):
            past = sum((0.3 * found[s] * k[:, s] for s in range(t)), torch.zeros_like(x[:, 0]))
            found.append(x[:, t] + past + (0.1 * found[-1] if found else 0))
        return torch.stack(found, 1)

    torch.testing.assert_close(module(x), expected(x))
    first, state = module(x[:, :2], return_state=True)
    torch.testing.assert_close(torch.cat((first, module(x[:, 2:], state=state)), 1), expected(x))
    reset = torch.zeros(2, 6, dtype=torch.bool)
    reset[:, 3] = True
    output, state = module(x, reset=reset, return_state=True)
    torch.testing.assert_close(output, torch.cat((expected(x[:, :3]), expected(x[:, 3:])), 1))
    again = torch.cat((x[:, 3:], x[:, :2]), 1)
    torch.testing.assert_close(module(x[:, :2], state=state), expected(again)[:, 3:])
    _, state = module(x, lengths=torch.tensor([3, 6]), return_state=True)
    again = torch.cat((x[:1, :3], x[:1, :2]), 1)
    torch.testing.assert_close(module(x[:, :2], state=state)[:1], expected(again)[:, 3:])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_states_are_wide(dtype: torch.dtype) -> None:
    """In half precision what is summed up over time stays in float32; outputs have the dtype of the module."""
    source = (
        "layer a(D) over t:\n  in x : D\n  s = 0.999 * s[t-1] + x\n  h : D = tanh(linear(h[t-1]) + s)\n  out h + s\n"
    )
    module = compiled(checked(source), D=2).to(dtype)
    x = 0.1 + 0.01 * torch.randn(1, 600, 2)
    output, state = module(x.to(dtype), return_state=True)
    assert output.dtype == dtype
    assert state["s"].dtype == module.init_state(1)["s"].dtype == torch.float32
    exact = module.float()(x.to(dtype).float(), return_state=True)[1]
    torch.testing.assert_close(state["s"], exact["s"], rtol=1e-2, atol=1e-2)
    step, state = module.to(dtype).step(x[:, 0].to(dtype), state)
    assert step.dtype == dtype
    assert state["s"].dtype == torch.float32


def test_compiles_in_one_graph() -> None:
    source = "layer a(D) over t:\n  in x : D\n  h : D = tanh(linear(h[t-1]) + x)\n  out h\n"
    module = compiled(checked(source), D=2)
    x = torch.randn(2, 3, 2, dtype=torch.float64)
    torch.testing.assert_close(torch.compile(module, backend="eager", fullgraph=True)(x), module(x))
