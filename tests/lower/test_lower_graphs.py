"""Recurrences along the edges of graphs: which algorithm each gets, and why another does not apply."""

from __future__ import annotations

import pytest
from families import algorithms, plan

from recdsl import api
from recdsl.diagnostics import RecdslError
from recdsl.lower.plan import Recurrence

HEAD = "layer a(D = 3, F = 2, H = 2, K = 3, V = 2) over n in dag:\n  in x : D\n  in e : F edge\n"
VECTORS = "  q, k : H K = linear(x)\n  v : H V = linear(x)\n  edge g, m : H = sigmoid(linear(e))\n"
READ = "  out sum[pred](m[pred] * sum[K](q * C[pred]))\n"
MATRIX = f"{HEAD}{VECTORS}  edge C : H K V = g * k * v + sum[pred](g[pred] * C[pred])\n"

TAKEN = {
    "levels": [
        f"{HEAD}  h : H = sum[pred](h[pred]) + linear(x)\n  out h\n",
        f"{HEAD}  h : H = tanh(sum[pred](h[pred]) + linear(x))\n  out h\n",
        f"{HEAD}  h : H = max(max[pred](h[pred]), linear(x))\n  out h\n",
        f"{MATRIX}  out sum[pred](C[pred])\n",
        f"{MATRIX}  out C\n",
    ],
    "line_graph": [
        MATRIX + READ,
        f"{MATRIX}  out v - sum[pred](sum[K](C[pred] * q)) / 2\n",
        f"{HEAD}{VECTORS}  S : H K V = v * k + sum[pred](S[pred]) / 2\n  out sum[K](S * q)\n",
        f"{HEAD}{VECTORS}  S : V H K = v * k + sum[pred](S[pred]) / 2\n  out sum[K](S * q)\n",
        f"{HEAD}{VECTORS}  S : H K V = v * k + mean[pred](S[pred]) / 2\n  out sum[pred](sum[K](S * q))\n",
    ],
    "sequential": [
        f"{HEAD}  extern f(x) : H\n  h : H = f(sum[pred](h[pred])) + linear(x)\n  out h\n",
        f"{HEAD.replace('layer', 'model')}  g = sum[pred](h[pred])\n  loop 2 as turn:\n    g = tanh(linear(g))\n"
        "  h : H = g + linear(x)\n  out h\n",
    ],
}


@pytest.mark.parametrize(("algorithm", "source"), [(name, text) for name, texts in TAKEN.items() for text in texts])
def test_the_first_that_is_valid_is_taken(algorithm: str, source: str) -> None:
    assert algorithms(source) == {algorithm}


def test_any_of_them_can_be_asked_for() -> None:
    for name in ("line_graph", "levels", "sequential"):
        assert algorithms(MATRIX + READ, name) == {name}


REFUSED = {
    "the gate differs along the key": (
        f"{HEAD}{VECTORS}  edge C : H K V = k * v + sum[pred](linear(e[pred] -> H K) * C[pred])\n{READ}",
        "R512",
    ),
    "read whole": (f"{MATRIX}  out sum[pred](C[pred])\n", "R515"),
    "a result": (f"{MATRIX}  out C\n", "R515"),
    "a query of the edge": (f"{MATRIX}  out sum[pred](sum[K](linear(e[pred] -> K) * C[pred]))\n", "R515"),
    "two outer products": (
        f"{HEAD}{VECTORS}  edge C : H K V = k * v + q * tanh(v) + sum[pred](C[pred])\n{READ}",
        "R517",
    ),
    "a key of the edge": (
        f"{HEAD}{VECTORS}  edge C : H K V = linear(e -> K) * v + sum[pred](C[pred])\n{READ}",
        "R517",
    ),
    "two states": (
        f"{HEAD}{VECTORS}  edge C : H K V = k * v + B\n  B : H K V = sum[pred](C[pred])\n{READ}",
        "R513",
    ),
    "not affine": (f"{HEAD}{VECTORS}  edge C : H K V = k * v + sum[pred](tanh(C[pred]))\n{READ}", "R511"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_why_gates_alone_do_not_do(name: str) -> None:
    source, code = REFUSED[name]
    found = next(each for each in api.explain(source).recurrences if "C" in each.states)
    refused = {each.algorithm: each.code for each in found.refused}
    assert refused["line_graph"] == code
    assert found.schedule == "levels"


def test_levels_has_no_derivative_of_truth_values() -> None:
    (found,) = api.explain(
        f"{HEAD}  on = sum(x) > 0\n  s = sum[pred](where(s[pred], 1, 0)) > 1 or on\n  out where(s, 1.0, 0)\n"
    ).recurrences
    assert {each.algorithm: each.code for each in found.refused}["levels"] == "R527"


def test_elsewhere_they_do_not_apply() -> None:
    source = "layer a(D) over t:\n  in x : D\n  h = 0.5 * h[t-1] + x\n  out h\n"
    for name in ("line_graph", "levels"):
        with pytest.raises(
            RecdslError, match=f"{name} does not apply: the recurrence runs over a sequence, not a graph"
        ):
            plan(source, name)


def test_names_and_order_mean_nothing() -> None:
    """The same links and places of roles whatever the terms are called and how they stand."""
    other = (
        f"{HEAD}  w : H V = linear(x)\n  a, b : H K = linear(x)\n  edge s, r : H = sigmoid(linear(e))\n"
        "  out sum[pred](sum[K](Z[pred] * b) * r[pred])\n"
        "  edge Z : H K V = sum[pred](Z[pred] * s[pred]) + w * a * s\n"
    )
    kinds = []
    for source in (MATRIX + READ, other):
        (stage,) = (each for each in plan(source).stages if isinstance(each, Recurrence))
        assert stage.solve is not None
        shapes = [(name, role.type.axis_names, role.type.dim_names) for name, role in stage.solve.roles]
        kinds.append((stage.algorithm, sorted(shapes), [(link.role, link.via) for link in stage.solve.links]))
    assert kinds[0] == kinds[1]
