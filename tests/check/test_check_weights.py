"""The names of parameters in the state dict, and which calls share them."""

from __future__ import annotations

import pytest
from checking import body, codes, program, weights

LSTM = ["in x : D", "i, f : H = sigmoid(linear(x) + linear(h[t-1]))", "h = f * h[t-1] + i", "out h"]


def test_a_single_map_is_named_after_its_equation() -> None:
    assert weights(body("in x : D", "q : H K = linear(x)", "out q")) == {"q.weight": "H K, D", "q.bias": "H K"}


def test_several_maps_are_named_after_their_operands() -> None:
    assert weights(body(*LSTM)) == {
        f"{name}.{each}": layout
        for name in ("i", "f")
        for each, layout in {"x.weight": "H, D", "x.bias": "H", "h.weight": "H, H", "h.bias": "H"}.items()
    }


@pytest.mark.parametrize(
    ("equation", "expected"),
    [
        ("y : H = linear(x) * linear(2 * x)", ["y.x.weight", "y.x.bias", "y.x_2.weight", "y.x_2.bias"]),
        ("y : H = linear(linear(x -> K))", ["y.x_2.weight", "y.x_2.bias", "y.x.weight", "y.x.bias"]),
        ("y : H = linear(1 + index[D]) + linear(x)", ["y.value.weight", "y.value.bias", "y.x.weight", "y.x.bias"]),
        ("y : H = linear(x, bias = no)", ["y.weight"]),
        ("y : D = conv(x, 3, per = D)", ["y.weight", "y.bias"]),
    ],
)
def test_paths(equation: str, expected: list[str]) -> None:
    assert sorted(weights(body("in x : D", equation, "out y"))) == sorted(expected)


def test_a_result_without_a_name_is_called_out() -> None:
    assert list(weights(body("in x : D", "out linear(x -> H)"))) == ["out.weight", "out.bias"]


@pytest.mark.parametrize(
    ("equation", "layout"),
    [
        ("y : H D = linear(x, per = H)", "H, D, K"),
        ("y : D = linear(x)", "D, H K"),
        ("y : D = conv(x, 3)", "D, H K, window=3"),
        ("y : H K = conv(x, 4, per = H K)", "H K, , window=4"),
        ("y : H K = conv(x, 4, per = H)", "H K, K, window=4"),
    ],
)
def test_layouts(equation: str, layout: str) -> None:
    assert weights(body("in x : H K", equation, "out y"))["y.weight"] == layout


def test_two_windows_on_a_grid() -> None:
    module = body("in x : D", "y : H = conv(x, 3)", "out y", head="layer f(D, H) over i, j:")
    assert weights(module)["y.weight"] == "H, D, window=3, window=3"


def test_params_and_constants_stand_under_their_own_names() -> None:
    module = body("in x : D", "param a, b : D ~ normal(0, 1)", "const c = 2", "out a * x + b * c")
    assert weights(module) == {"a": "D", "b": "D", "c": ""}
    assert [each.trained for each in module.weights] == [True, True, False]


INSTANCES = """
model f(D) over t:
  in x : D
  n = rmsnorm()
  m = linear(D -> D)
  a = n(x) + n(2 * x) + rmsnorm(x)
  b = rmsnorm(a) + m(x) + m(a)
  out b
"""


def test_calls_of_one_instance_share_its_weights() -> None:
    module = program(INSTANCES).entry
    assert [each.path for each in module.instances] == ["n", "rmsnorm", "rmsnorm_2", "m"]


def test_an_instance_outside_a_body_is_shared_by_all_copies() -> None:
    text = "model f(D) over t:\n  in x : D\n  m = linear(D -> D)\n  repeat 3 as block:\n    x += m(x) + rmsnorm(x)\n  out x\n"
    checked = program(text)
    inside = {each.path: each.borrowed for each in checked.modules["f.block"].instances}
    assert inside == {"m": True, "rmsnorm": False}
    assert [each.path for each in checked.entry.instances] == ["m"]


def test_an_instance_inside_a_repeat_belongs_to_each_copy() -> None:
    text = "model f(D) over t:\n  in x : D\n  repeat 3 as block:\n    m = linear(D -> D)\n    x += m(x) + m(2 * x)\n  out x\n"
    checked = program(text)
    assert [(each.path, each.borrowed) for each in checked.modules["f.block"].instances] == [("m", False)]
    assert checked.entry.instances == ()


def test_an_instance_has_one_size() -> None:
    text = "layer f(D, H) over t:\n  in x : D\n  in y : H\n  n = rmsnorm()\n  out {}\n"
    assert codes(text.format("sum(n(x)) + sum(n(y))")) == ["R308"]
    assert codes(text.format("sum(n(x)) + sum(n(2 * x))")) == []


LAYERS = """
layer wrap(D, mixer, norm = rmsnorm) over t:
  in x : D
  out x + mixer(norm(x))

model f(D) over t:
  in x : D
  y = wrap(x, mixer = attention(heads = 2, causal = yes))
  out wrap(y, attention, norm = layernorm)
"""


def test_layers_as_arguments() -> None:
    checked = program(LAYERS)
    first, second = (checked.callee(checked.entry, path) for path in ("wrap", "wrap_2"))
    assert [each.path for each in first.instances] == ["rmsnorm", "attention"]
    assert [each.path for each in second.instances] == ["layernorm", "attention"]
    assert [checked.callee(each, "attention").causality.axis for each in (first, second)] == ["t", None]
    assert dict(first.instance("attention").arguments)["heads"].operands == (2,)


def test_the_start_of_a_parameter_reads_nothing_that_is_computed() -> None:
    text = "layer f(D) over t:\n  in x : D\n  n = index[D]\n  param w : D = {}\n  out w * x\n"
    assert codes(text.format("log(1 + index[D])")) == []
    assert codes(text.format("n")) == ["R305"]
    assert codes(text.format("x")) == ["R305"]
