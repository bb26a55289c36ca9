"""README shows what really comes out.

RECDSL_UPDATE=1 pytest tests/test_readme.py        writes the program and its output anew
"""

from __future__ import annotations

import os
import textwrap
from pathlib import Path

import pytest

from recdsl import api, cli

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PROGRAM = ROOT / "specs/gla.rdl"
UPDATE = os.environ.get("RECDSL_UPDATE") == "1"


def block(language: str) -> str:
    """The first block of a language."""
    return README.read_text(encoding="utf-8").split(f"```{language}\n")[1].split("```")[0]


def heart(text: str) -> str:
    """The method of a compiled file that holds the equations."""
    lines = text.split("\n")
    start = max(number for number, line in enumerate(lines) if line.startswith("    def run("))
    end = next(number for number in range(start + 1, len(lines)) if lines[number].startswith("    def "))
    return textwrap.dedent("\n".join(lines[start:end])).rstrip("\n") + "\n"


@pytest.mark.parametrize("language", ["rdl", "python"])
def test_the_example_is_real(language: str) -> None:
    program = PROGRAM.read_text(encoding="utf-8")
    real = program if language == "rdl" else heart(api.compile_text(PROGRAM).text)
    if UPDATE:
        text = README.read_text(encoding="utf-8")
        README.write_text(text.replace(block(language), real, 1), encoding="utf-8")
    assert block(language) == real


def test_every_command_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    listed = capsys.readouterr().out.split("Commands:")[1]
    commands = [line.split()[0] for line in listed.splitlines() if line.startswith("  ") and line[2] != " "]
    assert len(commands) == 8
    for command in commands:
        assert f"| `recdsl {command} " in README.read_text(encoding="utf-8")
