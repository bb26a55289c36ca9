"""Ways to write the same program: variations of its syntax tree that keep its meaning, up to the order of the dims of a result.

Each variation lists the trees that it can make of a file, one for every place where it applies; `varied` draws some in a row.
Nothing is copied or moved that makes a weight or draws a number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from renaming import renamed
from rewriting import REWRITES, is_pure

from recdsl.diagnostics import Source
from recdsl.parse import tree
from recdsl.parse.reader import parse
from recdsl.parse.text import to_text

Variation = Callable[[DrawFn, tree.File], tree.File]
MOST = 6


@st.composite
def varied(draw: DrawFn, text: str, names: tuple[str, ...] = (), most: int = MOST) -> tuple[str, tuple[str, ...]]:
    """The text of a program written otherwise, and the variations that were drawn (`names`, or any)."""
    file = parse(Source("varied.rdl", text))
    chosen = draw(st.lists(st.sampled_from(names or tuple(VARIATIONS)), min_size=1, max_size=most))
    for name in chosen:
        file = VARIATIONS[name](draw, file)
    return to_text(file) + "\n", tuple(chosen)


# ---- where an expression stands


@dataclass(frozen=True, slots=True)
class Spot:
    """An expression in a file; `put` gives the file with another in its place, `before` also with an equation before its statement."""

    expr: tree.Expression
    statement: tree.Statement
    values: frozenset[str]
    put: Callable[[tree.Expression, tuple[tree.Statement, ...]], tree.File]

    @property
    def is_result(self) -> bool:
        """Whether the order of the dims is that in which the expression names them first."""
        return isinstance(self.statement, tree.Output) and self.statement.dims is None


def spots(file: tree.File) -> Iterator[Spot]:
    """All expressions that compute with values."""
    for place, definition in enumerate(file.definitions):
        values = _values(definition)

        def put(body: tuple[tree.Statement, ...], place: int = place) -> tree.File:
            changed = replace(file.definitions[place], body=body)
            return replace(file, definitions=(*file.definitions[:place], changed, *file.definitions[place + 1 :]))

        yield from _in_body(definition.body, values, put)


def _in_body(
    body: tuple[tree.Statement, ...], values: frozenset[str], put: Callable[[tuple[tree.Statement, ...]], tree.File]
) -> Iterator[Spot]:
    for place, statement in enumerate(body):

        def again(changed: tree.Statement, before: tuple[tree.Statement, ...] = (), place: int = place) -> tree.File:
            return put((*body[:place], *before, changed, *body[place + 1 :]))

        if isinstance(statement, (tree.Repeat, tree.Loop)):

            def inner(
                new: tuple[tree.Statement, ...],
                own: tree.Repeat | tree.Loop = statement,
                again: Callable[..., tree.File] = again,
            ) -> tree.File:
                return again(replace(own, body=new))

            yield from _in_body(statement.body, values, inner)
        elif isinstance(statement, (tree.Equation, tree.Output, tree.Init)):
            for expr, rebuilt in _below(statement.value):

                def put_expr(
                    new: tree.Expression,
                    before: tuple[tree.Statement, ...] = (),
                    own: tree.Equation | tree.Output | tree.Init = statement,
                    rebuilt: Callable[[tree.Expression], tree.Expression] = rebuilt,
                    again: Callable[..., tree.File] = again,
                ) -> tree.File:
                    return again(replace(own, value=rebuilt(new)), before)

                if any(isinstance(each, tree.Name) and each.name in values for each in tree.nodes(expr)):
                    yield Spot(expr, statement, values, put_expr)


def _values(definition: tree.Definition) -> frozenset[str]:
    """The names of values, and not of sizes, instances or blocks."""
    return frozenset(
        name.name
        for each in tree.nodes(definition.body)
        if isinstance(each, (tree.Input, tree.Equation, tree.Weight, tree.Output))
        for name in each.names
    )


def _below(expr: tree.Expression) -> Iterator[tuple[tree.Expression, Callable[[tree.Expression], tree.Expression]]]:
    """An expression and those inside it that are values, each with what puts another in its place."""
    yield expr, lambda new: new
    for child, put in _children(expr):
        for each, rebuilt in _below(child):
            yield each, lambda new, put=put, rebuilt=rebuilt: put(rebuilt(new))


def _children(expr: tree.Expression) -> Iterator[tuple[tree.Expression, Callable[[tree.Expression], tree.Expression]]]:
    match expr:
        case tree.Unary(operand=operand):
            yield operand, lambda new: replace(expr, operand=new)
        case tree.Binary(operator="^", left=left):
            yield left, lambda new: replace(expr, left=new)
        case tree.Binary(left=left, right=right):
            yield left, lambda new: replace(expr, left=new)
            yield right, lambda new: replace(expr, right=new)
        case tree.Index(base=base) if not isinstance(base, tree.Name):
            yield base, lambda new: replace(expr, base=new)
        case tree.Call(function=tree.Name(name="grad")):
            return
        case tree.Call(arguments=arguments):
            for place, each in enumerate(arguments):
                around = arguments[:place], arguments[place + 1 :]
                if isinstance(each, tree.Positional):
                    yield (
                        each.value,
                        lambda new, each=each, around=around: replace(
                            expr, arguments=(*around[0], replace(each, value=new), *around[1])
                        ),
                    )


# ---- the variations


def _rewritten(name: str) -> Variation:
    """One rewrite of an expression, at a place that is drawn."""

    def vary(draw: DrawFn, file: tree.File) -> tree.File:
        found = [(spot, new) for spot in spots(file) if not spot.is_result for new in REWRITES[name](spot.expr)]
        if not found:
            return file
        spot, new = draw(st.sampled_from(found))
        return spot.put(new, ())

    return vary


def _named_otherwise(draw: DrawFn, file: tree.File) -> tree.File:
    return renamed(file, lambda names: draw(st.permutations(names)))


def _reordered(draw: DrawFn, file: tree.File) -> tree.File:
    """The statements of a layer in another order; inputs and results keep theirs, because calls count them."""
    found = [place for place, each in enumerate(file.definitions) if _is_system(each)]
    if not found:
        return file
    place = draw(st.sampled_from(found))
    definition = file.definitions[place]
    fixed = (tree.Input, tree.Output)
    mixed = draw(st.permutations(definition.body))
    ordered = {kind: iter([each for each in definition.body if isinstance(each, kind)]) for kind in fixed}
    body = tuple(next(ordered[type(each)]) if isinstance(each, fixed) else each for each in mixed)
    changed = replace(definition, body=body)
    return replace(file, definitions=(*file.definitions[:place], changed, *file.definitions[place + 1 :]))


def _is_system(definition: tree.Definition) -> bool:
    """Whether the body is a set of equations, in which no name is given twice."""
    body = definition.body
    names = [name.name for each in body if isinstance(each, (tree.Equation, tree.Output)) for name in each.names]
    blocks = any(isinstance(each, (tree.Repeat, tree.Loop)) or _accumulates(each) for each in body)
    return not blocks and len(names) == len(set(names))


def _accumulates(statement: tree.Statement) -> bool:
    return isinstance(statement, tree.Equation) and statement.accumulate


def _inlined(draw: DrawFn, file: tree.File) -> tree.File:
    """A value that is read, by its expression:  kept = a * S[t-1];  S = kept + x   →   S = a * S[t-1] + x"""
    found = [
        (spot, each.value)
        for definition in file.definitions
        if _is_system(definition)
        for each in definition.body
        if isinstance(each, tree.Equation) and _is_open(each, definition)
        for spot in spots(replace(file, definitions=(definition,)))
        if isinstance(spot.expr, tree.Name) and spot.expr.name == each.names[0].name and not spot.is_result
    ]
    if not found:
        return file
    spot, value = draw(st.sampled_from(found))
    return _merged(file, spot.put(value, ()))


def _merged(file: tree.File, part: tree.File) -> tree.File:
    """The file with the one definition of `part` in the place of that of its name."""
    (changed,) = part.definitions
    same = (changed if each.name == changed.name else each for each in file.definitions)
    return replace(file, definitions=tuple(same))


def _is_open(equation: tree.Equation, definition: tree.Definition) -> bool:
    """Whether an equation is nothing but a name for its expression: its dims are those of the expression, and it has no start."""
    own = equation.names[0].name
    plain = len(equation.names) == 1 and equation.dims is None and not equation.edge and is_pure(equation.value)
    started = any(isinstance(each, tree.Init) and each.name.name == own for each in definition.body)
    recursive = any(isinstance(each, tree.Name) and each.name == own for each in tree.nodes(equation.value))
    return plain and not started and not recursive


def _given_a_name(draw: DrawFn, file: tree.File) -> tree.File:
    """A part of an expression, by a name:  S = a * S[t-1] + x   →   part = a * S[t-1];  S = part + x"""
    taken = {each.name for each in tree.nodes(file.definitions) if isinstance(each, tree.Name)}
    name = next(f"part_{number}" for number in range(len(taken) + 1) if f"part_{number}" not in taken)
    found = [
        (definition, spot)
        for definition in file.definitions
        if _is_system(definition)
        for spot in spots(replace(file, definitions=(definition,)))
        if isinstance(spot.expr, (tree.Binary, tree.Call, tree.Unary))
        and is_pure(spot.expr)
        and not isinstance(spot.statement, tree.Init)
    ]
    if not found:
        return file
    _, spot = draw(st.sampled_from(found))
    read = tree.Name(name, spot.expr.span)
    equation = tree.Equation((read,), None, spot.expr, spot.expr.span)
    return _merged(file, spot.put(read, (equation,)))


NAMES_AND_ORDER: dict[str, Variation] = {"rename": _named_otherwise, "reorder": _reordered}
VARIATIONS: dict[str, Variation] = {
    **NAMES_AND_ORDER,
    "inline": _inlined,
    "give a name": _given_a_name,
    **{name: _rewritten(name) for name in REWRITES},
}
