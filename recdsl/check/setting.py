"""What a block works with and what it makes; shared by all parts of the checker that build expressions."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from recdsl.diagnostics import Span
from recdsl.ir import sizes
from recdsl.ir.expr import Apply, Call, Const, Expr, Position, Read, walk
from recdsl.ir.module import External, Input, Instance, Item, Output, Parameter, WeightSpec
from recdsl.ir.sizes import Size
from recdsl.ir.types import Axis, Dim

EDGE = Axis("edge", sizes.axis_length("edge"))


def makes_whole_numbers(expr: Expr) -> bool:
    """Whether whole numbers in an expression come from positions, tokens or argmax, and not from literals alone.

    A constant with axes or dims stands for such a value of which not all operands are known yet.
    """
    return any(
        isinstance(each, Position)
        or (isinstance(each, Const) and each.type.kind == "int" and bool(each.type.axes or each.type.dims))
        or (isinstance(each, Read) and each.type.kind == "int")
        or (isinstance(each, Apply) and each.operator == "argmax")
        or (isinstance(each, Call) and each.type.kind == "int")
        for each in walk(expr)
    )


def with_size(value: Expr, name: str, size: Size) -> Expr:
    """The value with another size for one of its dims, which is equal when the module is built."""
    dims = tuple(Dim(name, size) if dim.name == name else dim for dim in value.type.dims)
    return replace(value, type=replace(value.type, dims=dims))


class NeedsAxes(Exception):
    """Something in a pointwise layer works along axes: it has to be given those of its caller."""

    def __init__(self, span: Span | None = None) -> None:
        self.span = span
        super().__init__("a pointwise layer works along axes")


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a block stands: the key of its module, its axes and domain, the parameters in reach. `cyclic_graph` as in `Module`."""

    key: str
    name: str
    domain: str
    axes: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    rebinds: bool
    cyclic_graph: bool = False


@dataclass(slots=True)
class Made:
    """What one pass over the statements makes."""

    inputs: list[Input] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    weights: dict[str, WeightSpec] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)
    externals: list[External] = field(default_factory=list)
    captured: dict[str, Read] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    until: str | None = None
