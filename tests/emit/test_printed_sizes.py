"""Printed sizes have the value of the size."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recdsl.emit.sizes import is_plain, number_code, whole_code
from recdsl.ir import sizes
from recdsl.ir.sizes import Size

LEAVES = {"D": 12, "H": 3, "K": 4}
leaf = st.sampled_from([sizes.name(name) for name in LEAVES]) | st.integers(1, 5).map(sizes.number)
random_sizes = st.recursive(
    leaf,
    lambda inner: st.tuples(st.sampled_from(["+", "*", "/", "-", "max", "min"]), inner, inner).map(
        lambda each: sizes.apply(*each)
    ),
    max_leaves=6,
)


def code_of(size: Size) -> str:
    return str(size.operands[0])


@given(random_sizes)
def test_numbers(size: Size) -> None:
    try:
        wanted = float(sizes.evaluate(size, LEAVES))
    except ZeroDivisionError:
        return
    assert eval(number_code(size, code_of).code, {"math": math, **LEAVES}) == pytest.approx(wanted)


@given(random_sizes)
def test_whole_numbers(size: Size) -> None:
    try:
        wanted = sizes.evaluate(size, LEAVES)
    except ZeroDivisionError:
        return
    parts = [part for part in walk(size) if part.operator in ("max", "min")]
    if wanted == int(wanted) and all(sizes.evaluate(p, LEAVES).denominator == 1 for part in parts for p in part.parts):
        found = eval(whole_code(size, code_of).code, {"math": math, **LEAVES})
        assert found == wanted
        assert isinstance(found, int)


def walk(size: Size) -> list[Size]:
    return [size, *(each for part in size.parts for each in walk(part))]


def test_one_division() -> None:
    size = sizes.apply("/", sizes.apply("/", sizes.name("D"), sizes.name("H")), sizes.number(2))
    assert whole_code(size, code_of).code == "D // (H * 2)"
    assert not is_plain(size)
    assert is_plain(sizes.apply("*", sizes.number(2), sizes.name("D")))
