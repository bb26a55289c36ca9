"""The helpers of recurrences without a closed form, `stepwise` and `newton`, against a loop with autograd's gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from loops import some_breaks
from monoids import LENGTHS
from points import assert_same, drawn, gradients, helpers, walked
from torch import Tensor, nn

SCHEDULES = ["stepwise", "newton"]


HELPERS = helpers(apart=True)
Points, newton, stepwise = (HELPERS[name] for name in ("Points", "newton", "stepwise"))


class Cell(nn.Module):
    """h[t] = tanh(w h[t-1] + x[t]) + u h[t-1] * c[t-1]; c[t] = sigmoid(h[t] + x[t]) * c[t-1], or the first alone."""

    def __init__(self, schedule: str, states: int = 2, back: bool = False, scale: float = 1.0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.w = nn.Parameter(scale * torch.randn(3, generator=generator, dtype=torch.float64))
        self.schedule, self.states, self.back = schedule, states, back
        self.solves: dict[str, dict[str, int]] = {}

    def body(self, *given: Tensor) -> tuple[Tensor, ...]:
        h, *rest, x = given
        new = torch.tanh(self.w * h + x)
        return (new,) if not rest else (new + 0.1 * h * rest[0], torch.sigmoid(new + x) * rest[0])

    def slope(self, *given: Tensor) -> tuple[tuple[Tensor, ...], ...]:
        h, *rest, x = given
        new = torch.tanh(self.w * h + x)
        own = (1 - new * new) * self.w
        if not rest:
            return ((own,),)
        (c,) = rest
        gate = torch.sigmoid(new + x)
        return ((own + 0.1 * c, 0.1 * h), (gate * (1 - gate) * own * c, gate))

    def forward(
        self, x: Tensor, *first: Tensor, breaks: Tensor | None = None, starts: tuple[Tensor | float, ...] | None = None
    ) -> Tensor:
        if self.schedule == "loop":
            return walked(self.body, x, first, breaks, starts, self.back)
        points = Points(self.body, self.slope, first, (x,), x.shape[1], breaks, starts, self.back)
        return torch.stack(
            newton(points, "h", self.solves, most=16) if self.schedule == "newton" else stepwise(points), -1
        )


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("states", [1, 2])
@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_same_as_the_loop(schedule: str, back: bool, states: int, length: int) -> None:
    given = drawn(length, states)
    assert_same(gradients(Cell(schedule, states, back), given), gradients(Cell("loop", states, back), given))


@pytest.mark.parametrize("length", [1, 2, 65])
@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_documents(schedule: str, back: bool, length: int) -> None:
    """Documents begin at a value of their own, which gets its gradient."""
    start = torch.full((3,), 0.3, dtype=torch.float64, requires_grad=True)
    more = {"breaks": some_breaks(2, length), "starts": (start, 0.7)}
    given = drawn(length)
    assert_same(gradients(Cell(schedule, 2, back), given, **more), gradients(Cell("loop", 2, back), given, **more))


@pytest.mark.parametrize("back", [False, True])
def test_what_does_not_converge_is_walked(back: bool) -> None:
    """A chaotic row is computed point by point from where Newton's method is lost, a calm one is not; both are exact."""
    x = torch.tensor([[3.9], [2.5]], dtype=torch.float64).expand(2, 60)
    solves: dict[str, dict[str, int]] = {}
    first = torch.full((2,), 0.3, dtype=torch.float64)
    points = Points(lambda h, x: (x * h * (1 - h),), lambda h, x: ((x * (1 - 2 * h),),), (first,), (x,), 60, back=back)
    (found,) = newton(points, "h", solves, most=16)
    assert solves["h"]["rows"] == 1
    state, rows = first, []
    for _ in range(60):
        state = x[:, 0] * state * (1 - state)
        rows.append(state)
    expected = torch.stack(rows[::-1] if back else rows, 1)
    torch.testing.assert_close(found[1], expected[1])
    early = (
        slice(30, 60) if back else slice(0, 30)
    )  # later points have lost all digits, in every order of the operations
    torch.testing.assert_close(found[0, early], expected[0, early], rtol=1e-5, atol=1e-5)
    before = torch.cat((found[0, 1:], first[:1]) if back else (first[:1], found[0, :-1]))
    torch.testing.assert_close(found[0], 3.9 * before * (1 - before), rtol=1e-14, atol=1e-14)


def test_a_calm_recurrence_takes_few_iterations() -> None:
    cell = Cell("newton", scale=0.2)
    gradients(cell, drawn(130))
    assert cell.solves["h"]["rows"] == 0
    assert cell.solves["h"]["iterations"] <= 10


def test_infinity_stays_in_its_row() -> None:
    given = drawn(65)
    given[0][0, 20] = torch.inf
    expected = Cell("loop")(*given)
    given[0][0, 30, 1] = torch.nan
    found = Cell("newton")(*given)
    assert torch.equal(found[0, :20].isfinite(), expected[0, :20].isfinite())
    torch.testing.assert_close(found[1], expected[1])
    torch.testing.assert_close(found, Cell("loop")(*given), equal_nan=True)


def test_an_affine_recurrence_takes_one_iteration() -> None:
    x, first = drawn(130, 1)
    solves: dict[str, dict[str, int]] = {}
    points = Points(lambda h, x: (0.5 * h + x,), lambda h, x: ((torch.full_like(h, 0.5),),), (first,), (x,), 130)
    newton(points, "h", solves, most=16)
    assert solves == {"h": {"iterations": 1, "rows": 0}}


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_float32(schedule: str) -> None:
    given = drawn(130, dtype=torch.float32)
    found = gradients(Cell(schedule).float(), given)
    assert_same(found, gradients(Cell("loop").float(), given), 1e-4)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("states", [1, 2])
def test_no_second_derivative(schedule: str, states: int) -> None:
    """Also where no later gradient needs one: it would lack terms."""
    x, *first = drawn(5, states)
    x.requires_grad_()
    (grad,) = torch.autograd.grad(Cell(schedule, states)(x, *first).sum(), x, create_graph=True)
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(grad.sum(), x)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("dims", [(0, 0, 0), (0, None, None), (None, 0, None), (None, None, 0)])
def test_mapped(schedule: str, dims: tuple[int | None, ...]) -> None:
    """Under `vmap`, and under the gradient below it."""
    given = [x if dim is None else torch.stack((x, 0.5 * x)) for x, dim in zip(drawn(66), dims, strict=True)]
    cells = Cell(schedule), Cell("loop")

    def loss(cell: Cell) -> Callable[..., Tensor]:
        return torch.func.grad(lambda *given: (cell(*given) ** 2).sum(), (0, 1, 2))

    torch.testing.assert_close(*(torch.vmap(cell, dims)(*given) for cell in cells))
    found, expected = (torch.vmap(loss(cell), dims)(*given) for cell in cells)
    assert_same(list(found), list(expected))


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_weights_from_outside(schedule: str) -> None:
    """`functional_call` with several weights at once, and their gradients."""
    given = drawn(66)
    weights = torch.randn(4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)

    def loss(cell: Cell) -> Callable[[Tensor], Tensor]:
        return torch.func.grad(lambda w: (torch.func.functional_call(cell, {"w": w}, given) ** 2).sum())

    torch.testing.assert_close(*(torch.vmap(loss(cell))(weights) for cell in (Cell(schedule), Cell("loop"))))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("states", [1, 2])
def test_compiled(schedule: str, states: int) -> None:
    """`stepwise` is one graph; `newton` asks at run time whether it is done, and breaks it."""
    given = drawn(6, states)
    torch._dynamo.reset()
    cell = Cell(schedule, states)
    expected = gradients(cell, given)
    compiled: Any = torch.compile(cell, backend="aot_eager", fullgraph=schedule == "stepwise")
    compiled.w = cell.w
    assert_same(gradients(compiled, given), expected)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_result_may_be_changed_in_place(schedule: str) -> None:
    x, *first = drawn(5)
    given, other = (x.clone().requires_grad_() for _ in range(2))
    y = Cell(schedule)(given, *first)
    y += 1
    y.square().sum().backward()
    (Cell("loop")(other, *first) + 1).square().sum().backward()
    torch.testing.assert_close(given.grad, other.grad)
