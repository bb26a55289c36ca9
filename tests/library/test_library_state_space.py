"""State-space helpers against formulas in numpy."""

from __future__ import annotations

import numpy
import torch
from library_run import Layer, draw, equal

N, B, T, DT = 6, 1, 1, 0.37

MATRICES = """
layer f(N, M = N) over t:
  in x : scalar
  A : N M = hippo_legs(N, M)
  out A
  out bilinear_A(A, x)
  out bilinear_B(A, x)
"""


def legs() -> tuple[numpy.ndarray, numpy.ndarray]:
    """HiPPO-LegS as it is written by the recursion of the Legendre polynomials."""
    q = numpy.sqrt(2 * numpy.arange(N) + 1)
    return -(numpy.tril(numpy.outer(q, q), -1) + numpy.diag(numpy.arange(N) + 1.0)), q


def test_hippo_and_the_bilinear_transform() -> None:
    transition, into = legs()
    layer = Layer(MATRICES, N=N)
    continuous, transition_step, into_step = layer.several(torch.full((B, T), DT))
    left = numpy.linalg.inv(numpy.eye(N) - DT / 2 * transition)
    equal(continuous, torch.tensor(transition))
    equal(transition_step, torch.tensor(left @ (numpy.eye(N) + DT / 2 * transition)))
    equal(into_step, torch.tensor(left @ (DT * into)))


def test_the_bilinear_transform_of_a_decay() -> None:
    text = "layer f(N, M = N) over t:\n  in A : N M\n  in dt : scalar\n  out bilinear_A(A, dt)\n"
    layer, one = Layer(text, N=2), torch.eye(2)
    decay = -draw(3, 2, 1).exp()[..., None] * one
    dt = torch.full((3, 2), 0.1)
    equal(layer(decay, dt), torch.linalg.solve(one - 0.05 * decay, one + 0.05 * decay))
