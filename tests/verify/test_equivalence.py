"""The comparison itself: agreement is reported, and every planted mistake is found, named and reproduced."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from recdsl import api, pipeline
from recdsl.diagnostics import RecdslError
from recdsl.loader import load_module
from recdsl.pipeline import Checked
from recdsl.verify import assert_equivalent, pair, verify

LEAKY = """
layer leaky(D = 3) over t:
  in x : D
  param rate : D ~ uniform(-1, 1)
  h = sigmoid(rate) * h[t-1] + x
  init h = 0.5
  out y : D = tanh(linear(h))
"""


def test_a_report() -> None:
    report = verify(LEAKY, examples=3)
    assert report.ok
    assert [line.check for line in report.lines] == [
        "forward", "lengths", "reset", "documents", "step", "state", "pieces", "start", "float32", "bfloat16",
    ]  # fmt: skip
    assert all(line.compared > 0 for line in report.lines)
    assert all(line.largest < 1e-12 for line in report.lines[:-2])
    assert report.schedules[0] == "auto"
    assert report.schedules[-1] == "sequential"
    assert str(report).startswith("leaky(D = 3), target torch: 3 examples against the reference\nschedules: auto, ")


def test_pointwise_layers_and_grids_and_graphs() -> None:
    for over, value in (("", "x"), (" over i, j", "x[i-1]"), (" over n in dag", "sum[pred](x[pred])")):
        text = f"layer f(D = 2){over}:\n  in x : D\n  out y : D = tanh(linear(x)) + {value}\n"
        assert [line.check for line in assert_equivalent(text, examples=4).lines] == ["forward", "float32", "bfloat16"]


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """The compiled text of LEAKY with one piece of it replaced."""
    old, new = request.param
    text = api.compile_text(LEAKY).text
    assert old in text
    made = load_module(text.replace(old, new), "Planted").Leaky
    monkeypatch.setattr(pair, "module_class", lambda *arguments: made)


MISTAKES = {
    "the result": ("torch.tanh(", "torch.sin("),
    "a gradient": ("torch.tanh(", "torch.tanh(0.0 * self.rate.sum() + "),
    "the start": ("0.5", "0.25"),
}


@pytest.mark.parametrize("planted", [MISTAKES["the result"]], indirect=True)
@pytest.mark.usefixtures("planted")
def test_a_wrong_result_is_named_and_located() -> None:
    with pytest.raises(
        AssertionError, match=r"^forward: the output differs by .* at \[0, 0, \d\]: compiled -?0\.\d+, ref"
    ):
        assert_equivalent(LEAKY)


@pytest.mark.parametrize("planted", [MISTAKES["the start"]], indirect=True)
@pytest.mark.usefixtures("planted")
def test_a_wrong_start_is_found_on_the_simplest_example() -> None:
    with pytest.raises(AssertionError, match=r"batch=1, points=\(1,\)"):
        assert_equivalent(LEAKY)


def test_a_lost_gradient_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    made = api.compile(LEAKY)

    class Lossy(made):  # type: ignore[misc,valid-type]  # a class that is made here
        def forward(self, x: torch.Tensor, **options: object) -> object:
            return super().forward(x.detach() + 0 * x, **options)

    monkeypatch.setattr(pair, "module_class", lambda *arguments: Lossy)
    with pytest.raises(AssertionError, match=r"^forward: the gradient by x differs by"):
        assert_equivalent(LEAKY)


def test_a_state_whose_gradient_is_lost_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    made = api.compile(LEAKY)

    class Lossy(made):  # type: ignore[misc,valid-type]  # a class that is made here
        def forward(self, x: torch.Tensor, *, state: dict | None = None, **options: object) -> object:
            kept = {name: each.detach() for name, each in state.items()} if state is not None else None
            return super().forward(x, state=kept, **options)

    monkeypatch.setattr(pair, "module_class", lambda *arguments: Lossy)
    with pytest.raises(AssertionError, match=r"^pieces: the gradient through the state by x differs"):
        assert_equivalent(LEAKY)


@pytest.mark.parametrize("planted", [MISTAKES["the result"]], indirect=True)
@pytest.mark.usefixtures("planted")
def test_the_reproduction_runs(tmp_path: Path) -> None:
    report = verify(LEAKY)
    assert not report.ok
    script = report.failure.split("To see it again:\n\n")[1]
    compile(script, "reproduction.py", "exec")
    path = tmp_path / "reproduction.py"
    path.write_text(script)
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr  # the compiler itself has no mistake, so that nothing is raised


def test_inputs_that_are_refused_are_no_failure() -> None:
    text = "layer f(D = 2) over t:\n  in x : D\n  out flip[t](x) + mean[t](x)\n"
    report = verify(text, examples=2)
    assert report.ok, report


def test_what_a_compiled_module_raises_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    made = api.compile(LEAKY)

    class Broken(made):  # type: ignore[misc,valid-type]  # a class that is made here
        def step(self, x: torch.Tensor, state: object) -> object:
            raise RuntimeError("out of order")

    monkeypatch.setattr(pair, "module_class", lambda *arguments: Broken)
    report = verify(LEAKY)
    assert report.failure.startswith("step: RuntimeError: out of order\n\nUnder the schedule auto. To see it again:")
    with pytest.raises(AssertionError, match="out of order") as caught:
        assert_equivalent(LEAKY)
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_results_that_are_no_real_numbers() -> None:
    text = """
layer f(D = 2) over t:
  in x : D
  in z : D complex
  out x > 0
  out argmax[D](x)
  out turn : D complex = z * exp(complex(0, x))
"""
    assert verify(text, examples=3).ok


def test_a_mistake_of_one_schedule_is_named_and_reproduced(monkeypatch: pytest.MonkeyPatch) -> None:
    def planted(checked: Checked, target: str, schedule: str) -> type[torch.nn.Module]:
        text = pipeline.compile_checked(checked, target, schedule=schedule).text
        wrong = text.replace("torch.tanh(", "torch.sin(") if schedule == "sequential" else text
        return load_module(wrong, "Planted").Leaky

    monkeypatch.setattr(pair, "module_class", planted)
    report = verify(LEAKY, examples=1)
    assert "Under the schedule sequential." in report.failure
    assert "Subject(source, 'torch', None, {}, 'sequential')" in report.failure
    assert verify(LEAKY, examples=1, schedules=["auto"]).ok


def test_a_schedule_that_is_valid_nowhere() -> None:
    with pytest.raises(RecdslError, match="delta does not apply"):
        verify(LEAKY, schedules=["delta"])


def test_a_function_of_the_host_is_not_known() -> None:
    with pytest.raises(RecdslError, match="nothing can be verified of f, which the host binds") as caught:
        verify("layer a(D = 2) over t:\n  in x : D\n  extern f(x) : D\n  out f(x) + x\n")
    assert caught.value.diagnostics[0].code == "R212"


def test_numbers_that_jump_are_not_compared_when_rounded() -> None:
    jumps = "layer f(D = 2) over t:\n  in x : D\n  out where(x > 0, 1, 2) * x\n"
    assert not {"float32", "bfloat16"} & {line.check for line in verify(jumps, examples=1).lines}
    turns = "layer f(D = 2) over t:\n  in x : D\n  out real(complex(x, x) * complex(x, 1))\n"
    assert [line.check for line in verify(turns, examples=1).lines][-2:] == ["float32", "bfloat16"]


def test_a_module_that_loses_precision_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    made = api.compile(LEAKY)

    class Rough(made):  # type: ignore[misc,valid-type]  # a class that is made here
        def forward(self, x: torch.Tensor, **options: object) -> object:
            coarse = x + (x.bfloat16().to(x.dtype) - x).detach() if x.dtype == torch.float32 else x
            return super().forward(coarse, **options)

    monkeypatch.setattr(pair, "module_class", lambda *arguments: Rough)
    assert verify(LEAKY, examples=1).failure.startswith("float32: the output 1 in float32 differs by")


def test_a_given_state_is_no_input_once_more() -> None:
    text = "layer f(D = 2) over t:\n  in x : D\n  in y : D\n  h = min(max(h[t-1], x), y)\n  out h\n"
    report = verify(text, examples=2)  # of equal operands a maximum has no derivative to compare
    assert report.ok, report
