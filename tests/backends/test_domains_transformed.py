"""Layers over grids and graphs under torch's transforms: vectorised, differentiated by functions, computed again by a checkpoint,
compiled; second derivatives are right or refused."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

import recdsl

GRID = "layer f(D = 3, K = 2, V = 4) over i, j:\n  in x : D\n  in u : D\n"
GRAPH = "layer f(D = 3, K = 2, V = 4) over n in dag:\n  in x : D\n  in u : D edge\n"
SIDES = "  q, k : K = linear(x)\n  v : V = linear(x)\n"
AFFINE = "  h : D = 0.5 * sigmoid(u) * h[i-1] + 0.4 * tanh(linear(x)) * h[j+1] + x\n  out h\n"
PROGRAMS = {
    "wavefront": GRID + AFFINE,
    "rows": GRID + AFFINE,
    "divide": GRID + AFFINE,
    "wavewise": GRID + "  h : D = tanh(sigmoid(linear(u)) * h[i-1] + h[i-1] * h[j-1] + x)\n  out h\n",
    "gated_product": GRID
    + f"{SIDES}  a : scalar = tanh(mean(u))\n  S : K V = a * S[i-1] + 0.4 * S[j-1] + k * v\n  out o : V = sum[K](q * S)\n",
    "levels": GRAPH + "  h : D = tanh(linear(x)) + sum[pred](sigmoid(u[pred]) * h[pred])\n  out h\n",
    "level_by_level": GRAPH + "  h : D = tanh(linear(x) + sum[pred](u[pred] * linear(h[pred])))\n  out h\n",
    "line_graph": GRAPH
    + f"{SIDES}  edge a : scalar = tanh(mean(u))\n  edge C : K V = k * v + sum[pred](a[pred] * C[pred])\n"
    "  out o : V = sum[pred](sum[K](q * C[pred]))\n",
}
REFUSES_SECOND = ("wavewise", "gated_product", "level_by_level", "line_graph")
EDGES = torch.tensor([[4, 1, 4, 2, 4, 5], [1, 2, 2, 3, 3, 0]])


@functools.cache
def layer(name: str, sequential: bool = False) -> Callable[..., Tensor]:
    torch.manual_seed(0)
    schedule = "sequential" if sequential else "levels" if name == "level_by_level" else name
    made = recdsl.compile(PROGRAMS[name], schedule=schedule)().double()
    edges = (EDGES,) if PROGRAMS[name].startswith(GRAPH) else ()
    return lambda x, u: made(x, u, *edges)


def inputs(name: str) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    shapes = [(6, 3), (6, 3)] if PROGRAMS[name].startswith(GRAPH) else [(2, 3, 4, 3)] * 2
    x, u = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes)
    return x, u


def loss(run: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def total(x: Tensor, u: Tensor) -> Tensor:
        y = run(x, u)
        return (y * torch.linspace(-1.0, 2.0, y.numel(), dtype=y.dtype).view_as(y)).sum()

    return total


def slopes(name: str, run: Callable[..., Tensor] | None = None) -> tuple[Tensor, ...]:
    leaves = [x.requires_grad_() for x in inputs(name)]
    return torch.autograd.grad(loss(run or layer(name))(*leaves), leaves)


@pytest.mark.parametrize("name", PROGRAMS)
def test_gradients_of_functions(name: str) -> None:
    torch.testing.assert_close(torch.func.grad(loss(layer(name)), (0, 1))(*inputs(name)), slopes(name))


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("mapped", [(0, 0), (-1, None), (None, 1)])
def test_many_at_once(name: str, mapped: tuple[int | None, ...]) -> None:
    given = [x if dim is None else torch.stack((x, 0.5 * x), dim) for x, dim in zip(inputs(name), mapped, strict=True)]
    single = [[x if d is None else x.select(d, k) for x, d in zip(given, mapped, strict=True)] for k in range(2)]
    for run in (layer(name), torch.func.grad(loss(layer(name)), 0)):
        found = torch.func.vmap(run, mapped)(*given)
        torch.testing.assert_close(found, torch.stack([run(*each) for each in single]))


@pytest.mark.parametrize("name", PROGRAMS)
def test_computed_again_by_a_checkpoint(name: str) -> None:
    found = slopes(name, lambda *given: checkpoint(layer(name), *given, use_reentrant=False))
    torch.testing.assert_close(found, slopes(name))


@pytest.mark.parametrize("name", PROGRAMS)
def test_second_derivatives_are_right_or_refused(name: str) -> None:
    def second(run: Callable[..., Tensor]) -> tuple[Tensor, ...]:
        leaves = [x.requires_grad_() for x in inputs(name)]
        first = torch.autograd.grad(loss(run)(*leaves), leaves, create_graph=True)
        return torch.autograd.grad(sum(x.square().sum() for x in first), leaves)

    if name in REFUSES_SECOND:
        with pytest.raises(RuntimeError, match="no second derivative"):
            second(layer(name))
    else:
        torch.testing.assert_close(second(layer(name)), second(layer(name, sequential=True)))


@pytest.mark.parametrize("name", PROGRAMS)
def test_compiled(name: str) -> None:
    torch._dynamo.reset()
    compiled = torch.compile(layer(name), backend="aot_eager")
    torch.testing.assert_close(slopes(name, compiled), slopes(name))
