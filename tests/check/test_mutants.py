"""Programs with a few words changed: the checker accepts them or says what is wrong, and never fails itself."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from recdsl.diagnostics import RecdslError, Source, render
from recdsl.pipeline import check

SPECS = Path(__file__).parents[2] / "specs"
PROGRAMS = {path.name: path.read_text(encoding="utf-8") for path in sorted(SPECS.glob("*.rdl"))}
WORD = re.compile(r"[A-Za-z_]\w*|[0-9.]+|->|[-+*/^%<>=]=?|[^\s\w]")
NAME = re.compile(r"[A-Za-z_]\w*")
BRACKETS = [
    "[t-1]",
    "[t+1]",
    "[j-1]",
    "[pred]",
    "[t->s]",
    "[t=0]",
    "[K]",
    "[D->N]",
    "[K=0]",
    "[2*K]",
    "[t-D]",
    "[t-0.5]",
]
CALLS = ["(x)", "(x, x)", "()", "(x -> H)", "(x, per = D)", "(x, 3 -> D)", "(D = 4)", "(x, bogus = 1)", "(no)", '("a")']
LINES = ["repeat 2 as b: x = x", "init h = 1", "out h", "edge e : D = x", "in z : D static", "h += 1", "f = gru_cell(H)",
         "param w : D = x", "path block = 0..1", "until all(x > 1)", "extern g(x) : D", "a = max(a[t-1], x)"]  # fmt: skip
FUNCTIONS = [
    "linear",
    "sum",
    "softmax",
    "where",
    "concat",
    "conv",
    "merge",
    "grad",
    "rmsnorm",
    "attention",
    "index",
    "embed",
]


def mutant(draw: random.Random, text: str) -> str:
    for _ in range(draw.randint(1, 3)):
        text = draw.choice((_other_word, _other_name, _behind_a_name, _other_line, _lost_word))(draw, text)
    return text


def _place(draw: random.Random, pattern: re.Pattern[str], text: str) -> tuple[int, int]:
    return draw.choice([found.span() for found in pattern.finditer(text)] or [(0, 0)])


def _other_word(draw: random.Random, text: str) -> str:
    (start, end), (first, last) = _place(draw, WORD, text), _place(draw, WORD, text)
    return text[:start] + text[first:last] + text[end:]


def _other_name(draw: random.Random, text: str) -> str:
    (start, end), (first, last) = _place(draw, NAME, text), _place(draw, NAME, text)
    return text[:start] + draw.choice([text[first:last], draw.choice(FUNCTIONS)]) + text[end:]


def _behind_a_name(draw: random.Random, text: str) -> str:
    end = _place(draw, NAME, text)[1]
    return text[:end] + draw.choice(BRACKETS + CALLS) + text[end:]


def _other_line(draw: random.Random, text: str) -> str:
    lines = text.split("\n")
    place = draw.randrange(len(lines))
    lines[place : place + draw.randint(0, 1)] = draw.choice([[], [lines[place]], [f"  {draw.choice(LINES)}"]])
    return "\n".join(lines)


def _lost_word(draw: random.Random, text: str) -> str:
    start, end = _place(draw, WORD, text)
    return text[:start] + text[end:]


def outcome(name: str, text: str) -> str:
    """The code of the first error, or `accepted`."""
    try:
        check(Source(str(SPECS / name), text))
    except RecdslError as error:
        found = error.diagnostics
    else:
        return "accepted"
    for each in found:
        assert render(each)
        assert each.to_json()["labels"] or each.code in ("R110", "R211")
    return found[0].code


def _try(seeds: range) -> None:
    for seed in seeds:
        draw = random.Random(seed)
        name = draw.choice(list(PROGRAMS))
        text = mutant(draw, PROGRAMS[name])
        try:
            outcome(name, text)
        except Exception as error:
            raise AssertionError(f"seed {seed}, {name}:\n{text}") from error


def test_mutants() -> None:
    _try(range(500))


@pytest.mark.long
def test_many_mutants() -> None:
    _try(range(500, 100_000))
