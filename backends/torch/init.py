"""The `__init__` of a class: parameters, sub-layers, and weights with their starts.

A `weight` and `bias` that a plain `linear` uses are an `nn.Linear`, others a `Weights` of tensors and further groups.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from recdsl.backends.torch.bodies import path_attribute
from recdsl.backends.torch.expressions import Printer
from recdsl.backends.torch.layout import aligned, permuted, tuple_code
from recdsl.backends.torch.owners import Group, class_of, plain_linears, tree_of
from recdsl.backends.torch.parameters import is_constant, kept_parameters
from recdsl.backends.torch.scope import Class, Scope

from recdsl.emit.names import Names, safe, safe_parameter
from recdsl.emit.precedence import ATOM, Text
from recdsl.emit.sizes import is_plain
from recdsl.ir.expr import Apply, Read, Weight
from recdsl.ir.module import Depth, Instance, Module, Parameter, WeightSpec
from recdsl.ir.sizes import Size, product


@dataclass(slots=True)
class Init:
    """Writes the body of `__init__`."""

    owner: Class
    scope: Scope

    @property
    def module(self) -> Module:
        return self.owner.module

    def lines(self) -> list[str]:
        self._parameters()
        for instance in self.module.instances:
            if not instance.borrowed:
                self.scope.line(f"self.{safe(instance.path)} = {self._instance(instance)}")
        for item in self.module.items:
            if isinstance(item, Depth):
                self._depth(item)
        root = tree_of(self.module)
        linears = plain_linears(self.module)
        for name, spec in root.weights.items():
            self._weight(f"self.{safe(name)}", spec)
        for name, group in root.groups.items():
            self.scope.line(f"self.{safe(name)} = {self._group(group, linears)}")
            self._restarted(group, linears)
        for external in self.module.externals:
            self.scope.line(f"self.{safe(external.name)}: Callable[..., Any] | None = None")
        if self.owner.origin:
            self.scope.line('self.register_buffer("origin", torch.empty(0), persistent=False)')
        if self.owner.solves:
            self.scope.line("self.solves: dict[str, dict[str, int]] = {}")
        return self.scope.lines

    # ---- parameters

    def _parameters(self) -> None:
        for parameter in kept_parameters(self.owner):
            name = safe_parameter(parameter.name)
            if parameter.default is not None and not is_constant(parameter.default):
                self.scope.line(f"if {name} is None:")
                self.scope.line(f"    {name} = {self._default(parameter)}")
            elif parameter.is_dim:
                self.scope.line(f'{self.scope.help("whole")}("{parameter.name}", {name})')
        for parameter in kept_parameters(self.owner):
            if parameter.name in self.owner.numbers:
                self.scope.line(f"self.{self.owner.attributes[parameter.name]} = {safe_parameter(parameter.name)}")

    def _default(self, parameter: Parameter) -> str:
        assert parameter.default is not None
        code = self.scope.number(parameter.default).code
        if not parameter.is_dim:
            return code
        return f'{self.scope.help("whole")}("{parameter.name} = {parameter.default}", {code})'

    # ---- sub-layers

    def _instance(self, instance: Instance) -> str:
        plan = self.owner.file.plan.modules[instance.module]
        callee, kept = plan.module, [each.name for each in kept_parameters(class_of(self.owner.file, plan))]
        arguments = [
            f"{safe_parameter(name)}={self._argument(callee, name, size)}"
            for name, size in instance.arguments
            if name in kept
        ]
        return f"{self.owner.file.classes[instance.module]}({', '.join(arguments)})"

    def _argument(self, callee: Module, name: str, size: Size) -> str:
        is_dim = any(each.name == name and each.is_dim for each in callee.parameters)
        return self._whole(size, name) if is_dim else self.scope.number(size).code

    def _depth(self, item: Depth) -> None:
        body = self.owner.file.plan.modules[item.body]
        names = [each.name for each in kept_parameters(class_of(self.owner.file, body))]
        arguments = ", ".join(f"{safe_parameter(name)}={safe_parameter(name)}" for name in names)
        made = f"{self.owner.file.classes[item.body]}({arguments})"
        if item.kind == "loop":
            self.scope.line(f"self.{safe(item.name)} = {made}")
            return
        count = self._whole(item.count, None)
        self.scope.line(f"self.{safe(item.name)} = nn.ModuleList({made} for _ in range({count}))")
        if item.path is not None:
            check = self.scope.help("check_path")
            name = f"{self.module.name}.{item.name}"
            code = f'{check}("{name}", {list(item.path)}, len(self.{safe(item.name)}))'
            self.scope.line(f"{path_attribute(item)} = {code}")

    # ---- weights

    def _whole(self, size: Size, name: str | None) -> str:
        """A size as a whole number; where that has to be checked, with its formula."""
        if is_plain(size):
            return self.scope.whole(size).code
        label = f"{name} = {size}" if name else str(size)
        return f'{self.scope.help("whole")}("{label}", {self.scope.number(size).code})'

    def _shape(self, spec: WeightSpec) -> str:
        return ", ".join(self._whole(product(tuple([dim.size for dim in group])), None) for group in spec.layout)

    def _group(self, group: Group, linears: dict[str, Apply]) -> str:
        if group.path in linears:
            weight = group.weights["weight"]
            into, out_of = weight.layout[1], weight.layout[0]
            sizes = [self._whole(product(tuple([dim.size for dim in each])), None) for each in (into, out_of)]
            bias = "" if "bias" in group.weights else ", bias=False"
            return f"nn.Linear({', '.join(sizes)}{bias})"
        parts = [f"{safe(name)}={self._tensor(spec)}" for name, spec in group.weights.items()]
        parts += [f"{safe(name)}={self._group(inner, linears)}" for name, inner in group.groups.items()]
        return f"{self.scope.help('Weights')}({', '.join(parts)})"

    def _weight(self, target: str, spec: WeightSpec) -> None:
        self.scope.line(f"{target} = {self._tensor(spec)}")

    def _tensor(self, spec: WeightSpec) -> str:
        kind = "nn.Parameter" if spec.trained else self.scope.help("constant")
        return f"{kind}({self._start(spec)})"

    def _start(self, spec: WeightSpec) -> str:
        shape = self._shape(spec)
        match spec.start:
            case "linear":
                assert spec.fan_in is not None
                fan_in = self.scope.number(spec.fan_in).code
                comma = "," if len(spec.layout) == 1 else ""
                return f"{self.scope.help('scaled')}(({shape}{comma}), {fan_in})"
            case "normal":
                return f"torch.randn({shape or '()'})"
            case "zeros" | "ones":
                return f"torch.{spec.start}({shape or '()'})"
            case "draw" | "value":
                return self._value(spec)
        raise AssertionError(spec.start)

    def _value(self, spec: WeightSpec) -> str:
        """The start as an expression over sizes, positions and constants, in the layout of the weight."""
        assert spec.value is not None
        flat = all(len(group) == 1 for group in spec.layout)
        labels = tuple(dim.name for dim in spec.dims)
        unique = tuple(f"{name}#{index}" if name in labels[:index] else name for index, name in enumerate(labels))
        sizes = [self._whole(dim.size, None) for dim in spec.dims]
        self.scope.drawn = tuple(zip(unique, sizes, strict=True))
        printer = Printer(self.scope)
        text = printer.text(spec.value)
        self.scope.drawn = None
        if spec.kind == "real":
            text = printer.cast(text, "real")
        if set(text.labels) == set(unique) and not text.number:
            code = permuted(text, unique).code
        else:
            code = self._expanded(text, unique, sizes)
        if not flat:
            shape = self._shape(spec)
            code = f"{Text(code, strength=0).at(ATOM) if ' ' in code else code}.reshape({shape})"
        shared = isinstance(spec.value, (Weight, Read)) or set(text.labels) != set(unique)
        return f"{code}.clone()" if shared and "expand" in code else code

    def _expanded(self, text: Text, unique: tuple[str, ...], sizes: list[str]) -> str:
        shape = ", ".join(sizes)
        if text.number:
            plain = {"0": "zeros", "0.0": "zeros", "1": "ones", "1.0": "ones"}.get(text.code)
            if plain:
                return f"torch.{plain}({shape or '()'})"
            return f"torch.full({tuple_code(sizes)}, {_as_float(text.code)})"
        return f"{aligned(text, unique).at(ATOM)}.expand({shape})"

    def _restarted(self, group: Group, linears: dict[str, Apply]) -> None:
        """Starts of an `nn.Linear` that are not torch's own."""
        if group.path in linears:
            for name, spec in group.weights.items():
                target = "self." + ".".join(safe(part) for part in (*group.path.split("."), name))
                if spec.start in ("zeros", "ones"):
                    self.scope.line(f"nn.init.{spec.start}_({target})")
                elif spec.start != "linear":
                    self.scope.line(f"{target} = nn.Parameter({self._start(spec)})")
        for inner in group.groups.values():
            self._restarted(inner, linears)


def _as_float(code: str) -> str:
    return f"float({code})" if not any(c in code for c in ".e") else code


def init_scope(owner: Class) -> Scope:
    """The scope of `__init__`, where parameters are local names."""
    scope = Scope(owner, Names(), in_init=True)
    scope.values = {}
    return replace(scope)
