"""Recurrences of a grid that hand whole states on are one recurrence where that keeps the states from being whole."""

from __future__ import annotations

import pytest

from recdsl import api
from recdsl.lower.lower import lower, prepared
from recdsl.lower.parallel import parallelise
from recdsl.lower.plan import Recurrence
from recdsl.verify import assert_equivalent

HEAD = """
layer f(D = 3, H = 2, K = 2, V = 3) over i, j:
  in x : D
  q, k : H K = linear(x)
  v : H V = linear(x)
  a, b, s : H = sigmoid(linear(x))
"""
TOGETHER = {
    "a row gets a column": """
  R : H K V = s * k * v + a * R[j-1] + b * C[i-1]
  C : H K V = k * v + b * C[i-1]
  out sum[K](q * (R[j-1] + s * C[i-1]))""",
    "through a value between": """
  C : H K V = k * v + b * C[i-1]
  W = s * C
  R = a * R[j-1] + W + k * v
  out sum[K](q * R)""",
    "three of them": """
  C : H K V = k * v + b * C[i-1]
  R = a * R[j-1] + s * C[i-1] - k * v
  B = b * B[i+0, j-2] + a * R[i-1] + 0.5 * C[i-1, j-1]
  out sum[K](q * B) + sum[K](k * C)""",
    "only the first gets inputs": """
  C : H K V = k * v + b * C[i-1]
  R = a * R[j-1] + C
  out sum[K](q * R)""",
}
APART = {
    "what is handed on is a sum": """
  C : H K V = k * v + b * C[i-1]
  R : H K V = a * R[j-1] + k * sum[K](q * C)
  out sum[K](q * R)""",
    "the first is a result": """
  C : H K V = k * v + b * C[i-1]
  R = a * R[j-1] + C
  out C
  out sum[K](q * R)""",
    "no outer products": """
  C : H K V = tanh(k * v) + b * C[i-1]
  R = a * R[j-1] + C
  out sum[K](q * R)""",
    "no order of points for both": """
  C : H K V = k * v + b * C[i-1]
  R = a * R[j-1] + C[i+1]
  B = a * B[j+1] + R
  out sum[K](q * B)""",
}


def taken(source: str, schedule: str = "auto") -> list[str]:
    return [each.taken for each in parallelise(prepared(api.check(source).program), schedule).decisions]


@pytest.mark.parametrize("name", TOGETHER)
def test_together(name: str) -> None:
    source = HEAD + TOGETHER[name].lstrip("\n") + "\n"
    assert taken(source) == ["gated_product"]
    assert_equivalent(source)


@pytest.mark.parametrize("name", APART)
def test_apart(name: str) -> None:
    source = HEAD + APART[name].lstrip("\n") + "\n"
    assert len(taken(source)) > 1
    assert_equivalent(source, schedules=["auto"], examples=2)


def test_other_schedules_of_both() -> None:
    """What is valid for the joint recurrence computes it; what is valid for its parts only computes these."""
    source = HEAD + TOGETHER["a row gets a column"].lstrip("\n") + "\n"
    assert taken(source, "wavefront") == ["wavefront"]
    assert taken(source, "diagonal") == ["diagonal", "diagonal"]
    assert taken(source, "sequential") == ["sequential", "sequential"]
    assert_equivalent(source, schedules=["wavefront", "diagonal", "sequential"], examples=2)


def test_one_order_of_points() -> None:
    source = HEAD + TOGETHER["a row gets a column"].lstrip("\n") + "\n"
    stages = lower(api.check(source).program).entry.stages
    (stage,) = (each for each in stages if isinstance(each, Recurrence))
    assert stage.vector == (1, 1)
