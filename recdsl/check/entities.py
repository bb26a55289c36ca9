"""What a name can stand for inside a layer."""

from __future__ import annotations

from dataclasses import dataclass

from recdsl.diagnostics import Span
from recdsl.ir.sizes import Size
from recdsl.ir.types import ValueType
from recdsl.parse import tree


@dataclass(frozen=True, slots=True)
class SizeEntity:
    """A dim's size or a number that is known when the module is built."""

    size: Size


@dataclass(frozen=True, slots=True)
class StaticEntity:
    """A boolean or string, fixed when the program is compiled."""

    value: bool | str


@dataclass(frozen=True, slots=True)
class LayerEntity:
    """A definition with arguments that it was given already: as a name, a parameter, or `gla(H = 8)` passed on."""

    definition: tree.Definition
    sizes: tuple[tuple[str, Size], ...] = ()
    statics: tuple[tuple[str, StaticEntity | LayerEntity], ...] = ()

    @property
    def label(self) -> str:
        """The name with its arguments, as part of a module's key."""
        given = [f"{name}={size}" for name, size in self.sizes]
        given += [f"{name}={static_label(value)}" for name, value in self.statics]
        name = self.definition.name.name
        return f"{name}[{', '.join(given)}]" if given else name


def static_label(value: StaticEntity | LayerEntity) -> str:
    if isinstance(value, LayerEntity):
        return value.label
    return {True: "yes", False: "no"}[value.value] if isinstance(value.value, bool) else f'"{value.value}"'


@dataclass(frozen=True, slots=True)
class ValueEntity:
    """An input or the value of an equation."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class WeightEntity:
    """A `param` or `const`."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class AxisEntity:
    """An axis; `origin` is the axis of the layer whose points it runs over."""

    name: str
    origin: str


@dataclass(frozen=True, slots=True)
class InstanceEntity:
    """`f = gla(H = 8)`: one instance, made by `call`."""

    name: str
    call: tree.Call


@dataclass(frozen=True, slots=True)
class ExternEntity:
    """A function that the host binds."""

    name: str
    arity: int
    type: ValueType


Entity = (
    SizeEntity | StaticEntity | LayerEntity | ValueEntity | WeightEntity | AxisEntity | InstanceEntity | ExternEntity
)
