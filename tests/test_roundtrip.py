"""Random programs through all stages: text and tree, dumps of every stage, invariants, and the compiled module."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from recdsl import pipeline
from recdsl.diagnostics import Source
from recdsl.ir.dump import dump
from recdsl.ir.dump_reader import read_dump
from recdsl.ir.invariants import check_invariants
from recdsl.lower.lower import lower
from recdsl.lower.plan import ProgramPlan
from recdsl.parse.format import format_source
from recdsl.parse.reader import parse
from recdsl.parse.text import to_text
from recdsl.rewrite.differentiate import expand_gradients
from recdsl.verify import Limits, assert_equivalent, programs

SEEDED = settings(
    derandomize=True, max_examples=80, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
LARGE = Limits(statements=6, nesting=4, helpers=2)


@SEEDED
@given(programs())
def test_the_text_of_the_tree_reads_back(text: str) -> None:
    file = parse(Source("random.rdl", text))
    assert parse(Source("random.rdl", to_text(file) + "\n")) == file


@SEEDED
@given(programs())
def test_formatting_keeps_the_meaning_and_settles(text: str) -> None:
    source = Source("random.rdl", text)
    formatted = Source("random.rdl", format_source(source))
    assert parse(formatted) == parse(source)
    assert format_source(formatted) == formatted.text


@SEEDED
@given(programs())
def test_formatting_keeps_the_program(text: str) -> None:
    source = Source("random.rdl", text)
    formatted = Source("random.rdl", format_source(source))
    assert pipeline.check(formatted).program == pipeline.check(source).program


@SEEDED
@given(programs())
def test_every_stage_keeps_the_invariants_and_reads_back(text: str) -> None:
    checked = pipeline.check(pipeline.load(text)).program
    expanded = expand_gradients(checked)
    plan = lower(expanded)
    for stage, program in (("check", checked), ("expand", expanded), ("lower", plan.program)):
        check_invariants(program, stage)
        assert read_dump(dump(program)) == program
    assert read_dump(dump(plan), ProgramPlan) == plan


@settings(SEEDED, max_examples=60)
@given(programs())
def test_compiled_programs_are_what_the_reference_says(text: str) -> None:
    assert_equivalent(text, examples=3)


@pytest.mark.long
@settings(SEEDED, max_examples=20_000)
@given(programs(limits=LARGE))
def test_large_compiled_programs_are_what_the_reference_says(text: str) -> None:
    assert_equivalent(text, examples=6)
