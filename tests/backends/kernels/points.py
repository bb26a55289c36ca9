"""What the kernels of nonlinear recurrences share in their tests: how to get them, a loop, what goes in, gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from rendered import rendered
from torch import Tensor, nn

Starts = tuple[Tensor | float, ...]


def helpers(*names: str, apart: bool) -> dict[str, Any]:
    """What the templates define together."""
    return rendered("two_level", "tensors", "stepwise", "newton", *names, apart=apart)


def walked(
    body: Callable[..., tuple[Tensor, ...]],
    x: Tensor,
    first: tuple[Tensor, ...],
    breaks: Tensor | None,
    starts: Starts | None,
    back: bool,
) -> Tensor:
    """The states [batch, T, D, states], point by point; `starts` are those of a document."""
    states, rows = first, []
    for t in reversed(range(x.shape[1])) if back else range(x.shape[1]):
        if breaks is not None:
            fresh = starts or (0.0,) * len(first)
            states = tuple(torch.where(breaks[:, t, None], s, h) for s, h in zip(fresh, states, strict=True))
        states = body(*states, x[:, t])
        rows.append(torch.stack(states, -1))
    return torch.stack(rows[::-1] if back else rows, 1) if rows else torch.stack(first, -1)[:, None][:, :0]


def drawn(length: int, states: int = 2, dtype: torch.dtype = torch.float64) -> tuple[Tensor, ...]:
    """What goes in [2, T, 3], and the states before it."""
    generator = torch.Generator().manual_seed(length)
    x = torch.randn(2, length, 3, generator=generator, dtype=dtype)
    return x, *(torch.randn(2, 3, generator=generator, dtype=dtype) for _ in range(states))


def gradients(cell: nn.Module, given: tuple[Tensor, ...], **more: Any) -> list[Tensor]:
    """The result, and the gradients by what is given, by the weight and by the starts."""
    leaves = [x.detach().clone().requires_grad_() for x in given]
    starts = more.get("starts")
    y = cell(*leaves, **more)
    weight = torch.linspace(0.5, 1.5, max(y.numel(), 1), dtype=y.dtype)[: y.numel()].view(y.shape)
    wanted = [*leaves, cell.w, *(x for x in starts or () if isinstance(x, Tensor))]
    found = torch.autograd.grad((y * weight).sum(), wanted, allow_unused=True)
    return [y.detach(), *(torch.zeros_like(x) if g is None else g for x, g in zip(wanted, found, strict=True))]


def assert_same(found: list[Tensor], expected: list[Tensor], tolerance: float = 1e-9) -> None:
    for mine, other in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, other, rtol=tolerance, atol=tolerance)
