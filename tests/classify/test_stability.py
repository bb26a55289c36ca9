"""What is proved of the growth of a recurrence, and what stands in the way."""

from __future__ import annotations

from pathlib import Path

import pytest

import recdsl
from recdsl.explain import RecurrenceReport

SPECS = Path(__file__).parents[2] / "specs"


def reports(equations: str, axes: str = "t") -> tuple[RecurrenceReport, ...]:
    """The recurrences of some equations over an input x of dim D."""
    lines = "".join(f"  {line.strip()}\n" for line in equations.strip().split("\n"))
    return recdsl.explain(f"layer f(D, K) over {axes}:\n  in x : D\n{lines}").recurrences


def stable(equations: str, axes: str = "t") -> str:
    (found,) = reports(equations, axes)
    return found.stable


def of_spec(name: str) -> dict[str, str]:
    return {", ".join(each.states): each.stable for each in recdsl.explain(SPECS / f"{name}.rdl").recurrences}


@pytest.mark.parametrize(
    ("equations", "said"),
    [
        ("a = x / (1 + sum[D](abs(x)))\nh = a * h[t-1] + x\nout h", "proved: a in [-1, 1]"),
        ("a = x / (1 + sum[D](x))\nh = a * h[t-1] + x\nout h", "a can exceed 1: it lies in (-inf, inf)"),
        ("a = sigmoid(x)\nh = a * h[t-1] + x\nout h", "proved: a in (0, 1)"),
        ("h = 0.5 * h[t-1] + x\nout h", "proved: the coefficient is 0.5"),
        ("h = h[t-1] + x\nout h", "proved: the coefficient is 1"),
        ("z = sigmoid(x)\nh = h[t-1] - z * h[t-1] + z * x\nout h", "proved: 1 - z in (0, 1)"),
        ("a = tanh(x)\nh = a * h[t-1] + x\nout h", "proved: a in (-1, 1)"),
        ("h = 2 * h[t-1] + x\nout h", "2 can exceed 1: it lies in [2, 2]"),
        ("a = exp(x)\nh = a * h[t-1] + x\nout h", "a can exceed 1: it lies in (0, inf)"),
        ("param a : D\nh = a * h[t-1] + x\nout h", "a can exceed 1: it lies in (-inf, inf)"),
        ("a = -1.5 * sigmoid(x)\nh = a * h[t-1] + x\nout h", "-1.5 * sigmoid(x) can fall below -1: it lies in (-1.5, 0)"),
        (
            "lb = sigmoid(2 * x)\na = lb + (1 - lb) * sigmoid(x)\nh = a * h[t-1] + x\nout h",
            "proved: sigmoid(x) + lb - sigmoid(x) * lb in (0, 1)",
        ),
        ("a = exp(complex(-softplus(x), x))\nh = a * h[t-1] + x\nout real(h)", "proved: |a| in (0, 1)"),
        ("a = complex(x, x)\nh = a * h[t-1] + x\nout real(h)", "|a| can exceed 1: it lies in [0, inf)"),
        ("h = (2 - (1 + sigmoid(x))[t-1]) * h[t-1] + x\nout h", "2 - (1 + sigmoid(x))[t-1] can exceed 1: it lies in (0, 2]"),
    ],
)  # fmt: skip
def test_one_coefficient(equations: str, said: str) -> None:
    assert stable(equations) == said


def test_a_running_sum_is_called_as_it_is_written() -> None:
    running, state = reports("h = cumsum[t](2 * x) * h[t-1] + x\nout h")
    assert running.states == ("cumsum[t](2 * x)",)
    assert state.stable == "cumsum[t](2 * x) can exceed 1: it lies in (-inf, inf)"


def test_sums_of_coefficients_into_a_state() -> None:
    half = "h = 0.5 * tanh(x) * h[t-1] + 0.5 * h[t-2] + x\nout h"
    assert stable(half) == "proved: |0.5| + |0.5 * tanh(x)| in [0.5, 1)"
    whole = "h = tanh(x) * h[t-1] + 0.5 * h[t-2] + x\nout h"
    assert stable(whole) == "|0.5| + |tanh(x)| can exceed 1: it lies in [0.5, 1.5)"


def test_sums_of_coefficients_out_of_a_state() -> None:
    shared = "a, b = sigmoid(x)\nr = a * b * (r[j-1] + s[i-1]) + x\ns = a * (1 - b) * (r[j-1] + s[i-1])\nout r + s"
    assert stable(shared, "i, j").startswith(
        "proved: what leaves a state adds up to 1 at most: |a * b| + |a * (1 - b)| in "
    )


def test_image_modes() -> None:
    layers = [each.stable for each in recdsl.explain(SPECS / "plstm.rdl").recurrences if each.domain == "grid"]
    assert layers == [
        "proved: what leaves a state adds up to 1 at most: |alpha * gamma| + |gamma * (1 - alpha)| in [0, 1)",
        "proved: one path at most leads from a state to a later one: t_rr in (-1, 1); t_dr in (-1, 1); t_dd in (-1, 1)",
    ]
    for left, turn in ((True, "R"), (False, "Dn")):
        (found,) = recdsl.explain(SPECS / "plstm_d.rdl", settings={"left": left}).recurrences
        assert turn in found.states
        assert found.stable.startswith("proved: one path at most leads from a state to a later one: ")
    apart = "a, b, c = tanh(x)\nr = a * r[j-1] + x\ns = b * s[i-1] + c * r[j-1]\nout r + s"
    from_others = "one path at most comes from a state of another recurrence, with"
    assert {each.states: each.stable for each in reports(apart, "i, j")} == {
        ("r",): "proved: a in (-1, 1)",
        ("s",): f"proved: b in (-1, 1); {from_others} c in (-1, 1)",
    }


def test_the_sign_on_which_a_bound_depends() -> None:
    text = "|alpha * gamma| + |1 - alpha * gamma| can exceed 1: it lies in (1, 3) where gamma < 0"
    assert of_spec("plstm_p_code") == {"R, Dn": f"{text}; it is at most 1 where gamma >= 0"}
    (found,) = recdsl.explain(SPECS / "plstm_p_code.rdl").recurrences
    assert found.to_json()["stable"] == found.stable
    assert found.unstable is not None
    turned = "a = sigmoid(x)\nb = tanh(x)\nr = -(a * b) * (r[j-1] + s[i-1]) + x\ns = (1 + a * b) * (r[j-1] + s[i-1])\nout r + s"
    assert stable(turned, "i, j").endswith("where b > 0; it is at most 1 where b <= 0")


def test_one_path_through_several_states() -> None:
    zero = "a, b, c = tanh(x)\nr = a * r[j-1] + c * s[i-1] + x\ns = b * s[i-1] + (c - c) * r[j-1]\nout r + s"
    assert {each.states: each.stable for each in reports(zero, "i, j")} == {
        ("s",): "proved: b in (-1, 1)",
        ("r",): "proved: a in (-1, 1); one path at most comes from a state of another recurrence, with c in (-1, 1)",
    }
    ring = "a, b = tanh(x)\nr = a * s[i-1] + x\ns = b * r[j-1] + x\nout r + s"
    assert stable(ring, "i, j") == "proved: a in (-1, 1); b in (-1, 1)"
    both = "a, b, c = tanh(x)\nr = a * r[j-1] + c * s[i-1] + x\ns = b * s[i-1] + c * r[j-1]\nout r + s"
    assert stable(both, "i, j") == "|a| + |c| can exceed 1: it lies in [0, 2)"


def test_states_of_other_recurrences() -> None:
    """Only elementwise ones along one path, with a coefficient of 1 at most."""
    text = "a, b = tanh(x)\ns = b * s[i-1] + x\nr = a * r[{axis}-1] + {read} + x\nout r"
    found = {}
    for axis, read in (("j", "s[i-1]"), ("j", "2 * s[i-1]"), ("i", "s[i-1]"), ("j", "s + tanh(s)"), ("j", "s * s")):
        found[axis, read] = next(
            each.stable for each in reports(text.format(axis=axis, read=read), "i, j") if each.states == ("r",)
        )
    said = "proved: a in (-1, 1)"
    assert found.pop(("j", "s[i-1]")) == f"{said}; one path at most comes from a state of another recurrence, with 1"
    assert set(found.values()) == {said}


def test_edges_of_a_graph() -> None:
    free = "h = x + sum[pred](sigmoid(x[pred]) * h[pred])\nout h"
    more = "can exceed 1: each lies in (0, 1); it is stable where one path at most leads from a state to a later one"
    assert stable(free, "n in dag") == f"the sum of sigmoid(x[pred]) over the edges that come in {more}"
    large = "h = x + sum[pred](exp(x[pred]) * h[pred])\nout h"
    assert stable(large, "n in dag").endswith("can exceed 1: each lies in (0, inf)")
    shared = "h = x + sum[pred](softmax[pred](x[pred]) * h[pred])\nout h"
    divided = "total = {} + sum[pred](abs(x[pred]))\nh = x + sum[pred]({} * x[pred] / total * h[pred])\nout h"
    for each in (shared, divided.format(0.5, 1), divided.format("exp(x)", "tanh(x)")):
        assert stable(each, "n in dag") == "proved: the coefficients of the edges that come in add up to 1 at most"
    behind = "total = sum[pred](abs(x[pred])) + {}\nh = x + sum[pred](x[pred] / total * h[pred])\nout h"
    assert stable(behind.format(1), "n in dag").startswith("proved")
    for each in (behind.format(-1), divided.format(-0.5, 1), divided.format(0.5, 2), divided.format(0.5, "x[pred]")):
        assert not stable(each, "n in dag").startswith("proved")


def test_shares_over_edges_add_up_for_each_state() -> None:
    """A state gets what all its sums bring together; a factor that differs from edge to edge counts with its largest value."""
    proved = "proved: the coefficients of the edges that come in add up to 1 at most"
    share, other = "softmax[pred](x[pred])", "softmax[pred](2 * x[pred])"
    two = f"h = x + {{}} * sum[pred]({share} * h[pred]) + {{}} * sum[pred]({other} * g[pred])\ng = mean[pred](h[pred])\nout g"
    assert stable(two.format(0.5, 0.5), "n in dag") == proved
    assert stable(two.format("sigmoid(x)", "(1 - sigmoid(x))"), "n in dag") == proved
    assert stable(two.format(1, 1), "n in dag") == (
        f"|{share}| + |{other}| can exceed 1 with sums over the edges that come in: up to 2; "
        "it is stable where one path at most leads from a state to a later one"
    )
    gates = f"h = x + sum[pred](sigmoid(x[pred]) * {share} * h[pred] + (1 - sigmoid(x[pred])) * {other} * g[pred])\n"
    assert "up to 2" in stable(f"{gates}g = mean[pred](h[pred])\nout g", "n in dag")
    parts = f"h = x + 0.5 * sum[pred]({share} * h[pred]) - 0.5 * sum[pred]({other} * h[pred])\nout h"
    assert stable(parts, "n in dag") == proved


def test_an_edge_reads_the_node_that_it_leaves_once() -> None:
    text = "h = x + {} * mean[pred](C[pred])\nedge C = {} * h\nout h"
    assert stable(text.format(1, 1), "n in dag").startswith("proved")
    assert stable(text.format(0.5, 2), "n in dag") == "2 can exceed 1: it lies in [2, 2]"


def test_what_comes_in_along_edges_is_more_than_one_reflection() -> None:
    text = "k = l2norm(x)\nh = sum[pred](h[pred]) - k * sum[D](k * sum[pred](h[pred])) + x\nout h"
    assert stable(text, "n in dag") == "unknown: h also gets (-k) * sum[D](k * h[pred])"


@pytest.mark.parametrize(
    ("equations", "axes", "said"),
    [
        ("h : D = linear(h[t-1]) + x\nout h", "t", "the map h of h[t-1] has no norm above 1"),
        ("h : D = linear(h[t-1]) + 0.5 * h[t-1] + x\nout h", "t", "{}: into h 0.5 of h[t-1], h of h[t-1]"),
        ("h : D = linear(h[i-1]) + linear(h[j-1]) + x\nout h", "i, j", "{}: into h h.h of h[i-1], h.h_2 of h[j-1]"),
        ("h : D = linear(sum[pred](h[pred])) + x\nout h", "n in dag", "{} over the edges that come in: into h h of h[pred]"),
        ("g : D = linear(h[t-1]) + x\nh = 0.5 * g[t-1] + h[t-1]\nout h", "t", "{}: into g g of h[t-1]; into h 0.5 of g[t-1], 1 of h[t-1]"),
    ],
)  # fmt: skip
def test_dense_maps(equations: str, axes: str, said: str) -> None:
    """All that a state gets has to stay small together, not one map alone."""
    together = "the maps into each state have norms that add up to 1 at most"
    assert stable(equations, axes) == f"unknown: it is stable where {said.format(together)}"


def test_a_share_over_edges_is_one_only_among_them() -> None:
    """Where none comes in, the sum is 0 and the quotient as large as it likes."""
    text = "edge g = x\nedge a = g / (0.5 + sum[pred](abs(g)))\nedge C = x + sum[pred](a[pred] * C[pred])\nout sum[pred](C[pred])"
    assert stable(text, "n in dag").endswith("can exceed 1: each lies in (-inf, inf)")


def test_corrections_of_rank_one() -> None:
    text = "b : scalar = {b}\nk : K = {k}\nS : K D = S[t-1] - b * k * sum[K](k * S[t-1]) + k * x\nout sum[K](k * S)"
    unit = text.format(b="2 * sigmoid(linear(x))", k="l2norm(linear(x -> K))")
    assert stable(unit) == "proved: k is at most 1 long, b in (0, 2), the coefficient is 1"
    long = text.format(b="sigmoid(linear(x))", k="linear(x)")
    assert stable(long) == "unknown: it is stable where b * sum[K](k^2) stays in [0, 2]; b lies in (0, 1)"
    strong = text.format(b="3 * sigmoid(linear(x))", k="l2norm(linear(x -> K))")
    assert stable(strong).startswith("unknown: it is stable where b * sum[K](k^2) stays in [0, 2]")
    assert of_spec("gated_deltanet") == {"S": "proved: k is at most 1 long, beta in (0, 1), alpha in (0, 1)"}


def test_intervals_that_no_step_leaves() -> None:
    assert stable("h : D = tanh(linear(x) + linear(h[t-1]))\nout h") == "bounded: h in (-1, 1)"
    gated = "z = sigmoid(h[t-1])\nh = z * h[t-1] + (1 - z) * tanh(x)\nout h"
    assert stable(gated) == "bounded: h in (-1, 1)"
    assert of_spec("lstm") == {"c, h": "unknown: no bound of c is known; h in (-1, 1)"}
    started = "h : D = where(h[t-1] > 1, 0, 0.5) * abs(h[t-1])\ninit h = 3\nout h + x"
    assert stable(started) == "bounded: h in [0, 3]"


@pytest.mark.parametrize("most", ["max", "logaddexp"])
def test_exponentials_below_a_running_maximum(most: str) -> None:
    """What a maximum, or a sum of exponentials, is taken of lies below it, also through a maximum of maxima."""
    stabilised = f"m = {most}(m[t-1] + x, 2 * x)\nh = exp(m[t-1] + x - m) * h[t-1] + exp(2 * x - m)\nout h"
    _, found = reports(stabilised)
    assert found.stable == "proved: exp(m[t-1] + x - m) in (0, 1]"
    assert not found.remarks
    _, found = reports(f"m = {most}({most}(m[t-1], x), 2 * x)\nh = exp(x - m) * h[t-1] + exp(m[t-1] - m)\nout h")
    assert found.stable == "proved: exp(x - m) in (0, 1]"
    assert not found.remarks


def test_exponentials_above_a_running_minimum() -> None:
    _, found = reports("m = min(m[t-1] + x, 2 * x)\nh = exp(m[t-1] + x - m) * h[t-1]\nout h")
    assert found.stable == "exp(m[t-1] + x - m) can exceed 1: it lies in (0, inf)"
    for exponent in ("m - 2 * x", "m + 2 * x"):
        _, found = reports(f"m = max(m[t-1] + x, 2 * x)\nh = exp({exponent}) * h[t-1]\nout h")
        assert found.stable.startswith(f"exp({exponent}) can exceed 1")


def test_the_place_in_the_way() -> None:
    (found,) = reports("a = 1 + x\nh = a * h[t-1] + x\nout h")
    assert found.stable.startswith("1 + x can exceed 1")
    assert found.unstable is not None
    assert found.unstable.place[0] == 4


def test_what_can_explode() -> None:
    (found,) = reports("a = exp(x)\nh = a * h[t-1] + x / (1 - sigmoid(x) * 2)\nout h")
    assert [(each.code, each.reason) for each in found.remarks] == [
        ("R561", "exp(x) can overflow: x lies in (-inf, inf)"),
        ("R562", "the divisor 1 - sigmoid(x) * 2 can be 0: it lies in (-1, 1)"),
    ]
    (found,) = reports("h = exp(-softplus(x)) * h[t-1] + x / (1 + sigmoid(x)) / sqrt(D)\nout h")
    assert not found.remarks
