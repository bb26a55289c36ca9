"""Small sizes for programs: whole where they must be, different where they can be."""

from __future__ import annotations

import pytest

from recdsl import pipeline
from recdsl.diagnostics import RecdslError
from recdsl.verify.sizes import choose_sizes


def chosen(header: str, body: str = "out x", **given: int) -> dict[str, int | float]:
    text = f"layer f({header}) over t:\n  in x : D\n  {body}\n"
    return choose_sizes(pipeline.check(pipeline.load(text)).program, given)


def test_open_dims_get_different_sizes() -> None:
    assert chosen("D, H", "out y : H = linear(x)") == {"D": 2, "H": 3}


def test_large_defaults_are_replaced_and_computed_ones_kept_whole() -> None:
    sizes = chosen("D = 512, H = 4, K = D/H/2", "out y : H K = linear(x)")
    assert sizes["D"] % (sizes["H"] * 2) == 0
    assert sizes["D"] < 20


def test_numbers_keep_their_defaults() -> None:
    assert chosen("D, eps = 0.01", "out x + eps") == {"D": 2}


def test_given_sizes_are_kept() -> None:
    assert chosen("D, H = 8", "out y : H = linear(x)", H=5) == {"H": 5, "D": 2}


def test_the_copies_of_a_path_exist() -> None:
    body = "h = x\n  repeat N as block:\n    h = tanh(linear(h))\n  path block = 0..8, loop 2 (6)\n  out h"
    assert chosen("D, N = 12", body)["N"] >= 9


def test_no_size_fits() -> None:
    with pytest.raises(RecdslError, match="no small sizes fit f: D were tried"):
        chosen("D, K = D/97", "out y : K = linear(x)")
