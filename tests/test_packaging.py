"""What is shipped: README's commands are those that are run, and nothing in the package is left out of the wheel."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def set_up_commands() -> list[str]:
    """The commands in README's section on setting up."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split("\n## Set up\n")[1].split("\n## ")[0]
    blocks = section.split("```sh\n")[1:]
    return [line for block in blocks for line in block.split("```")[0].strip().split("\n")]


def test_the_commands_of_the_readme_are_those_that_are_run() -> None:
    run = (ROOT / ".ci/run").read_text(encoding="utf-8").split("\n")
    commands = set_up_commands()
    assert len(commands) == 2
    assert "recdsl compile specs/plstm.rdl" in commands[0]
    assert "pytest" in commands[1]
    assert [line for line in run if line.startswith("python3 -m venv")] == commands


def test_every_package_is_listed() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"])
    found = {".".join(path.parent.relative_to(ROOT).parts) for path in (ROOT / "recdsl").rglob("*.py")}
    for folder in ("grammar", "backends"):
        found |= {".".join(("recdsl", *path.parent.relative_to(ROOT).parts)) for path in (ROOT / folder).rglob("*.py")}
    assert listed == found


def test_every_data_file_is_packaged() -> None:
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    packaged: set[Path] = set()
    for package, patterns in tools["package-data"].items():
        mapped = next((root for root in tools["package-dir"] if package.startswith(root)), None)
        place = package.replace(mapped, tools["package-dir"][mapped], 1) if mapped else package
        packaged.update(path for pattern in patterns for path in (ROOT / place.replace(".", "/")).glob(pattern))
    files = [path for folder in ("recdsl", "grammar", "backends") for path in (ROOT / folder).rglob("*.*")]
    data = {path for path in files if path.is_file() and path.suffix not in (".py", ".pyc")}
    assert data <= packaged


def test_constraints_pin_what_is_required() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = {
        line.split("==")[0]
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").split("\n")
        if "==" in line
    }
    required = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    names = {each.split(">")[0].split("=")[0].split("[")[0] for each in required}
    assert names - {"recdsl"} <= pinned


@pytest.mark.parametrize("module", ["recdsl", "recdsl.cli", "recdsl.parse.format", "recdsl.api", "recdsl.picture.svg"])
def test_importing_needs_no_torch(module: str) -> None:
    code = f"import sys; sys.modules['torch'] = None; import {module}; assert 'jinja2' not in sys.modules, 'jinja2'; assert 'rich' not in sys.modules, 'rich'"
    subprocess.run([sys.executable, "-c", code], check=True)
