"""What the kernels of monoids share in their tests: shapes, a loop, and what torch has to be able to do with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from hypothesis import strategies as st
from loops import Function, gradients, walk
from torch import Tensor

Shapes = tuple[tuple[int, ...], ...]
LENGTHS = [0, 1, 2, 63, 64, 65, 130]


def looped(
    step: Callable[..., Tensor], maps: Sequence[Tensor], first: Tensor, shape: Sequence[int], back: bool
) -> Tensor:
    """h[t] = step(h[t-1], *maps[t]) with h of the shape [batch, T, ...]; maps may have one point for all."""
    length = shape[1]
    rows = [m.unbind(1) * (length if m.shape[1] == 1 else 1) for m in maps]
    first = first.expand(shape[0], *shape[2:])
    return walk(lambda t, h: step(h, *(m[t] for m in rows)).expand_as(first), first, length, None, back)


def common(maps: Sequence[Tensor], first: Tensor) -> torch.Size:
    """The shape [batch, T, ...] of the states."""
    return torch.broadcast_shapes(*(m.shape for m in maps), first[:, None].shape)


@st.composite
def broadcasting(pick: st.DrawFn, count: int) -> tuple[Shapes, tuple[int, ...]]:
    """Shapes of `count` operands and of the start, and the shape of the result."""
    full = (
        pick(st.integers(1, 3)),
        pick(st.sampled_from([1, 2, 3, 64, 70])),
        *pick(st.lists(st.integers(1, 3), max_size=2)),
    )
    operands = [tuple(pick(st.sampled_from([1, size])) for size in full) for _ in range(count)]
    operands[-1] = (operands[-1][0], *full[1:])
    first = tuple(pick(st.sampled_from([1, size])) for size in (full[0], *full[2:]))
    return (*operands, first), torch.broadcast_shapes(*operands, (first[0], 1, *first[1:]))


def assert_transformed(kernel: Function, tensors: Sequence[Tensor]) -> None:
    """vmap over each argument alone, of values and of gradients; the Jacobian."""
    every = tuple(range(len(tensors)))

    def gradient(*x: Tensor) -> tuple[Tensor, ...]:
        return torch.func.grad(lambda *y: kernel(*y).square().sum(), every)(*x)

    for k in every:
        dims = tuple(0 if i == k else None for i in every)
        mapped = [torch.stack((x, 0.5 * x)) if i == k else x for i, x in enumerate(tensors)]
        singles = [[x[j] if i == k else x for i, x in enumerate(mapped)] for j in range(2)]
        torch.testing.assert_close(torch.vmap(kernel, dims)(*mapped), torch.stack([kernel(*x) for x in singles]))
        found = torch.vmap(gradient, dims)(*mapped)
        for j, single in enumerate(singles):
            torch.testing.assert_close(tuple(x[j] for x in found), gradient(*single), rtol=1e-8, atol=1e-8)
    jacobian = torch.func.jacrev(lambda x: kernel(*tensors[:-1], x).sum())(tensors[-1])
    torch.testing.assert_close(jacobian, torch.func.grad(lambda x: kernel(*tensors[:-1], x).sum())(tensors[-1]))


def assert_compiled(kernel: Function, tensors: Sequence[Tensor], backend: str = "eager") -> None:
    """torch.compile in one graph and autocast change nothing."""
    torch._dynamo.reset()
    compiled = torch.compile(kernel, fullgraph=True, backend=backend)
    for found, expected in zip(gradients(compiled, tensors), gradients(kernel, tensors), strict=True):
        torch.testing.assert_close(found, expected)
    low = [x.float() for x in tensors]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = gradients(kernel, low)
    for found, expected in zip(cast, gradients(kernel, low), strict=True):
        torch.testing.assert_close(found, expected)


def assert_traced(kernel: Function, loop: Function, tensors: Sequence[Tensor]) -> None:
    """All that torch does with a kernel but for exporting it."""
    assert_transformed(kernel, tensors)
    assert_compiled(kernel, tensors)
    assert_second_derivative(kernel, loop, tensors)


def assert_long(kernel: Function, loop: Function, tensors: Sequence[Tensor]) -> None:
    """The same values along a sequence of many chunks, and gradients that stay finite."""
    torch.testing.assert_close(kernel(*tensors), loop(*tensors), rtol=1e-9, atol=1e-9)
    assert all(x.isfinite().all() for x in gradients(kernel, tensors))


def assert_exported(kernel: Function, tensors: Sequence[Tensor]) -> None:
    class Module(torch.nn.Module):
        def forward(self, *x: Tensor) -> Tensor:
            return kernel(*x)

    exported = torch.export.export(Module(), tuple(tensors)).module()
    torch.testing.assert_close(exported(*tensors), kernel(*tensors))


def assert_second_derivative(kernel: Function, loop: Function, tensors: Sequence[Tensor]) -> None:
    """The gradient of the gradients."""

    def squares(f: Function) -> Function:
        def total(*x: Tensor) -> Tensor:
            grads = torch.autograd.grad(f(*x).square().sum(), x, create_graph=True)
            return torch.stack([g.square().sum() for g in grads])

        return total

    for found, expected in zip(gradients(squares(kernel), tensors), gradients(squares(loop), tensors), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-8)
