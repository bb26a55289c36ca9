"""Is a compiled module the program? `verify` compares it with the reference on examples and reports; `assert_equivalent`
raises where they differ, with a small reproduction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from recdsl.settings import Setting
from recdsl.verify.checks import CHECKS, Check, RefusedError
from recdsl.verify.examples import Example, some_examples
from recdsl.verify.pair import Comparison, Pair, Subject, make_pair
from recdsl.verify.tolerance import RELATIVE, error

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
    """What `verify` found. `failure` is the message of the first difference, "" when there is none."""

    name: str
    target: str
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
        return "\n".join([head, "", *table, *(["", self.failure] if self.failure else [])])


def _row(line: Line) -> tuple[str, str, str]:
    return line.check, str(line.compared), line.refused or (f"{line.largest:.1e}" if line.compared else "")


@dataclass(frozen=True, slots=True)
class Difference:
    """A comparison that failed, in which check and on which example."""

    check: Check
    example: Example
    comparison: Comparison


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
) -> Report:
    """Compare on `examples` inputs; the first difference ends it. Raises `RecdslError` for a program that is none."""
    pair = make_pair(Subject(source, target, layer, settings))
    return _report(Subject(source, target, layer, settings), pair, some_examples(pair.program, examples))


def assert_equivalent(
    source: str | Path,
    target: str = "torch",
    examples: int | Iterable[Example] = EXAMPLES,
    *,
    layer: str | None = None,
    settings: Mapping[str, Setting] | None = None,
    sizes: Mapping[str, int | float] | None = None,
) -> Report:
    """The same with an AssertionError that names what differs and how to see it again; the report where all agrees."""
    subject = Subject(source, target, layer, settings)
    pair = make_pair(subject, sizes)
    chosen = some_examples(pair.program, examples) if isinstance(examples, int) else list(examples)
    report = _report(subject, pair, chosen)
    if not report.ok:
        raise AssertionError(report.failure)
    return report


def replay(subject: Subject, sizes: Mapping[str, int | float], check: str, example: Example) -> None:
    """One check on one example, as a reproduction asks for it. Raises AssertionError where it fails."""
    pair = make_pair(subject, sizes)
    chosen = next(each for each in CHECKS if each.name == check)
    difference = _first_difference(pair, chosen, example, _Tally())
    if difference is not None:
        raise AssertionError(_described(difference))


def _report(subject: Subject, pair: Pair, examples: list[Example]) -> Report:
    tally = _Tally()
    failure = ""
    for example in examples:
        for check in CHECKS:
            if not failure and check.applies(pair.program) and check.name not in tally.refused:
                found = _first_difference(pair, check, example, tally)
                failure = "" if found is None else _message(subject, pair, _smallest(pair, found))
    sizes = {name: value if isinstance(value, int) else float(value) for name, value in pair.sizes.items()}
    return Report(pair.program.entry.name, subject.target, sizes, len(examples), tally.lines(), failure)


def _first_difference(pair: Pair, check: Check, example: Example, tally: _Tally) -> Difference | None:
    try:
        for comparison in check.compare(pair, example):
            found = error(comparison.found, comparison.expected)
            tally.add(check, comparison.expected.numel(), found)
            if found > RELATIVE:
                return Difference(check, example, comparison)
    except RefusedError as refused:
        tally.refused[check.name] = f"refused: {refused}"
    return None


def _smallest(pair: Pair, difference: Difference) -> Difference:
    """The same difference on a simpler example, as long as there is one."""
    for example in difference.example.smaller():
        try:
            found = _first_difference(pair, difference.check, example, _Tally())
        except (ValueError, RuntimeError, IndexError):
            continue  # another failure than the one that is looked for
        if found is not None:
            return _smallest(pair, found)
    return difference


# ---- messages


def _described(difference: Difference) -> str:
    """What differs, where, and by how much."""
    found, expected = difference.comparison.found.detach(), difference.comparison.expected.detach()
    what = f"{difference.check.name}: the {difference.comparison.name} differs"
    if found.shape != expected.shape:
        return f"{what}: compiled has the shape {list(found.shape)}, the reference {list(expected.shape)}"
    apart = (found - expected).abs().nan_to_num(nan=float("inf"))
    place = int(apart.flatten().argmax())
    index = [int(each) for each in _unravel(place, list(found.shape))]
    mine, other = found.flatten()[place].item(), expected.flatten()[place].item()
    relative = error(found, expected)
    return f"{what} by {relative:.2g} of its scale (allowed {RELATIVE:g}); at {index}: compiled {mine!r}, reference {other!r}"


def _unravel(place: int, shape: list[int]) -> list[int]:
    index = []
    for size in reversed(shape):
        index.append(place % size)
        place //= size
    return index[::-1]


def _message(subject: Subject, pair: Pair, difference: Difference) -> str:
    return f"{_described(difference)}\n\nTo see it again:\n\n{reproduction(subject, pair, difference)}"


def reproduction(subject: Subject, pair: Pair, difference: Difference) -> str:
    """A Python script that shows a difference again."""
    text = isinstance(subject.source, str) and "\n" in subject.source
    lines = ["from recdsl.verify import Example, Subject, replay", ""]
    lines.append(f'source = """\n{subject.source}"""' if text else f"source = {str(subject.source)!r}")
    fixed = dict(subject.settings or {})
    lines.append(f"subject = Subject(source, {subject.target!r}, {subject.layer!r}, {fixed!r})")
    lines.append(f"replay(subject, {pair.sizes!r}, {difference.check.name!r}, {difference.example!r})")
    return "\n".join(lines)
