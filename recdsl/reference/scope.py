"""A scope: one instance of a module, with the sizes of its parameters and the place of its weights in the state dict.

In: a program and the sizes that the caller gives. Out: whole numbers for dims, scopes of sub-layers and of the copies
of a body. Refuses, with ValueError: parameters without a value, names that are no parameters, sizes that are not
positive whole numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

from recdsl.ir.module import Carry, Depth, Equation, Input, Module, Program
from recdsl.ir.sizes import Size, Value, evaluate, names_in
from recdsl.ir.types import Dim

Definition = Input | Equation | tuple[Depth, Carry]


def solve_parameters(module: Module, given: Mapping[str, Value]) -> dict[str, Value]:
    """A value for every parameter of a module: the caller's, or the default, which may read earlier parameters."""
    unknown = sorted(set(given) - {each.name for each in module.parameters})
    if unknown:
        raise ValueError(f"{module.name} has no parameter {', '.join(unknown)}")
    missing = [each.name for each in module.parameters if each.default is None and each.name not in given]
    if missing:
        raise ValueError(f"{module.name} needs a value for {', '.join(missing)}")
    values: dict[str, Value] = {}
    for each in module.parameters:
        if each.name in given:
            value, origin = given[each.name], None
        else:
            assert each.default is not None
            value, origin = evaluate(each.default, values), each.default
        values[each.name] = whole(value, each.name, origin) if each.is_dim else value
    return values


def whole(value: Value, name: str, size: Size | None) -> int:
    """A dim's size as a positive int; `size` is what it was computed from, for the message."""
    if value == int(value) and value > 0:
        return int(value)
    text = name if size is None or str(size) == name else f"{name} = {size}"
    shown = str(int(value)) if value == int(value) else f"{float(value):.4g}"
    kind = "a whole number" if value > 0 else "a positive whole number"
    parameters = list(dict.fromkeys(names_in(size))) if size is not None else []
    advice = f"; choose {' and '.join(parameters)} so that it is" if parameters and text != name else ""
    raise ValueError(f"{text} is {shown}, not {kind}{advice}")


@dataclass(eq=False)
class Scope:
    """One instance: `prefix` stands before the paths of its weights; `outer` is set for the body of a `repeat` or
    `loop`, which shares the parameters (and borrowed instances) of the module around."""

    program: Program
    module: Module
    sizes: Mapping[str, Value]
    prefix: str = ""
    outer: Scope | None = None
    _dims: dict[Dim, int] = field(default_factory=dict)
    _children: dict[str, Scope] = field(default_factory=dict)

    @cached_property
    def definitions(self) -> dict[str, Definition]:
        """What each value id of the module stands for."""
        found: dict[str, Definition] = {each.name: each for each in self.module.inputs}
        for item in self.module.items:
            if isinstance(item, Equation):
                found[item.id] = item
            else:
                found.update((carry.result, (item, carry)) for carry in item.carried)
        return found

    @property
    def backward(self) -> bool:
        """Whether `pred` runs against the edges."""
        return self.module.backward_graph or (self.outer is not None and self.outer.backward)

    def dim(self, dim: Dim) -> int:
        if dim not in self._dims:
            self._dims[dim] = whole(self.number(dim.size), dim.name, dim.size)
        return self._dims[dim]

    def shape(self, dims: tuple[Dim, ...]) -> tuple[int, ...]:
        return tuple([self.dim(dim) for dim in dims])

    def number(self, size: Size, lengths: Mapping[str, int] | None = None) -> Value:
        """The value of a size, with the lengths of the axes that it reads."""
        return evaluate(size, {**self.sizes, **{f"|{axis}|": length for axis, length in (lengths or {}).items()}})

    def count(self, depth: Depth) -> int:
        """How many copies a `repeat` has, how many turns a `loop` runs."""
        value = self.number(depth.count)
        if value != int(value) or value < 0:
            raise ValueError(f"the count {depth.count} of {depth.name} is {float(value):.4g}, not a whole number")
        return int(value)

    def instance(self, path: str) -> Scope:
        """The scope of a sub-layer, by its path in this module."""
        if path not in self._children:
            instance = self.module.instance(path)
            if instance.borrowed and self.outer is not None:
                self._children[path] = self.outer.instance(path)
            else:
                callee = self.program.modules[instance.module]
                given = {name: self.number(size) for name, size in instance.arguments}
                sizes = solve_parameters(callee, given)
                self._children[path] = Scope(self.program, callee, sizes, f"{self.prefix}{path}.")
        return self._children[path]

    def body(self, depth: Depth, copy: int) -> Scope:
        """The scope of one copy of a body: `block.3.` for a `repeat`, `core.` for a `loop`."""
        path = f"{depth.name}.{copy}." if depth.kind == "repeat" else f"{depth.name}."
        if path not in self._children:
            module = self.program.modules[depth.body]
            self._children[path] = Scope(self.program, module, self.sizes, self.prefix + path, self)
        return self._children[path]

    def walk(self) -> Iterator[Scope]:
        """This scope and all below it that own weights."""
        yield self
        for instance in self.module.instances:
            if not instance.borrowed:
                yield from self.instance(instance.path).walk()
        for item in self.module.items:
            if isinstance(item, Depth):
                for copy in range(self.count(item) if item.kind == "repeat" else 1):
                    yield from self.body(item, copy).walk()


def number(value: Value) -> int | float:
    """A size as Python's own int or float."""
    if isinstance(value, Fraction):
        return int(value) if value.denominator == 1 else float(value)
    return value
