"""Which layers can run step by step, and the schedule vectors of recurrences."""

from __future__ import annotations

from pathlib import Path

import pytest
from checking import body, codes, program

from recdsl.check.schedule import components
from recdsl.ir.expr import Read, reads
from recdsl.ir.module import Equation
from recdsl.pipeline import check, load

SPECS = Path(__file__).parents[2] / "specs"

CAUSAL = [
    "y = x[t-1]",
    "y = 0.9 * y[t-1] + x",
    "y = x + x[t-4]",
    "y = conv(x, 3 -> D, causal = yes)",
    "y = conv(x, 1 -> D)",
    "y = cumsum[t](x)",
    "y = sum[s](where(s <= t, x[t->s], 0))",
    "y = sum[s](where(s < t, x[t->s], 0))",
    "y = sum[s](where(t >= s, x[t->s], 0))",
    "y = sum[s](where(t > s, x[t->s], 0))",
    "y = sum[s](where(s + 1 <= t, x[t->s], 0))",
    "y = sum[s](where(s <= t and s > t - 8, x[t->s], 0))",
    "y = sum[s](where(s > t, 0, x[t->s]))",
    "y = sum[s](where(s <= t, 1, 0) * x[t->s])",
    "y = max[s](where(s <= t, x[t->s], -inf))",
    "y = sum[s](softmax[s](where(s <= t, sum(x * x[t->s]), -inf)) * x[t->s])",
    "score = sum(x * x[t->s]); w = softmax[s](where(s <= t, score, -inf)); y = sum[s](w * x[t->s])",
    "seen = s <= t and s > t - 4; score = sum(x * x[t->s]); w = softmax[s](where(seen, score, -inf)); y = sum[s](w * x[t->s])",
    "y = attention(x, causal = yes)",
    "y = attention(x, causal = yes, window = 4, rotate = yes)",
    "y = attention(x[t-1], causal = yes)",
    "y = attention(x[t-1], causal = yes) + attention(x, causal = yes)",
    "y = rmsnorm(x) + linear(x -> D)",
    "y = x * t",
]
NOT_CAUSAL = [
    "y = z[t+1]; z = x[t-1]",  # 0 at the last point
    "y = x[t+1]",
    "y = 0.9 * y[t+1] + x",
    "y = x[t-1] + z[t+2]; z = x[t-1]",
    "y = conv(x, 3 -> D)",
    "y = mean[t](x) + x",
    "y = x - x[t=-1]",
    "y = flip[t](x)",
    "y = sum[s](where(s <= t + 1, x[t->s], 0))",
    "y = sum[s](where(s >= t, x[t->s], 0))",
    "y = sum[s](where(s <= t, x[t->s], 1))",
    "y = sum[s](where(s <= t or s == 0, x[t->s], 0))",
    "y = max[s](where(s <= t, x[t->s], 0))",
    "y = mean[s](where(s <= t, x[t->s], 0))",
    "y = sum[s](x[t->s]) + x",
    "y = attention(x)",
    "y = attention(x[t+1], causal = yes)",
    "y = x + maxpool(x, 2)[t=0]",
    "y = batchnorm(x)",
]


def axis_of(lines: str) -> str | None:
    return body("in x : D", *lines.split("; "), "out y").causality.axis


@pytest.mark.parametrize("lines", CAUSAL)
def test_causal(lines: str) -> None:
    assert axis_of(lines) == "t"


@pytest.mark.parametrize("lines", NOT_CAUSAL)
def test_not_causal(lines: str) -> None:
    assert axis_of(lines) is None


@pytest.mark.parametrize(
    ("name", "axis"),
    [
        ("bilstm", None), ("cola_lm", "t"), ("ema", "t"), ("fsmn", None), ("gla", "t"), ("lssl", "t"), ("lstm", "t"),
        ("mamba", "t"), ("mlstm", "t"), ("paragru", "t"), ("plstm2d", None), ("plstm_dag", None), ("r2unet", None),
        ("router", "t"), ("titans", "t"), ("tree_lstm", None), ("universal_transformer", "t"),
    ],
)  # fmt: skip
def test_the_specs(name: str, axis: str | None) -> None:
    found = check(load(SPECS / f"{name}.rdl"))
    assert found.program.entry.causality.axis == axis
    assert found.warnings == ()


def test_what_no_result_needs_does_not_matter() -> None:
    assert axis_of("ahead = x[t+1]; y = 2 * x") == "t"


def test_the_reason_names_what_looks_ahead() -> None:
    causality = body("in x : D", "soon = x[t+1]", "out y = soon + x").causality
    assert causality.reason == "soon needs x at later points of t"
    assert causality.span is not None
    assert causality.span.text == "x[t+1]"


@pytest.mark.parametrize("over", ["over i, j", "over n in dag", ""])
def test_only_sequences_run_step_by_step(over: str) -> None:
    assert body("in x : D", "out y = 2 * x", head=f"layer f(D) {over}:").causality.axis is None


def test_a_layer_is_causal_when_those_it_calls_are() -> None:
    text = "layer g(D, ahead = no) over t:\n  in x : D\n  out where(ahead, x[t+1], x[t-1])\n\nmodel f(D) over t:\n  in x : D\n  out g(x, ahead = {})\n"
    assert program(text.format("no")).entry.causality.axis == "t"
    assert program(text.format("yes")).entry.causality.axis is None


DELAY = """
layer delay(D, k = 2) over t:
  in x : D
  h = 0.5 * h[t-k] + x
  out h
"""


@pytest.mark.parametrize(("call", "shift"), [("delay(x)", -2), ("delay(x, k = 5)", -5), ("delay(x, k = 2 + 1)", -3)])
def test_numbers_in_shifts_are_known_when_compiling(call: str, shift: int) -> None:
    checked = program(f"{DELAY}\nmodel f(D) over t:\n  in x : D\n  out {call}\n")
    (equation,) = checked.callee(checked.entry, "delay").equations()
    assert f"('t', {shift})" in repr(equation.expr)


def test_a_shift_by_a_parameter_can_be_set() -> None:
    assert program(DELAY, k=3).entry.causality.axis == "t"
    assert codes(DELAY, k=0) == ["R401"]
    assert program(DELAY, k=-1).entry.causality.axis is None


def test_a_number_can_be_handed_on_to_a_shift() -> None:
    text = f"{DELAY}\nmodel f(D, lag = 3) over t:\n  in x : D\n  out delay(x, k = lag + 1)\n"
    for settings, shift in (({}, -4), ({"lag": 6}, -7)):
        checked = program(text, **settings)
        (equation,) = checked.callee(checked.entry, "delay").equations()
        assert f"('t', {shift})" in repr(equation.expr)


def test_a_shift_by_what_only_the_caller_knows_is_refused() -> None:
    assert codes(f"{DELAY}\nmodel f(D) over t:\n  in x : D\n  out delay(x, k = D)\n") == ["R305"]


@pytest.mark.parametrize(
    ("reads", "vector"),
    [
        ("h[i-1, j-1]", (1, 0)),
        ("h[i-1] + h[j-1]", (1, 1)),
        ("h[i-1] + h[j+1]", (1, -1)),
        ("h[i+1] + h[j+1]", (-1, -1)),
        ("h[i-1, j+1] + h[i, j-1]", (2, 1)),
        ("h[i-2, j+3] + h[j-1]", (2, 1)),
        ("h[i-1, j+2] + h[j-1]", (3, 1)),
        ("h[i-1, j-1] + h[i+1, j-2]", (1, 2)),
    ],
)
def test_schedule_vectors(reads: str, vector: tuple[int, int]) -> None:
    checked = program(f"layer f(D) over i, j:\n  in x : D\n  h = x + 0.1 * ({reads})\n  out h\n")
    (component,) = components(checked.entry, checked)
    assert all(
        -(vector[0] * di + vector[1] * dj) >= 1
        for di, dj in [
            (dict(read.offsets).get("i", 0), dict(read.offsets).get("j", 0))
            for read in _shifted_reads(checked.entry.items[0])
        ]
    )
    assert sum(map(abs, component.vector)) <= sum(map(abs, vector))


def _shifted_reads(item: object) -> list[Read]:
    assert isinstance(item, Equation)
    return [each for each in reads(item.expr) if each.offsets]


def test_components_come_in_the_order_of_computation() -> None:
    lines = ["in x : D", "h = 0.9 * h[t-1] + m", "m = max(m[t-1], x)", "init m = -inf", "out h"]
    checked = program("\n".join(["layer f(D) over t:", *(f"  {line}" for line in lines)]) + "\n")
    assert [(each.items, each.recurrent, each.vector) for each in components(checked.entry, checked)] == [
        (("m",), True, (1,)),
        (("h",), True, (1,)),
    ]


@pytest.mark.parametrize(
    ("equation", "expected"),
    [
        ("y = max(y[t-1], x)", ["R410"]),
        ("y = max(y[t-1], 0)", []),
        ("y = max(y[t-1] - 1, x)", ["R410"]),
        ("y = min(x, y[t-1])", ["R410"]),
        ("y = x * y[t-1]", ["R410"]),
        ("y = x * y[t-1] + x", []),
        ("y = logaddexp(x, y[t-1])", ["R410"]),
        ("y = max(y[t-1], x); init y = 0", []),
    ],
)
def test_starts_that_are_not_neutral(equation: str, expected: list[str]) -> None:
    lines = "".join(f"  {line}\n" for line in equation.split("; "))
    assert codes(f"layer f(D) over t:\n  in x : D\n{lines}  out y\n") == expected


@pytest.mark.parametrize("fold", ["min(x, min[pred](y[pred]))", "logaddexp(x, logsumexp[pred](y[pred]))"])
def test_nothing_starts_along_edges(fold: str) -> None:
    assert codes(f"layer f(D) over n in dag:\n  in x : D\n  y = {fold}\n  out y\n") == []


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("1", []),
        ("c", []),
        ("w", []),
        ("2 * c + w", []),
        ("t", []),
        ("x", ["R405"]),
        ("sum(x)", ["R405"]),
        ("y", ["R405"]),
    ],
)
def test_what_a_start_may_read(start: str, expected: list[str]) -> None:
    text = (
        "layer f(D) over t:\n  in x : D\n  in c : D static\n  param w : D ~ normal(0, 1)\n  y : D = 0.9 * y[t-1] + x\n"
    )
    assert codes(f"{text}  init y = {start}\n  out y\n") == expected
