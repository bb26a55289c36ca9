"""Hypothesis strategies for trees: any file that the grammar can write, whether or not it means something."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from recdsl.diagnostics import Source, Span
from recdsl.parse import tree

_SOURCE = Source("random.rdl", "")
_HERE = Span(_SOURCE, 0, 0)
_PLAIN = ("h", "x", "m_1", "lambda", "self", "beta", "class", "D", "H", "K", "static", "t")
_KEYWORDS_THAT_ARE_NAMES = ("in", "out", "init", "path", "until")
_COMPARISONS = ("==", "!=", "<=", ">=", "<", ">")

plain = st.sampled_from(_PLAIN)
value_words = st.sampled_from(_PLAIN + _KEYWORDS_THAT_ARE_NAMES)
names = value_words.map(lambda word: tree.Name(word, _HERE))
plain_names = plain.map(lambda word: tree.Name(word, _HERE))
several_names = st.lists(names, min_size=1, max_size=3).map(tuple)
counts = st.integers(0, 99)
whole_numbers = counts.map(lambda value: tree.Number(str(value), _HERE))
numbers = st.sampled_from(("0", "7", "0.5", ".25", "1e-3", "2.5E+4", "10")).map(lambda text: tree.Number(text, _HERE))
texts = st.sampled_from(("", "same", "a # b", "lstm.rdl")).map(lambda text: tree.Text(text, _HERE))
truths = st.booleans().map(lambda value: tree.Truth(value, _HERE))


def expressions() -> SearchStrategy[tree.Expression]:
    """Expressions of every kind."""
    return st.recursive(st.one_of(numbers, texts, truths, names), _compound, max_leaves=12)


def _compound(inner: SearchStrategy[tree.Expression]) -> SearchStrategy[tree.Expression]:
    operators = st.sampled_from(("+", "-", "*", "/", "%", "^", "and", "or", *_COMPARISONS))
    return st.one_of(
        st.builds(tree.Unary, st.sampled_from(("-", "not")), inner, st.just(_HERE)),
        st.builds(tree.Binary, operators, inner, inner, st.just(_HERE)),
        st.builds(tree.Index, inner, st.lists(_brackets(inner), min_size=1, max_size=2).map(tuple), st.just(_HERE)),
        st.builds(tree.Call, inner, st.lists(_arguments(inner), max_size=3).map(tuple), st.just(_HERE)),
    )


def along(inner: SearchStrategy[tree.Expression]) -> SearchStrategy[tree.Along]:
    """Dims side by side, sizes among them."""
    dim: SearchStrategy[tree.Expression] = st.one_of(plain_names, plain_names, whole_numbers, inner)
    return st.builds(tree.Along, st.lists(dim, min_size=1, max_size=3).map(tuple), st.just(_HERE))


def _brackets(inner: SearchStrategy[tree.Expression]) -> SearchStrategy[tree.Bracket]:
    return st.one_of(
        along(inner),
        st.builds(tree.Offset, plain, st.sampled_from((-1, 1)), inner, st.just(_HERE)),
        st.builds(tree.Pick, plain, inner, st.just(_HERE)),
        st.builds(tree.Rename, plain, plain, st.just(_HERE)),
    )


def _arguments(inner: SearchStrategy[tree.Expression]) -> SearchStrategy[tree.Argument]:
    side_by_side = st.lists(plain_names, min_size=2, max_size=3).map(lambda found: tree.Along(tuple(found), _HERE))
    value: SearchStrategy[tree.Expression | tree.Along] = st.one_of(inner, side_by_side)
    return st.one_of(
        st.builds(tree.Positional, inner, st.just(_HERE)),
        st.builds(tree.Keyword, plain, value, st.just(_HERE)),
        st.builds(tree.Arrow, value, along(inner), st.just(_HERE)),
    )


def types() -> SearchStrategy[tree.Type]:
    """What stands behind the colon of an `in`."""
    token = st.builds(tree.Token, expressions(), st.just(_HERE))
    word: SearchStrategy[tree.Expression | tree.Token] = st.one_of(plain_names, whole_numbers, token)
    return st.builds(tree.Type, st.lists(word, min_size=1, max_size=3).map(tuple), st.just(_HERE))


def hops() -> SearchStrategy[tree.Hop]:
    """Pieces of a path."""
    ends = st.tuples(counts, counts).map(sorted)
    visit = ends.map(lambda found: tree.Visit(found[0], found[1], _HERE))
    skip = ends.map(lambda found: tree.Skip(found[0], found[1], _HERE))
    return st.recursive(st.one_of(visit, skip), _again, max_leaves=4)


def _again(inner: SearchStrategy[tree.Hop]) -> SearchStrategy[tree.Hop]:
    return st.builds(tree.Again, counts, st.lists(inner, min_size=1, max_size=3).map(tuple), st.just(_HERE))


def statements() -> SearchStrategy[tree.Statement]:
    """Statements, blocks among them."""
    here, value, dims = st.just(_HERE), expressions(), st.none() | along(expressions())
    simple: SearchStrategy[tree.Statement] = st.one_of(
        st.builds(tree.Input, several_names, types(), here),
        st.builds(tree.Output, st.just(()), st.none(), value, here),
        st.builds(tree.Output, several_names, dims, value, here),
        st.builds(tree.Weight, st.booleans(), several_names, dims, value, st.none(), here),
        st.builds(tree.Weight, st.booleans(), several_names, dims, st.none(), st.none() | value, here),
        st.builds(tree.Init, plain_names, value, here),
        st.builds(tree.Equation, several_names, dims, value, here),
        st.builds(tree.Equation, several_names, dims, value, here, edge=st.just(True)),
        st.builds(tree.Equation, names.map(lambda name: (name,)), st.none(), value, here, accumulate=st.just(True)),
        st.builds(tree.Until, value, here),
        st.builds(tree.Path, plain_names, st.lists(hops(), min_size=1, max_size=3).map(tuple), here),
        st.builds(tree.Extern, plain_names, st.lists(plain_names, max_size=2).map(tuple), types(), here),
    )
    return st.recursive(simple, _block, max_leaves=5)


def _block(inner: SearchStrategy[tree.Statement]) -> SearchStrategy[tree.Statement]:
    body = st.lists(inner, min_size=1, max_size=3).map(tuple)
    kinds: SearchStrategy[type[tree.Repeat] | type[tree.Loop]] = st.sampled_from((tree.Repeat, tree.Loop))
    return st.builds(
        lambda kind, count, name, statements: kind(count, name, statements, _HERE),
        kinds,
        expressions(),
        st.none() | plain_names,
        body,
    )


def files() -> SearchStrategy[tree.File]:
    """Whole files without comments."""
    here = st.just(_HERE)
    use = st.builds(tree.Use, st.sampled_from(("gla.rdl", "a b.rdl")), here)
    parameter = st.builds(tree.Parameter, plain_names, st.none() | expressions(), here)
    sequence = st.builds(tree.Over, several_plain(3), st.none(), st.just(False), here)
    graph = st.builds(tree.Over, several_plain(1), st.sampled_from(("dag", "graph")), st.booleans(), here)
    definition = st.builds(
        tree.Definition,
        st.sampled_from(("layer", "model")),
        plain_names,
        st.lists(parameter, max_size=3).map(tuple),
        st.one_of(st.none(), sequence, graph),
        st.lists(statements(), min_size=1, max_size=3).map(tuple),
        here,
    )
    return st.builds(
        tree.File,
        st.just(_SOURCE),
        st.lists(use, max_size=2).map(tuple),
        st.lists(definition, max_size=2).map(tuple),
        st.just(()),
    )


def several_plain(most: int) -> SearchStrategy[tuple[tree.Name, ...]]:
    """One to `most` names that are no keywords."""
    return st.lists(plain_names, min_size=1, max_size=most).map(tuple)
