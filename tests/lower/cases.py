"""What an algorithm is asked about, from the text of a program."""

from __future__ import annotations

from recdsl import pipeline
from recdsl.check.schedule import components
from recdsl.classify.group import group_of
from recdsl.classify.verdict import verdict_of
from recdsl.lower.draft import Case


def last_recurrence(source: str) -> Case:
    """The last recurrence of a program's entry."""
    program = pipeline.check(pipeline.load(source)).program
    component = [each for each in components(program.entry, program) if each.recurrent][-1]
    group = group_of(program.entry, program, component)
    return Case(group, verdict_of(group))
