"""Where text is being printed: what each value is called there, and what the file will need."""

from __future__ import annotations

from dataclasses import dataclass, field

from recdsl.emit.names import Names
from recdsl.emit.precedence import BATCH, WAVE, Text
from recdsl.emit.sizes import number_code, whole_code
from recdsl.ir.expr import Apply, Call, Read
from recdsl.ir.module import Module
from recdsl.ir.sizes import Size, axes_in, axis_length
from recdsl.ir.types import Axis, ValueType
from recdsl.lower.plan import ModulePlan, ProgramPlan


@dataclass(slots=True)
class File:
    """What the whole file needs: helpers by name, classes by the key of their module."""

    plan: ProgramPlan
    classes: dict[str, str]
    helpers: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Receiver:
    """Who receives along edges: all nodes or edges at once, or those of one level. Each field is the code of an index,
    "" for everything."""

    here: str  # of the receivers
    tail: str  # of the nodes that receiving edges leave
    nodes: str  # of the nodes at the other end of incoming edges
    edges: str  # of the incoming edges
    back: str  # of the receiver of each incoming edge
    count: str  # how many receive


@dataclass(slots=True)
class Class:
    """What one class needs: which parameters its methods read, how its weights are reached by their paths."""

    file: File
    plan: ModulePlan
    weights: dict[str, str]  # the code of each weight, by path
    linears: dict[str, str]  # the code of each `nn.Linear`, by the path of its weight
    attributes: dict[str, str]  # the attribute of each parameter
    renamed: frozenset[str] = frozenset()  # other names of the axis of a sequence layer
    kept: dict[tuple[str, str], str] = field(
        default_factory=dict
    )  # keys in the state, by what is kept and of which value
    windows: dict[str, Size] = field(default_factory=dict)  # how many points are kept for causal windows, by value
    keys: Names = field(default_factory=lambda: Names(frozenset({"index"})))  # of the state
    begins: dict[str, str] = field(default_factory=dict)  # how each entry of the state begins, by its key
    updates: dict[str, str] = field(default_factory=dict)  # what each entry of the state becomes, by its key
    numbers: set[str] = field(default_factory=set)  # parameters that are read after `__init__`
    origin: bool = False  # whether an empty buffer has to say device and dtype
    solves: bool = False  # whether an attribute says what solving took

    @property
    def module(self) -> Module:
        return self.plan.module


@dataclass(slots=True)
class Scope:
    """One method, or the body of one loop in it.

    `values` are the locals by the ids of values; `reads` take the place of single reads (`h[t-1]` in a loop); `positions` are
    the positions along axes. Axes in `point` are those that a loop runs over: tensors do not have them here.
    """

    owner: Class
    names: Names
    values: dict[str, Text] = field(default_factory=dict)
    reads: dict[tuple[str, tuple[tuple[str, int], ...], str], Text] = field(default_factory=dict)
    positions: dict[str, Text] = field(default_factory=dict)
    lengths: dict[str, str] = field(default_factory=dict)
    point: frozenset[str] = frozenset()
    lines: list[str] = field(default_factory=list)
    like: str | None = None  # a tensor with the module's dtype and device
    batch: str = ""
    in_init: bool = False
    wide_tracks: set[str] = field(default_factory=set)  # those of `tracks` that are wide
    tracks: dict[str, str] = field(default_factory=dict)  # values with their past in front, by id
    until: str | None = None  # the value that ends the loop around, which stays one for all
    results: tuple[str, ...] = ()  # the values that the method returns
    held: set[str] = field(default_factory=set)  # names that keep their value, because a function reads them later
    last_use: dict[str, int] = field(default_factory=dict)  # the last stage that reads each value
    stage: int = 0
    calls: dict[Call, tuple[list[str], tuple[str, ...]]] = field(default_factory=dict)
    caches: dict[str, Text] = field(default_factory=dict)
    shown: set[str] = field(default_factory=set)  # equations that stand above something already
    memo: dict[Apply | Read, Text] = field(default_factory=dict)
    drawn: tuple[tuple[str, str], ...] | None = None  # label and size of each dimension of a weight that is being drawn
    steps: bool = False  # whether `steps` says which points belong together
    past: str = "0"  # how many points of earlier calls the caches hold
    pathed: str = ""  # the `repeat` whose path the caller may give
    wave: bool = False  # in a loop over the waves of a grid
    widens: bool = False  # in a loop with states that are wide
    until_now: str = ""  # in a loop that reads its whole past, how many points there are of it
    graph: Receiver | None = None  # in a graph layer, who receives along the edges
    on_edges: bool = False  # whether edges receive
    pred: bool = False  # inside a reduction over `pred`
    leading: str = ""  # the axis that stands before the others here, whatever their order in the module

    @property
    def module(self) -> Module:
        return self.owner.module

    @property
    def program(self) -> ProgramPlan:
        return self.owner.file.plan

    @property
    def pointwise(self) -> bool:
        return self.module.domain == "pointwise"

    @property
    def axis(self) -> str | None:
        """The axis of a sequence layer."""
        return self.module.axes[0] if self.module.domain == "sequence" else None

    @property
    def renamed(self) -> frozenset[str]:
        """The other names under which the axis of a sequence layer runs."""
        return self.owner.renamed

    @property
    def stateful(self) -> bool:
        return self.owner.plan.traits.stateful

    def local(self, wish: str) -> str:
        """The name of a new value. A later version of a name takes it over once nobody reads the earlier one."""
        old = [each for each, text in self.values.items() if text.code == wish]
        over = bool(old) and not self.point and wish not in self.held and all(self._is_over(each) for each in old)
        return wish if over else self.names.new(wish)

    def _is_over(self, value: str) -> bool:
        return self.last_use.get(value, -1) <= self.stage and value not in self.results

    def help(self, name: str) -> str:
        """The name of a helper, which the file then includes."""
        self.owner.file.helpers.add(name)
        return name

    def line(self, text: str) -> None:
        self.lines.append(text)

    def inner(self, point: frozenset[str]) -> Scope:
        """The body of a loop over these axes, with lines of its own."""
        return Scope(
            self.owner,
            self.names,
            dict(self.values),
            dict(self.reads),
            dict(self.positions),
            dict(self.lengths),
            self.point | point,
            like=self.like,
            batch=self.batch,
            caches=dict(self.caches),
            shown=set(),
            steps=self.steps,
            past=self.past,
            graph=self.graph,
        )

    # ---- numbers

    def leaf(self, size: Size) -> str:
        name = str(size.operands[0])
        if size.operator == "axis":
            return self.lengths[name]
        if self.in_init:
            return self.owner.attributes[name].removeprefix("self.") if name in self.owner.attributes else name
        self.owner.numbers.add(name)
        return f"self.{self.owner.attributes[name]}"

    def number(self, size: Size) -> Text:
        return number_code(self._measured(size), self.leaf)

    def whole(self, size: Size) -> Text:
        return whole_code(self._measured(size), self.leaf)

    def _measured(self, size: Size) -> Size:
        """The size with lengths that a tensor has here, such as `floor(|t|/2)`, in place of what they are computed from."""
        if not any(axes_in(size)):
            return size
        if str(size) in self.lengths:
            return axis_length(str(size))
        parts = (self._measured(each) if isinstance(each, Size) else each for each in size.operands)
        return size if size.operator == "axis" else Size(size.operator, tuple(parts))

    def measure(self, axis: Axis, code: str) -> None:
        """Note that `code` is how many points there are along an axis, or along what pooling made of it."""
        own = axis.length == axis_length(axis.name)
        self.lengths.setdefault(axis.name if own else str(axis.length), code)

    def whole_sequence(self, type: ValueType) -> bool:
        """Whether a value of a sequence layer has the points that `steps` knows. Those that pooling makes have no documents."""
        if self.axis is None:
            return False
        along = (self.axis, *self.renamed)
        return all(each.length == axis_length(self.axis) for each in type.axes if each.name in along)

    def size_of(self, label: str, type: ValueType) -> str:
        """The code for the size of a dimension of a value of this type."""
        if label in self.renamed and self.past != "0":
            return f"{self.past} + {self.lengths[self.module.axes[0]]}"
        if label == BATCH:
            return self.batch
        if label == "pred" and self.graph is not None:
            return f"len({self.graph.back})"
        if label == WAVE:
            return self.lengths.get(WAVE, "waves.sizes[wave]")
        if label in type.dim_names:
            return self.whole(type.dim(label).size).code
        return self.whole(type.axis(label).length).code

    def axes_of(self, type: ValueType) -> tuple[str, ...]:
        """The axes of a value in memory: those of the module first."""
        return tuple(sorted(type.axis_names, key=lambda name: (name != self.leading, name not in self.module.axes)))

    def labels(self, type: ValueType, batched: bool = True) -> tuple[str, ...]:
        """The labels of a whole value of this type here."""
        axes = tuple(name for name in self.axes_of(type) if name not in self.point)
        batched = batched and self.module.domain != "graph"
        wave = (WAVE,) if self.wave and type.axes else ()
        return (*((BATCH,) if batched else ()), *wave, *axes, *type.dim_names)

    # ---- dtype and device

    @property
    def dtype(self) -> str:
        return f"{self.like}.dtype" if self.like else "torch.get_default_dtype()"

    @property
    def device(self) -> str:
        """An argument `device=…` with a comma before it, or nothing."""
        return f", device={self.like}.device" if self.like else ""

    def read_key(self, read: Read) -> tuple[str, tuple[tuple[str, int], ...], str]:
        return read.value, read.offsets, read.via
