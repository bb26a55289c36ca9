"""`repeat`, `loop`, `until` and `path`: what bodies carry and capture, names that are rebound, loops that settle."""

from __future__ import annotations

import pytest
from checking import body, codes, program, types

from recdsl.ir.module import Depth, Program

HEAD = "model f(D, H, N = 4) over t:"


def depths(checked: Program) -> list[Depth]:
    return [item for module in checked.modules.values() for item in module.items if isinstance(item, Depth)]


def depth(*lines: str) -> Depth:
    text = "\n".join([HEAD, "  in x : D", *(f"  {line}" for line in lines)])
    return depths(program(text + "\n"))[-1]


def test_versions_of_a_name_follow_the_order_written() -> None:
    module = body("in x : D", "y = 2 * x", "y = y + x", "y += y", "out y", head=HEAD)
    assert list(types(module)) == ["y", "y~1", "y~2"]
    assert module.outputs[0].value == "y~2"


def test_what_a_body_rebinds_is_carried() -> None:
    found = depth("y : D = 0", "repeat N as block:", "  x += linear(x)", "  y = y + x", "out x + y")
    assert [(each.start.value, each.body_in, each.result) for each in found.carried] == [("x", "x", "x~1"), ("y", "y", "y~1")]  # fmt: skip
    assert (found.name, found.kind, str(found.count), found.turn) == ("block", "repeat", "N", None)


def test_what_a_body_only_reads_is_captured() -> None:
    found = depth("c = 2 * x", "loop 3 as turn:", "  x = x + c * turn", "out x")
    assert [name for name, _ in found.captured] == ["c"]
    assert found.turn == "turn"


def test_a_carried_value_grows_to_the_type_that_it_takes_in_the_body() -> None:
    found = depth("y : D = 0", "repeat N as block:", "  y = y + x", "out y")
    assert str(found.carried[0].type) == "D over t"


def test_a_body_inside_a_body_captures_from_outside_of_both() -> None:
    checked = program(f"{HEAD}\n  in x : D\n  param w : D ~ normal(0, 1)\n  c = 2 * x\n  repeat 2 as a:\n    repeat 3 as b:\n      x = w * x + c\n  out x\n")  # fmt: skip
    assert [sorted(name for name, _ in each.captured) for each in depths(checked)] == [["%w", "c"], ["%w", "c"]]


def test_a_body_takes_axes_only_when_something_works_along_them() -> None:
    text = f"{HEAD}\n  in x : D\n  repeat N as block:\n    x += {{}}\n  out x\n"
    assert program(text.format("linear(x)")).modules["f.block"].domain == "pointwise"
    assert program(text.format("attention(x)")).modules["f.block"].domain == "sequence"
    assert program(text.format("conv(x, 3)")).modules["f.block"].domain == "sequence"


def test_a_recurrence_inside_a_body() -> None:
    checked = program(f"{HEAD}\n  in x : D\n  repeat N as block:\n    h : D = 0.5 * h[t-1] + x\n    x += h\n  out x\n")
    assert types(checked.modules["f.block"])["h"] == "D over t"
    assert checked.entry.causality.axis == "t"


@pytest.mark.parametrize(
    ("chain", "visits"),
    [
        ("0..3", (0, 1, 2, 3)),
        ("3, 1, 1, 0", (3, 1, 1, 0)),
        ("0, skip 1, 2", (0, 2)),
        ("loop 3 (1..2), 3", (1, 2, 1, 2, 1, 2, 3)),
        ("loop 2 (0, loop 2 (1))", (0, 1, 1, 0, 1, 1)),
    ],
)
def test_paths(chain: str, visits: tuple[int, ...]) -> None:
    assert depth("repeat N as block:", "  x += linear(x)", f"path block = {chain}", "out x").path == visits


def test_a_path_stays_within_the_copies() -> None:
    text = f"{HEAD}\n  in x : D\n  repeat N as block:\n    x += linear(x)\n  path block = 0..3, skip 4\n  out x\n"
    assert codes(text) == ["R307"]
    assert codes(text, N=5) == []


def test_errors_inside_a_body_are_reported_once() -> None:
    text = "{}\n  in x : D\n  repeat 2 as a:\n    loop 2 as b:\n      x = x + {}\n  out x\n"
    assert codes(text.format(HEAD, "nothing")) == ["R201"]
    assert codes(text.format(HEAD, "linear(x, per = H)")) == ["R302"]


def test_order_is_checked_inside_a_body() -> None:
    text = f"{HEAD}\n  in x : D\n  repeat 2 as a:\n    p : D = q + x\n    q : D = {{}}\n    x = q\n  out x\n"
    assert codes(text.format("p")) == ["R401"]
    assert codes(text.format("x * x")) == []


# ---- loops that settle

PONDER = """
model ponder(D, eps = 0.01, steps = 6) over t:
  in x : D
  y = 0 * x
  halt : scalar = 0
  loop steps as turn:
    p : scalar = sigmoid(linear(x))
    going = halt < 1 - eps
    w = where(going, p, 0)
    y += {update}
    halt += {growth}
    until {condition}
  out y
"""


@pytest.mark.parametrize(
    ("changes", "settles"),
    [
        ({}, True),
        ({"update": "x * w"}, True),
        ({"update": "where(going, x, 0)"}, True),
        ({"condition": "all(1 - eps <= halt)"}, True),
        ({"update": "x"}, False),
        ({"update": "p * x"}, False),
        ({"growth": "p"}, False),
        ({"condition": "any(halt >= 1 - eps)"}, False),
        ({"condition": "all(halt >= 0.5)"}, False),
    ],
)
def test_a_loop_settles_where_nothing_changes_after_its_until(changes: dict[str, str], settles: bool) -> None:
    parts = {"update": "w * x", "growth": "w", "condition": "all(halt >= 1 - eps)", **changes}
    checked = program(PONDER.format(**parts))
    (found,) = depths(checked)
    assert found.settled is settles
    assert (checked.entry.causality.axis == "t") is settles
