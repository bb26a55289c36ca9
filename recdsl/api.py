"""The compiler from Python: the same as the command line, with values instead of printing.

A program is given as a path or as text (recognised by containing a line break). All raise `RecdslError` for a program
that cannot be meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from recdsl import pipeline
from recdsl.pipeline import Checked, Compiled
from recdsl.settings import Setting

if TYPE_CHECKING:
    from torch import nn

    from recdsl.explain import Explanation
    from recdsl.reference import Reference
    from recdsl.verify.equivalence import Report

Settings = Mapping[str, Setting] | None


def check(program: str | Path, *, layer: str | None = None, settings: Settings = None) -> Checked:
    """The checked program and its warnings."""
    return pipeline.check(pipeline.load(program), layer, dict(settings or {}))


def compile_text(
    program: str | Path,
    target: str = "auto",
    *,
    layer: str | None = None,
    settings: Settings = None,
    schedule: str = "auto",
    dump_passes: Path | None = None,
) -> Compiled:
    """The text of the compiled file, the name of its class, and the warnings. `schedule` forces an algorithm wherever it is
    valid. Raises ValueError for an unknown target or schedule."""
    return pipeline.compile_source(pipeline.load(program), target, layer, dict(settings or {}), dump_passes, schedule)


def compile(
    program: str | Path,
    target: str = "auto",
    *,
    layer: str | None = None,
    settings: Settings = None,
    schedule: str = "auto",
    **sizes: int | float,
) -> type[nn.Module]:
    """The module class of a program. `sizes` become the defaults of its dims and numbers; `settings` are parameters by
    name of any kind, booleans, strings and layers among them. `schedule` forces an algorithm wherever it is valid."""
    from recdsl.loader import load_class

    return load_class(
        compile_text(program, target, layer=layer, settings={**(settings or {}), **sizes}, schedule=schedule)
    )


def explain(
    program: str | Path, *, layer: str | None = None, settings: Settings = None, schedule: str = "auto"
) -> Explanation:
    """Which recurrences a program has, of which class, how each is computed, what that costs and whether it can grow."""
    from recdsl.explain import explain as explained

    pipeline.expect_known("schedule", schedule, pipeline.schedules())
    return explained(check(program, layer=layer, settings=settings).program, schedule)


def verify(
    program: str | Path,
    target: str = "auto",
    *,
    layer: str | None = None,
    settings: Settings = None,
    examples: int = 6,
    schedule: str | None = None,
) -> Report:
    """What comparing the compiled module with the reference on random inputs finds, under one schedule or every valid one."""
    from recdsl.verify.equivalence import verify as verified

    if schedule is not None:
        pipeline.expect_known("schedule", schedule, pipeline.schedules())
    schedules = None if schedule is None else (schedule,)
    return verified(program, target, examples, layer=layer, settings=settings, schedules=schedules)


def reference(
    program: str | Path, *, layer: str | None = None, settings: Settings = None, **sizes: int | float
) -> Reference:
    """The interpreter of a program with these sizes, in float64. Raises ValueError where a size is missing."""
    from recdsl.reference import Reference

    return Reference(check(program, layer=layer, settings=settings).program, **sizes)


def format(program: str | Path) -> str:
    """The text of a program in the one layout, comments kept."""
    from recdsl.parse.format import format_source

    return format_source(pipeline.load(program))
