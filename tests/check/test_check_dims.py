"""Dims, axes and kinds that are found without being declared."""

from __future__ import annotations

import pytest
from checking import body, codes, program, types

GRAPH = "layer f(D, H) over n in dag:"
MODEL = "model f(D, H, K) over t:"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["y = 2 * x"], "D over t"),
        (["y : H = sigmoid(linear(x)) ^ 2 * exp(-linear(x))"], "H over t"),
        (["y : H = where(linear(x) > 0, 1, linear(x))"], "H over t"),
        (["y : H K = linear(x)"], "H K over t"),
        (["y = linear(x -> H) * linear(x -> K)"], "H K over t"),
        (["y = linear(x -> K) * linear(x -> H)"], "K H over t"),
        (["y : H = rmsnorm(linear(x))"], "H over t"),
        (["y : H K = rmsnorm[K](linear(x))"], "H K over t"),
        (["y : H = softmax(linear(x))"], "H over t"),
        (["y = sum[H](linear(x -> H K))"], "K over t"),
        (["y = sum(x)"], "scalar over t"),
        (["y = mean[t](x)"], "D"),
        (["y = index[H] * x"], "H D over t"),
        (["y = t * x"], "D over t"),
        (["y = x[t=0]"], "D"),
        (["y = linear(x -> H)[H=1]"], "scalar over t"),
        (["y = x[t->s]"], "D over s=|t|"),
        (["y = sum[s](where(s <= t, x[t->s], 0))"], "D over t"),
        (["y = x[D->N]"], "N=D over t"),
        (["y = concat[D](x, 2 * x)"], "D=D + D over t"),
        (["y = stack[N](x, x, x)"], "D N=3 over t"),
        (["y = linear(x -> 2*H)"], "H=2*H over t"),
        (["y = conv(x, 3 -> H)"], "H over t"),
        (["y = conv(x, 3, per = D)"], "D over t"),
        (["y = slice[D](x, 0, 4)"], "D=4 over t"),
        (["y = x > 0"], "D bool over t"),
        (["y = argmax(x)"], "int over t"),
        (["y : scalar = 0"], "scalar"),
        (["y = x * complex(1, 1)"], "D complex over t"),
        (["y = abs(x * complex(1, 1))"], "D over t"),
        (["y = n", "n = n[t-1] + 1"], "scalar over t"),
        (["y = d", "d = 0.9 * d[t-1]", "init d = 1"], "scalar over t"),
    ],
)
def test_inferred(lines: list[str], expected: str) -> None:
    shown = types(body("in x : D", *lines, "out y"))["y"]
    assert shown.replace("scalar int", "int") == expected


def test_dims_of_states_follow_from_what_feeds_them() -> None:
    found = types(
        body("in x : D", "S = g * S[t-1] + k * v", "k : H = linear(x)", "v : K = linear(x)", "g = sigmoid(k)", "out S")
    )
    assert found["S"] == "H K over t"


def test_dims_of_states_that_need_each_other() -> None:
    found = types(body("in x : D", "a = 0.5 * b[t-1] + x", "b = a + index[H]", "out b"))
    assert found == {"a": "H D over t", "b": "H D over t"} or found == {"a": "D H over t", "b": "D H over t"}


def test_dims_reach_through_sums_over_edges() -> None:
    found = types(body("in x : D", "h : H = sum[pred](linear(h[pred])) + linear(x)", "out h", head=GRAPH))
    assert found == {"h": "H over n"}


def test_edge_values_and_node_values() -> None:
    lines = ["in x : D", "in e : D edge", "edge c : H = linear(e) + linear(x)", "h = sum[pred](c[pred])", "out h"]
    assert types(body(*lines, head=GRAPH)) == {"c": "H over edge", "h": "H over n"}


def test_declared_dims_broadcast() -> None:
    assert types(body("in x : D", "y : H D = x", "out y"))["y"] == "H D over t"


def test_static_inputs_do_not_vary() -> None:
    module = body("in c : H static", "in x : D", "y = 2 * c", "out x * y")
    assert types(module)["y"] == "H"


def test_expected_dims_reach_into_a_layer_that_keeps_its_dims() -> None:
    assert types(body("in x : D", "y : H = layernorm(linear(x))", "out y"))["y"] == "H over t"


def test_dims_of_a_value_that_is_rebound_are_expected_again() -> None:
    module = body("in x : D", "y : H = linear(x)", "y = tanh(linear(y))", "y += linear(x)", "out y", head=MODEL)
    assert types(module) == {"y": "H over t", "y~1": "H over t", "y~2": "H over t"}


SQUARE = """
layer mix(H, K) over t:
  in x : H K
  out sum[K](x)

layer norm(N):
  in x : N
  out x / norm_of(x)

layer norm_of(N):
  in x : N
  out sqrt(sum(x * x))

model f(D, A = 2, B = D/2) over t:
  in x : D
  y : A B = linear(x)
"""


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("mix(y)", "A over t"),
        ("mix[B A](y)", "B over t"),
        ("norm(y)", "A B over t"),
        ("norm[B](y)", "A B over t"),
        ("norm_of(y)", "scalar over t"),
        ("norm_of[B](y)", "A over t"),
    ],
)
def test_dims_of_calls(call: str, expected: str) -> None:
    """An input with one dim takes all dims of a value together, or those in brackets; the others stay."""
    assert types(program(f"{SQUARE}  z = {call}\n  out z\n").entry)["z"] == expected


def test_results_carry_the_names_of_the_caller() -> None:
    text = "layer up(D, H) over t:\n  in x : D\n  out linear(x -> H)\n\nmodel f(E, M) over t:\n  in x : E\n"
    assert types(program(f"{text}  y = up(x, H = M)\n  out y\n").entry)["y"] == "M over t"
    assert types(program(f"{text}  y = up(x, H = 2*M)\n  out y\n").entry)["y"] == "H=2*M over t"


def test_a_size_that_is_equal_by_default_is_no_clash() -> None:
    head = "layer f(D, H = 4, K = D/H) over t:"
    assert (
        types(body("in x : D", "y : H K = linear(x)", "z = merge(y, H K -> D)", "out z", head=head))["z"] == "D over t"
    )
    assert codes("layer f(N, M = 2*N) over t:\n  in A : N M\n  out inverse[N M](A)\n") == ["R302"]


def test_a_pointwise_layer_takes_the_axes_of_its_arguments() -> None:
    text = "layer two(D):\n  in x : D\n  out maxpool(x, 2)\n\nmodel f(D) over {}:\n  in x : D\n  y = two(x)\n  out y\n"
    assert types(program(text.format("t")).entry)["y"] == "D over t=floor(|t|/2)"
    assert types(program(text.format("i, j")).entry)["y"] == "D over i=floor(|i|/2), j=floor(|j|/2)"


@pytest.mark.parametrize("statement", ["y = maxpool(x, 2)", "y = conv(x, 3 -> D)", "y : D = 0.9 * y[t-1] + x"])
def test_an_entry_point_without_axes_is_refused_where_it_needs_them(statement: str) -> None:
    assert codes(f"layer f(D):\n  in x : D\n  {statement}\n  out y\n") == ["R304"]


def test_axes_that_stand_beside_a_shift_are_those_of_the_point() -> None:
    text = "layer f(D) over i, j:\n  in x : D\n  h = x + 0.5 * h[{}]\n  out h\n"
    assert program(text.format("i, j-1")).entry.items == program(text.format("j-1")).entry.items
    assert codes("layer f(D) over i, j:\n  in x : D\n  out x[D, j-1]\n") == ["R305"]


def test_every_unknown_name_is_reported_once_and_at_once() -> None:
    assert codes("layer f(D) over t:\n  in x : D\n  y = a + b\n  z = b + c\n  out y + z\n") == ["R201"] * 3
