"""The verdict in a spec's first comment is what `explain` finds, and docs/zoo.md lists every spec with it.

A verdict is parts with semicolons between them: `STATES is CLASS[, remark]`, where STATES are names with commas between them;
`STATES runs over depth[, remark]`; or `no recurrence[, remark]`. Over grids and graphs a part may say `affine` instead of a class.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

import recdsl

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "specs").glob("*.rdl"))
CLASSES = (
    "fir", "lti", "diagonal", "rank-one", "delta", "block", "semiring", "clamp", "mobius", "automaton", "nonlinear", "opaque",
)  # fmt: skip

Pairs = set[tuple[frozenset[str], str]]


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verdict says: a class for each group of states, those without a class, and those that run over depth."""

    classes: Pairs
    unnamed: set[frozenset[str]]
    depth: set[frozenset[str]]

    @property
    def recurrent(self) -> Pairs:
        """Classes of what feeds back; `fir` never does."""
        return {(states, class_) for states, class_ in self.classes if class_ != "fir"}


def verdict(spec: Path) -> str:
    """The comment behind `# Verdict:` as one line."""
    lines = iter(spec.read_text().split("\n"))
    first = next(line for line in lines if line.startswith("# Verdict: "))
    found = [first.removeprefix("# Verdict: ")]
    for line in lines:
        if not line.startswith("# "):
            break
        found.append(line.removeprefix("# "))
    return " ".join(found)


def names(text: str) -> frozenset[str]:
    found = text.split(", ")
    assert all(each.isidentifier() for each in found), f"these are no states: {text}"
    return frozenset(found)


def claims(spec: Path) -> Claims:
    """A verdict taken apart. Raises AssertionError for other wording."""
    found = Claims(set(), set(), set())
    for part in verdict(spec).split("; "):
        if part.startswith("no recurrence"):
            continue
        if " runs over depth" in part:
            found.depth.add(names(part.split(" runs over depth")[0]))
            continue
        states, said, class_ = part.partition(" is ")
        assert said, f"{spec.name}: {part!r} is not STATES is CLASS"
        word = class_.split()[0].rstrip(",")
        if word in CLASSES:
            found.classes.add((names(states), word))
        else:
            assert word == "affine", f"{spec.name}: {word} is no class"
            found.unnamed.add(names(states))
    return found


@pytest.mark.parametrize("spec", SPECS, ids=lambda each: each.stem)
def test_the_verdict_is_what_explain_says(spec: Path) -> None:
    claimed = claims(spec)
    depth: set[frozenset[str]] = set()
    found: Pairs = set()
    finite: Pairs = set()
    unnamed: set[frozenset[str]] = set()
    for each in recdsl.explain(spec).recurrences:
        states = frozenset(each.states)
        if each.domain == "depth":
            depth.add(states)
        elif states in claimed.unnamed:
            unnamed.add(states)
        elif each.class_ == "fir":
            finite.add((states, each.class_))
        else:
            found.add((states, each.class_))
    assert found == claimed.recurrent
    assert finite >= claimed.classes - claimed.recurrent
    assert unnamed == claimed.unnamed
    assert depth >= claimed.depth


def test_what_the_host_binds_is_opaque() -> None:
    source = "layer host(D) over t:\n  in x : D\n  extern f(x, h) : D\n  h : D = f(x, h[t-1])\n  out h\n"
    (found,) = recdsl.explain(source).recurrences
    assert found.class_ == "opaque"


@pytest.mark.parametrize("spec", SPECS, ids=lambda each: each.stem)
def test_a_spec_is_short(spec: Path) -> None:
    lines = spec.read_text().split("\n")
    definitions = sum(line.startswith(("layer ", "model ")) for line in lines)
    assert len(lines) <= 30 * definitions
    assert len(lines) <= 60
    assert max(map(len, lines)) <= 125


def table() -> dict[str, tuple[str, ...]]:
    """The rows of docs/zoo.md by file."""
    lines = (ROOT / "docs" / "zoo.md").read_text().split("\n")
    cells = [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines if line.startswith("| ")]
    return {row[1].strip("`"): row for row in cells[1:]}


def test_the_table_lists_every_spec() -> None:
    assert set(table()) == {f"{spec.stem}.rdl" for spec in SPECS}


@pytest.mark.parametrize("spec", SPECS, ids=lambda each: each.stem)
def test_the_table_says_the_same_as_the_verdict(spec: Path) -> None:
    said = table()[spec.name][2]
    listed = {(names(part.rsplit(" ", 1)[0]), part.rsplit(" ", 1)[1]) for part in said.split("; ") if part != "none"}
    expected = claims(spec)
    assert listed == expected.classes | {(states, "affine") for states in expected.unnamed}
