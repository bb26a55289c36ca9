"""How the methods of a class reach its weights, sub-layers and parameters.

Weights are grouped by the parts of their paths, so that the state dict has exactly the paths of the program.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from recdsl.backends.torch.convolutions import extent_of
from recdsl.backends.torch.reads import base_name
from recdsl.backends.torch.scope import Class, File

from recdsl.emit.names import Names, safe, safe_local
from recdsl.ir import sizes
from recdsl.ir.expr import Apply, Read, Weight
from recdsl.ir.module import Depth, Module, Program, WeightSpec
from recdsl.ir.operators.unite import dims
from recdsl.ir.sizes import Size
from recdsl.lower.plan import ModulePlan
from recdsl.lower.traits import expressions


@dataclass(slots=True)
class Group:
    """One part of a path: the weights and groups below it."""

    path: str
    weights: dict[str, WeightSpec] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)


def tree_of(module: Module) -> Group:
    root = Group("")
    for spec in module.weights:
        *parts, leaf = spec.path.split(".")
        group = root
        for part in parts:
            group = group.groups.setdefault(part, Group(f"{group.path}.{part}".lstrip(".")))
        group.weights[leaf] = spec
    return root


def plain_linears(module: Module) -> dict[str, Apply]:
    """The `linear`s that `nn.Linear` computes, by the path of the group that holds their weight and bias."""
    found: dict[str, Apply] = {}
    for expr in expressions(module):
        if isinstance(expr, Apply) and expr.operator == "linear" and _as_module(expr):
            weight = expr.operands[1]
            assert isinstance(weight, Weight)
            found.setdefault(weight.path.removesuffix(".weight"), expr)
    root = tree_of(module)
    return {group: expr for group, expr in found.items() if _only_linear(root, group)}


def _as_module(expr: Apply) -> bool:
    """Whether a `linear` is one map with a weight and a bias side by side."""
    if dims(expr.attribute("per")) or expr.attribute("transposed"):
        return False
    paths = [each.path for each in expr.operands[1:] if isinstance(each, Weight)]
    group = paths[0].removesuffix("weight")
    return group.endswith(".") and paths == [group + "weight", group + "bias"][: len(paths)]


def _only_linear(root: Group, path: str) -> bool:
    group = root
    for part in path.split("."):
        if part not in group.groups:
            return False  # of a sub-layer
        group = group.groups[part]
    specs = group.weights
    trained = all(spec.trained and spec.kind == "real" for spec in specs.values())
    return set(specs) <= {"weight", "bias"} and "weight" in specs and not group.groups and trained


def class_of(file: File, plan: ModulePlan) -> Class:
    """How the methods of a class reach its weights, sub-layers and parameters."""
    module = plan.module
    linears = plain_linears(module)
    weights = {spec.path: "self." + ".".join(safe(part) for part in spec.path.split(".")) for spec in module.weights}
    layers = {f"{group}.weight": "self." + ".".join(safe(part) for part in group.split(".")) for group in linears}
    weights.update(weights_below(module, file.plan.program))
    owner = Class(file, plan, weights, layers, _attributes(module), renamed_axes(module))
    owner.windows = _windows(module) if plan.traits.stateful else {}
    for value, _ in plan.traits.histories:
        owner.kept["history", value] = owner.keys.new(base_name(value))
    for value in plan.traits.caches:
        owner.kept["cache", value] = owner.keys.new(base_name(value))
    for value in owner.windows:
        owner.kept["window", value] = owner.keys.new(base_name(value))
    return owner


def weights_below(module: Module, program: Program) -> dict[str, str]:
    """The code of each weight of a sub-layer, for derivatives that were written out through it."""
    found: dict[str, str] = {}
    for instance in module.instances:
        place = safe_local(instance.path) if instance.borrowed else f"self.{safe(instance.path)}"
        callee = program.modules[instance.module]
        for spec in callee.weights:
            path = ".".join(safe(part) for part in spec.path.split("."))
            found[f"{instance.path}.{spec.path}"] = f"{place}.{path}"
        for path, code in weights_below(callee, program).items():
            found[f"{instance.path}.{path}"] = f"{place}.{code.removeprefix('self.')}"
    return found


def _windows(module: Module) -> dict[str, Size]:
    """How many points before its own the widest causal window on each value reads."""
    found: dict[str, Size] = {}
    for expr in expressions(module):
        if isinstance(expr, Apply) and expr.operator == "conv" and expr.attribute("causal"):
            operand = expr.operands[0]
            assert isinstance(operand, Read)
            known = found.get(operand.value)
            extent = extent_of(expr)
            found[operand.value] = extent if known in (None, extent) else sizes.apply("max", known, extent)
    return found


def renamed_axes(module: Module) -> frozenset[str]:
    """The other names under which the axis of a sequence layer runs."""
    if module.domain != "sequence":
        return frozenset()
    return frozenset(
        str(expr.attribute("new"))
        for expr in expressions(module)
        if isinstance(expr, Apply) and expr.operator == "rename" and expr.attribute("old") == module.axes[0]
    )


def _attributes(module: Module) -> dict[str, str]:
    """The attribute of each parameter, beside those of weights and sub-layers."""
    first = {safe(spec.path.split(".")[0]) for spec in module.weights}
    first |= {safe(each.path.split(".")[0]) for each in module.instances} | {
        safe(each.name) for each in module.externals
    }
    first |= {safe(item.name) for item in module.items if isinstance(item, Depth)}
    names = Names(frozenset(first))
    return {each.name: names.new(safe(each.name)) for each in module.parameters}
