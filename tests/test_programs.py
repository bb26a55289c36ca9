"""Every program in specs/ compiled and compared with the reference: results, gradients, states, steps, documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from recdsl.verify import assert_equivalent

SPECS = sorted((Path(__file__).parents[1] / "specs").glob("*.rdl"))
FAILURES = sorted((Path(__file__).parent / "verify" / "failures").glob("*.rdl"))


@pytest.mark.parametrize("spec", SPECS, ids=lambda each: each.stem)
def test_spec(spec: Path) -> None:
    assert_equivalent(spec, examples=3, schedules=["auto"])


@pytest.mark.parametrize("program", FAILURES, ids=lambda each: each.stem)
def test_program_that_once_failed(program: Path) -> None:
    assert_equivalent(program, examples=4)


@pytest.mark.long
@pytest.mark.parametrize("spec", SPECS, ids=lambda each: each.stem)
def test_spec_on_many_inputs(spec: Path) -> None:
    assert_equivalent(spec, examples=40)
