"""A report on one recurrence as text: what it is, a table of the algorithms, and the source in the way of the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from recdsl.check.causality import names_together
from recdsl.diagnostics import Diagnostic, Label, Span, render

if TYPE_CHECKING:
    from recdsl.explain.report import RecurrenceReport, Refusal

_NOT_PROVED = "R560"
_TAKEN = "*"


def recurrence_lines(report: RecurrenceReport) -> Iterator[str]:
    """All lines, indented as a part of the layer."""
    yield f"  {', '.join(report.states)}: {report.class_}, over {', '.join(report.axes)} ({report.domain}{_order(report)})"
    rows = (("schedule", report.schedule), ("stable", report.stable), ("memory", f"{report.memory} bytes"))
    yield from (f"    {name:<8}  {value}" for name, value in rows)
    yield from _table(report)
    shown: set[Span | None] = {None}
    yield from _note(_NOT_PROVED, report.stable, report.unstable, shown)
    for each in report.remarks:
        yield from _note(each.code, each.reason, each.span, shown)
    for group in _alike(report.refused):
        names = names_together([each.algorithm for each in group])
        verb = "does" if len(group) == 1 else "do"
        yield from _note(group[0].code, f"{names} {verb} not apply: {group[0].reason}", group[0].span, shown)


def _order(report: RecurrenceReport) -> str:
    """How a recurrence runs through its points, where that is not the order of a sequence."""
    if len(report.vector) > 1 and len(report.along) != 1:
        return f", in the order {report.vector}"
    along = f", along {report.along[0]}" if len(report.vector) > 1 else ""
    return f"{along}, from the end" if sum(report.vector) < 0 else along


def _table(report: RecurrenceReport) -> Iterator[str]:
    rows = [("algorithm", "multiply-adds", "depth", "bytes moved")]
    for each in report.algorithms:
        name = f"{each.name} {_TAKEN}" if each.taken else each.name
        rows.append((name, each.work, each.depth, each.bytes))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    yield ""
    for row in rows:
        yield f"    {'  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))}".rstrip()
    yield from (f"    {each.name}: {each.remark}" for each in report.algorithms if each.remark)


def _alike(refused: Sequence[Refusal]) -> list[list[Refusal]]:
    """Refusals for the same reason together."""
    found: dict[tuple[str, str], list[Refusal]] = {}
    for each in refused:
        found.setdefault((each.code, each.reason), []).append(each)
    return list(found.values())


def _note(code: str, text: str, span: Span | None, shown: set[Span | None]) -> Iterator[str]:
    """A remark, with the source under it unless it has been shown before."""
    if code == _NOT_PROVED and span is None:
        return
    labels = () if span in shown else (Label(span),) if span is not None else ()
    lines = render(Diagnostic(code, text, labels, severity="note")).split("\n")
    shown.add(span)
    yield from ([""] if labels else [])
    yield from (f"    {line}" for line in lines)
