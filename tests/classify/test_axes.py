"""Along which axes a recurrence runs, and what joins points of the others."""

from __future__ import annotations

import pytest

from recdsl import pipeline
from recdsl.check.schedule import components
from recdsl.classify.axes import crossing, moving_axes
from recdsl.classify.group import Group, group_of

HEAD = "layer a(D) over {axes}:\n  in x : D\n"


def group(body: str, axes: str = "i, j") -> Group:
    """The only recurrence."""
    program = pipeline.check(pipeline.load(f"{HEAD.format(axes=axes)}  {body}\n  out h\n")).program
    (component,) = (each for each in components(program.entry, program) if each.recurrent)
    return group_of(program.entry, program, component)


@pytest.mark.parametrize(
    ("body", "axes", "expected"),
    [
        ("h = h[t-1] + x", "t", ("t",)),
        ("h = h[j-1] + x[i-1]", "i, j", ("j",)),
        ("h = h[i+1] + h[i+2] + x", "i, j", ("i",)),
        ("h = h[i-1, j-1] + x", "i, j", ("i", "j")),
        ("h = h[j-1] + h[i-1] + x", "i, j", ("i", "j")),
        ("h = g[z-1] + x\n  g = h[i-1] + x", "i, j, z", ("i", "z")),
    ],
)
def test_moving_axes(body: str, axes: str, expected: tuple[str, ...]) -> None:
    assert moving_axes(group(body, axes)) == expected


@pytest.mark.parametrize(
    ("body", "operator"),
    [
        ("h = h[j-1] + mean[i](h[j-1]) + x", "mean"),
        ("u = 0.5 * h[j-1]\n  h = u + flip[i](h[j-1]) + x", "flip"),
        ("h = x + softmax[i](0.5 * h[j-1])", "softmax"),
        ("h : D = tanh(h[j-1] + h[j-1][i=0])", "pick"),
    ],
)
def test_points_that_meet(body: str, operator: str) -> None:
    found = crossing(group(body), "j")
    assert found is not None
    assert found.operator == operator


@pytest.mark.parametrize("body", ["h = h[j-1] + mean[i](x)", "h = h[j-1] + sum[D](h[j-1]) + flip[j](x)"])
def test_points_that_do_not_meet(body: str) -> None:
    assert crossing(group(body), "j") is None
