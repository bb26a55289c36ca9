"""The compiler: its stages in order.

    parse      text → tree
    resolve    `use` → the definitions of all files and the standard library
    check      definitions → a checked program: names, dims, order, starts
    expand     gradients inside the program → equations
    lower      components → stages with an algorithm each
    print      stages → the text of one file

After each stage from `check` on the invariants of `recdsl.ir.invariants` hold; `dump` writes them as text that reads back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recdsl.check.elaborate import Elaborator, Settings
from recdsl.check.entities import LayerEntity, StaticEntity
from recdsl.check.kinds import kind_of, refusal
from recdsl.check.numbers import can_count
from recdsl.check.setting import NeedsAxes
from recdsl.diagnostics import Diagnostic, Diagnostics, Label, RecdslError, Source, nearest
from recdsl.ir import sizes
from recdsl.ir.module import Program
from recdsl.parse import tree
from recdsl.parse.imports import Definitions, resolve_uses
from recdsl.parse.reader import parse, read_source, too_deep

if TYPE_CHECKING:
    from recdsl.lower.plan import ProgramPlan


@dataclass(frozen=True, slots=True)
class Checked:
    """A checked program, and the warnings."""

    program: Program
    warnings: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True)
class Compiled:
    """The text of a compiled file, the name of its main class, and the warnings of the checker."""

    text: str
    name: str
    warnings: tuple[Diagnostic, ...] = ()


def compile_source(
    source: Source,
    target: str = "auto",
    layer: str | None = None,
    settings: dict[str, object] | None = None,
    dump_passes: Path | None = None,
    schedule: str = "auto",
) -> Compiled:
    """All stages: the text of one standalone file. Raises `RecdslError` with what the checker refuses, and for a `schedule`
    that is valid for no recurrence.

    `dump_passes` is a directory that gets one file a stage.
    """
    return compile_checked(check(source, layer, settings), target, dump_passes, schedule)


def compile_checked(
    checked: Checked, target: str = "auto", dump_passes: Path | None = None, schedule: str = "auto"
) -> Compiled:
    """The stages behind the check; one checked program may be compiled under several schedules. Raises ValueError for an unknown
    target or schedule."""
    from recdsl.emit.names import class_names
    from recdsl.lower.lower import lower
    from recdsl.rewrite.differentiate import expand_gradients

    expect_known("target", target, TARGETS)
    expect_known("schedule", schedule, schedules())
    watch = Watch(dump_passes)
    watch("check", checked.program)
    program = expand_gradients(checked.program)
    watch("expand", program)
    plan = lower(program, schedule)
    watch("lower", plan.program, plan)
    text = PRINTERS["torch" if target == "auto" else target]()(plan)
    name = class_names([each.module for each in plan.modules.values()])[program.main]
    return Compiled(text, name, checked.warnings)


def _torch_printer() -> Callable[[ProgramPlan], str]:
    from recdsl.backends.torch.program import print_program

    printer: Callable[[ProgramPlan], str] = print_program
    return printer


PRINTERS: dict[str, Callable[[], Callable[[ProgramPlan], str]]] = {"torch": _torch_printer}
TARGETS = ("auto", *PRINTERS)


def schedules() -> tuple[str, ...]:
    """The names that a schedule may have: `auto`, or that of one algorithm."""
    from recdsl.lower.algorithms import NAMES

    return ("auto", *NAMES)


def misnamed(kind: str, name: str, known: Iterable[str]) -> str:
    """What is said of a target or a schedule that there is not."""
    close = nearest(name, known)
    return f"there is no {kind} {name!r}; " + (f"did you mean {close}?" if close else f"there are {', '.join(known)}")


def expect_known(kind: str, name: str, known: tuple[str, ...]) -> None:
    """Raises ValueError for a target or a schedule that there is not."""
    if name not in known:
        raise ValueError(misnamed(kind, name, known))


@dataclass(slots=True)
class Watch:
    """Looks at the program after each stage: checks the invariants and, if asked for, writes it down."""

    directory: Path | None
    count: int = 0

    def __call__(self, stage: str, program: Program, plan: ProgramPlan | None = None) -> None:
        from recdsl.ir.dump import dump
        from recdsl.ir.invariants import check_invariants

        check_invariants(program, stage)
        if self.directory is not None:
            self.count += 1
            self.directory.mkdir(parents=True, exist_ok=True)
            path = self.directory / f"{self.count}-{stage}.txt"
            path.write_text(dump(plan if plan is not None else program), encoding="utf-8")


def load(path_or_text: str | Path) -> Source:
    """A source from a path, or from program text (recognised by containing a line break)."""
    if isinstance(path_or_text, str) and "\n" in path_or_text:
        return Source("program.rdl", path_or_text)
    return read_source(path_or_text)


def check(source: Source, layer: str | None = None, settings: dict[str, object] | None = None) -> Checked:
    """Parse and check the entry point of a source and every other layer of the file.

    `layer` names the entry point (the last model, or else the last layer); `settings` are its parameters by name: ints,
    floats, booleans, strings, names of layers. Raises `RecdslError` with all errors.
    """
    definitions = resolve_uses(parse(source))
    report = Diagnostics()
    main = entry_point(definitions, layer, source)
    found = read_settings(main, definitions, settings or {})
    try:
        program = Elaborator(definitions.known, report).program(main, found)
        for definition in definitions.own:
            if definition is not main:
                _check_alone(definition, definitions, report)
    except RecursionError:
        raise too_deep() from None
    report.raise_errors()
    assert program is not None
    return Checked(program, tuple(report.warnings))


def _check_alone(definition: tree.Definition, definitions: Definitions, report: Diagnostics) -> None:
    """Check a layer that is not the entry point, if it can stand on its own."""
    alone = Diagnostics()
    elaborator = Elaborator(definitions.known, alone)
    if any(p.default is None and _stands_for_layer(p.name.name, definition) for p in definition.parameters):
        return
    try:
        elaborator.specialise(definition, {}, (), None)
    except NeedsAxes:
        return
    for each in alone.found:
        if each not in report.found:
            report.found.append(each)


def _stands_for_layer(name: str, definition: tree.Definition) -> bool:
    """Whether a parameter is called like a layer somewhere in the body, or handed on."""
    return name in _called_names(definition.body) or not name[0].isupper()


def _called_names(body: tuple[tree.Statement, ...]) -> set[str]:
    calls = (each.function for each in tree.nodes(body) if isinstance(each, tree.Call))
    return {function.name for function in calls if isinstance(function, tree.Name)}


def entry_point(definitions: Definitions, layer: str | None, source: Source) -> tree.Definition:
    """The definition to compile. Raises `RecdslError` where there is none."""
    own = definitions.own
    if layer is not None:
        named = next((each for each in own if each.name.name == layer), definitions.known.get(layer))
        if named is not None:
            return named
        close = nearest(layer, [each.name.name for each in own])
        help = f"did you mean {close}?" if close else f"it has {', '.join(each.name.name for each in own)}"
        raise RecdslError([Diagnostic("R201", f"{source.path} has no layer {layer}", help=help)])
    if not own:
        help = "define one: layer NAME(D) over t:"
        raise RecdslError([Diagnostic("R211", f"{source.path} defines no layer", help=help)])
    models = [each for each in own if each.kind == "model"]
    return (models or own)[-1]


def read_settings(main: tree.Definition, definitions: Definitions, settings: dict[str, object]) -> Settings:
    """Settings by what they are. Raises `RecdslError` for a name that is no parameter."""
    found = Settings({}, {})
    parameters = {each.name.name: each for each in main.parameters}
    structural = Elaborator(definitions.known, Diagnostics()).structural(main)
    for name, value in settings.items():
        if name not in parameters:
            close = nearest(name, parameters)
            help = f"did you mean {close}?" if close else f"it has {', '.join(parameters) or 'none'}"
            raise RecdslError([Diagnostic("R204", f"{main.name.name} has no parameter {name}", help=help)])
        match value:
            case bool():
                found.statics[name] = StaticEntity(value)
            case int() | float():
                _check_setting(name, value, parameters[name])
                found.sizes[name] = sizes.number(value)
                if name in structural:
                    found.statics[name] = StaticEntity(f"={value}")
            case str() if value in definitions.known:
                found.statics[name] = LayerEntity(definitions.known[value])
            case str():
                found.statics[name] = StaticEntity(value)
            case _:
                raise TypeError(f"{name} = {value!r} is no number, boolean, string or layer")
        given = None if name in found.sizes else found.statics[name]
        refused = refusal(main, name, kind_of(given), definitions.known)
        if refused is not None:
            raise RecdslError([Diagnostic("R305", refused[0], (Label(parameters[name].span),), refused[1])])
    return found


def _check_setting(name: str, value: int | float, parameter: tree.Parameter) -> None:
    if name[0].isupper() and not can_count(sizes.number(value)):
        label = Label(parameter.span)
        message = f"the dim {name} cannot be {value}"
        raise RecdslError([Diagnostic("R306", message, (label,), help="dims are positive whole numbers")])
