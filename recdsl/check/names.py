"""The names that statements define: once, or several times where that rebinds them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from recdsl.diagnostics import Diagnostics, Label, Span
from recdsl.parse import tree


@dataclass(slots=True)
class Names:
    """`values` and `weights` by name with the place of the first definition; `rebound` with the places of all;
    `doubled` for names that are defined again by an equation of the same block; `inner` for names that only bodies
    define; `renames` from the new name to the old."""

    values: dict[str, Span] = field(default_factory=dict)
    weights: dict[str, Span] = field(default_factory=dict)
    rebound: dict[str, list[Span]] = field(default_factory=dict)
    doubled: dict[str, list[Span]] = field(default_factory=dict)
    inner: dict[str, Span] = field(default_factory=dict)
    renames: dict[str, str] = field(default_factory=dict)

    def report_double_definitions(self, report: Diagnostics) -> None:
        """R203: outside models and bodies a name has one definition."""
        for name, spans in self.doubled.items():
            labels = Label(spans[1], "defined again"), Label(spans[0], "defined here")
            help = "give the second one a name of its own; only models, repeat and loop rebind names"
            report.error("R203", f"{name} is defined twice", *labels, help=help)


def find_names(statements: tuple[tree.Statement, ...], given: tuple[str, ...], outer: frozenset[str]) -> Names:
    """All names of a block. `given` are inputs that it gets without a statement (what a body carries), `outer` the
    values of the blocks around: assigning one of those rebinds it there."""
    names = Names()
    places: dict[str, list[Span]] = {}
    for name in given:
        places[name] = []
    for statement in statements:
        for target in targets(statement):
            places.setdefault(target.name, []).append(target.span)
            kind = names.weights if isinstance(statement, tree.Weight) else names.values
            kind.setdefault(target.name, target.span)
        names.renames.update(_renames(statement))
    names.doubled = {name: spans for name, spans in places.items() if len(spans) > 1}
    for statement in statements:
        if isinstance(statement, (tree.Repeat, tree.Loop)):
            _enter_body(statement, places, names, outer)
    for name in given:
        names.values.setdefault(name, places[name][0] if places[name] else statements[0].span)
    names.rebound = {name: spans for name, spans in places.items() if len(spans) > 1 or (name in given and spans)}
    return names


def _enter_body(
    statement: tree.Repeat | tree.Loop, places: dict[str, list[Span]], names: Names, outer: frozenset[str]
) -> None:
    for name in body_targets(statement.body):
        if name.name in places:
            places[name.name].append(name.span)
        elif name.name not in outer:
            names.inner.setdefault(name.name, name.span)


def targets(statement: tree.Statement) -> tuple[tree.Name, ...]:
    """The values or weights that one statement defines."""
    match statement:
        case tree.Input() | tree.Output() | tree.Weight() | tree.Equation():
            return statement.names
        case _:
            return ()


def body_targets(statements: tuple[tree.Statement, ...]) -> Iterator[tree.Name]:
    """The names that a body assigns, at any depth."""
    for statement in statements:
        yield from targets(statement)
        if isinstance(statement, (tree.Repeat, tree.Loop)):
            yield from body_targets(statement.body)


def _renames(statement: tree.Statement) -> dict[str, str]:
    """Every `old->new` of a statement, by the new name; bodies have blocks of their own."""
    return {each.new: each.old for each in tree.nodes(statement, bodies=False) if isinstance(each, tree.Rename)}
