"""Verdicts of the closed families: the class and the form, however a recurrence is written."""

from __future__ import annotations

import pytest

from recdsl import pipeline
from recdsl.check.schedule import components
from recdsl.classify.clamp import Clamp
from recdsl.classify.group import group_of
from recdsl.classify.semiring import Semiring
from recdsl.classify.verdict import Verdict, verdict_of
from recdsl.ir.expr import Const

HEAD = "layer a(D, S, P = S) over t:\n  in x : D\n  in f : D\n  in y : token[4]\n  in on : bool\n  param A : S P\n"


def verdict(body: str) -> Verdict:
    """The verdict on the only recurrence."""
    program = pipeline.check(pipeline.load(f"{HEAD}{body}  out h\n")).program
    (component,) = (each for each in components(program.entry, program) if each.recurrent)
    return verdict_of(group_of(program.entry, program, component))


@pytest.mark.parametrize(
    ("class_", "body"),
    [
        ("semiring", "  h = max(h[t-1] + f, x)\n"),
        ("semiring", "  h = min(h[t-1], x)\n"),
        ("semiring", "  h = relu(h[t-1] + x)\n"),
        ("semiring", "  h : S = logsumexp[P](A + h[t-1][S->P])\n"),
        ("semiring", "  h : D bool = h[t-1] or on\n"),
        ("clamp", "  h = relu(f * h[t-1] + x)\n"),
        ("clamp", "  h = clamp(h[t-1] + x, 0, 1)\n"),
        ("mobius", "  h = 1 / (f + h[t-1])\n"),
        ("automaton", "  h = (h[t-1] + y) % 5\n"),
        ("automaton", "  h : D bool = h[t-1] != on\n"),
        ("nonlinear", "  h = tanh(h[t-1]) + x\n"),
        ("nonlinear", "  h = max(h[t-1] ^ 2, x)\n"),
        ("nonlinear", "  h = h[t-1] + y\n"),
        ("nonlinear", "  h : D = max(x, h[t-1] + sum[D](h[t-1]))\n"),
        ("diagonal", "  h = f * h[t-1] + x\n"),
    ],
)
def test_classes(class_: str, body: str) -> None:
    assert verdict(body).class_ == class_


@pytest.mark.parametrize(
    "body",
    [
        "  h = max(f + h[t-1], x)\n",
        "  h = max(x, h[t-1] + f)\n",
        "  u = h[t-1] + f\n  h = max(u, x)\n",
        "  w = max(h[t-1], x - f)\n  h = w + f - x + x\n",
        "  h = -min(-x, -f - h[t-1])\n",
    ],
)
def test_one_stabiliser(body: str) -> None:
    form = verdict(body).form
    assert isinstance(form, Semiring)
    assert (form.fold, form.along) == ("max", None)
    assert str(form.shift.type) == "D over t"


def test_offsets_that_do_nothing_are_left_out() -> None:
    form = verdict("  h = where(on, max(h[t-1], x), h[t-1])\n").form
    assert isinstance(form, Semiring)
    assert form.shift == Const(0.0, form.shift.type)


def test_bounds_follow_the_sign() -> None:
    form = verdict("  h = -2 * relu(f * h[t-1]) + 1\n").form
    assert isinstance(form, Clamp)
    bounds = form.bounded
    assert isinstance(bounds.low, Const)
    assert isinstance(bounds.high, Const)
    assert (bounds.low.value, bounds.high.value) == (float("-inf"), 1)
