"""Every spec, and every program that once failed, under every schedule that is valid for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from recdsl import api
from recdsl.diagnostics import RecdslError
from recdsl.verify import Example, assert_equivalent
from recdsl.verify.schedules import schedules_of

ROOT = Path(__file__).parents[2]
PROGRAMS = sorted((ROOT / "specs").glob("*.rdl")) + sorted((ROOT / "tests" / "verify" / "failures").glob("*.rdl"))

AVERAGE = """
layer average(D = 3) over t:
  in x : D
  a : D = sigmoid(linear(x))
  s : D = a * s[t-1] + (1 - a) * x
  out y : D = linear(s)
"""
MATRIX = """
layer matrix(D = 3, K = 2, V = 4) over t:
  in x : D
  q, k : K = linear(x)
  v : V = linear(x)
  a : K = sigmoid(linear(x))
  S : K V = a * S[t-1] + k * v
  out o : V = sum[K](q * S)
"""


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda each: each.stem)
def test_every_schedule_is_what_the_reference_says(program: Path) -> None:
    others = schedules_of(api.check(program).program)[1:]
    if others:
        assert_equivalent(program, examples=1, schedules=others)


@pytest.mark.parametrize("source", [AVERAGE, MATRIX], ids=["average", "matrix"])
def test_sequences_longer_than_a_chunk(source: str) -> None:
    long = Example(1, 2, (130,), lengths=(130, 65), resets=((3, 64), (128,)), cut=65)
    assert_equivalent(source, examples=[long])


def test_the_schedules_of_a_program() -> None:
    found = schedules_of(api.check(MATRIX).program)
    assert found[0] == "auto"
    assert {"diagonal", "sequential"} <= set(found)
    assert schedules_of(api.check("layer f(D) over t:\n  in x : D\n  out 2 * x\n").program) == ("auto",)


def test_a_forced_schedule_changes_the_text_and_keeps_the_parameters() -> None:
    texts = {name: api.compile_text(AVERAGE, schedule=name).text for name in schedules_of(api.check(AVERAGE).program)}
    assert len(set(texts.values())) == len(texts)
    names = {tuple(api.compile(AVERAGE, schedule=name)().state_dict()) for name in texts}
    assert len(names) == 1


def test_a_schedule_that_is_valid_nowhere_says_why() -> None:
    with pytest.raises(RecdslError, match="nothing of S is erased") as caught:
        api.compile_text(MATRIX, schedule="delta")
    (diagnostic,) = caught.value.diagnostics
    assert diagnostic.code == "R521"
    assert diagnostic.labels[0].span.place[0] == 7


def test_a_schedule_that_there_is_not() -> None:
    with pytest.raises(ValueError, match=r"there is no schedule 'diagonl'; did you mean diagonal\?"):
        api.compile_text(AVERAGE, schedule="diagonl")
    with pytest.raises(ValueError, match="there are auto, "):
        api.explain(AVERAGE, schedule="fast_please")


@pytest.mark.parametrize(
    ("equations", "refused"),
    [
        ("in a : D static\n  h = tanh(a) * h[t-1] + x", "fourier"),
        ("in A : D M static\n  h : D = sum[M](0.3 * tanh(A) * h[t-1][D->M]) + x", "powers"),
    ],
    ids=["elementwise", "dense"],
)
def test_coefficients_that_differ_between_rows(equations: str, refused: str) -> None:
    text = f"layer f(D = 3, M = D) over t:\n  in x : D\n  {equations}\n  out h\n"
    with pytest.raises(RecdslError, match="differs between the rows of a batch"):
        api.compile_text(text, schedule=refused)
    assert_equivalent(text, examples=3)
