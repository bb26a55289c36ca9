"""That a number which is not finite stays in its document, for the kernels of matrix states."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Function = Callable[..., tuple[Tensor, Tensor]]


def assert_stays_in_its_document(
    kernel: Function,
    loop: Function,
    tensors: list[Tensor],
    before: tuple[bool, ...],
    breaks: Tensor,
    which: int,
    place: tuple[int, int],
    bad: float,
) -> None:
    """A bad number in one argument, in row 0 at one point and head: NaN and infinities come out where the loop has them, and the
    gradients of other documents, rows and heads are those of finite arguments."""
    point, head = place
    *_, first = spoilt = [x.clone() for x in tensors]
    (first[0, head] if spoilt[which] is first else spoilt[which][0, point, head]).fill_(bad)
    found, expected = (each(*spoilt, before, breaks) for each in (kernel, loop))
    kept = [x.isfinite() for x in expected]
    for x, y, mask in zip(found, expected, kept, strict=True):
        assert torch.equal(x.isfinite(), mask)
        torch.testing.assert_close(x[mask], y[mask])
    own = _document(breaks, 0 if spoilt[which] is first else point)
    slopes, clean = _gradients(kernel, spoilt, before, breaks, kept), _gradients(loop, tensors, before, breaks, kept)
    for x, y in zip(slopes[:-1], clean[:-1], strict=True):
        x[0, own, head] = y[0, own, head] = 0.0
        torch.testing.assert_close(x, y)
    if own[0]:
        slopes[-1][0, head] = clean[-1][0, head] = 0.0
    torch.testing.assert_close(slopes[-1], clean[-1])


def _document(breaks: Tensor, point: int) -> Tensor:
    """Which points of row 0 lie in the document of this one, [T]."""
    number = breaks[0].cumsum(0)
    return number == number[point]


def _gradients(
    function: Function, tensors: list[Tensor], before: tuple[bool, ...], breaks: Tensor, kept: list[Tensor]
) -> list[Tensor]:
    """The gradient of a weighted sum of those results that are `kept`."""
    leaves = [x.clone().requires_grad_() for x in tensors]
    results = function(*leaves, before, breaks)
    weights = [torch.linspace(-1.0, 2.0, x.numel(), dtype=x.dtype).view_as(x) for x in results]
    parts = zip(results, weights, kept, strict=True)
    total = torch.stack([(torch.where(mask, x, 0.0) * weight).sum() for x, weight, mask in parts]).sum()
    return list(torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True))
