"""Operators from program text against torch on whole tensors."""

from __future__ import annotations

import pytest
import torch
from cells import draw, interpreted

F = torch.nn.functional
close = torch.testing.assert_close


def value(expr: str, *inputs: torch.Tensor, head: str = "in x : A B", over: str = " over t", **sizes: float) -> object:
    """One expression of an input x : A B along t."""
    names = "".join(f", {name}" for name in sizes if name not in "AB")
    return interpreted(f"layer one(A, B{names}){over}:\n  {head}\n  out {expr}\n", **{"A": 2, "B": 3, **sizes})(*inputs)


X = draw(2, 4, 2, 3)


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("sum[A](x)", X.sum(2)),
        ("sum(x)", X.sum((2, 3))),
        ("mean[B A](x)", X.mean((2, 3))),
        ("max[B](x) - min[B](x)", X.amax(3) - X.amin(3)),
        ("prod[A](x)", X.prod(2)),
        ("logsumexp[B](x)", X.logsumexp(3)),
        ("norm[B](x)", X.norm(dim=3)),
        ("sum[t](x)", X.sum(1)),
        ("max[t A](x)", X.amax((1, 2))),
        ("softmax[B](x)", X.softmax(3)),
        ("softmax[A B](x)", X.flatten(2).softmax(2).unflatten(2, (2, 3))),
        ("cumsum[B](x)", X.cumsum(3)),
        ("cumsum[t](x)", X.cumsum(1)),
        ("argmax[B](x) + 0.5", X.argmax(3) + 0.5),
        ("where(topk[B](x, 2), x, 0)", X * (X.sort(dim=3).values[..., 1:2] <= X)),
        ("flip[t](x)", X.flip(1)),
        ("flip[A](x)", X.flip(2)),
        ("slice[B](x, 1, 3)", X[..., 1:]),
        ("x[B=2] - x[A=0, B=-1]", X[..., 2] - X[:, :, :1, 2]),
        ("concat[B](x, 2 * x)", torch.cat([X, 2 * X], 3)),
        ("stack[S](x, -x)", torch.stack([X, -X], 4)),
        ("merge(x, A B -> A*B)", X.flatten(2)),
        ("merge(x, B A -> B*A)", X.mT.flatten(2)),
        ("sum[B](x * x[A->M])", X @ X.mT),
        ("gather[B](x, where(index[B] == 0, 2, index[B] - 1))", X.roll(1, 3)),
        ("scatter[V](x, index[B] + 1)", F.pad(torch.diag_embed(X), (1, 1))),
        ("x ^ 2 % 0.5", (X**2) % 0.5),
        ("x * index[B] + index[t] / 2", X * torch.arange(3) + torch.arange(4).view(4, 1, 1) / 2),
        ("where(all(x > -100), x, 0)", X),
        ("where(any(x > 100), x, 0)", 0 * X),
        ("x + A / B", X + 2 / 3),
        ("real(complex(x, 1) * complex(x, 1))", X * X - 1),
        ("stop(x)", X),
    ],
)
def test_expression(expr: str, expected: torch.Tensor) -> None:
    sizes = {"V": 5} if "[V]" in expr else {"S": 2} if "[S]" in expr else {}
    close(value(expr, X, **sizes), expected, check_dtype=False)


def test_split_of_a_dim() -> None:
    y = interpreted("layer s(H, K) over t:\n  in x : H*K\n  out split(x, H -> H K)\n", H=2, K=3)(draw(2, 3, 6))
    close(y, draw(2, 3, 6).unflatten(2, (2, 3)))


def test_inverse() -> None:
    x = draw(2, 4, 3, 3)
    y = interpreted("layer v(A, B = A) over t:\n  in x : A B\n  out inverse[A B](x)\n", A=3)(x)
    close(y, torch.linalg.inv(x))


def test_embedding() -> None:
    reference = interpreted("layer e(V, D) over t:\n  in ids : token[V]\n  out y : D = embed(ids)\n", V=5, D=3)
    ids = torch.tensor([[0, 4, 2]])
    close(reference(ids), reference.parameters["y.weight"][ids])
    with pytest.raises(ValueError, match="ids holds 5; a token is at least 0 and below 5"):
        reference(ids + 1)


@pytest.mark.parametrize(("size", "stride", "dilation"), [(3, 1, 1), (4, 1, 1), (2, 2, 1), (3, 2, 1), (3, 1, 2)])
def test_conv_on_a_grid(size: int, stride: int, dilation: int) -> None:
    source = f"layer c(D, H) over i, j:\n  in x : D\n  out y : H = conv(x, {size}, stride = {stride}, dilation = {dilation})\n"
    reference = interpreted(source, D=2, H=3)
    x, weights = draw(2, 5, 6, 2), reference.parameters
    extent = dilation * (size - 1) + 1
    left = max(extent - stride, 0) // 2
    padded = F.pad(x.movedim(-1, 1), (left, extent, left, extent))
    expected = F.conv2d(padded, weights["y.weight"], weights["y.bias"], stride=stride, dilation=dilation).movedim(1, -1)
    rows, columns = (-(-length // stride) for length in (5, 6))
    close(reference(x), expected[:, :rows, :columns])


def test_pooling() -> None:
    source = "layer p(D) over i, j:\n  in x : D\n  out maxpool(x, 2)\n  out avgpool(x, 2)\n  out upsample(x, 2)\n"
    x = draw(2, 5, 4, 3)
    largest, average, larger = interpreted(source, D=3)(x)
    images = x.movedim(-1, 1)
    close(largest, F.max_pool2d(images, 2).movedim(1, -1))
    close(average, F.avg_pool2d(images, 2).movedim(1, -1))
    close(larger, F.interpolate(images, scale_factor=2).movedim(1, -1))


def test_image_as_a_sequence_and_back() -> None:
    source = """
layer total(D) over t:
  in x : D
  s = s[t-1] + x
  out s

layer raster(D) over i, j:
  in x : D
  out split(total(merge(x, i j -> t)), t -> i j)
"""
    x = draw(2, 3, 4, 2)
    close(interpreted(source, "raster", D=2)(x), x.flatten(1, 2).cumsum(1).unflatten(1, (3, 4)))


def test_linear_per_head() -> None:
    reference = interpreted(
        "layer l(H, K, V) over t:\n  in x : H K\n  out y : H V = linear(x, per = H)\n", H=2, K=3, V=4
    )
    x, weights = draw(2, 5, 2, 3), reference.parameters
    weight, bias = weights["y.weight"].reshape(2, 4, 3), weights["y.bias"].reshape(2, 4)
    close(reference(x), torch.einsum("bthk,hvk->bthv", x, weight) + bias)


def test_batchnorm() -> None:
    reference = interpreted("layer b(D) over i, j:\n  in x : D\n  out batchnorm(x)\n", D=3)
    x = draw(2, 3, 4, 3)
    close(reference(x), x / (1 + 1e-5) ** 0.5)
    close(reference(x, training=True), F.batch_norm(x.movedim(-1, 1), None, None, training=True).movedim(1, -1))


def test_noise_and_dropout_draw() -> None:
    x = torch.ones(4, 50, 2, 3, dtype=torch.float64)
    dropped = value("dropout(x, 0.25)", x, head="in x : A B")
    assert isinstance(dropped, torch.Tensor)
    close(dropped, x)
    reference = interpreted("layer d(D) over t:\n  in x : D\n  out dropout(x, 0.25)\n  out x + noise(0.5)\n", D=5)
    dropped, noisy = reference(x.reshape(4, 60, 5), training=True)
    assert set(dropped.unique().tolist()) == {0.0, 1 / 0.75}
    assert 0.6 < (dropped > 0).double().mean() < 0.9
    assert 0.4 < noisy.std() < 0.6


def test_quantise_has_a_straight_through_gradient() -> None:
    x = torch.tensor([[[-0.9, 0.2, 0.3]]], dtype=torch.float64, requires_grad=True)
    y = interpreted("layer q(D) over t:\n  in x : D\n  out quantise(x, 2)\n", D=3)(x)
    assert y.tolist() == [[[-1, 0, 0]]]
    close(torch.autograd.grad(y.sum(), x)[0], torch.ones_like(x))


def test_a_logsumexp_of_nothing_has_no_gradient() -> None:
    x = torch.tensor([[[-1.0, 0.5], [-1.0, -2.0]]], dtype=torch.float64, requires_grad=True)
    y = interpreted("layer l(D) over t:\n  in x : D\n  out logsumexp[D](where(x > 0, x, -inf))\n", D=2)(x)
    assert y.tolist() == [[0.5, -torch.inf]]
    assert torch.autograd.grad(y.sum(), x)[0].tolist() == [[[0, 1], [0, 0]]]


def test_extern() -> None:
    source = "layer e(D) over t:\n  in x : D\n  extern f(x) : D\n  s = f(s[t-1]) + x\n  out s\n"
    reference = interpreted(source, D=2)
    y = reference(torch.ones(1, 3, 2), externals={"f": lambda s: 2 * s})
    assert y[0, :, 0].tolist() == [1, 3, 7]
    with pytest.raises(ValueError, match="bind a function to f"):
        reference(torch.ones(1, 3, 2))


def test_pointwise_layers_take_any_leading_axes() -> None:
    reference = interpreted("layer n(N):\n  in x : N\n  out x / norm(x)\n", N=3)
    x = draw(2, 4, 5, 3)
    close(reference(x), x / x.norm(dim=-1, keepdim=True))
    close(reference(x[0, 0, 0]), x[0, 0, 0] / x[0, 0, 0].norm())
