"""Names, order and factoring change nothing: a recurrence written otherwise has the same class, algorithm and coefficients.

Each of the sequence recurrences in specs/ is written in several random ways (`variations.py`). What is compared:

- of every recurrence: its class, the algorithm that lowering takes, and every algorithm that is valid for it;
- of every recurrence that is solved for all points at once: the offset, the roles (by name, without the numbers of
  states and ranks, which follow the program), what each role computes, how many readings there are and what each is read
  with, and what its states are in terms of the roles. "What it computes" is the signature
  (`recdsl.classify.signature`): without names, with sums of products multiplied out, values followed to their equations;
- where only names and the order of statements differ: the whole compiled file, as the multiset of its statements with all names
  and texts taken out and the entries of dicts in one order. Rewritten expressions may print differently outside of recurrences (`0.5 * x` is no `x / 2`).

Recurrences are compared as a multiset: those that do not need each other have no order.
"""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn
from variations import NAMES_AND_ORDER, VARIATIONS, varied

from recdsl import api, pipeline
from recdsl.classify.signature import Signatures
from recdsl.diagnostics import Source
from recdsl.ir.module import Module
from recdsl.lower.lower import prepared
from recdsl.lower.parallel import parallelise
from recdsl.lower.plan import Solve
from recdsl.parse.reader import parse
from recdsl.rewrite.differentiate import expand_gradients

SPECS = Path(__file__).parents[2] / "specs"
FEW = settings(
    derandomize=True,
    max_examples=250,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)

Facts = Counter[tuple[object, ...]]


def is_sequence(path: Path) -> bool:
    """Whether a file stands for itself and all of its layers with axes are over one sequence."""
    file = parse(Source(path.name, path.read_text()))
    axes = [each.over for each in file.definitions if each.over is not None]
    return not file.uses and all(not over.graph and len(over.axes) == 1 for over in axes)


SEQUENCES = [path.stem for path in sorted(SPECS.glob("*.rdl")) if is_sequence(path)]


@st.composite
def written_otherwise(draw: DrawFn, names: tuple[str, ...] = ()) -> tuple[str, str]:
    """A spec and a variation of it."""
    name = draw(st.sampled_from(SEQUENCES))
    text, _ = draw(varied((SPECS / f"{name}.rdl").read_text(), names))
    return name, text


def facts(text: str) -> Facts:
    """What is compared of the recurrences of a program."""
    program = expand_gradients(pipeline.check(pipeline.load(text)).program)
    found = parallelise(prepared(program))
    decisions = Counter(
        (each.case.verdict.class_, each.taken, tuple(draft.algorithm for draft in each.options.drafts))
        for each in found.decisions
    )
    solved = Counter(
        _solved(solve, Signatures(found.program.modules[key]), found.program.modules[key])
        for key, solves in found.solves.items()
        for solve in solves
    )
    return decisions + solved


def _solved(solve: Solve, signatures: Signatures, module: Module) -> tuple[object, ...]:
    equations = {each.id: each for each in module.equations()}
    roles = tuple(sorted((name.split("[")[0].rstrip("_0123456789"), signatures.of(expr)) for name, expr in solve.roles))
    readings = tuple(sorted((signatures.of(each.query), each.before) for each in solve.readings))
    after = tuple(sorted(signatures.of(equations[state].expr) for state in solve.states))
    return solve.algorithm, solve.offset, roles, readings, after


KNOWN: dict[str, Facts] = {}


def facts_of_spec(name: str) -> Facts:
    if name not in KNOWN:
        KNOWN[name] = facts((SPECS / f"{name}.rdl").read_text())
    return KNOWN[name]


def agree(name: str, text: str) -> None:
    expected, found = facts_of_spec(name), facts(text)
    assert not expected - found and not found - expected, f"{name}:\n{text}\n{expected - found}\n{found - expected}"


@settings(FEW)
@given(written_otherwise())
def test_a_recurrence_written_otherwise_is_the_same(drawn: tuple[str, str]) -> None:
    agree(*drawn)


@pytest.mark.long
@settings(FEW, max_examples=20_000, derandomize=False)
@given(written_otherwise())
def test_many_recurrences_written_otherwise_are_the_same(drawn: tuple[str, str]) -> None:
    agree(*drawn)


def statements(text: str) -> Counter[str]:
    """The statements of a compiled file without names and texts."""
    compiled = api.compile_text(text)
    found: Counter[str] = Counter()
    for each in ast.walk(ast.parse(compiled.text)):
        match each:
            case ast.Assign() | ast.AugAssign() | ast.Return() | ast.Expr():
                found[ast.dump(_nameless(each))] += 1
            case ast.For(iter=head) | ast.If(test=head):
                found[ast.dump(_nameless(head))] += 1
    return found


class _Leaves(ast.NodeTransformer):
    """`self.q.x.weight` is one name."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        inner = self.visit(node.value)
        return inner if isinstance(inner, ast.Name) else ast.Attribute(inner, node.attr, node.ctx)


def _nameless(node: ast.AST) -> ast.AST:
    node = _Leaves().visit(node)
    for each in ast.walk(node):
        for name, value in ast.iter_fields(each):
            if isinstance(value, str):
                setattr(each, name, "_")
    for each in ast.walk(node):
        if isinstance(each, ast.Dict):
            each.values.sort(key=ast.dump)
    return node


@settings(FEW, max_examples=60)
@given(written_otherwise(tuple(NAMES_AND_ORDER)))
def test_other_names_and_another_order_compile_to_the_same_file(drawn: tuple[str, str]) -> None:
    name, text = drawn
    expected, found = statements((SPECS / f"{name}.rdl").read_text()), statements(text)
    assert expected == found, f"{name}:\n{text}\n{expected - found}\n{found - expected}"


@pytest.mark.parametrize("name", VARIATIONS)
def test_every_variation_changes_some_spec(name: str) -> None:
    """A variation that never applies would show nothing."""
    changed = []

    @settings(FEW, max_examples=15)
    @given(written_otherwise((name,)))
    def run(drawn: tuple[str, str]) -> None:
        changed.append(drawn[1])

    run()
    assert len(set(changed)) > 1
