"""Formatting of the emitted text by `ruff format`, as a process of its own."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path
from shutil import which

LINE_LENGTH = 100


def format_python(text: str) -> str:
    """The text as `ruff format` lays it out. Text that is no Python is an internal error, shown with its line."""
    command = [_ruff(), "format", "--isolated", "--no-cache", f"--line-length={LINE_LENGTH}", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, encoding="utf-8", check=False)
    if done.returncode != 0:
        raise AssertionError(f"the emitted text is no Python:\n{done.stderr}\n{text}")
    return done.stdout


def _ruff() -> str:
    """The binary beside this Python, or the one on the path."""
    beside = Path(sysconfig.get_path("scripts")) / "ruff"
    return str(beside) if beside.exists() else which("ruff") or "ruff"
