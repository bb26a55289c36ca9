"""Dumps read back into what was dumped, and can be read by people."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ir_programs import LSTM, PROGRAMS

from recdsl.ir import dump_text, sizes
from recdsl.ir.dump import dump, size_node, type_node
from recdsl.ir.dump_forms import LEAVES
from recdsl.ir.dump_parts import size_of, type_of
from recdsl.ir.dump_reader import read_dump
from recdsl.ir.dump_text import DumpError, layout, parse, show
from recdsl.ir.expr import Apply, Const, Read
from recdsl.ir.module import Equation, Program
from recdsl.ir.operators.table import OPERATORS
from recdsl.ir.sizes import Size
from recdsl.ir.types import KINDS, Axis, Dim, ValueType
from recdsl.lower.lower import lower
from recdsl.lower.plan import ProgramPlan
from recdsl.pipeline import check, load
from recdsl.rewrite.differentiate import expand_gradients


@pytest.mark.parametrize("name", PROGRAMS)
def test_checked_and_lowered_programs_read_back(name: str) -> None:
    program = check(load(PROGRAMS[name])).program
    expanded = expand_gradients(program)
    for stage in (program, expanded):
        text = dump(stage)
        assert read_dump(text) == stage
        assert dump(read_dump(text)) == text
    plan = lower(expanded)
    assert read_dump(dump(plan), ProgramPlan) == plan


def test_an_equation_is_one_form() -> None:
    text = dump(check(load(LSTM)).program)
    assert "(equation c [H over t] (add (mul f (read c t=-1)) (mul i g)))" in text
    assert "(weight-spec i.x.weight [[H] [D]] linear fan_in=D)" in text
    assert 'documentation="Long short-term memory"' in text
    assert max(map(len, text.splitlines())) <= dump_text.WIDTH + 20


def test_types_that_do_not_follow_are_said() -> None:
    program = check(load(LSTM)).program
    entry = program.entry
    odd = Apply("add", (Const(1, ValueType("real")), Read("nowhere", ValueType("complex"))), ValueType("bool"))
    items = (*entry.items, Equation("odd", "an odd one", ValueType(), odd, Const(-math.inf, ValueType())))
    changed = program.with_module(replace(entry, items=items))
    text = dump(changed)
    assert "(add (const 1 type=[real]) (read nowhere type=[complex]) type=[bool])" in text
    assert read_dump(text) == changed


def test_equal_modules_and_items_are_written_once() -> None:
    plan = lower(check(load(LSTM)).program)
    text = dump(plan)
    assert text.count("(module lstm") == 1
    assert "module=(see lstm)" in text
    assert "items=[(see i) (see f) (see o) (see g) (see c) (see h)]" in text


def test_heads_of_leaves_are_no_operators() -> None:
    assert not set(LEAVES) & set(OPERATORS)


NAMES = st.one_of(
    st.sampled_from(
        ["H", "over", "real", "true", "none", "inf", "3", "|t|", "a b", 'quo"te', "x=y", "(", "", "é", "\\"]
    ),
    st.text(max_size=4),
)
LEAF_SIZES = st.one_of(
    NAMES.map(sizes.name),
    st.integers(-5, 5).map(sizes.number),
    st.floats(allow_nan=False).map(sizes.number),
    st.sampled_from(["t", "n"]).map(sizes.axis_length),
)
SIZES = st.recursive(
    LEAF_SIZES,
    lambda parts: st.builds(lambda operator, a, b: Size(operator, (a, b)), st.sampled_from(["+", "-", "/", "max"]), parts, parts),
    max_leaves=6,
)  # fmt: skip
TYPES = st.builds(
    ValueType,
    st.sampled_from(KINDS),
    st.lists(st.builds(Axis, NAMES, SIZES), max_size=2).map(tuple),
    st.lists(st.builds(Dim, NAMES, SIZES), max_size=3).map(tuple),
)


@given(SIZES)
def test_sizes_read_back(size: Size) -> None:
    assert size_of(parse(layout(size_node(size)))) == size


@given(TYPES)
def test_types_read_back(type_: ValueType) -> None:
    assert type_of(parse(layout(type_node(type_)))) == type_


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("(program", "line 1: the end cannot stand here"),
        ("(program))", "line 1: more than one form"),
        ('(program "open', "line 1: a quote is not closed"),
        ("(module a)", "a program is expected: (module a)"),
        ("(program modules=[])", "main is missing: (program modules=[])"),
        ("[]", "(…) is expected: []"),
    ],
)
def test_text_that_is_no_dump_is_refused(text: str, message: str) -> None:
    with pytest.raises(DumpError) as refused:
        read_dump(text)
    assert str(refused.value) == message


def test_show_is_one_line() -> None:
    text = dump(check(load(LSTM)).program)
    flat = show(parse(text))
    assert "\n" not in flat
    assert read_dump(flat, Program) == read_dump(text)
