"""The command line: what each command takes, does and prints. The work is done by `recdsl.api`.

Exit codes: 0 when all is well, 1 for diagnostics and failures, 2 for misuse of the command line.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recdsl.diagnostics import Diagnostic, RecdslError, render
from recdsl.settings import Setting, parse_setting

if TYPE_CHECKING:
    from recdsl.pipeline import Checked

app = typer.Typer(
    name="recdsl",
    help="A compiler for recurrences: RDL programs in, one readable PyTorch file out.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Program = Annotated[Path, typer.Argument(metavar="FILE", help="An RDL program.", show_default=False)]
Programs = Annotated[list[Path], typer.Argument(metavar="FILE...", help="RDL programs.", show_default=False)]
Layer = Annotated[
    str | None,
    typer.Option("--layer", metavar="NAME", help="The layer or model to take. Default: the last model, or the last layer."),
]  # fmt: skip
Json = Annotated[bool, typer.Option("--json", help="Print data instead of text.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Give a parameter a value. May be repeated.", show_default=False),
]
Target = Annotated[str, typer.Option("--target", metavar="NAME", help="What to compile for: auto or torch.")]
Schedule = Annotated[
    str,
    typer.Option(
        "--schedule", metavar="NAME", help="Force an algorithm wherever it is valid; some are only taken on request."
    ),
]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave the process with its exit code."""
    gc.disable()  # most commands end before collecting could pay
    try:
        app(args=arguments)
    except RecdslError as error:
        _report(error.diagnostics)
        sys.exit(1)
    except RecursionError:
        from recdsl.parse.reader import too_deep

        _report(too_deep().diagnostics)
        sys.exit(1)
    except OSError as error:
        _report([Diagnostic("R001", f"{error.filename or 'a file'}: {error.strerror or error}")])
        sys.exit(1)


@app.command("compile")
def compile_(
    file: Program,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="PATH", help="Where to write. Default: the program's name, here."),
    ] = None,
    target: Target = "auto",
    layer: Layer = None,
    set_: Settings = None,
    schedule: Schedule = "auto",
    dump_passes: Annotated[
        Path | None,
        typer.Option("--dump-passes", metavar="DIR", help="Write the program after each stage into this directory."),
    ] = None,
) -> None:
    """Compile a program into one Python file with a torch module."""
    from recdsl import api, files

    target, schedule = _known_target(target), _known_schedule(schedule)
    compiled = api.compile_text(
        file, target, layer=layer, settings=_settings(set_), schedule=schedule, dump_passes=dump_passes
    )
    _report(compiled.warnings)
    path = output or Path(_module_name(file.stem) + ".py")
    files.write_own(path, compiled.text, files.COMPILED)
    typer.echo(f"wrote {path}: class {compiled.name}")


@app.command()
def check(programs: Programs, as_json: Json = False) -> None:
    """Check programs: syntax, names, dims, order and starts."""
    from recdsl import api

    results = [(path, *_outcome(path, api.check)) for path in programs]
    if as_json:
        _print_json([{"file": str(path), "ok": ok, "diagnostics": [d.to_json() for d in found]} for path, ok, found in results])  # fmt: skip
    else:
        for path, ok, found in results:
            _report(found)
            if ok:
                typer.echo(f"{path}: ok")
    if not all(ok for _, ok, _ in results):
        raise typer.Exit(1)


@app.command()
def explain(
    file: Program, as_json: Json = False, layer: Layer = None, set_: Settings = None, schedule: Schedule = "auto"
) -> None:
    """Say which recurrences a program has, of which class, and how each will run."""
    from recdsl import api

    explanation = api.explain(file, layer=layer, settings=_settings(set_), schedule=_known_schedule(schedule))
    if as_json:
        _print_json(explanation.to_json())
    else:
        typer.echo(str(explanation))


@app.command()
def verify(
    file: Program,
    target: Target = "auto",
    layer: Layer = None,
    set_: Settings = None,
    examples: Annotated[int, typer.Option("--examples", min=1, help="How many inputs to try.")] = 6,
    schedule: Annotated[
        str | None,
        typer.Option("--schedule", metavar="NAME", help="The one schedule to test. Default: every valid one."),
    ] = None,
) -> None:
    """Test a compiled program against the reference interpreter."""
    _needs_torch("verify")
    from recdsl import api

    gc.enable()
    known, settings = _known_target(target), _settings(set_)
    chosen = None if schedule is None else _known_schedule(schedule)
    with _busy("comparing with the reference"):
        report = api.verify(file, known, layer=layer, settings=settings, examples=examples, schedule=chosen)
    typer.echo(str(report))
    if not report.ok:
        raise typer.Exit(1)


@app.command()
def bench(
    file: Program,
    target: Target = "auto",
    layer: Layer = None,
    set_: Settings = None,
    batch: Annotated[int, typer.Option("--batch", min=1, help="Rows in a batch.")] = 4,
    length: Annotated[list[int] | None, typer.Option("--length", min=1, help="Points along each axis. May be repeated.")] = None,
    device: Annotated[str, typer.Option("--device", help="A torch device.")] = "cpu",
    dtype: Annotated[str, typer.Option("--dtype", help="A torch dtype.")] = "float32",
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Timed rounds; medians are shown.")] = 7,
    schedule: Schedule = "auto",
    as_json: Json = False,
) -> None:  # fmt: skip
    """Time a compiled program: forward, and forward with backward."""
    _needs_torch("bench")
    from recdsl import bench as timing

    gc.enable()
    setup = timing.Setup(batch, tuple(length or (64, 256)), device, dtype, rounds, _known_schedule(schedule))
    report = timing.bench(file, _known_target(target), layer, _settings(set_), setup)
    if as_json:
        _print_json(report.to_json())
    else:
        typer.echo(str(report))


@app.command()
def graph(
    file: Program,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT.svg", help="Where to write.", show_default=False)],
    layer: Layer = None,
    set_: Settings = None,
) -> None:  # fmt: skip
    """Draw a program: its equations, their reads and its recurrences."""
    from recdsl import api, files
    from recdsl.picture.svg import svg

    checked = api.check(file, layer=layer, settings=_settings(set_))
    _report(checked.warnings)
    files.write_own(output, f"{files.DRAWN} from {file.name} -->\n{svg(checked.program)}", files.DRAWN)
    typer.echo(f"wrote {output}")


@app.command("fmt")
def fmt(
    programs: Programs,
    only_check: Annotated[bool, typer.Option("--check", help="Write nothing; fail if a file would change.")] = False,
) -> None:
    """Lay programs out in the one style, comments kept."""
    from recdsl import files
    from recdsl.parse.format import format_source
    from recdsl.parse.reader import read_source

    failed = False
    for path in programs:
        try:
            source = read_source(path)
            text = format_source(source)
            if text != source.text and not only_check:
                files.write(path, text)
        except RecdslError as error:
            _report(error.diagnostics)
            failed = True
            continue
        if text != source.text:
            typer.echo(f"{'would reformat' if only_check else 'reformatted'} {path}")
            failed = failed or only_check
    if failed:
        raise typer.Exit(1)


@app.command()
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the layer.", show_default=False)],
) -> None:
    """Write NAME.rdl, a small program to start from."""
    from importlib import resources

    from recdsl import files

    if not (name.isascii() and name.isidentifier()) or name in _NO_NAMES:
        raise typer.BadParameter(f"{name!r} cannot name a layer: a name is letters, digits and _", param_hint="NAME")
    starter = resources.files("recdsl").joinpath("starter.rdl").read_text(encoding="utf-8")
    path = Path(f"{name}.rdl")
    files.write_new(path, starter.replace("NAME", name))
    typer.echo(f"wrote {path}; next: recdsl compile {path}")


# ---- what the commands share


def _outcome(path: Path, work: Callable[[Path], Checked]) -> tuple[bool, Sequence[Diagnostic]]:
    """Whether a program is fine, and what there is to say about it."""
    try:
        return True, work(path).warnings
    except RecdslError as error:
        return False, error.diagnostics


@contextmanager
def _busy(doing: str) -> Iterator[None]:
    """Shows on a terminal that something is going on."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(doing):
        yield


def _needs_torch(command: str) -> None:
    from importlib.util import find_spec

    from recdsl.files import refusal

    if find_spec("torch") is None:
        raise refusal(f"{command} runs the compiled module, and torch is not installed", "pip install torch")


def _known_target(name: str) -> str:
    from recdsl.pipeline import TARGETS

    return _one_of(name, TARGETS, "target")


def _known_schedule(name: str) -> str:
    from recdsl.pipeline import schedules

    return _one_of(name, schedules(), "schedule")


def _one_of(name: str, known: Iterable[str], kind: str) -> str:
    from recdsl.pipeline import misnamed

    if name not in known:
        raise typer.BadParameter(misnamed(kind, name, known), param_hint=f"--{kind}")
    return name


def _settings(given: list[str] | None) -> dict[str, Setting]:
    settings: dict[str, Setting] = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not equals or not name.strip().isidentifier() or not value.strip():
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--set")
        settings[name.strip()] = parse_setting(value.strip())
    return settings


def _module_name(stem: str) -> str:
    """A file name that Python can import."""
    return "".join(letter if letter.isalnum() else "_" for letter in stem)


def _print_json(data: object) -> None:
    typer.echo(json.dumps(data, indent=2, ensure_ascii=False))


_NO_NAMES = ("and", "or", "not", "yes", "no")

_COLOURS = {"error": typer.colors.RED, "warning": typer.colors.YELLOW}


def _report(diagnostics: Iterable[Diagnostic]) -> None:
    """Diagnostics on stderr, coloured on a terminal."""
    for diagnostic in diagnostics:
        head, *rest = render(diagnostic).split("\n")
        typer.secho(head, err=True, fg=_COLOURS[diagnostic.severity], bold=True)
        typer.echo("".join(f"{line}\n" for line in rest), err=True)
