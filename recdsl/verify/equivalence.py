"""Is a compiled module the program? `verify` compares it with the reference on examples and reports; `assert_equivalent`
raises where they differ, with a small reproduction."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from recdsl.settings import Setting
from recdsl.verify.checks import CHECKS, Check
from recdsl.verify.examples import Example, some_examples
from recdsl.verify.known import Known
from recdsl.verify.pair import Comparison, Pair, Subject, make_pairs
from recdsl.verify.tolerance import as_numbers, error
from recdsl.verify.trial import RefusedError, Trial

EXAMPLES = 6


@dataclass(frozen=True, slots=True)
class Line:
    """One check in a report: how many values were compared, the largest error, why it was refused."""

    check: str
    compared: int
    largest: float
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What `verify` found. `failure` is the message of the first failure, "" when there is none."""

    name: str
    target: str
    schedules: tuple[str, ...]
    sizes: dict[str, int | float]
    examples: int
    lines: tuple[Line, ...]
    failure: str = ""

    @property
    def ok(self) -> bool:
        return not self.failure

    def __str__(self) -> str:
        given = ", ".join(f"{name} = {value}" for name, value in self.sizes.items())
        head = f"{self.name}({given}), target {self.target}: {self.examples} examples against the reference"
        rows = [("check", "compared", "largest error"), *(_row(line) for line in self.lines)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        table = [f"{a.ljust(widths[0])}  {b.rjust(widths[1])}  {c}".rstrip() for a, b, c in rows]
        return "\n".join(
            [head, f"schedules: {', '.join(self.schedules)}", "", *table, *(["", self.failure] if self.failure else [])]
        )


def _row(line: Line) -> tuple[str, str, str]:
    return line.check, str(line.compared), line.refused or (f"{line.largest:.1e}" if line.compared else "")


@dataclass(frozen=True, slots=True)
class Failure:
    """What is wrong with which pair, in which check and on which example; `cause` where the compiled module raised something."""

    pair: Pair
    check: Check
    example: Example
    text: str
    cause: Exception | None = None


class _Tally:
    """Counts what was compared, check by check."""

    def __init__(self) -> None:
        self.compared: dict[str, int] = {}
        self.largest: dict[str, float] = {}
        self.refused: dict[str, str] = {}

    def add(self, check: Check, size: int, found: float) -> None:
        self.compared[check.name] = self.compared.get(check.name, 0) + size
        self.largest[check.name] = max(self.largest.get(check.name, 0.0), found)

    def lines(self) -> tuple[Line, ...]:
        names = [check.name for check in CHECKS if check.name in self.compared or check.name in self.refused]
        return tuple(
            Line(name, self.compared.get(name, 0), self.largest.get(name, 0.0), self.refused.get(name, ""))
            for name in names
        )


def verify(
    source: str | Path,
    target: str = "torch",
    examples: int = EXAMPLES,
    *,
    layer: str | None = None,
    settings: Mapping[str, Setting] | None = None,
    schedules: Iterable[str] | None = None,
) -> Report:
    """Compare on `examples` inputs, under some schedules or every valid one; the first failure ends it. Raises `RecdslError` for
    a program that is none, and for a schedule that is valid nowhere in it."""
    subject = Subject(source, target, layer, settings)
    pairs = make_pairs(subject, schedules)
    return _compared(subject, pairs, some_examples(pairs[0].program, examples))[0]


def assert_equivalent(
    source: str | Path,
    target: str = "torch",
    examples: int | Iterable[Example] = EXAMPLES,
    *,
    layer: str | None = None,
    settings: Mapping[str, Setting] | None = None,
    sizes: Mapping[str, int | float] | None = None,
    schedules: Iterable[str] | None = None,
) -> Report:
    """The same with an AssertionError that names what is wrong and how to see it again; the report where all agrees."""
    subject = Subject(source, target, layer, settings)
    pairs = make_pairs(subject, schedules, sizes)
    chosen = some_examples(pairs[0].program, examples) if isinstance(examples, int) else list(examples)
    report, cause = _compared(subject, pairs, chosen)
    if not report.ok:
        raise AssertionError(report.failure) from cause
    return report


def replay(subject: Subject, sizes: Mapping[str, int | float], check: str, example: Example) -> None:
    """One check on one example, as a reproduction asks for it. Raises AssertionError where it fails."""
    chosen = next(each for each in CHECKS if each.name == check)
    (pair,) = make_pairs(subject, [subject.schedule], sizes)
    failure = _failure(_trial(pair, example), chosen, _Tally())
    if failure is not None:
        raise AssertionError(failure.text) from failure.cause


# ---- the work


def _compared(subject: Subject, pairs: list[Pair], examples: list[Example]) -> tuple[Report, Exception | None]:
    """The report, and what the compiled module raised."""
    tally = _Tally()
    failure = _first_failure(pairs, examples, tally)
    message = "" if failure is None else _message(subject, failure)
    names, pair = tuple(each.schedule for each in pairs), pairs[0]
    report = Report(pair.program.entry.name, subject.target, names, pair.sizes, len(examples), tally.lines(), message)
    return report, None if failure is None else failure.cause


def _first_failure(pairs: list[Pair], examples: list[Example], tally: _Tally) -> Failure | None:
    checks = [check for check in CHECKS if check.applies(pairs[0].program)]
    for place, example in enumerate(examples):
        known = Known(pairs[0].program, pairs[0].reference, example)
        chosen = [check for check in checks if place == 0 or not check.once]
        for pair, check in itertools.product(pairs, chosen):
            if check.name not in tally.refused:
                failure = _failure(Trial(pair, known), check, tally)
                if failure is not None:
                    return _simplest(failure)
    return None


def _trial(pair: Pair, example: Example) -> Trial:
    return Trial(pair, Known(pair.program, pair.reference, example))


def _failure(trial: Trial, check: Check, tally: _Tally) -> Failure | None:
    try:
        for comparison in check.compare(trial):
            found = error(comparison.found, comparison.expected)
            tally.add(check, comparison.expected.numel(), found)
            if found > comparison.allowed:
                return Failure(trial.pair, check, trial.example, f"{check.name}: {described(comparison)}")
    except RefusedError as refused:
        tally.refused[check.name] = f"refused: {refused}"
    except Exception as cause:
        text = f"{check.name}: {type(cause).__name__}: {cause}"
        return Failure(trial.pair, check, trial.example, text, cause)
    return None


def _simplest(failure: Failure) -> Failure:
    """The same failure on a simpler example, as long as there is one."""
    for example in failure.example.smaller():
        found = _failure(_trial(failure.pair, example), failure.check, _Tally())
        if found is not None and type(found.cause) is type(failure.cause):
            return _simplest(found)
    return failure


# ---- messages


def _message(subject: Subject, failure: Failure) -> str:
    schedule = f"Under the schedule {failure.pair.schedule}. To see it again:"
    return f"{failure.text}\n\n{schedule}\n\n{reproduction(subject, failure)}"


def described(comparison: Comparison) -> str:
    """What differs, where, and by how much."""
    what = f"the {comparison.name} differs"
    if comparison.found.shape != comparison.expected.shape:
        shapes = list(comparison.found.shape), list(comparison.expected.shape)
        return f"{what}: compiled has the shape {shapes[0]}, the reference {shapes[1]}"
    found, expected = as_numbers(comparison.found), as_numbers(comparison.expected)
    apart = (found - expected).abs().nan_to_num(nan=math.inf)
    place = int(apart.flatten().argmax())
    index = _unravelled(place, found.shape)
    mine, other = found.flatten()[place].item(), expected.flatten()[place].item()
    return (
        f"{what} by {error(found, expected):.2g} of its scale (allowed {comparison.allowed:.2g});"
        f" at {index}: compiled {mine!r}, reference {other!r}"
    )


def _unravelled(place: int, shape: Sequence[int]) -> list[int]:
    """The index of the element at a place in memory."""
    index: list[int] = []
    for size in reversed(shape):
        index.insert(0, place % size)
        place //= size
    return index


def reproduction(subject: Subject, failure: Failure) -> str:
    """A Python script that shows a failure again."""
    text = isinstance(subject.source, str) and "\n" in subject.source
    lines = ["from recdsl.verify import Example, Subject, replay", ""]
    lines.append(f'source = """\n{subject.source}"""' if text else f"source = {str(subject.source)!r}")
    fixed = dict(subject.settings or {})
    lines.append(
        f"subject = Subject(source, {subject.target!r}, {subject.layer!r}, {fixed!r}, {failure.pair.schedule!r})"
    )
    lines.append(f"replay(subject, {failure.pair.sizes!r}, {failure.check.name!r}, {failure.example!r})")
    return "\n".join(lines)
