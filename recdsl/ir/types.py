"""What a value is: its kind, the axes it varies along and its named dims."""

from __future__ import annotations

from dataclasses import dataclass, replace

from recdsl.ir.sizes import Size

KINDS = ("bool", "int", "real", "complex")  # each can be used where a later one is expected


@dataclass(frozen=True, slots=True)
class Dim:
    """A named dim and its size. Two values share a dim when they share its name."""

    name: str
    size: Size

    def __str__(self) -> str:
        return self.name if self.size == Size("name", (self.name,)) else f"{self.name}={self.size}"


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis that a value varies along. `length` is `|t|` for an axis of the layer itself; pooling, renaming and
    merging give others. In graph layers the axes are the node axis, `edge`, and `pred` inside a reduction."""

    name: str
    length: Size

    def __str__(self) -> str:
        return self.name if self.length == Size("axis", (self.name,)) else f"{self.name}={self.length}"


@dataclass(frozen=True, slots=True)
class ValueType:
    """`kind` is one of KINDS. `axes` and `dims` are in the order of memory, axes before dims."""

    kind: str = "real"
    axes: tuple[Axis, ...] = ()
    dims: tuple[Dim, ...] = ()

    @property
    def dim_names(self) -> tuple[str, ...]:
        return tuple(dim.name for dim in self.dims)

    @property
    def axis_names(self) -> tuple[str, ...]:
        return tuple(axis.name for axis in self.axes)

    def dim(self, name: str) -> Dim:
        return next(dim for dim in self.dims if dim.name == name)

    def axis(self, name: str) -> Axis:
        return next(axis for axis in self.axes if axis.name == name)

    def without(self, names: tuple[str, ...]) -> ValueType:
        """The type with these dims and axes taken away."""
        return replace(
            self,
            axes=tuple(axis for axis in self.axes if axis.name not in names),
            dims=tuple(dim for dim in self.dims if dim.name not in names),
        )

    def with_kind(self, kind: str) -> ValueType:
        return replace(self, kind=kind)

    def __str__(self) -> str:
        parts = [str(dim) for dim in self.dims] or ["scalar"]
        if self.kind != "real":
            parts.append(self.kind)
        if self.axes:
            parts.append("over " + ", ".join(map(str, self.axes)))
        return " ".join(parts)


def join_kinds(*kinds: str) -> str:
    """The smallest kind that all of these can be used as."""
    return max(kinds, key=KINDS.index, default="real")
