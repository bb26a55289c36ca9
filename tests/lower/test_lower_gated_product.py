"""The algorithm `gated_product`: which matrix states on grids it takes, what it makes of them, and that they mean the same."""

from __future__ import annotations

import pytest

from recdsl import api
from recdsl.lower.lower import lower, prepared
from recdsl.lower.parallel import Decision, parallelise
from recdsl.lower.plan import Recurrence, Solve
from recdsl.verify import Example, assert_equivalent

SIDES = "  q, k : H K = linear(x)\n  v : H V = linear(x)\n"
GATES = "  a, b, c, d, s, m : H = sigmoid(linear(x))\n"

PROGRAMS = {
    "two states": """
  R : H K V = a * R[j-1] + b * C[i-1] + s * k * v
  C : H K V = c * R[j-1] + d * C[i-1] + m * k * v
  out sum[K](q * (m * R[j-1] + s * C[i-1]))""",
    "one state": """
  S : H K V = a * S[i-1] + b * S[j-1] + c * d * S[i-1, j-1] + k * v
  out sum[K](q * S)""",
    "three states": """
  A : H K V = a * B[i-1] + b * C[i-1, j-1] + k * v
  B : H K V = c * A[j-1] + s * k * v
  C : H K V = d * C[j-1] + a * A[i-1] + q * v
  out sum[K](q * A) + sum[K](k * (B[j-1] - m * C))""",
    "another corner": """
  S : H K V = a * S[i+1] + b * S[j-1] + k * v
  out sum[K](q * (S[i+1] + m * S))""",
    "the last corner": """
  S : H K V = a * S[i+1] + b * S[j+1] + k * v
  out sum[K](q * S[i+1, j+1])""",
    "far reads": """
  S : H K V = a * S[i-2] + b * S[j-1] + k * v
  out sum[K](q * S[j-3])""",
    "across": """
  S : H K V = a * S[i-1, j+1] + b * S[j-1] + k * v
  out sum[K](q * S[j+1])""",
    "two results": """
  S : H K V = a * S[i-1] + b * S[j-1] + s * k * v
  y = sum[K](q * S)
  out y
  out tanh(sum[K](k * S[i-1])) * y + x""",
    "two products": """
  S : H K V = a * S[i-1] + 0.5 * T[j-1] + s * k * v - q * m * v
  T : H K V = b * S[j-1] + 0.25 * T[i-1, j-1] + 2 * k * v
  out sum[K](q * (S - T))""",
    "numbers and weights": """
  param w : H = 0.5
  S : H K V = w * S[i-1] + 0.5 * S[j-1] + k * v
  out sum[K](S)""",
    "dims in front": """
  param w : H V = 0.5
  S : H K V = a * S[i-1] + b * S[j-1] + k * v
  out w * sum[K](q * S) + v""",
    "no heads": """
  e, f : K = linear(x)
  g : V = linear(x)
  S : K V = 0.5 * S[i-1] + 0.25 * S[j-1] + e * g
  out sum[K](f * S)""",
}


def source(body: str, axes: str = "i, j") -> str:
    return f"layer f(D = 3, H = 2, K = 2, V = 3) over {axes}:\n  in x : D\n{SIDES}{GATES}{body.lstrip(chr(10))}\n"


def decision(text: str) -> Decision:
    (found,) = parallelise(prepared(api.check(text).program)).decisions
    return found


def solve(text: str) -> Solve:
    found = lower(api.check(text).program, "gated_product").entry.stages
    (own,) = (each.solve for each in found if isinstance(each, Recurrence))
    assert own is not None
    return own


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_means_the_same(name: str) -> None:
    text = source(PROGRAMS[name])
    assert decision(text).taken == "gated_product"
    assert_equivalent(text, schedules=["gated_product"])


VOLUMES = {
    "three axes": """
  S : H K V = a * S[i-1] + b * S[j-1] + c * S[l-1, i-1] + k * v
  out sum[K](q * S[l-1])""",
    "an axis on which nothing moves": """
  S : H K V = a * S[i-1] + b * S[l-1] + k * v
  out sum[K](q * S[i-1, l-1])""",
    "a step of two": """
  S : H K V = a * S[i-2, j+1] + b * S[j-1, l+1] + k * v
  out sum[K](q * S)""",
}


@pytest.mark.parametrize("name", VOLUMES)
def test_volumes(name: str) -> None:
    text = source(VOLUMES[name], "i, j, l")
    assert decision(text).taken == "gated_product"
    assert_equivalent(text, schedules=["gated_product"])


SEVERAL_DIMS = """
layer f(D = 3, H = 2, K = 2, A = 2, V = 2, B = 3) over i, j:
  in x : D
  q, k : K A = linear(x)
  v : H B V = linear(x)
  a, b : H = sigmoid(linear(x))
  S : H K V A B = a * S[i-1] + b * S[j-1] + k * v
  out sum[K A](q * S)
"""


def test_keys_and_values_of_several_dims() -> None:
    own = solve(SEVERAL_DIMS)
    assert own.keys == ("K", "A")
    assert own.values == ("V", "B")
    assert_equivalent(SEVERAL_DIMS, schedules=["gated_product"])


def test_states_that_meet_one_query_are_read_at_once() -> None:
    """However the sum is written."""
    states = """
  R : H K V = a * R[j-1] + b * C[i-1] + s * k * v
  C : H K V = c * R[j-1] + d * C[i-1] + m * k * v
"""
    forms = (
        "sum[K](q * (m * R[j-1] + s * C[i-1])) + direct",
        "m * sum[K](q * R[j-1]) + direct + s * sum[K](C[i-1] * q)",
        "direct - sum[K](-q * m * R[j-1] - C[i-1] * q * s)",
    )
    for form in forms:
        own = solve(source(f"  direct = sum[K](q * k) * v{states}  out {form}"))
        assert len(own.readings) == 1
        assert [(each.of, each.offset) for each in own.marks] == [("R", (0, -1)), ("C", (-1, 0))]


def test_equal_products_are_one() -> None:
    """States get the same keys and values with numbers of their own."""
    states = """
  R : H K V = a * C[j-1] + 2 * s * k * v
  C : H K V = b * R[i-1] - m * v * (k / 4)
  out sum[K](q * R)"""
    names = [name for name, _ in solve(source(states)).roles if name.startswith(("key", "source"))]
    assert sorted(names) == ["key[0]", "source[0,0]", "source[1,0]"]
    assert_equivalent(source(states), schedules=["gated_product"])


REFUSED = {
    "gates of keys": ("  S : H K V = sigmoid(k) * S[i-1] + b * S[j-1] + k * v\n  out sum[K](q * S)", "R512"),
    "gates of values": ("  S : H K V = sigmoid(v) * S[i-1] + b * S[j-1] + k * v\n  out sum[K](q * S)", "R517"),
    "no outer product": ("  S : H K V = a * S[i-1] + b * S[j-1] + tanh(k * v)\n  out sum[K](q * S)", "R517"),
    "read whole": ("  S : H K V = a * S[i-1] + b * S[j-1] + k * v\n  out tanh(S)", "R515"),
    "summed over both sides": ("  S : H K V = a * S[i-1] + b * S[j-1] + k * v\n  out sum[K V](q * S)", "R517"),
    "summed over either side": (
        "  S : H K V = a * S[i-1] + b * S[j-1] + k * v\n  out sum[K](q * S)\n  out sum[V](v * S)",
        "R516",
    ),
    "a start": ("  S : H K V = a * S[i-1] + b * S[j-1] + k * v\n  init S = 1\n  out sum[K](q * S)", "R518"),
    "one axis": ("  S : H K V = a * S[i-1] + k * v\n  out sum[K](q * S)", "R520"),
    "a reading decides the next": (
        "  S : H K V = a * S[i-1] + b * S[j-1] + k * v\n  y = sum[K](q * S)\n"
        "  out sum[K](sigmoid(sum[V](y)) * q * S[i-1])",
        "R522",
    ),
    "elements meet": (
        "  S : H K V = a * S[i-1] + b * k * sum[K](k * S[j-1]) + k * v\n  out sum[K](q * S)",
        "R512",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str) -> None:
    body, code = REFUSED[name]
    refused = dict(decision(source(body)).options.refused)
    assert refused["gated_product"].code == code


def test_states_read_along_an_axis_on_which_they_do_not_move() -> None:
    source = (
        "layer f(K = 3, V = 2) over i, m, j:\n  in k : K\n  in v : V\n  in a : scalar\n"
        "  S = 0.4 * sigmoid(a) * S[i-1] + 0.3 * S[j-1] + k * v\n  out sum[K](k * S[m-1])\n"
    )
    assert_equivalent(source, examples=[Example(batch=1, points=(2, 3, 2))])
