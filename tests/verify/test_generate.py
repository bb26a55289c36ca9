"""The program generator: whatever it writes is a program, small ones first, and all of the language comes up."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis.errors import NoSuchExample

from recdsl import pipeline
from recdsl.ir.expr import Apply, Call, Read, walk
from recdsl.ir.module import Depth, Program
from recdsl.verify import Limits, programs

SEEDED = settings(
    derandomize=True, max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
FEWEST = 250
DOMAINS = ("sequence", "grid", "graph", "pointwise")


def checked(text: str) -> Program:
    return pipeline.check(pipeline.load(text)).program


@pytest.mark.long
@settings(SEEDED, max_examples=20_000)
@given(programs(limits=Limits(statements=6, nesting=4, helpers=2)))
def test_every_large_program_passes_the_checker(text: str) -> None:
    assert checked(text).entry.name == "main"


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_program_is_of_the_domain_that_was_asked_for(domain: str) -> None:
    @settings(SEEDED, max_examples=20)
    @given(programs((domain,)))
    def run(text: str) -> None:
        assert checked(text).entry.domain == domain

    run()


def test_programs_shrink() -> None:
    shortest = find(programs(), lambda text: True, settings=settings(SEEDED, max_examples=500))
    assert len(shortest.splitlines()) <= 4


def operators(program: Program) -> set[str]:
    expressions = (e for module in program.modules.values() for item in module.equations() for e in walk(item.expr))
    return {each.operator for each in expressions if isinstance(each, Apply)}


def depths(program: Program) -> list[Depth]:
    return [item for module in program.modules.values() for item in module.items if isinstance(item, Depth)]


def reads(program: Program) -> list[Read]:
    items = [item for module in program.modules.values() for item in module.equations()]
    return [each for item in items for each in walk(item.expr) if isinstance(each, Read)]


FEATURES = {
    "a look ahead": lambda p: any(shift > 0 for read in reads(p) for _, shift in read.offsets),
    "a long delay": lambda p: any(shift < -2 for read in reads(p) for _, shift in read.offsets),
    "two axes at once": lambda p: any(len(read.offsets) == 2 for read in reads(p)),
    "along the edges": lambda p: any(read.via == "pred" for read in reads(p)),
    "at the tail of an edge": lambda p: any(read.via == "tail" for read in reads(p)),
    "edges that may form cycles": lambda p: p.entry.cyclic_graph,
    "an edge value that goes from turn to turn": lambda p: any(
        "edge" in carry.type.axis_names for depth in depths(p) for carry in depth.carried
    ),
    "a start": lambda p: any(item.init is not None for item in p.entry.equations()),
    "a static input": lambda p: any(given.static for given in p.entry.inputs),
    "tokens": lambda p: any(given.vocabulary is not None for given in p.entry.inputs),
    "several results": lambda p: len(p.entry.outputs) > 1,
    "a repeat": lambda p: any(depth.kind == "repeat" for depth in depths(p)),
    "a loop": lambda p: any(depth.kind == "loop" for depth in depths(p)),
    "an until": lambda p: any(depth.until is not None for depth in depths(p)),
    "a path": lambda p: any(depth.path is not None for depth in depths(p)),
    "a body in a body": lambda p: any(each.key.count(".") > 1 for each in p.modules.values()),
    "an instance called twice": lambda p: any(
        sum(isinstance(e, Call) and e.instance == path.path for i in m.equations() for e in walk(i.expr)) > 1
        for m in p.modules.values()
        for path in m.instances
    ),
    **{
        f"the operator {name}": lambda p, name=name: name in operators(p)
        for name in ("grad", "conv", "rename", "complex", "inverse", "flip", "merge", "softmax", "cumsum", "gather")
    },
}


@pytest.fixture(scope="module")
def seen() -> set[str]:
    """What comes up in random programs, at least `FEWEST` of them. All have to pass the checker."""
    found: list[str] = []
    come_up: set[str] = set()

    def enough(text: str) -> bool:
        program = checked(text)
        found.append(text)
        come_up.update(name for name, holds in FEATURES.items() if name not in come_up and holds(program))
        return len(found) >= FEWEST and len(come_up) == len(FEATURES)

    with contextlib.suppress(NoSuchExample):
        find(programs(), enough, settings=settings(SEEDED, max_examples=2000, phases=[Phase.generate]))
    return come_up


@pytest.mark.parametrize("feature", FEATURES)
def test_the_language_comes_up(feature: str, seen: set[str]) -> None:
    assert feature in seen
