"""Recurrences of a grid along one axis get the algorithms of sequences, whichever axis it is and from either end."""

from __future__ import annotations

import pytest
import torch
from families import agrees, algorithms

from recdsl import api
from recdsl.diagnostics import RecdslError
from recdsl.verify import Example, assert_equivalent

HEAD = "layer f(D = 3, K = 2, V = 2, M = D) over {axes}:\n  in x : D\n"
GATES = "  a : D = sigmoid(linear(x))\n"
SIDES = "  q, k : K = linear(x)\n  v : V = linear(x)\n"
READ = "  out o : V = sum[K](q * S)\n"

# By the algorithm: equations with {back} for the read of the state, {two} for the one two points away.
EQUATIONS = {
    "diagonal": f"{GATES}  h = a * h{{back}} + x\n  init h = 0.5 * i - j\n  out h\n",
    "block": f"{GATES}  h = a * h{{back}} + 0.3 * h{{two}} + x\n  out h\n",
    "rank_one": f"{SIDES}  g : K = sigmoid(linear(x))\n  S : K V = g * S{{back}} + k * v\n{READ}",
    "delta": f"{SIDES}  S : K V = S{{back}} - 0.3 * k * sum[K](k * S{{back}}) + k * v\n{READ}",
    "folded": f"{GATES}  b, c : K = linear(x)\n  s = a * s{{back}} + b * x\n  init s = 1\n  out sum[K](c * s + b * s{{back}})\n",
    "fourier": "  w = sigmoid(0.3 * {other})\n  h = w * h{back} + x\n  out h\n",
    "powers": "  param A : D M = 0.2\n  h : D = sum[M](A * h{back}[D->M]) + x\n  out h\n",
    "semiring": f"{GATES}  h = max(h{{back}} - a, x)\n  init h = 0.1 * i\n  out h\n",
    "clamp": f"{GATES}  h = clamp(a * h{{back}} + x, -0.5, 0.7)\n  out h\n",
    "mobius": f"{GATES}  h = a + 1 / h{{back}}\n  init h = 1 + {{other}}\n  out h\n",
    "automaton": "  on : D bool = x > 0\n  h : D bool = h{back} != on\n  out y : D = where(h, x, 0)\n",
    "stepwise": f"{GATES}  h = tanh(a * h{{back}} + {{other}} * x)\n  init h = 0.1 * i\n  out h\n",
    "newton": f"{GATES}  h = tanh(a * h{{back}} + x)\n  out h\n",
}
WAYS = {
    "last": ("i, j", "[j-1]", "[j-2]", "i"),
    "first": ("i, j", "[i-1]", "[i-2]", "j"),
    "from the end": ("i, j", "[i+1]", "[i+2]", "j"),
    "volume": ("i, j, z", "[j+1]", "[j+2]", "z"),
}


def source(algorithm: str, way: str) -> str:
    axes, back, two, other = WAYS[way]
    return HEAD.format(axes=axes) + EQUATIONS[algorithm].format(back=back, two=two, other=other)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("algorithm", EQUATIONS)
def test_an_algorithm_of_sequences(algorithm: str, way: str) -> None:
    text = source(algorithm, way)
    assert algorithms(text, algorithm) == {algorithm}
    assert_equivalent(text, examples=2, schedules=[algorithm])


@pytest.mark.parametrize("way", ["last", "first"])
@pytest.mark.parametrize("algorithm", ["diagonal", "block", "rank_one", "delta", "folded", "semiring", "newton"])
def test_axes_longer_than_a_chunk(algorithm: str, way: str) -> None:
    points = (70, 3) if way == "first" else (3, 70)
    assert_equivalent(source(algorithm, way), examples=[Example(1, 1, points)], schedules=[algorithm])


@pytest.mark.parametrize("algorithm", ["diagonal", "rank_one", "delta", "block", "semiring"])
def test_taken_by_itself(algorithm: str) -> None:
    assert algorithms(source(algorithm, "first")) == {algorithm}


def test_rows_that_do_not_converge_are_walked() -> None:
    wild = (
        f"{HEAD.format(axes='i, j')}  h : D = 3.9 * h[i-1] * (1 - h[i-1]) * sigmoid(x + 3)\n  init h = 0.3\n  out h\n"
    )
    torch.manual_seed(0)
    x = torch.randn(2, 70, 2, 3, dtype=torch.float64)
    module, loop = (api.compile(wild, schedule=each)().double() for each in ("newton", "sequential"))
    found = module(x)
    assert module.solves["h"]["rows"] == 2
    torch.testing.assert_close(found[:, :20], loop(x)[:, :20])


def test_the_text_knows_of_no_documents() -> None:
    for algorithm in EQUATIONS:
        text = api.compile_text(source(algorithm, "last"), schedule=algorithm).text
        assert "steps." not in text.partition("class F")[2]
        assert "_fit(" not in text


def test_one_recurrence_after_the_other_each_along_its_own_axis() -> None:
    agrees(
        "layer f(D = 3) over i, j:\n  in x : D\n  a : D = sigmoid(linear(x))\n  r = a * r[j-1] + x\n"
        "  h = a * h[i-1] + r + r[j-1] + h[i-2, j] * 0\n  out h + r[i+1, j-1]\n",
        "diagonal",
    )


@pytest.mark.parametrize(
    ("equation", "code", "reason"),
    [
        ("h = 0.3 * h[j-1] + 0.5 * mean[i](h[j-1]) + x", "R512", "mean joins points that do not lie along j"),
        ("h = 0.3 * h[i-1] + 0.2 * h[j-1] + x", "R520", "runs along i and j, not along one axis"),
    ],
)  # fmt: skip
def test_refused(equation: str, code: str, reason: str) -> None:
    text = f"layer f(D = 2) over i, j:\n  in x : D\n  {equation}\n  out h\n"
    with pytest.raises(RecdslError, match=reason) as caught:
        api.compile_text(text, schedule="diagonal")
    assert caught.value.diagnostics[0].code == code
    assert_equivalent(text, examples=2)


def test_explain_names_the_axis() -> None:
    text = str(api.explain("layer f(D) over i, j:\n  in x : D\n  h = 0.5 * h[j+1] + x\n  out h\n"))
    assert "h: lti, over i, j (grid, along j, from the end)" in text
