"""How a call of a builtin is written: arguments by position, names in brackets, an arrow or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recdsl.check.arguments import Arguments
from recdsl.check.entities import AxisEntity
from recdsl.parse import tree

if TYPE_CHECKING:
    from recdsl.check.expressions import Expressions

DRAWS = {"normal": 2, "uniform": 2, "orthogonal": 1}  # distributions, with the number of their arguments


def is_plain(build: Expressions, name: str, arguments: Arguments, along: tree.Along | None, arity: int) -> bool:
    """Whether a call has just `arity` arguments by position."""
    if along is not None:
        build.error("R204", f"{name} takes no dims in brackets", along.span)
        return False
    return (
        arguments.allow(name, build.report, arity)
        and arguments.needs(name, build.report, arity)
        and has_no_arrow(build, name, arguments)
    )


def has_no_arrow(build: Expressions, name: str, arguments: Arguments) -> bool:
    """R204 for an arrow that makes no sense; True where there is none."""
    if arguments.arrow is not None:
        build.error("R204", f"{name} takes no arrow", arguments.arrow.span)
    return arguments.arrow is None


def names_of(build: Expressions, along: tree.Along) -> tuple[str, ...] | None:
    """The plain names in brackets."""
    names = []
    for each in along.dims:
        if not isinstance(each, tree.Name):
            return build.error("R305", "dims in brackets are names", each.span)
        if is_axis(build, each.name):
            build.block.need_axes()
        names.append(each.name)
    return tuple(names)


def is_axis(build: Expressions, name: str) -> bool:
    """Whether a name is an axis here."""
    return isinstance(build.block.lookup(name), AxisEntity)


def is_draw(node: tree.Expression) -> bool:
    """Whether an expression is a call of a distribution."""
    return isinstance(node, tree.Call) and isinstance(node.function, tree.Name) and node.function.name in DRAWS
