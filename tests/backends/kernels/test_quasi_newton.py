"""The helper of recurrences that join elements of their states, `JoinedPoints` under `newton`, against a loop with autograd's gradients."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from loops import some_breaks
from monoids import LENGTHS
from points import assert_same, drawn, gradients, helpers, walked
from torch import Tensor, nn

HELPERS = helpers("quasi_newton", apart=False)
JoinedPoints, newton = HELPERS["JoinedPoints"], HELPERS["newton"]


class Cell(nn.Module):
    """h[t] = tanh(W h[t-1] + x[t]) + 0.1 h[t-1] * c[t-1]; c[t] = sigmoid(h[t]) * c[t-1]."""

    def __init__(self, looped: bool = False, back: bool = False, scale: float = 0.5) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.w = nn.Parameter(scale * torch.randn(3, 3, generator=generator, dtype=torch.float64))
        self.looped, self.back = looped, back
        self.solves: dict[str, dict[str, int]] = {}

    def body(self, h: Tensor, c: Tensor, x: Tensor) -> tuple[Tensor, ...]:
        new = torch.tanh(h @ self.w.mT + x) + 0.1 * h * c
        return new, torch.sigmoid(new) * c

    def slope(self, h: Tensor, c: Tensor, x: Tensor) -> tuple[tuple[Tensor, ...], ...]:
        inner = torch.tanh(h @ self.w.mT + x)
        own, gate = (1 - inner * inner) * self.w.diagonal() + 0.1 * c, torch.sigmoid(inner + 0.1 * h * c)
        turn = gate * (1 - gate) * c
        return (own, 0.1 * h), (turn * own, gate + turn * 0.1 * h)

    def parts(self, h: Tensor, c: Tensor, x: Tensor) -> tuple[Tensor, ...]:
        inner = torch.tanh(h @ self.w.mT + x)
        gate = torch.sigmoid(inner + 0.1 * h * c)
        return 1 - inner * inner, gate, gate * (1 - gate) * c, 0.1 * h, 0.1 * c

    def pull(self, h_grad: Tensor, c_grad: Tensor, *parts: Tensor) -> tuple[Tensor, ...]:
        flat, gate, turn, h, c = parts
        new = h_grad + c_grad * turn
        return (new * flat) @ self.w + new * c, c_grad * gate + new * h

    def forward(
        self, x: Tensor, *first: Tensor, breaks: Tensor | None = None, starts: tuple[Tensor | float, ...] | None = None
    ) -> Tensor:
        if self.looped:
            return walked(self.body, x, first, breaks, starts, self.back)
        functions = (self.parts, self.pull, self.body, self.slope)
        points = JoinedPoints(*functions, first, (x,), x.shape[1], breaks, starts, self.back)
        return torch.stack(newton(points, "h", self.solves, most=40), -1)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("back", [False, True])
def test_same_as_the_loop(back: bool, length: int) -> None:
    given = drawn(length)
    assert_same(gradients(Cell(back=back), given), gradients(Cell(True, back), given))


@pytest.mark.parametrize("length", [1, 2, 65])
@pytest.mark.parametrize("back", [False, True])
def test_documents(back: bool, length: int) -> None:
    """Documents begin at a value of their own, which gets its gradient."""
    start = torch.full((3,), 0.3, dtype=torch.float64, requires_grad=True)
    more = {"breaks": some_breaks(2, length), "starts": (start, 0.7)}
    given = drawn(length)
    assert_same(gradients(Cell(back=back), given, **more), gradients(Cell(True, back), given, **more))


@pytest.mark.parametrize("back", [False, True])
def test_rows_that_do_not_converge_are_walked(back: bool) -> None:
    """Gradients too are those of the loop: they are taken along the states that were walked."""
    x, *first = drawn(65)
    x[1] = 4 * x[1].sign()  # saturated, so that earlier points do not count
    cell = Cell(back=back, scale=1.0)
    found, expected = (gradients(each, (x, *first)) for each in (cell, Cell(True, back, scale=1.0)))
    assert cell.solves["h"]["rows"] == 1
    assert_same(found, expected, 1e-7)


def test_a_calm_recurrence_takes_few_iterations() -> None:
    cell = Cell(scale=0.2)
    gradients(cell, drawn(130))
    assert cell.solves["h"]["rows"] == 0
    assert cell.solves["h"]["iterations"] <= 25


def test_infinity_stays_in_its_row() -> None:
    given = drawn(65)
    given[0][0, 20] = torch.nan
    found, expected = Cell()(*given), Cell(True)(*given)
    assert found[0, :20].isfinite().all()
    torch.testing.assert_close(found, expected, equal_nan=True)


def test_float32() -> None:
    given = drawn(130, dtype=torch.float32)
    assert_same(gradients(Cell().float(), given), gradients(Cell(True).float(), given), 1e-4)


def test_no_second_derivative() -> None:
    """Also where no later gradient needs one: it would lack terms."""
    x, *first = drawn(5)
    x.requires_grad_()
    (grad,) = torch.autograd.grad(Cell()(x, *first).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(grad.sum(), x)


def test_the_result_may_be_changed_in_place() -> None:
    x, *first = drawn(5)
    given = x.clone().requires_grad_()
    y = Cell()(given, *first)
    y += 1
    y.square().sum().backward()
    other = x.clone().requires_grad_()
    (Cell(True)(other, *first) + 1).square().sum().backward()
    torch.testing.assert_close(given.grad, other.grad)


def test_weights_from_outside() -> None:
    """`functional_call` with several weights at once, and their gradients."""
    given = drawn(66)
    weights = 0.5 * torch.randn(4, 3, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def loss(cell: Cell) -> Any:
        return torch.func.grad(lambda w: (torch.func.functional_call(cell, {"w": w}, given) ** 2).sum())

    torch.testing.assert_close(*(torch.vmap(loss(cell))(weights) for cell in (Cell(), Cell(True))))


def test_compiled() -> None:
    """The graph breaks where values decide."""
    given = drawn(6)
    torch._dynamo.reset()
    cell = Cell()
    expected = gradients(cell, given)
    compiled: Any = torch.compile(cell, backend="aot_eager")
    compiled.w = cell.w
    assert_same(gradients(compiled, given), expected)
