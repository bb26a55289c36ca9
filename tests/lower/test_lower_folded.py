"""Which recurrences are computed in chunks that are never kept, what a chunk computes, and that the program says the same."""

from __future__ import annotations

import pytest

from recdsl import pipeline
from recdsl.classify.group import group_of
from recdsl.classify.verdict import verdict_of
from recdsl.ir.module import Equation
from recdsl.lower import folded
from recdsl.lower.draft import Case, Draft, Refused
from recdsl.lower.lower import lower
from recdsl.lower.plan import ModulePlan, Recurrence, Whole
from recdsl.rewrite.order import ordered_components
from recdsl.verify import assert_equivalent

HEAD = "layer a(D, N = 3, R = 2) over t:\n  in x : D\n  b, c : N = linear(x)\n"
SUM = "  out y : D = sum[N](c * s)\n"

PROGRAMS = {
    "a selective state space": "  s : D N = exp(-softplus(x) * b ^ 2) * s[t-1] + x * b\n" + SUM,
    "the decay as an equation": "  a : D N = sigmoid(x * b)\n  s : D N = a * s[t-1] + x * b\n" + SUM,
    "from the end": "  s : D N = sigmoid(x * b) * s[t+1] + x * b\n  out y : D = sum[N](c * s + b * s[t+1])\n",
    "both sides are summed over": "  s : D N = sigmoid(x * b) * s[t-1] + x * b\n  init s = 0.3\n"
    "  out y : D = sum[N](c * s) + x * sum[N](b * s[t-1])\n  out w : N = sum[D](x * s)\n",
    "a start from weights and positions": "  param w : D\n  s : D N = sigmoid(x * b) * s[t-1] + x * b * (t + 1)\n"
    "  init s = w + index[t]\n  out y : D = sum[N](c * s + s[t-1])\n",
    "earlier values and projections": "  s : D N = sigmoid(x[t-1] * b) * s[t-1] + x[t-2] * linear(x -> N)\n"
    "  out y : D = mean[N](c[t-1] * s)\n",
    "three dims": "  p : D R = linear(x)\n  s : D N R = sigmoid(p * b) * s[t-1] + p * c\n"
    "  out y : D R = sum[N](c * s)\n  out z : N = sum[D R](p * s)\n",
    "a choice": "  s : D N = where(x > 0, sigmoid(x * b), 1) * s[t-1] + where(b > 0, x * c, 0)\n" + SUM,
    "names of helpers": "  folded : D = linear(x)\n  diagonal : N = linear(x)\n"
    "  s : D N = sigmoid(folded * diagonal) * s[t-1] + folded * diagonal\n" + SUM,
}

REFUSED = {
    "large": ("  g : D N = sigmoid(linear(x))\n  s : D N = g * s[t-1] + x\n" + SUM, "R550"),
    "large input": ("  in g : D N\n  s : D N = sigmoid(g) * s[t-1] + x\n" + SUM, "R550"),
    "large sum": (
        "  p : D R = linear(x)\n  q : R N = linear(x)\n  s : D N = sum[R](p * q) * s[t-1] + x\n" + SUM,
        "R550",
    ),
    "random": ("  s : D N = dropout(x * b, 0.5) * s[t-1] + x * b\n" + SUM, "R550"),
    "read whole": ("  s : D N = sigmoid(x * b) * s[t-1] + x * b\n  out s\n", "R515"),
    "the same at all points": ("  s : D N = 0.5 * s[t-1] + 1\n" + SUM, "R551"),
    "farther away": ("  s : D N = sigmoid(x * b) * s[t-2] + x * b\n" + SUM, "R514"),
    "a circle": (
        "  s : D N = sigmoid(x * b) * s[t-1] + x * b\n  y : D = sum[N](c * s)\n  out sum[D](y * s)\n",
        "R522",
    ),
}


def planned(body: str) -> Draft:
    """The plan of the first recurrence."""
    program = pipeline.check(pipeline.load(HEAD + body)).program
    module = program.modules[program.main]
    component = next(each for each in ordered_components(module, program) if each.recurrent)
    group = group_of(module, program, component)
    return folded.plan(Case(group, verdict_of(group)))


def lowered(body: str) -> ModulePlan:
    return lower(pipeline.check(pipeline.load(HEAD + body)).program).entry


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_mean_the_same(name: str) -> None:
    assert "folded" in [each.algorithm for each in lowered(PROGRAMS[name]).stages if isinstance(each, Recurrence)]
    assert_equivalent(HEAD + PROGRAMS[name], examples=3, schedules=["folded"])


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    body, code = REFUSED[name]
    with pytest.raises(Refused) as error:
        planned(body)
    assert error.value.code == code


def test_nothing_as_large_as_the_state_stands_outside() -> None:
    found = lowered("  a : D N = exp(-softplus(x) * b ^ 2)\n  s : D N = a * s[t-1] + x * linear(x -> N)\n" + SUM)
    outside = [each.item for each in found.stages if isinstance(each, Whole)]
    assert {"D", "N"} not in [set(each.type.dim_names) for each in outside if isinstance(each, Equation)]
    (stage,) = (each for each in found.stages if isinstance(each, Recurrence))
    assert stage.solve is not None
    assert [name for name, _ in stage.solve.roles] == ["decay", "input"]


def test_matrix_products_come_first() -> None:
    """Where the decay is shared along one side, matrix products do less work."""
    (stage,) = (
        each
        for each in lowered("  s : D N = sigmoid(b) * s[t-1] + x * b\n" + SUM).stages
        if isinstance(each, Recurrence)
    )
    assert stage.algorithm == "rank_one"
