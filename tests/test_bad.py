"""Bad programs: each `bad/NAME.rdl` beside the whole message that it gets, `bad/NAME.txt`.

pytest tests/test_bad.py                        compares
RECDSL_UPDATE=1 pytest tests/test_bad.py        writes the messages anew; read the difference before committing it
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from recdsl.diagnostics import RecdslError, render
from recdsl.pipeline import check, load

FOLDER = Path(__file__).parent / "bad"
UPDATE = os.environ.get("RECDSL_UPDATE") == "1"


def message(name: str) -> str:
    """All that a user is told about a program: its errors, or else its warnings."""
    try:
        found = check(load(name)).warnings
    except RecdslError as error:
        found = error.diagnostics
    return "\n\n".join(map(render, found)) + "\n"


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.rdl")))
def test_message(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    found = message(f"{name}.rdl")
    golden = FOLDER / f"{name}.txt"
    if UPDATE:
        golden.write_text(found, encoding="utf-8")
    assert found == golden.read_text(encoding="utf-8")
    assert found.strip(), "a bad program gets a message"


def test_every_message_belongs_to_a_program() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == {path.stem for path in FOLDER.glob("*.rdl")}
