"""What a program under construction has so far: values in reach, the lines written, and where an expression stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

T = TypeVar("T")

POINT, EDGE, STATIC, PRED, EDGE_PRED = "point", "edge", "static", "pred", "edge_pred"
_STRANGE = ("lambda", "self", "class", "torch", "state", "forward", "weight", "step", "index_", "training", "batch")


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a program may get: statements of a block, nesting of expressions, layers besides the main one, the
    largest size of a dim, the longest delay."""

    statements: int = 4
    nesting: int = 3
    helpers: int = 1
    size: int = 3
    delay: int = 3


@dataclass(frozen=True, slots=True)
class Value:
    """A name that expressions can read. `place` is POINT, EDGE or STATIC; `axes` are those it is sure to vary along;
    `shifts` whether it may be read elsewhere than here; `small` whether it is bounded."""

    name: str
    dims: tuple[str, ...]
    axes: frozenset[str]
    place: str = POINT
    kind: str = "real"
    shifts: bool = True
    small: bool = False


@dataclass(frozen=True, slots=True)
class Term:
    """A piece of program text, with the dims and axes that its value has; `reads` whether it reads values, and not
    only numbers, weights and positions; `small` whether it is bounded."""

    text: str
    dims: tuple[str, ...] = ()
    axes: frozenset[str] = frozenset()
    reads: bool = False
    small: bool = False


@dataclass(frozen=True, slots=True)
class Pending:
    """A value of the recurrence that is being written: the shifts (`t-1`, `i-1, j+1`, `pred`) at which it may be read;
    `defined` once its equation stands, so that it may also be read here."""

    value: Value
    shifts: tuple[str, ...]
    defined: bool = False


@dataclass(frozen=True, slots=True)
class Helper:
    """A layer of the file that others call: one input of one dim, one result with the dims of the input (`keeps`)
    or with the dim that its parameter B is set to."""

    name: str
    pointwise: bool
    keeps: bool


@dataclass(frozen=True, slots=True)
class Operator:
    """An instance such as `f = linear(D -> H)`: called on a value with the first dim it gives the second. `pointwise`
    when it may be called inside a recurrence."""

    name: str
    source: str
    target: str
    pointwise: bool = True


@dataclass(slots=True)
class Block:
    """Statements: a line, or a head with the block below it."""

    lines: list[str | tuple[str, Block]] = field(default_factory=list)

    def text(self, indent: str = "  ") -> str:
        parts = []
        for line in self.lines:
            if isinstance(line, str):
                parts.append(f"{indent}{line}")
            else:
                parts.extend((f"{indent}{line[0]}", line[1].text(f"{indent}  ")))
        return "\n".join(parts)


@dataclass(slots=True)
class Names:
    """Hands out names, each once in a layer."""

    count: int = 0
    strange: list[str] = field(default_factory=lambda: list(_STRANGE))


@dataclass(slots=True)
class Scene:
    """One block under construction. `local` while a recurrence is written, in which nothing may look along whole
    axes."""

    draw: DrawFn
    limits: Limits
    domain: str
    axes: tuple[str, ...]
    dims: tuple[str, ...]
    anchor: str  # an input that varies along all axes
    names: Names = field(default_factory=Names)
    block: Block = field(default_factory=Block)
    values: list[Value] = field(default_factory=list)
    pending: list[Pending] = field(default_factory=list)
    helpers: tuple[Helper, ...] = ()
    operators: list[Operator] = field(default_factory=list)
    square: tuple[str, str] | None = None  # two dims of one size
    rebinds: bool = False  # whether a name may be given a second value in this block
    cyclic: bool = False  # whether edges may form cycles, so that nothing recurs along them

    @property
    def local(self) -> bool:
        return bool(self.pending)

    @property
    def here(self) -> frozenset[str]:
        """The axes of a value that varies along all there are; a pointwise layer has those of its caller, `*`."""
        return frozenset(self.axes or ("*",))

    def pick(self, options: Sequence[T]) -> T:
        return self.draw(st.sampled_from(options))

    def chance(self, often: int) -> bool:
        """True about once in `often` times; shrinks to False."""
        return self.draw(st.integers(1, often)) == often

    def draw_count(self, least: int, most: int) -> int:
        return self.draw(st.integers(least, most))

    def some_dims(self, least: int = 0, most: int = 2) -> tuple[str, ...]:
        """Different dims in any order."""
        return tuple(self.draw(st.lists(st.sampled_from(self.dims), min_size=least, max_size=most, unique=True)))

    def shuffled(self, parts: Sequence[T]) -> list[T]:
        return self.draw(st.permutations(parts))

    def subset(self, dims: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dim for dim in dims if self.draw(st.booleans()))

    def new_name(self) -> str:
        """A fresh name; now and then one that means something in Python or torch."""
        if self.names.strange and self.chance(15):
            return self.names.strange.pop(self.draw(st.integers(0, len(self.names.strange) - 1)))
        self.names.count += 1
        return f"v{self.names.count}"

    def add(self, line: str) -> None:
        self.block.lines.append(line)

    def define(self, value: Value) -> Value:
        self.values = [each for each in self.values if each.name != value.name] + [value]
        return value

    def weight(self, dims: tuple[str, ...]) -> Term:
        """A new parameter, drawn or from a start."""
        name = self.new_name()
        declared = " ".join(dims) or "scalar"
        starts = ["~ normal(0, 0.5)", "~ uniform(-1, 1)", "= 0.5"]
        if dims:
            starts.append(f"= 0.3 * index[{dims[0]}] - 0.2")
        word = "const" if self.chance(6) else "param"
        self.add(f"{word} {name} : {declared} {self.pick(starts)}")
        self.define(Value(name, dims, frozenset(), STATIC, shifts=False, small=True))
        return Term(name, dims, small=True)

    def inner(self) -> Scene:
        """A scene for a body in this block."""
        return replace(self, block=Block(), values=list(self.values), operators=list(self.operators), rebinds=True)


def united(*terms: Term) -> tuple[str, ...]:
    """The dims of an elementwise result, in the order in which they appear first."""
    return tuple(dict.fromkeys(dim for term in terms for dim in term.dims))


def along(*terms: Term) -> frozenset[str]:
    return frozenset().union(*(term.axes for term in terms))


def combined(text: str, *terms: Term, small: bool = False) -> Term:
    """An elementwise result of terms."""
    return Term(text, united(*terms), along(*terms), any(term.reads for term in terms), small)
