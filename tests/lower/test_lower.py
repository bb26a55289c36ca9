"""Stages: what is computed where, and what is kept."""

from __future__ import annotations

from recdsl import pipeline
from recdsl.ir.graph import node_of
from recdsl.lower.lower import lower
from recdsl.lower.plan import ModulePlan, Recurrence, Whole


def plan(source: str) -> ModulePlan:
    return lower(pipeline.check(pipeline.load(source)).program, "sequential").entry


def stages(found: ModulePlan) -> list[str | tuple[str, ...]]:
    """Each stage by the names of its items, recurrences as tuples."""
    shown: list[str | tuple[str, ...]] = []
    for stage in found.stages:
        match stage:
            case Whole(item):
                shown.append(node_of(item))
            case Recurrence():
                shown.append(tuple(node_of(item) for item in stage.items))
    return shown


def test_what_needs_no_state_leaves_the_loop() -> None:
    found = plan(
        "layer a(D, H) over t:\n  in x : D\n  i : H = sigmoid(linear(x) + linear(h[t-1]))\n  h = i * h[t-1]\n  out h\n"
    )
    assert stages(found) == ["i_x", ("i", "h")]


def test_outer_products_stay_inside() -> None:
    found = plan(
        "layer a(D, K, V) over t:\n  in x : D\n  k : K = linear(x)\n  v : V = linear(x)\n"
        "  S : K V = 0.9 * S[t-1] + k * v\n  out sum[K](S)\n"
    )
    assert stages(found) == ["k", "v", ("S", "out")]


def test_equal_expressions_leave_once() -> None:
    found = plan("layer a(D) over t:\n  in x : D\n  h = tanh(x) * h[t-1] + tanh(x)\n  out h\n")
    assert stages(found) == ["h_x", ("h",)]


def test_a_component_for_each_recurrence() -> None:
    found = plan(
        "layer a(D) over t:\n  in x : D\n  m = max(m[t-1], x)\n  init m = 0\n  s = s[t-1] + x - m[t-1]\n  out s\n"
    )
    assert stages(found) == [("m",), "s_m", ("s",)]
    assert dict(found.traits.histories) == {"m": 1, "s": 1}


def test_nothing_that_no_result_needs() -> None:
    found = plan("layer a(D) over t:\n  in x : D\n  y : D = linear(x)\n  z = tanh(y)\n  out x + 1\n")
    assert stages(found) == ["out"]
    assert not found.traits.stateful


def test_running_sums_are_recurrences() -> None:
    found = plan("layer a(D) over t:\n  in x : D\n  out cumsum[t](x * 2)\n")
    assert isinstance(found.stages[-2], Recurrence)
    assert found.traits.stateful


def test_windows_and_caches_are_kept() -> None:
    found = plan(
        "layer a(D) over t:\n  in x : D\n  out y : D = conv(x * x, 3, causal = yes) + attention(x, heads = 1, causal = yes)\n"
    )
    assert found.traits.windows == ("y_x",)
    assert found.traits.index
    assert found.traits.stateful


def test_why_documents_have_no_meaning() -> None:
    found = plan("layer a(D) over t:\n  in x : D\n  out mean[t](x)\n")
    assert dict(found.traits.unmeant) == {"reset": "mean works along the whole sequence"}


def test_schedules() -> None:
    found = plan("layer a(D) over i, j:\n  in x : D\n  h = h[i-1, j+1] + 0.5 * h[i, j-1] + x\n  out h\n")
    stage = found.stages[-1]
    assert isinstance(stage, Recurrence)
    assert stage.vector == (2, 1)
    assert stage.algorithm == "sequential"


def test_shifts_of_captured_values_leave_the_body() -> None:
    source = """\
layer a(D) over t:
  in x : D
  v = 0.5 * v[t-1] + x
  init v = 1
  y = x
  loop 3:
    y += v[t-1]
  out y
"""
    found = lower(pipeline.check(pipeline.load(source)).program, "sequential")
    body = next(each for each in found.modules.values() if each is not found.entry)
    assert [given.name for given in body.module.inputs] == ["y", "v_shifted"]
    assert not body.traits.stateful
    assert dict(found.entry.traits.histories) == {"v": 1}
