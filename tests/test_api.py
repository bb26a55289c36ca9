"""The compiler from Python."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import recdsl

EMA = """\
layer ema(D, K = 2*D) over t:
  in x : D
  s = 0.5 * s[t-1] + x
  out y : K = linear(s)
"""


def test_compile_gives_a_class() -> None:
    made = recdsl.compile(EMA)
    assert made.__name__ == "Ema"
    assert made(D=3)(torch.zeros(2, 4, 3)).shape == (2, 4, 6)
    assert "0.5" in inspect.getsource(made)


def test_sizes_become_defaults() -> None:
    made = recdsl.compile(EMA, D=3)
    assert made()(torch.zeros(2, 4, 3)).shape == (2, 4, 6)
    assert made(K=5)(torch.zeros(2, 4, 3)).shape == (2, 4, 5)
    with pytest.raises(recdsl.RecdslError, match="R204"):
        recdsl.compile(EMA, E=3)


def test_a_path_or_text(tmp_path: Path) -> None:
    path = tmp_path / "ema.rdl"
    path.write_text(EMA)
    assert recdsl.format(path) == recdsl.format(str(path)) == recdsl.format(EMA) == EMA
    assert inspect.getsource(recdsl.compile(path)) == inspect.getsource(recdsl.compile(EMA))


def test_errors_are_data() -> None:
    with pytest.raises(recdsl.RecdslError) as caught:
        recdsl.compile("layer f(D) over t:\n  in x : D\n  out y\n")
    (diagnostic,) = caught.value.diagnostics
    assert isinstance(diagnostic, recdsl.Diagnostic)
    assert diagnostic.labels[0].span.place == (3, 7)


def test_an_unknown_target() -> None:
    with pytest.raises(ValueError, match="there is no target 'c'; there are auto, torch"):
        recdsl.compile(EMA, "c")


def test_the_reference_has_the_same_parameters() -> None:
    made, meaning = recdsl.compile(EMA)(D=3).double(), recdsl.reference(EMA, D=3)
    meaning.load(made.state_dict())
    x = torch.randn(2, 4, 3, dtype=torch.float64)
    torch.testing.assert_close(made(x), meaning(x))


def test_functions_stay_though_packages_have_their_names() -> None:
    """`recdsl.check`, `recdsl.verify` and `recdsl.reference` are functions, whatever is imported before or after."""
    code = """
import recdsl
import recdsl.check.schedule, recdsl.reference.interpreter, recdsl.verify.equivalence
from recdsl.check import schedule
from recdsl.verify.equivalence import Report
for _ in range(2):
    recdsl.check("layer f(D) over t:\\n  in x : D\\n  out x\\n")
    assert recdsl.verify("layer f(D) over t:\\n  in x : D\\n  out x\\n", examples=1).ok
assert callable(recdsl.reference) and "verify" in dir(recdsl)
assert "states" in str(recdsl.explain("layer f(D) over t:\\n  in x : D\\n  h = h[t-1] + x\\n  out h\\n").to_json())
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_attribute() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        recdsl.nothing  # noqa: B018  # reading it is what raises
