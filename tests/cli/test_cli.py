"""The command line: exit codes, what is printed where, what is written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from recdsl.cli import main

GOOD = """\
layer ema(D) over t:
  in x : D
  s = 0.5 * s[t-1] + x
  out s
"""
BAD = """\
layer f(D) over t:
  in x : D
  out y
"""
MIXED = """\
layer top(D) over t:
  in x : D
  m = max(m[t-1], x)
  out m
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("good.rdl").write_text(GOOD)
    Path("bad.rdl").write_text(BAD)
    Path("mixed.rdl").write_text(MIXED)


def run(*arguments: str) -> int:
    """The exit code of one command."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert isinstance(caught.value.code, int)
    return caught.value.code


def run_alone(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """One command as a process of its own."""
    command = [sys.executable, "-m", "recdsl", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


# ---- check


def test_check_says_ok(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "good.rdl") == 0
    assert capsys.readouterr().out == "good.rdl: ok\n"


def test_check_shows_errors_of_one_file_and_goes_on_with_the_next(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "bad.rdl", "missing.rdl", "good.rdl") == 1
    shown = capsys.readouterr()
    assert shown.out == "good.rdl: ok\n"
    assert "--> bad.rdl:3:7" in shown.err
    assert "error[R101]: cannot read 'missing.rdl'" in shown.err


def test_check_shows_warnings_and_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "mixed.rdl") == 0
    shown = capsys.readouterr()
    assert shown.out == "mixed.rdl: ok\n"
    assert "warning[R410]" in shown.err


def test_check_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "--json", "good.rdl", "bad.rdl", "mixed.rdl") == 1
    shown = capsys.readouterr()
    assert shown.err == ""
    data = json.loads(shown.out)
    assert [(each["file"], each["ok"]) for each in data] == [
        ("good.rdl", True),
        ("bad.rdl", False),
        ("mixed.rdl", True),
    ]
    assert data[0]["diagnostics"] == []
    (error,) = data[1]["diagnostics"]
    assert error["severity"] == "error"
    assert error["labels"][0]["line"] == 3
    assert [each["code"] for each in data[2]["diagnostics"]] == ["R410"]


# ---- compile


def test_compile_writes_the_name_of_the_program_here(capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path("deep")
    folder.mkdir()
    (folder / "my-net.rdl").write_text(GOOD)
    assert run("compile", str(folder / "my-net.rdl")) == 0
    assert capsys.readouterr().out == "wrote my_net.py: class Ema\n"
    assert Path("my_net.py").read_text().startswith("# Compiled by recdsl from my-net.rdl")


def test_compile_writes_where_it_is_told_and_again(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert run("compile", "good.rdl", "-o", "out.py", "--set", "D=8", "--target", "torch") == 0
    assert capsys.readouterr().out == "wrote out.py: class Ema\n" * 2
    assert [path.name for path in Path.cwd().glob("*.py")] == ["out.py"]


def test_compile_stays_off_foreign_files(capsys: pytest.CaptureFixture[str]) -> None:
    Path("good.py").write_text("import os\n")
    assert run("compile", "good.rdl") == 1
    assert "'good.py' is not a file that recdsl wrote" in capsys.readouterr().err
    assert Path("good.py").read_text() == "import os\n"


def test_compile_leaves_nothing_when_it_fails(capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(Path.cwd().iterdir())
    assert run("compile", "bad.rdl") == 1
    assert "bad.rdl:3:7" in capsys.readouterr().err
    assert run("compile", "good.rdl", "-o", "none/out.py") == 1
    assert sorted(Path.cwd().iterdir()) == before


def test_compile_with_a_schedule(capsys: pytest.CaptureFixture[str]) -> None:
    texts = []
    for schedule in ("auto", "diagonal", "sequential"):
        assert run("compile", "good.rdl", "--schedule", schedule) == 0
        texts.append(Path("good.py").read_text())
    assert texts[0] == texts[1] != texts[2]
    Path("good.py").unlink()
    assert run("compile", "good.rdl", "--schedule", "delta") == 1
    assert "--> good.rdl:3:3" in capsys.readouterr().err
    assert not Path("good.py").exists()


def test_compile_dumps_its_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("compile", "good.rdl", "--dump-passes", "passes") == 0
    stages = sorted(path.name for path in Path("passes").iterdir())
    assert [name.split("-")[0] for name in stages] == [str(number + 1) for number in range(len(stages))]
    assert any("check" in name for name in stages)
    assert run("compile", "good.rdl", "--dump-passes", "good.rdl") == 1
    assert capsys.readouterr().err == "error[R001]: good.rdl: File exists\n\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("compile",), "Missing argument"),
        (("compile", "good.rdl", "--target", "c"), "there is no target 'c'; there are auto, torch"),
        (("compile", "good.rdl", "--target", "triton"), "there is no target 'triton'"),
        (("compile", "good.rdl", "--schedule", "magic"), "there is no schedule 'magic'; there are auto, "),
        (("compile", "good.rdl", "--schedule", "diagonl"), "there is no schedule 'diagonl'; did you mean diagonal?"),
        (("explain", "good.rdl", "--schedule", "diagonl"), "did you mean diagonal?"),
        (("verify", "good.rdl", "--schedule", "diagonl"), "did you mean diagonal?"),
        (("bench", "good.rdl", "--schedule", "diagonl"), "did you mean diagonal?"),
        (("compile", "good.rdl", "--set", "D"), "'D' is not NAME=VALUE"),
        (("compile", "good.rdl", "--set", "=3"), "'=3' is not NAME=VALUE"),
        (("graph", "good.rdl"), "Missing option"),
        (("check",), "Missing argument"),
        (("check", "--bogus", "good.rdl"), "No such option"),
        (("bogus",), "No such command"),
        (("new", "my-net"), "cannot name a layer"),
        (("new", "yes"), "cannot name a layer"),
        (("verify", "good.rdl", "--examples", "0"), "--examples"),
    ],
)
def test_misuse(arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 2
    assert message in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("compile", "good.rdl", "--set", "E=3"), "R204"),
        (("compile", "good.rdl", "--set", "D=0"), "R306"),
        (("compile", "good.rdl", "--layer", "emma"), "did you mean ema?"),
        (("graph", "bad.rdl", "-o", "x.svg"), "bad.rdl:3:7"),
        (("explain", "bad.rdl"), "bad.rdl:3:7"),
        (("explain", "good.rdl", "--schedule", "delta"), "error[R521]: delta does not apply"),
        (("verify", "good.rdl", "--schedule", "delta"), "error[R521]: delta does not apply"),
        (("compile", "."), "R101"),
    ],
)
def test_failures(arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 1
    assert message in capsys.readouterr().err


# ---- explain, verify, bench, graph


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("explain", "good.rdl") == 0
    assert "s" in capsys.readouterr().out
    assert run("explain", "good.rdl", "--schedule", "sequential") == 0
    assert "sequential *" in capsys.readouterr().out
    assert run("explain", "good.rdl", "--json") == 0
    (recurrence,) = json.loads(capsys.readouterr().out)["recurrences"]
    assert recurrence["states"] == ["s"]
    assert recurrence["axes"] == ["t"]
    assert recurrence["domain"] == "sequence"
    for key in ("class", "schedule", "work", "depth", "bytes", "stable", "refused", "algorithms"):
        assert key in recurrence


def test_verify(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("verify", "good.rdl", "--examples", "2") == 0
    assert "schedules: auto, " in capsys.readouterr().out
    assert run("verify", "good.rdl", "--examples", "2", "--schedule", "sequential") == 0
    assert "schedules: sequential\n" in capsys.readouterr().out


def test_bench(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bench", "good.rdl", "--length", "4", "--length", "9", "--batch", "2", "--rounds", "1") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("ema(D = 64) on cpu")
    assert "x [2, 4, 64]" in shown
    assert "x [2, 9, 64]" in shown
    assert run("bench", "good.rdl", "--length", "4", "--rounds", "1", "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert data["rows"][0]["forward"] > 0
    assert run("bench", "good.rdl", "--length", "4", "--rounds", "1", "--schedule", "sequential") == 0
    assert "schedule sequential" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "message"), [("--dtype=int8", "no real dtype"), ("--device=moon", "cannot be used")]
)
def test_bench_refuses(option: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("bench", "good.rdl", option) == 1
    assert message in capsys.readouterr().err


def test_graph(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert run("graph", "good.rdl", "-o", "out.svg") == 0
    assert capsys.readouterr().out == "wrote out.svg\n" * 2
    assert Path("out.svg").read_text().startswith("<!-- Drawn by recdsl from good.rdl -->\n<svg ")
    assert run("graph", "good.rdl", "-o", "good.rdl") == 1
    assert Path("good.rdl").read_text() == GOOD


@pytest.mark.parametrize("command", ["check", "fmt", "explain", "compile", "graph"])
def test_expressions_without_end(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    for terms in (200, 400, 800, 3000):
        Path("deep.rdl").write_text(f"layer f(D) over t:\n  in x : D\n  out {' + '.join(['x'] * terms)}\n")
        code = run(command, "deep.rdl", *(["-o", "deep.svg"] if command == "graph" else []))
        shown = capsys.readouterr().err
        assert (code, shown) == (0, "") or (code == 1 and shown.startswith("error[R110]"))


# ---- fmt, new


def test_fmt(capsys: pytest.CaptureFixture[str]) -> None:
    Path("wild.rdl").write_text(GOOD.replace(" = ", "="))
    assert run("fmt", "--check", "wild.rdl", "good.rdl") == 1
    assert capsys.readouterr().out == "would reformat wild.rdl\n"
    assert run("fmt", "wild.rdl", "good.rdl") == 0
    assert capsys.readouterr().out == "reformatted wild.rdl\n"
    assert Path("wild.rdl").read_text() == GOOD
    assert run("fmt", "--check", "wild.rdl") == 0


def test_fmt_leaves_what_it_cannot_read(capsys: pytest.CaptureFixture[str]) -> None:
    Path("broken.rdl").write_text("layer f(D)\n")
    assert run("fmt", "broken.rdl", "good.rdl") == 1
    assert "R102" in capsys.readouterr().err
    assert Path("broken.rdl").read_text() == "layer f(D)\n"


def test_new_starts_a_program_that_compiles(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("new", "my_net") == 0
    assert capsys.readouterr().out == "wrote my_net.rdl; next: recdsl compile my_net.rdl\n"
    assert run("fmt", "--check", "my_net.rdl") == 0
    assert run("check", "my_net.rdl") == 0
    assert run("compile", "my_net.rdl") == 0
    assert run("new", "my_net") == 1
    assert "exists already" in capsys.readouterr().err


# ---- as a process


def test_piped_output_has_no_colours() -> None:
    done = run_alone("check", "bad.rdl", "mixed.rdl", "good.rdl")
    assert done.returncode == 1
    assert "\x1b" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_help_lists_every_command() -> None:
    done = run_alone("--help")
    assert done.returncode == 0
    for command in ("compile", "check", "explain", "verify", "bench", "graph", "fmt", "new"):
        assert f"  {command} " in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [("check", "good.rdl"), ("fmt", "good.rdl"), ("explain", "good.rdl"), ("compile", "good.rdl"), ("graph", "good.rdl", "-o", "x.svg")],
)  # fmt: skip
def test_no_torch_is_needed(arguments: tuple[str, ...]) -> None:
    code = f"import sys; sys.modules['torch'] = None; from recdsl.cli import main; main({list(arguments)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", ["verify", "bench"])
def test_what_needs_torch_says_so(command: str) -> None:
    code = f"import sys; sys.modules['torch'] = None; from recdsl.cli import main; main(['{command}', 'good.rdl'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error[R001]: {command} runs the compiled module, and torch is not installed")
