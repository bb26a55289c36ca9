"""What the emitted text promises a reader."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from recdsl import pipeline
from recdsl.diagnostics import Source
from recdsl.emit.format import LINE_LENGTH

SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.rdl"))
STANDARD = {"__future__", "collections", "copy", "dataclasses", "functools", "itertools", "math", "typing", "torch"}


def text_of(spec: Path) -> str:
    return pipeline.compile_source(pipeline.load(spec)).text


@pytest.mark.parametrize("spec", SPECS, ids=lambda each: each.stem)
def test_text(spec: Path, tmp_path: Path) -> None:
    text = text_of(spec)
    assert text.startswith(f"# Compiled by recdsl from {spec.name}\n")
    tree = ast.parse(text)
    imported = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    imported |= {str(node.module).split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= STANDARD
    for node in tree.body[:-1]:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            assert text.count(node.name) > 1, f"{node.name} is never used"
            assert node.name.startswith("_") or ast.get_docstring(node), f"{node.name} is not documented"
    file = tmp_path / "emitted.py"
    file.write_text(text, encoding="utf-8")
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["check", "--isolated"], ["format", "--isolated", "--check", f"--line-length={LINE_LENGTH}"]):
        done = subprocess.run([*ruff, *command, str(file)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_dims_that_look_like_digits(tmp_path: Path) -> None:
    source = tmp_path / "f.rdl"
    body = "  in x : O\n  in y : I\n  l = x * 2\n  h : O I = sigmoid(y) * h[t-1] + l\n  out h\n"
    source.write_text(f"layer f(O, I = 3) over t:\n{body}", encoding="utf-8")
    test_text(source, tmp_path)


def test_every_equation_stands_above_its_block() -> None:
    spec = next(each for each in SPECS if each.stem == "lstm")
    text = text_of(spec)
    for line in (
        "# i, f, o : H = sigmoid(linear(x) + linear(h[t-1]))",
        "# c = f * c[t-1] + i * g",
        "# h = o * tanh(c)",
    ):
        assert line in text


def test_no_name_decides_anything() -> None:
    """The same layer under another name compiles to the same text."""
    spec = next(each for each in SPECS if each.stem == "gla")
    source = pipeline.load(spec)
    renamed = Source(source.path, source.text.replace("layer gla", "layer quux"))
    one, other = (pipeline.compile_source(each).text for each in (source, renamed))
    assert one.replace("Gla(", "Quux(") == other


def test_same_text_in_every_process() -> None:
    """In whatever order sets hand out names."""
    code = "import sys; from recdsl import pipeline; print(pipeline.compile_source(pipeline.load(sys.argv[1])).text)"
    spec = next(each for each in SPECS if each.stem == "lstm")
    command = [sys.executable, "-c", code, str(spec)]
    runs = [
        subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True)
        for seed in ("1", "2")
    ]
    assert "class Lstm" in runs[0].stdout
    assert runs[0].stdout == runs[1].stdout
