"""A checked program: modules (one per layer and use), their equations, weights and sub-layers.

    Program   modules by key, the key of the entry point
    Module    parameters, axes, inputs, weights, instances, items, outputs; becomes one class
    item      an Equation, or a Depth (a `repeat` or `loop` around a Module of its own)

Within a module every value has an id: the name in the source, with `~1`, `~2`, … for the later versions of a name
that is rebound, and `%1`, `%2`, … for values that the source gives no name. Items stand in an order in which
rebound names are right; equations that need each other at shifts may read ahead.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from recdsl.diagnostics import Span
from recdsl.ir.expr import Expr, Read
from recdsl.ir.sizes import Size
from recdsl.ir.types import Dim, ValueType


@dataclass(frozen=True, slots=True)
class Parameter:
    """A dim (positive whole number) or a number that the caller gives; `default` may read earlier ones."""

    name: str
    is_dim: bool
    default: Size | None


@dataclass(frozen=True, slots=True)
class Input:
    """A value that the caller gives. `static` does not vary along the axes; `vocabulary` is set for tokens."""

    name: str
    type: ValueType
    static: bool = False
    vocabulary: Size | None = None
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class WeightSpec:
    """A tensor of the state dict, by its path inside the module.

    `layout` is its shape in memory: one group of dims per tensor dimension, each the product of its dims, so that
    `q.weight` of `q : H K = linear(x)` has the layout ((H, K), (D,)). `start` says how it begins:
    "linear" (uniform in ±1/√fan_in, `fan_in` given), "normal" (of variance 1, for embeddings), "zeros", "ones",
    "draw" (the expression `value`: a `normal`, `uniform` or `orthogonal` operator on numbers), or
    "value" (the expression `value`, which reads no inputs but may read constants).
    """

    path: str
    layout: tuple[tuple[Dim, ...], ...]
    start: str
    trained: bool = True
    kind: str = "real"
    value: Expr | None = None
    fan_in: Size | None = None
    span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def dims(self) -> tuple[Dim, ...]:
        return tuple(dim for group in self.layout for dim in group)


@dataclass(frozen=True, slots=True)
class Instance:
    """A sub-layer that owns its weights: the key of its module, and values for the parameters of that module
    in terms of this one's. `borrowed` instances belong to the module around a `repeat` or `loop`."""

    path: str
    module: str
    arguments: tuple[tuple[str, Size], ...] = ()
    borrowed: bool = False


@dataclass(frozen=True, slots=True)
class Equation:
    """`id : type = expr`; `init` is what is read before the first point (None stands for 0); it may read static
    inputs, weights and positions, which are then those of the point outside. `name` is the name in the source."""

    id: str
    name: str
    type: ValueType
    expr: Expr
    init: Expr | None = None
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Carry:
    """A name that a `repeat` or `loop` rebinds: `start` is read before the first turn, `body_in` and `body_out` are
    ids in the body (an input and any value), `result` is the id in the module around."""

    start: Read
    body_in: str
    body_out: str
    result: str
    type: ValueType


@dataclass(frozen=True, slots=True)
class Depth:
    """`repeat count as name` (copies, each with its own weights) or `loop count as name` (one copy).

    `body` is the key of the body's module, whose parameters are those of the module around; `captured` are the values
    it reads from there, by the name of the body's input; `turn` is the body's input that holds the number of the
    turn (None when unused). `until` is the id of a body value of kind bool that ends a loop after a turn in
    which it holds everywhere. `path` is the default chain of copies, as indices.
    `settled`: once `until` holds, further turns change nothing that is read later (proved), so that all may be run.
    """

    name: str
    kind: str
    count: Size
    body: str
    captured: tuple[tuple[str, Read], ...]
    carried: tuple[Carry, ...]
    turn: str | None = None
    until: str | None = None
    settled: bool = False
    path: tuple[int, ...] | None = None
    span: Span | None = field(default=None, compare=False, repr=False)


Item = Equation | Depth


@dataclass(frozen=True, slots=True)
class Output:
    """A result: its name in the source (None for `out h`) and the value's id."""

    name: str | None
    value: str


@dataclass(frozen=True, slots=True)
class External:
    """A function that the host binds: the attribute's name, the type of its result."""

    name: str
    type: ValueType


@dataclass(frozen=True, slots=True)
class Causality:
    """Whether a module can run step by step along its sequence axis; `reason` says why not."""

    axis: str | None
    reason: str = ""
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Module:
    """One layer, specialised to the booleans, strings and layers it was given. `domain` is "pointwise" (no axes:
    applied at each point), "sequence", "grid" or "graph"; a pointwise module works on any leading axes.
    `backward_graph` is set where a graph is `reversed`, `cyclic_graph` for `over n in graph`, in which edges may form cycles and
    nothing recurs along them."""

    key: str
    name: str
    domain: str
    axes: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    items: tuple[Item, ...]
    weights: tuple[WeightSpec, ...] = ()
    instances: tuple[Instance, ...] = ()
    externals: tuple[External, ...] = ()
    causality: Causality = Causality(None, "it has no sequence axis")
    backward_graph: bool = False
    cyclic_graph: bool = False
    documentation: str = ""
    span: Span | None = field(default=None, compare=False, repr=False)

    def equations(self) -> Iterator[Equation]:
        return (item for item in self.items if isinstance(item, Equation))

    def input(self, name: str) -> Input:
        return next(each for each in self.inputs if each.name == name)

    def instance(self, path: str) -> Instance:
        return next(each for each in self.instances if each.path == path)

    def weight(self, path: str) -> WeightSpec:
        return next(each for each in self.weights if each.path == path)

    def type_of(self, value: str) -> ValueType:
        """The type of a value by its id."""
        for given in self.inputs:
            if given.name == value:
                return given.type
        for item in self.items:
            if isinstance(item, Equation) and item.id == value:
                return item.type
            if isinstance(item, Depth):
                for carry in item.carried:
                    if carry.result == value:
                        return carry.type
        raise KeyError(value)


@dataclass(frozen=True, slots=True)
class Program:
    """All modules by key; `main` is the entry point."""

    modules: dict[str, Module]
    main: str

    @property
    def entry(self) -> Module:
        return self.modules[self.main]

    def callee(self, module: Module, path: str) -> Module:
        """The module of an instance."""
        return self.modules[module.instance(path).module]

    def with_module(self, module: Module) -> Program:
        return replace(self, modules={**self.modules, module.key: module})
