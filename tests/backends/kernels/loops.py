"""What the kernels are tested against: plain float64 loops, which autograd differentiates; and what goes into both."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Function = Callable[..., Tensor]


def draw(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def some_breaks(batch: int, length: int) -> Tensor:
    return torch.rand(batch, length, generator=torch.Generator().manual_seed(5)) < 0.1


def walk(
    step: Callable[[int, Tensor], Tensor], first: Tensor, length: int, breaks: Tensor | None, back: bool
) -> Tensor:
    """h[t] = step(t, h[t-1]) for all points, [batch, T, ...]; first [batch, ...] has the state's whole shape."""
    states, state = [], first
    for t in reversed(range(length)) if back else range(length):
        if breaks is not None:
            state = torch.where(breaks[:, t].view(-1, *(1 for _ in first.shape[1:])), 0, state)
        state = step(t, state)
        states.append(state)
    return torch.stack(states[::-1] if back else states, 1) if states else first[:, None][:, :0]


def diagonal_loop(a: Tensor, b: Tensor, first: Tensor, breaks: Tensor | None = None, back: bool = False) -> Tensor:
    """h[t] = a[t] * h[t-1] + b[t]."""
    shape = torch.broadcast_shapes(a.shape, b.shape, first[:, None].shape)
    a, b = a.expand(shape), b.expand(shape)
    return walk(lambda t, h: a[:, t] * h + b[:, t], first.expand(shape[0], *shape[2:]), shape[1], breaks, back)


def block_loop(A: Tensor, b: Tensor, first: Tensor, breaks: Tensor | None = None, back: bool = False) -> Tensor:
    """h[t] = A[t] @ h[t-1] + b[t]."""
    shape = torch.broadcast_shapes(A.shape[:-1], b.shape, first[:, None].shape)
    A, b = A.expand(*shape, shape[-1]), b.expand(shape)
    first = first.expand(shape[0], *shape[2:])
    return walk(lambda t, h: (A[:, t] @ h[..., None])[..., 0] + b[:, t], first, shape[1], breaks, back)


def gradients(f: Function, tensors: Sequence[Tensor]) -> list[Tensor]:
    """The gradients of a weighted sum of f's values, so that no two of them weigh the same."""
    leaves = [x.detach().clone().requires_grad_() for x in tensors]
    y = f(*leaves)
    weight = torch.linspace(0.5, 1.5, max(y.numel(), 1), dtype=torch.float64)[: y.numel()].view(y.shape)
    found = torch.autograd.grad((y * weight.to(y.dtype)).sum().abs(), leaves, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for x, g in zip(leaves, found, strict=True)]


def assert_same(kernel: Function, loop: Function, tensors: Sequence[Tensor]) -> None:
    """The same values and gradients of all tensors."""
    torch.testing.assert_close(kernel(*tensors), loop(*tensors), rtol=1e-9, atol=1e-9, equal_nan=True)
    for found, expected in zip(gradients(kernel, tensors), gradients(loop, tensors), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9, equal_nan=True)


def squares(f: Function) -> Function:
    return lambda *tensors: f(*tensors).square().sum()


def second_gradients(f: Function, tensors: Sequence[Tensor], *rest: object) -> list[Tensor]:
    """The gradients by the tensors of the gradients of f's squares; `rest` are f's other arguments."""

    def slopes(*x: Tensor) -> Tensor:
        found = torch.autograd.grad(f(*x, *rest).square().sum(), x, create_graph=True)
        return torch.cat([each.flatten() for each in found])

    return gradients(slopes, tensors)
