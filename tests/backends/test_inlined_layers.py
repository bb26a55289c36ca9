"""Derivatives that go through sub-layers read the weights of those."""

from __future__ import annotations

from recdsl.verify import assert_equivalent

NORMALISED = """
layer ttt(D, H = 2, K = D/H, V = K, B = 2) over t:
  in x : D
  q, k : H K = linear(x)
  v : H V = linear(x)
  eta : H = 0.1 * sigmoid(linear(x))
  loss = sum[V]((layernorm[V](sum[K](k * held)) - v) ^ 2)
  held = where(t % B == 0, W[t-1], held[t-1])
  W : H K V = W[t-1] - eta * grad(loss, held)
  out y : D = linear(sum[K](q * W))
"""

SHARED = """
layer memory(D, F = 3) over t:
  in x : D
  k, v : D = linear(x)
  f = mlp(F = F)
  goal = sum((layernorm(f(k) + 0.5 * f(W[t-1])) - v) ^ 2)
  W : D = 0.9 * W[t-1] - 0.1 * grad(goal, W[t-1])
  out f(W)
"""


def test_through_a_norm() -> None:
    assert_equivalent(NORMALISED)


def test_through_an_instance_that_is_called_elsewhere() -> None:
    assert_equivalent(SHARED)
