"""Every spec checks without a warning, is laid out by the formatter and opens with what it is and its verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from recdsl import pipeline
from recdsl.parse.format import format_source

SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.rdl"))


@pytest.mark.parametrize("spec", SPECS, ids=lambda each: each.stem)
def test_spec(spec: Path) -> None:
    source = pipeline.load(spec)
    assert pipeline.check(source).warnings == ()
    assert format_source(source) == source.text
    comment = source.text[: source.text.index("\n\n" if "\n\n" in source.text else "\nlayer")].split("\n")
    assert comment[0].startswith("# ")
    assert any(line.startswith("# Verdict: ") for line in comment)
