"""`use`: the definitions of a program from all the files that it is made of.

In: the tree of the main file. Out: every definition by name, the standard library last. Refuses: files that cannot be read
(R107), circles (R108), one name defined twice (R202).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path

from recdsl.diagnostics import Diagnostic, Diagnostics, Label, RecdslError, Source, nearest
from recdsl.parse import tree
from recdsl.parse.reader import parse, read_source


@dataclass(slots=True)
class Definitions:
    """`own` are those of the main file in the order written, `known` all by name."""

    own: tuple[tree.Definition, ...]
    known: Mapping[str, tree.Definition] = field(default_factory=dict)


def resolve_uses(file: tree.File) -> Definitions:
    """Follow every `use` from a file. Raises `RecdslError` with all that is wrong."""
    report = Diagnostics()
    found: dict[str, tree.Definition] = {}
    _add(file, found, (), report)
    report.raise_errors()
    return Definitions(file.definitions, standard_library().beneath(found))


class Library(Mapping[str, tree.Definition]):
    """The definitions of the standard library by name. A file is parsed when one of its layers is asked for."""

    def __init__(self, sources: list[Source]) -> None:
        self._source = {name: source for source in sources for name in _names(source)}
        self._parsed: dict[str, tree.Definition] = {}
        self._above: dict[str, tree.Definition] = {}

    def beneath(self, definitions: dict[str, tree.Definition]) -> Library:
        """These definitions, and the library for all other names."""
        view = Library([])
        view._source, view._parsed, view._above = self._source, self._parsed, definitions
        return view

    def __getitem__(self, name: str) -> tree.Definition:
        if name in self._above:
            return self._above[name]
        if name not in self._parsed:
            self._parsed.update({each.name.name: each for each in parse(self._source[name]).definitions})
        return self._parsed[name]

    def __contains__(self, name: object) -> bool:
        return name in self._above or name in self._source

    def __iter__(self) -> Iterator[str]:
        return iter({**self._source, **self._above})

    def __len__(self) -> int:
        return len({**self._source, **self._above})


def _names(source: Source) -> list[str]:
    """The names that a file of the library defines: its layers begin at the left margin."""
    starts = (line.removeprefix("layer ") for line in source.text.split("\n") if line.startswith("layer "))
    return [start.split("(")[0].split(":")[0].split()[0] for start in starts]


@cache
def standard_library() -> Library:
    """The standard library."""
    return Library(library_sources())


def library_sources() -> list[Source]:
    """The files of the standard library."""
    folder = resources.files("recdsl.library")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".rdl"))
    return [Source(name, folder.joinpath(name).read_text(encoding="utf-8")) for name in names]


def _add(file: tree.File, found: dict[str, tree.Definition], trail: tuple[str, ...], report: Diagnostics) -> None:
    for definition in file.definitions:
        name = definition.name
        earlier = found.get(name.name)
        if earlier is not None and earlier.span != definition.span:
            labels = Label(name.span, "defined again"), Label(earlier.name.span, "defined here")
            report.error("R202", f"{name.name} is defined twice", *labels, help="rename one of them")
        found[name.name] = definition
    here = (*trail, _identity(file.source))
    for use in file.uses:
        _follow(use, file, found, here, report)


def _follow(
    use: tree.Use, file: tree.File, found: dict[str, tree.Definition], trail: tuple[str, ...], report: Diagnostics
) -> None:
    path = Path(file.source.path).parent / use.path
    library = {source.path: source for source in library_sources()}
    if not path.is_file() and use.path in library:
        return  # the standard library is always there
    identity = str(path.resolve())
    if identity in trail:
        names = [Path(each).name for each in (*trail[trail.index(identity) :], identity)]
        help = "move what both need into a file of its own"
        report.error("R108", f"files use each other in a circle: {' → '.join(names)}", Label(use.span), help=help)
        return
    try:
        used = parse(read_source(path))
    except RecdslError as error:
        if error.diagnostics[0].code != "R101":
            report.found.extend(error.diagnostics)
            return
        reason = error.diagnostics[0].message.removeprefix(f"cannot read {str(path)!r}: ")
        close = nearest(use.path, [*library, *_neighbours(path.parent)])
        help = f"did you mean {close}?" if close else "the path is relative to this file"
        report.found.append(Diagnostic("R107", f"cannot use {use.path!r}: {reason}", (Label(use.span),), help))
        return
    _add(used, found, trail, report)


def _neighbours(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.glob("*.rdl"))


def _identity(source: Source) -> str:
    return str(Path(source.path).resolve())
