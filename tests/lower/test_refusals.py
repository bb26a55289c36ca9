"""Why an algorithm does not apply, for each reason a program that has it: code, words and place."""

from __future__ import annotations

import pytest

from recdsl import api
from recdsl.diagnostics import RecdslError

SEQUENCE = """\
layer f(D = 3, K = 2, V = 4, M = D) over t:
  in x : D
  q, k, p : K = linear(x)
  v : V = linear(x)
  b : scalar = sigmoid(sum(x))
"""
GRID = "layer f(D = 3) over i, j:\n  in x : D\n"
GRAPH = "layer f(D = 3) over n in dag:\n  in x : D\n"
READ = "  out o : V = sum[K](q * S)\n"

# (algorithm, code, words of the reason, equations)
REFUSED = [
    ("diagonal", "R513", "h and g need each other", "  h : D = 0.5 * g[t-1] + x\n  g : D = 0.5 * h[t-1]\n  out h\n"),
    ("diagonal", "R514", "h is read at 2 points", "  h : D = 0.5 * h[t-1] + 0.5 * h[t-2] + x\n  out h\n"),
    ("fourier", "R514", "h is read 2 points away", "  h : D = 0.5 * h[t-2] + x\n  out h\n"),
    ("fourier", "R526", "the decay differs along t", "  h : D = sigmoid(x) * h[t-1] + x\n  out h\n"),
    ("powers", "R525", "there is no dense map", "  h : D = 0.5 * h[t-1] + x\n  out h\n"),
    (
        "powers",
        "R526",
        "the transition differs along t",
        "  A : D M = tanh(linear(x))\n  h : D = sum[M](A * h[t-1][D->M]) + x\n  out h\n",
    ),
    ("block", "R512", "S is summed over K", "  S : K V = S[t-1] - b * k * sum[K](k * S[t-1]) + k * v\n" + READ),
    ("block", "R514", "h is read in several ways", "  h : D = linear(h[t-1]) + 0.5 * h[t-2] + x\n  out h\n"),
    ("block", "R518", "h starts elsewhere than at 0", "  h : D = linear(h[t-1]) + x\n  init h = 1\n  out h\n"),
    ("block", "R518", "read several points back", "  h : D = 0.1 * (h[t-1] + h[t-2]) + x\n  init h = 1\n  out h\n"),
    ("block", "R523", "9 earlier values are needed", "  h : D = 0.1 * (h[t-1] + h[t-9]) + x\n  out h\n"),
    ("block", "R524", "one earlier value for each element", "  h : D = sigmoid(x) * h[t-1] + x\n  out h\n"),
    ("rank_one", "R512", "the decay differs along both sides", "  S : K V = sigmoid(p * v) * S[t-1] + k * v\n" + READ),
    (
        "rank_one",
        "R513",
        "S and T need each other",
        "  S : K V = 0.5 * S[t-1] + T[t-1] + k * v\n  T : K V = 0.5 * S[t-1] + k * v\n" + READ,
    ),
    ("rank_one", "R514", "read at other points", "  S : K V = 0.5 * S[t-2] + k * v\n" + READ),
    ("rank_one", "R515", "S is a result as a whole", "  S : K V = 0.5 * S[t-1] + k * v\n  out S\n"),
    (
        "rank_one",
        "R516",
        "there are no two sides",
        "  S : K V = 0.5 * S[t-1] + k * v\n" + READ + "  out sum[V](v * S)\n",
    ),
    ("rank_one", "R517", "no sum of products", "  S : K V = 0.5 * S[t-1] + tanh(k * v)\n" + READ),
    ("rank_one", "R518", "starts elsewhere than at 0", "  S : K V = 0.5 * S[t-1] + k * v\n  init S = 1\n" + READ),
    (
        "rank_one",
        "R522",
        "depends on what is read",
        "  S : K V = 0.5 * S[t-1] + k * v\n" + READ + "  r : K = linear(o)\n  out y : V = sum[K](r * S)\n",
    ),
    (
        "rank_one",
        "R515",
        "S is read whole",
        "  S : K V = 0.5 * S[t-1] + k * v\n  out o : V = sum[K](q * tanh(S))\n",
    ),
    (
        "rank_one",
        "R515",
        "it is read anew along s",
        "  S : K V = 0.5 * S[t-1] + k * v\n  out o : V = sum[s](where(s <= t, sum[K](q[t->s] * S), 0))\n",
    ),
    ("delta", "R512", "a dense map joins elements of h", "  h : D = linear(h[t-1]) + x\n  out h\n"),
    (
        "delta",
        "R512",
        "the decay differs along the values",
        "  d : V = sigmoid(v)\n  S : K V = d * S[t-1] - b * k * sum[K](k * S[t-1]) + k * v\n" + READ,
    ),
    (
        "delta",
        "R513",
        "S, T have different dims",
        "  S : K V = 0.5 * S[t-1] + T[t-1] * k\n  T : V = 0.5 * T[t-1] + sum[K](k * S[t-1]) + v\n" + READ,
    ),
    (
        "delta",
        "R513",
        "several states share a decay for each key",
        "  d : K = sigmoid(p)\n  S : K V = d * S[t-1] + 0.1 * T[t-1] + k * v\n"
        "  T : K V = 0.5 * T[t-1] + 0.1 * S[t-1] - b * k * sum[K](k * T[t-1])\n" + READ,
    ),
    ("delta", "R514", "read at other points", "  S : K V = S[t-1] - b * k * sum[K](k * S[t-2]) + k * v\n" + READ),
    ("delta", "R516", "erased along V and read along K", "  S : K V = S[t-1] - b * sum[V](S[t-1]) + k * v\n" + READ),
    ("delta", "R521", "nothing of S is erased", "  S : K V = 0.5 * S[t-1] + k * v\n" + READ),
    ("folded", "R512", "it is summed over K", "  S : K V = S[t-1] - b * k * sum[K](k * S[t-1]) + k * v\n" + READ),
    ("folded", "R514", "read at other points", "  S : K V = 0.5 * S[t-2] + k * v\n" + READ),
    ("folded", "R515", "h is a result as a whole", "  h : D = sigmoid(x) * h[t-1] + x\n  out h\n"),
    ("folded", "R551", "the same at all points of t", "  S : K V = 0.5 * S[t-1] + 1\n" + READ),
    (
        "stepwise",
        "R510",
        "the loop",
        "  y = 0.5 * h[t-1] + x\n  loop 2 as turn:\n    y = tanh(y)\n  h : D = y\n  out h\n",
    ),
    ("stepwise", "R512", "joins elements of the state", "  h : D = tanh(linear(h[t-1]) + x)\n  out h\n"),
    ("stepwise", "R514", "read at other points", "  h : D = tanh(h[t-2] + x)\n  out h\n"),
    (
        "stepwise",
        "R523",
        "5 earlier values are needed",
        "".join(f"  h{n} : D = tanh(h{n}[t-1] + h{(n + 1) % 5}[t-1])\n" for n in range(5)) + "  out h0 + x\n",
    ),
    ("stepwise", "R527", "a complex value stands in it", "  h = exp(complex(x, x)) * h[t-1] + x\n  out real(h)\n"),
    (
        "stepwise",
        "R528",
        "dropout may give another value each time",
        "  h : D = tanh(h[t-1] + dropout(h[t-1], 0.5)) + x\n  out h\n",
    ),
    ("newton", "R527", "are bool, not real", "  h = h[t-1] or x > 0\n  out h\n"),
]


@pytest.mark.parametrize(("algorithm", "code", "words", "equations"), REFUSED)
def test_why_a_sequence_is_refused(algorithm: str, code: str, words: str, equations: str) -> None:
    assert_refused(SEQUENCE + equations, algorithm, code, words)


def assert_refused(source: str, algorithm: str, code: str, words: str) -> None:
    """The reason, and a place in the recurrence."""
    found = [
        each for report in api.explain(source).recurrences for each in report.refused if each.algorithm == algorithm
    ]
    assert [each.code for each in found] == [code]
    assert words in found[0].reason
    assert found[0].span is not None
    assert not any(report.schedule == algorithm for report in api.explain(source).recurrences)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (GRAPH + "  h = x + sum[pred](0.5 * h[pred])\n  out h\n", "a graph"),
        (GRID + "  h = 0.5 * h[i-1, j] + 0.4 * h[i, j-1] + x\n  out h\n", "along i and j"),
    ],
)
def test_diagonal_runs_along_one_axis(source: str, words: str) -> None:
    assert_refused(source, "diagonal", "R520", words)


def test_points_beside_each_other_stay_apart() -> None:
    source = GRID + "  h : D = 0.5 * flip[j](h[i-1, j]) + x\n  out h\n"
    assert_refused(source, "diagonal", "R512", "joins points that do not lie along i")


def test_all_earlier_points_of_a_recurrence_on_a_grid() -> None:
    source = GRID + "  h : D = 0.1 * sum[s](where(s < j, h[j->s], 0)) + x\n  out h\n"
    with pytest.raises(RecdslError, match="cannot read all of its earlier points") as caught:
        api.compile_text(source)
    (found,) = caught.value.diagnostics
    assert (found.code, found.labels[0].span.text if found.labels else "") == ("R506", "j->s")
    assert found.help is not None and found.help.endswith("such as total = total[j-1] + h[j-1]")


def test_all_earlier_points_of_a_recurrence_in_a_body() -> None:
    body = "  y = x\n  loop 2 as turn:\n    z = 0.1 * sum[s](where(s < i, z[i->s], 0)) + y\n    y = y + z\n  out y\n"
    with pytest.raises(RecdslError) as caught:
        api.compile_text(GRID.replace("layer", "model") + body)
    (found,) = caught.value.diagnostics
    assert found.code == "R506" and found.help is not None
    assert found.help.endswith("such as total = total[i-1] + z[i-1]")


def test_nameless_values_are_shown_as_they_are_written() -> None:
    source = GRID + "  h : D = 0.5 * h[D=0][j-1] + (h * x)[i-1]\n  out h\n"
    (found,) = api.explain(source).recurrences
    assert set(found.states) == {"h[D=0]", "h * x"}
    assert any("h[D=0] and h * x need each other" in each.reason for each in found.refused)
    assert not any("%" in each.reason for each in found.refused)
