"""h[t] = a h[t-1] + b[t] by Fourier transforms, against a loop."""

from __future__ import annotations

import pytest
import torch
from loops import assert_same, diagonal_loop, draw, gradients
from monoids import LENGTHS, assert_compiled, assert_exported, assert_second_derivative, assert_transformed
from rendered import rendered
from torch import Tensor

fourier = rendered("two_level", "fourier")["fourier"]


def loop(a: Tensor, b: Tensor, first: Tensor, back: bool = False) -> Tensor:
    return diagonal_loop(a[None, None], b, first, None, back)


@pytest.mark.parametrize("length", [*LENGTHS, 1000])
@pytest.mark.parametrize("dims", [(), (5,), (2, 3)])
@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_same_as_the_loop(length: int, dims: tuple[int, ...], back: bool, dtype: torch.dtype) -> None:
    a, b, first = (
        draw(*dims, dtype=dtype),
        draw(2, length, *dims, seed=1, dtype=dtype),
        draw(2, *dims, seed=2, dtype=dtype),
    )
    a = a / (1 + a.abs())
    assert_same(lambda *x: fourier(*x, back), lambda *x: loop(*x, back), (a, b, first))


@pytest.mark.parametrize("back", [False, True])
def test_exact_decays(back: bool) -> None:
    a = torch.tensor([0.0, 1.0, -1.0, 1e-200, 0.5], dtype=torch.float64)
    assert_same(lambda *x: fourier(*x, back), lambda *x: loop(*x, back), (a, draw(2, 130, 5), draw(2, 5, seed=1)))


def test_broadcast() -> None:
    a = draw(1, 3).tanh()
    assert_same(fourier, loop, (a, draw(2, 70, 4, 3, seed=1), draw(1, 4, 1, seed=2)))
    assert_same(fourier, loop, (draw(4, 3).tanh(), draw(1, 70, 1, 3, seed=1), draw(2, 1, 3, seed=2)))


def test_a_real_decay_of_complex_inputs() -> None:
    a, b, first = (
        draw(3).tanh(),
        draw(2, 70, 3, seed=1, dtype=torch.complex128),
        draw(2, 3, seed=2, dtype=torch.complex128),
    )
    assert_same(fourier, loop, (a, b, first))
    assert_same(fourier, loop, (a.to(b.dtype), b.real, first.real))


def test_float32_is_as_near_as_it_says() -> None:
    a = torch.tensor([0.0, 0.3, -0.7, 0.9, 0.99, -0.99, 1.0, -1.0, 0.999, 0.9999])
    b, first = draw(2, 4096, 10, dtype=torch.float32), draw(2, 10, seed=1, dtype=torch.float32)
    exact = loop(a.double(), b.double(), first.double())
    error = (fourier(a, b, first) - exact).abs().amax((0, 1)) / exact.abs().amax((0, 1))
    assert (error[:8] < 2e-6).all() and (error < 2e-5).all()


@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_bad_values_stay_in_their_element_and_after_it(back: bool, bad: float) -> None:
    a, b, first = draw(3).sigmoid(), draw(2, 200, 3, seed=1), draw(2, 3, seed=2)
    b[0, 100, 1] = bad
    found, expected = fourier(a, b, first, back), loop(a, b, first, back)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-9, equal_nan=True)


def test_long_sequence() -> None:
    tensors = (draw(2).tanh(), draw(1, 50_000, 2, seed=1), draw(1, 2, seed=2))
    expected = loop(tensors[0], tensors[1][:, -2000:], tensors[2])[:, -100:]
    torch.testing.assert_close(fourier(*tensors)[:, -100:], expected, rtol=1e-9, atol=1e-9)
    assert all(x.isfinite().all() for x in gradients(fourier, tensors))


def test_transformed_and_traced() -> None:
    tensors = (draw(3).tanh(), draw(2, 66, 3, seed=1), draw(2, 3, seed=2))
    assert_transformed(fourier, tensors)
    assert_compiled(fourier, tensors, "aot_eager")
    assert_exported(fourier, tensors)
    assert_second_derivative(fourier, loop, tensors)
