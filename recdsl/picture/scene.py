"""What a picture shows, before anything has a place: boxes in groups, and arrows between boxes.

Box     an input, an equation or an output, with its lines of text
Group   boxes and groups with the arrows among them: a module, a recurrent component, a `repeat` or `loop`
Arrow   one box reads another; `again` for a read that closes a recurrence, `label` for the shift
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Box:
    """`kind` is "input", "equation", "output" or "result"; `loop` is the shift at which it reads itself, if it does."""

    key: str
    kind: str
    title: str
    dims: str = ""
    detail: str = ""
    loop: str = ""


@dataclass(frozen=True, slots=True)
class Arrow:
    """From what is read to what reads it, by their keys."""

    source: str
    target: str
    label: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """`kind` is "module", "component" or "depth"."""

    key: str
    kind: str
    title: str
    children: tuple[Box | Group, ...]
    arrows: tuple[Arrow, ...] = ()


def boxes(child: Box | Group) -> Iterator[Box]:
    """Every box of a child, however deep."""
    if isinstance(child, Box):
        yield child
    else:
        for each in child.children:
            yield from boxes(each)
