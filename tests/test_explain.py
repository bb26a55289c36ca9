"""What `explain` says: recurrences with their schedules and counts, layers with what runs outside and whether they step."""

from __future__ import annotations

import json

import pytest

from recdsl.classify.count import Count, count, number
from recdsl.diagnostics import RecdslError
from recdsl.explain import Explanation, RecurrenceReport, explain
from recdsl.ir import sizes
from recdsl.lower.algorithms import NAMES
from recdsl.lower.lower import lower
from recdsl.lower.plan import Recurrence
from recdsl.pipeline import check, load
from recdsl.rewrite.differentiate import expand_gradients

LSTM = """
layer lstm(D, H) over t:
  in x : D
  i, f, o : H = sigmoid(linear(x) + linear(h[t-1]))
  g : H = tanh(linear(x) + linear(h[t-1]))
  c = f * c[t-1] + i * g
  h = o * tanh(c)
  out y : D = linear(h)
"""

STACK = """
layer cell(D) over t:
  in x : D
  s : D = 0.5 * s[t-2] + x
  out s

model stack(D, N = 3) over t:
  in x : D
  repeat N as block:
    x += cell(x)
  out x
"""

GRID = """
layer table(D) over i, j:
  in x : D
  h = x + 0.5 * (h[i-1, j+1] + h[i, j-1])
  out h
"""

DAG = """
layer tree(D) over n in dag:
  in x : D
  h = x + sum[pred](0.5 * h[pred])
  out h
"""

LEARNER = """
layer learner(D, K, V) over t:
  in x : D
  k : K = linear(x)
  v : V = linear(x)
  loss = sum[V]((sum[K](k * M[t-1]) - v) ^ 2)
  M : K V = M[t-1] - grad(loss, M[t-1])
  out o : V = sum[K](k * M)
"""

KEYS = ["states", "axes", "domain", "class", "schedule", "work", "depth", "bytes", "stable", "refused"]


def explained(text: str) -> Explanation:
    return explain(check(load(text)).program)


def only(text: str) -> RecurrenceReport:
    (found,) = explained(text).recurrences
    return found


def test_a_sequence() -> None:
    found = only(LSTM)
    assert found.states == ("c", "h")
    assert (found.axes, found.domain, found.vector) == (("t",), "sequence", (1,))
    assert found.work == "|t|*(4*H^2 + 13*H)"
    assert (found.class_, found.schedule, found.depth, found.memory) == ("nonlinear", "sequential", "|t|", "8*H")
    assert found.bytes == "32*H*|t|"  # four gates, and two states both written and read


def test_a_grid_is_as_deep_as_its_wavefront() -> None:
    found = only(GRID)
    assert (found.axes, found.domain, found.vector) == (("i", "j"), "grid", (2, 1))
    assert found.depth == "2*|i| + |j| - 2"
    assert found.memory == "4*D*|i|*|j|"


def test_a_graph_is_as_deep_as_its_levels() -> None:
    found = only(DAG)
    assert (found.axes, found.domain, found.vector, found.depth) == (("n",), "graph", (), "levels")
    assert found.work == "D*|edge| + D*|n|"


def test_depth_counts_the_layers_inside() -> None:
    depth, inside = explained(STACK).recurrences
    assert (depth.states, depth.axes, depth.domain, depth.depth) == (("x",), ("block",), "depth", "N")
    assert depth.work == "3*D*N*|t|"
    assert (depth.memory, depth.class_, depth.schedule) == ("4*D*|t|", "nonlinear", "unrolled")
    assert (inside.layer, inside.states, inside.memory) == ("cell", ("s",), "8*D")


def test_a_gradient_counts_as_what_it_becomes() -> None:
    found = only(LEARNER)
    assert found.states == ("M",)
    assert "K*V" in found.work


def test_data_has_the_keys_of_the_contract() -> None:
    data = explained(LSTM).to_json()
    assert json.loads(json.dumps(data)) == data
    recurrences = data["recurrences"]
    assert isinstance(recurrences, list)
    assert set(KEYS) <= set(recurrences[0])
    assert recurrences[0]["class"] == "nonlinear"
    assert recurrences[0]["schedule"] == "sequential"
    assert recurrences[0]["stable"] == "unknown: no bound of c is known; h in (-1, 1)"
    assert [each["name"] for each in recurrences[0]["algorithms"] if each["taken"]] == ["sequential"]
    refused = {each["algorithm"]: each for each in recurrences[0]["refused"]}
    assert refused["diagonal"]["code"] == "R511"
    assert refused["diagonal"]["span"] == ["program.rdl", 6, 7]


def test_layers_say_what_runs_outside_and_whether_they_step() -> None:
    (layer,) = explained(LSTM).layers
    assert layer.outside == ("y",)
    assert layer.moved == ("i_x", "f_x", "o_x", "g_x")
    assert layer.step
    (layer,) = explained(GRID).layers
    assert not layer.step
    assert layer.reason == "it runs over a grid"


AVERAGE = """
layer average(D) over t:
  in x : D
  s : D = exp(linear(x)) * s[t-1] + x
  out s
"""


def test_text_for_people() -> None:
    lines = str(explained(AVERAGE)).splitlines()
    assert lines[:5] == [
        "average",
        "  s: diagonal, over t (sequence)",
        "    schedule  diagonal",
        "    stable    exp(linear(x)) can exceed 1: it lies in (0, inf)",
        "    memory    4*D bytes",
    ]
    table = [line.split()[0] for line in lines if "|t|" in line]
    assert table[0] == "diagonal"
    assert table[-1] == "sequential"
    note = lines.index("    note[R560]: exp(linear(x)) can exceed 1: it lies in (0, inf)")
    assert lines[note + 1 : note + 5] == [
        "     --> program.rdl:4:11",
        "      |",
        "    4 |   s : D = exp(linear(x)) * s[t-1] + x",
        "      |           ^^^^^^^^^^^^^^",
    ]
    assert "    note[R561]: exp(linear(x)) can overflow: linear(x) lies in (-inf, inf)" in lines
    assert lines[-2:] == ["  moved out of them: s_decay", "  step: yes"]


def test_the_costs_of_every_valid_algorithm() -> None:
    found = only(AVERAGE)
    names = [each.name for each in found.algorithms]
    assert names[0] == found.schedule == "diagonal"
    assert names[-1] == "sequential"
    assert {each.algorithm for each in found.refused} | set(names) == set(NAMES)
    assert [each.name for each in found.algorithms if each.taken] == ["diagonal"]


def test_a_schedule_that_is_forced() -> None:
    program = check(load(AVERAGE)).program
    (found,) = explain(program, "sequential").recurrences
    assert found.schedule == "sequential"
    with pytest.raises(RecdslError, match="R5"):
        explain(program, "delta")


def test_what_is_said_is_what_lowering_does() -> None:
    for text in (LSTM, STACK, LEARNER, AVERAGE):
        said = [each.schedule for each in explained(text).recurrences if each.domain == "sequence"]
        plan = lower(expand_gradients(check(load(text)).program))
        done = [s.algorithm for each in plan.modules.values() for s in each.stages if isinstance(s, Recurrence)]
        assert sorted(said) == sorted(done)


FILTER = """
layer smooth(D) over t:
  in x : D
  in gate : D
  param a : D
  y = x + a * x[t-1] - 0.5 * x[t+2]
  z = gate * x[t-1]
  w = tanh(x[t-1])
  u : D = conv(x, 4 -> D, causal = yes)
  out y + z + w + u
"""


def test_sums_over_a_few_points_are_fir() -> None:
    found = explained(FILTER).recurrences
    assert [(each.states, each.class_, each.schedule, each.depth) for each in found] == [
        (("y",), "fir", "convolution", "1"),
        (("u",), "fir", "convolution", "1"),
    ]
    assert [each.memory for each in found] == ["8*D", "12*D"]


def test_what_a_body_hands_on_unchanged_is_no_recurrence() -> None:
    text = """
layer same(D) over t:
  in x : D
  y = x
  loop 3:
    z = tanh(y)
  out y
"""
    assert not explained(text).recurrences


def test_names_decide_nothing() -> None:
    renamed = LSTM.replace("lstm", "gla").replace("c[", "S[").replace("c =", "S =").replace("tanh(c)", "tanh(S)")
    assert only(renamed).work == only(LSTM).work
    assert only(renamed).states == ("S", "h")


H, D = sizes.name("H"), sizes.name("D")


@pytest.mark.parametrize(
    ("total", "text"),
    [
        (Count(), "0"),
        (number(3), "3"),
        (count(sizes.apply("*", sizes.number(4), D)) * count(H), "4*D*H"),
        (count(H) * count(H) + number(2) * count(H) + number(-1), "H^2 + 2*H - 1"),
        (count(sizes.apply("/", D, sizes.number(4))), "0.25*D"),
        (count(sizes.apply("/", D, H)) * count(sizes.apply("/", D, H)), "(D/H)^2"),
        (count(sizes.apply("ceil", sizes.apply("/", D, H))), "ceil(D/H)"),
        (count(sizes.apply("/", D, H)) * count(H), "D"),
        (count(sizes.axis_length("t")) * (count(H) + number(1)), "|t|*(H + 1)"),
        (count(H) + number(-1) * count(H), "0"),
        (number(-2) * count(H), "-2*H"),
    ],
)
def test_counts_as_text(total: Count, text: str) -> None:
    assert str(total) == text


def test_counts_with_parameters_replaced() -> None:
    total = count(sizes.apply("*", H, sizes.apply("+", D, sizes.number(2))))
    assert str(total) == "D*H + 2*H"
    assert str(total.substitute({"H": sizes.number(3)})) == "3*D + 6"
