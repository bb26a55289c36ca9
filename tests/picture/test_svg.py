"""Pictures: everything has its place, nothing overlaps, every read is drawn."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import combinations

import pytest

from recdsl import api
from recdsl.picture.build import scenes
from recdsl.picture.place import Places, Rect, box_size, place, title_width
from recdsl.picture.scene import Box, Group, boxes
from recdsl.picture.svg import svg

PROGRAMS = {
    "a chain": "layer f(D) over t:\n  in x : D\n  y = tanh(x)\n  out y + x\n",
    "two states": (
        "layer f(D, H) over t:\n  in x : D\n  i, f, o : H = sigmoid(linear(x) + linear(h[t-1]))\n"
        "  c = f * c[t-1] + i * tanh(linear(x))\n  h = o * tanh(c)\n  out h\n"
    ),
    "from the end": "layer f(D) over t:\n  in x : D\n  h = 0.5 * h[t+1] + x[t-2]\n  out h\n",
    "a grid": "layer f(D) over i, j:\n  in x : D\n  a = 0.3 * a[i-1] + 0.3 * b[j-1] + x\n  b = 0.5 * a[j-1] + x\n  out a + b\n",
    "a graph": "layer f(D) over n in dag:\n  in x : D\n  in e : D edge\n  h = x + sum[pred](0.5 * h[pred] * e[pred])\n  out h\n",
    "depth": (
        "layer cell(D) over t:\n  in x : D\n  h = 0.5 * h[t-1] + x\n  out h\n\n"
        "model f(D, N = 3) over t:\n  in x : D\n  y = x\n  repeat N as block:\n    z = cell(y)\n    loop 2 as turn:\n"
        "      z += tanh(y) * turn\n    y += z\n  out y\n"
    ),
    "names that mean something in XML": "layer f(D) over t:\n  in x : D\n  y = where(x < 1 and x > 0, x, 0)\n  out y\n",
    "an input that nothing reads": "layer f(D) over t:\n  in x : D\n  param w : D\n  h = 0.5 * w * index[t]\n  out h\n",
}


def drawn(name: str) -> list[tuple[Group, Places]]:
    return [(group, place(group)) for group in scenes(api.check(PROGRAMS[name]).program)]


def apart(first: Rect, second: Rect) -> bool:
    return (
        first.x + first.width <= second.x
        or second.x + second.width <= first.x
        or first.bottom <= second.y
        or second.bottom <= first.y
    )


def groups(group: Group) -> Iterator[Group]:
    yield group
    for child in group.children:
        if isinstance(child, Group):
            yield from groups(child)


@pytest.mark.parametrize("name", PROGRAMS)
def test_boxes_do_not_overlap_and_stand_inside_their_group(name: str) -> None:
    for group, places in drawn(name):
        for each in groups(group):
            outer = places.rects[each.key]
            inner = [places.rects[child.key] for child in each.children]
            assert all(apart(first, second) for first, second in combinations(inner, 2))
            for rect in inner:
                assert outer.x <= rect.x
                assert rect.x + rect.width <= outer.x + outer.width
                assert outer.y < rect.y
                assert rect.bottom < outer.bottom


@pytest.mark.parametrize("name", PROGRAMS)
def test_labels_do_not_overlap_boxes_or_each_other(name: str) -> None:
    for group, places in drawn(name):
        rects = [places.rects[box.key] for box in boxes(group)]
        labels = [
            Rect(x - 3.3 * len(route.arrow.label), y - 7, 6.6 * len(route.arrow.label), 14)
            for route in places.routes
            if route.label
            for x, y in [route.label]
        ]
        assert all(apart(label, rect) for label in labels for rect in rects)
        assert all(apart(first, second) for first, second in combinations(labels, 2))


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_text_is_a_picture(name: str) -> None:
    picture = svg(api.check(PROGRAMS[name]).program)
    root = ET.fromstring(picture)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "nan" not in picture
    assert "prefers-color-scheme: dark" in picture


def test_recurrences_are_boxed_under_their_schedule() -> None:
    ((group, places),) = drawn("two states")
    (component,) = [child for child in group.children if isinstance(child, Group)]
    assert component.title == "recurrence over t, from the start"
    assert {box.title for box in boxes(component)} == {"i", "f", "o", "c", "h"}
    again = [route.arrow for route in places.routes if route.arrow.again]
    assert {arrow.label for arrow in again} == {"h[t-1]"}
    assert len(again) == 3
    assert [box.loop for box in boxes(component) if box.title == "c"] == ["c[t-1]"]


def test_orders_of_other_axes() -> None:
    titles = {name: next(g.title for g in groups(drawn(name)[0][0]) if g.kind == "component") for name in ("from the end", "a grid", "a graph")}  # fmt: skip
    assert titles == {
        "from the end": "recurrence over t, from the end",
        "a grid": "recurrence over i, j, schedule (1, 1)",
        "a graph": "recurrence along the edges",
    }


def test_a_title_says_which_graph() -> None:
    for kind in ("dag", "graph"):
        (group,) = scenes(api.check(f"layer f(D) over n in {kind}:\n  in x : D\n  out sum[pred](x[pred])\n").program)
        assert group.title == f"f over n in {kind}"


def test_depth_is_nested_and_called_layers_with_recurrences_follow() -> None:
    (model, _), (cell, _) = drawn("depth")
    nested = {each.title for each in groups(model) if each.kind == "depth"}
    assert nested == {"repeat block: N copies", "loop turn: 2 turns"}
    assert cell.title == "cell over t"


def test_a_box_is_as_wide_as_its_text() -> None:
    box = Box("k", "equation", "a_long_name", "H K V", "x")
    assert box_size(box)[0] > title_width(box)
