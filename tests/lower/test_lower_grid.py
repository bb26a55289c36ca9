"""Affine recurrences on grids: which algorithms are valid, what they make of a program, and that it says the same."""

from __future__ import annotations

import pytest
from families import plan

from recdsl import api
from recdsl.lower.plan import Link, Recurrence
from recdsl.verify import assert_equivalent
from recdsl.verify.schedules import schedules_of

HEAD = "layer f(D = 2) over i, j:\n  in x : D\n  a, b, c : D = sigmoid(linear(x))\n"
DEEP = "layer f(D = 2) over i, j, k:\n  in x : D\n  a, b : D = sigmoid(linear(x))\n"

EVERYWHERE = {
    "neighbours": HEAD + "  h = a * h[i-1] + b * h[j-1] + x\n  out h\n",
    "another corner": HEAD + "  h = a * h[i+1] + b * h[j-1] + x\n  out h\n",
    "one number for all dims": "layer f(D = 2) over i, j:\n  in x : D\n  a, b : scalar = sigmoid(linear(x))\n"
    "  h = a * h[i-1] + b * h[j+1] + x\n  out h\n",
    "all three from the last corner": HEAD + "  h = a * h[i+1] + b * h[j+1] - c * h[i+1, j+1] + x\n  out h\n",
    "an axis without links": "layer f(D = 2) over i, k, j:\n  in x : D\n  a : D = sigmoid(linear(x))\n"
    "  h = a * h[j-1] + 0.5 * h[i-1] + x\n  out h\n",
    "three axes": DEEP + "  h = a * h[i-1] + 0.3 * h[j-1] + 0.3 * b * h[k+1] + x\n  out h\n",
    "several states": HEAD
    + "  p = a * p[j-1] + b * q[i-1] + x\n  q = c * p[i-1] + 0.5 * q[j-1] - x\n  out p\n  out q\n",
    "states coupled in a row": HEAD
    + "  p = 0.5 * p[j-1] + 0.3 * q[j-1] + c * p[i-1]\n  q = 0.3 * q[j-1] + 0.5 * p[j-1] - x\n  out p + q\n",
    "three states, one without a loop": HEAD
    + "  p = 0.5 * p[j-1] + 0.3 * r[i-1]\n  q = a * p[j-1] + x\n  r = b * q[i-1, j-1] + p\n  out r\n",
    "dims in another order": "layer f(D = 2, E = 3) over i, j:\n  in x : D\n  in y : E\n  a : D E = sigmoid(x * y)\n"
    "  p : D E = a * p[j-1] + 0.3 * q[i-1] + x * y\n  q : E D = 0.4 * p[i-1] + 0.5 * q[j-1] - x + y\n  out p\n  out q\n",
    "a start": HEAD
    + "  param w : D ~ normal(0, 1)\n  h = a * h[i-1] + b * h[j-1] + x\n  init h = w + index[i] - 0.5 * index[j]\n  out h\n",
    "starts of several states": HEAD
    + "  p = a * p[j-1] + b * q[i-1] + x\n  q = c * p[i-1] + 0.5 * q[j-1] - x\n  init q = 2\n  out p\n  out q\n",
    "read at another point": HEAD
    + "  h = 0.5 * a * h[i-1] + 0.4 * b * h[j-1] + x\n  out y : D = linear(h[i-1, j+1]) + h\n",
    "constants": HEAD + "  h : D = 0.5 * h[i-1] + 0.25 * h[j-1] + 1\n  out h + x\n",
    "weights": HEAD + "  param w : D ~ normal(0, 0.3)\n  h : D = w * h[i-1] + w * h[j-1] + x\n  out h\n",
    "of a whole row of the batch": HEAD
    + "  in g : D static\n  h : D = tanh(g) * h[i-1] + 0.3 * tanh(g) * h[i-1, j-1] + x\n  out h\n",
    "along one axis each": HEAD + "  h : D = h[i-1] / (2 + index[i]) + h[j-1] / (2 + index[j]) + x\n  out h\n",
    "complex": HEAD + "  h = exp(complex(-a, x)) * h[i-1] + 0.5 * h[j-1] + complex(x, b)\n  out real(h) + imag(h)\n",
    "names of helpers": HEAD.replace("a, b, c", "rows, grid, divide")
    + "  wavefront = rows * wavefront[i-1] + grid * wavefront[j-1] + divide\n  out wavefront\n",
}
ONE_WAY = {
    "a knight's move": HEAD + "  h = a * h[i-1, j+1] + 0.5 * h[i, j-1] + x\n  out h\n",
    "two points back": HEAD + "  h = a * h[i-2, j-1] + 0.5 * h[j-2] + x\n  out h\n",
    "two lags in a row": HEAD + "  h = 0.5 * a * h[j-1] + 0.4 * b * h[j-2] + 0.3 * h[i-1] + x\n  out h\n",
    "a row from all of the last": HEAD
    + "  h = 0.3 * h[i-1, j-1] + 0.3 * h[i-1, j+1] + a * 0.4 * h[i-1] + x\n  out h\n",
    "far in three axes": DEEP + "  h = a * h[i-1, k-1] + 0.3 * h[j-1] + 0.3 * h[k-2] + x\n  out h\n",
    "as many lags as there may be": HEAD
    + "  h = 0.2 * h[j-1] + 0.1 * h[j-8] + 0.1 * h[i-1, j-1] + 0.1 * h[i-1, j+1] + x\n  out h\n",
    "a start at a corner": HEAD + "  h = 0.5 * h[i-1, j-1] + 0.3 * h[j+1] + x\n  init h = 1\n  out h\n",
}
WAVES_ONLY = {
    "no axis with one direction": HEAD + "  h = 0.4 * h[i-2, j+1] + 0.5 * h[i+1, j-1] + x\n  out h\n",
}
VALID = [
    *((name, source, ("wavefront", "rows", "divide")) for name, source in EVERYWHERE.items()),
    *((name, source, ("wavefront", "rows")) for name, source in ONE_WAY.items()),
    *((name, source, ("wavefront",)) for name, source in WAVES_ONLY.items()),
]


@pytest.mark.parametrize(("source", "valid"), [pytest.param(*each[1:], id=each[0]) for each in VALID])
def test_every_algorithm_is_what_the_reference_says(source: str, valid: tuple[str, ...]) -> None:
    found = schedules_of(api.check(source).program)
    assert set(found) - {"separable"} == {"auto", *valid[1:], "sequential"}
    assert_equivalent(source, examples=2, schedules=["wavefront", *valid[1:]])


REFUSED = {
    "one axis": ("  h = a * h[j-1] + x\n  out h\n", {"wavefront": "R520", "rows": "R520", "divide": "R520"}),
    "not affine": ("  h = tanh(h[i-1]) + h[j-1] + x\n  out h\n", {"wavefront": "R511", "rows": "R511"}),
    "elements meet": (
        "  h : D = sum[D](h[i-1]) + 0.5 * h[j-1] + x\n  out h\n",
        {"wavefront": "R512", "divide": "R512"},
    ),
    "both ways": ("  h = 0.4 * h[i-2, j+1] + 0.5 * h[i+1, j-1] + x\n  out h\n", {"rows": "R570", "divide": "R571"}),
    "two points back": ("  h = a * h[i-2] + 0.5 * h[j-1] + x\n  out h\n", {"divide": "R571"}),
    "many lags": (
        "  h = 0.2 * h[j-1] + 0.1 * h[j-9] + 0.1 * h[i-1, j-1] + 0.1 * h[i-1, j+1] + x\n  out h\n",
        {"rows": "R523"},
    ),
}


@pytest.mark.parametrize(("body", "codes"), REFUSED.values(), ids=REFUSED)
def test_refused(body: str, codes: dict[str, str]) -> None:
    (report,) = [each for each in api.explain(HEAD + body).recurrences if each.domain == "grid"]
    found = {each.algorithm: each.code for each in report.refused}
    assert codes.items() <= found.items()


def test_the_links_of_a_plan() -> None:
    source = HEAD + "  p = a * p[j-1] + b * q[i-1] + x\n  q = c * p[i-1, j-1] + 0.5 * q[j-1]\n  out p + q\n"
    (stage,) = (each for each in plan(source, "wavefront").stages if isinstance(each, Recurrence))
    assert stage.solve is not None
    assert stage.solve.links == (
        Link("p", "p", (0, -1), "gate[0]"),
        Link("p", "q", (-1, 0), "gate[1]"),
        Link("q", "p", (-1, -1), "gate[2]"),
        Link("q", "q", (0, -1), "gate[3]"),
    )
    assert stage.solve.axes == ("i", "j")
    assert [name for name, _ in stage.solve.roles] == [*(f"gate[{k}]" for k in range(4)), "input[0]", "input[1]"]


@pytest.mark.parametrize(
    ("equations", "order"),
    [
        ("  h = a * h[i-1] + b * h[j-1] + x\n  out h\n", ("i", "j")),
        ("  h = a * h[i-1, j-1] + b * h[i-1] + c * h[j-2]\n  out h + x\n", ("i", "j")),
        ("  h = a * h[i-1, j-1] + b * h[j-1] + c * h[i+1, j-1]\n  out h + x\n", ("j", "i")),
        (
            "  p = a * p[j-1] + b * q[j-1] + x\n  q = c * p[j-1] + 0.5 * q[j-1] + 0.5 * p[i-1]\n  out p + q\n",
            ("j", "i"),
        ),
    ],
    ids=["as written", "a longer step", "one direction", "smaller matrices"],
)
def test_the_outer_axis_leaves_the_simplest_rows(equations: str, order: tuple[str, ...]) -> None:
    (stage,) = (each for each in plan(HEAD + equations, "rows").stages if isinstance(each, Recurrence))
    assert stage.solve is not None
    assert stage.solve.axes == order


def test_costs() -> None:
    source = "layer f(D = 2) over i, j:\n  in x : D\n  a, b : scalar = sigmoid(linear(x))\n  h = a * h[i-1] + b * h[j-1] + x\n  out h\n"
    (report,) = api.explain(source).recurrences
    found = {each.name: (each.work, each.depth) for each in report.algorithms}
    moved = {each.name: each.bytes for each in report.algorithms}
    assert (moved["wavefront"], moved["rows"]) == ("|i|*|j|*(32*D + 8)", "|i|*|j|*(52*D + 8)")
    assert found["wavefront"] == ("2*D*|i|*|j|", "|i| + |j| - 1")
    assert found["rows"] == ("4*D*|i|*|j|", "128*|i|")
    assert found["divide"][1] == "2*log2(|i|) + 2*log2(|j|)"


def test_waves_from_another_corner_are_as_many() -> None:
    (report,) = api.explain(
        HEAD + "  h = 0.5 * h[i+1] + 0.2 * h[i+1, j-1] + 0.3 * h[i+1, j+1] + x\n  out h\n"
    ).recurrences
    assert {each.name: each.depth for each in report.algorithms}["wavefront"] == "|i|"
    (report,) = api.explain(HEAD + "  h = 0.5 * h[i+1] + 0.2 * h[j+1] + x\n  out h\n").recurrences
    assert {each.name: each.depth for each in report.algorithms}["wavefront"] == "|i| + |j| - 1"
