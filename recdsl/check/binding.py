"""How the dims and axes of a called layer stand for those of its operands."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from recdsl.check.reading import vocabulary_of
from recdsl.diagnostics import Span
from recdsl.ir import sizes
from recdsl.ir.expr import Bound, Expr, Number
from recdsl.ir.module import Input, Module
from recdsl.ir.sizes import Size
from recdsl.ir.types import Axis, Dim, ValueType, join_kinds
from recdsl.parse import tree

if TYPE_CHECKING:
    from recdsl.check.expressions import Expressions


@dataclass(frozen=True, slots=True)
class Binding:
    """`bound` and `carried` as in `Call`; `arguments` the values of the callee's parameters; `axes` from the callee's
    to the caller's."""

    bound: tuple[Bound, ...]
    arguments: tuple[tuple[str, Size], ...]
    axes: tuple[tuple[str, str], ...]
    carried: tuple[Dim, ...]


def bind_dims(
    build: Expressions,
    module: Module,
    operands: tuple[Expr, ...],
    along: tree.Along | None,
    given: dict[str, Size],
    names: dict[str, str],
    span: Span,
) -> Binding | None:
    """Match the dims of every input with its operand's. Reports what does not fit and returns None."""
    bound: dict[str, tuple[Dim, ...]] = {dim: (Dim(outer, given[dim]),) for dim, outer in names.items()}
    values = {name: size for name, size in given.items() if name in [each.name for each in module.parameters]}
    carried: dict[str, Dim] = {}
    wanted = tuple(each.name for each in along.dims if isinstance(each, tree.Name)) if along is not None else None
    for place, (given_input, operand) in enumerate(zip(module.inputs, operands, strict=True)):
        if not _kinds_fit(build, module, given_input, operand, span):
            return None
        each_of = tuple(carried) if wanted is not None else ()
        matched = _match(build, module, given_input, operand, wanted if place == 0 else None, each_of, span)
        if matched is None:
            return None
        pairs, extra = matched
        for dim, stands_for in pairs.items():
            if not _enter(build, module, given_input, dim, stands_for, bound, values, operand.span or span):
                return None
        carried.update({dim.name: dim for dim in extra})
        if given_input.vocabulary is not None and given_input.vocabulary.operator == "name":
            vocabulary = vocabulary_of(build.block, operand)
            if vocabulary is not None:
                values.setdefault(str(given_input.vocabulary.operands[0]), vocabulary)
    axes = _match_axes(build, module, operands, span)
    if axes is None:
        return None
    used = {dim.name for outer in bound.values() for dim in outer}
    return Binding(
        tuple(Bound(dim, stands_for) for dim, stands_for in bound.items()),
        tuple(values.items()),
        axes,
        tuple(dim for name, dim in carried.items() if name not in used),
    )


def _kinds_fit(build: Expressions, module: Module, given: Input, operand: Expr, span: Span) -> bool:
    if join_kinds(given.type.kind, operand.type.kind) == given.type.kind:
        return True
    message = f"{given.name} of {module.name} is {given.type.kind}, and this is {operand.type.kind}"
    build.error("R302", message, operand.span or span)
    return False


def _match(
    build: Expressions,
    module: Module,
    given: Input,
    operand: Expr,
    along: tuple[str, ...] | None,
    each_of: tuple[str, ...],
    span: Span,
) -> tuple[dict[str, tuple[Dim, ...]], tuple[Dim, ...]] | None:
    """The operand's dims that each dim of the input stands for, and those that are left; `each_of` are left already."""
    inner, outer = given.type.dims, operand.type.dims
    place = operand.span or span
    if along is not None:
        missing = [name for name in along if name not in operand.type.dim_names]
        if missing:
            found = " ".join(operand.type.dim_names) or "none"
            build.error("R302", f"the value has no dim {missing[0]}", place, help=f"its dims are {found}")
            return None
        chosen = tuple(operand.type.dim(name) for name in along)
        rest = tuple(dim for dim in outer if dim.name not in along)
    else:
        chosen = tuple(dim for dim in outer if dim.name not in each_of)
        rest = tuple(dim for dim in outer if dim.name in each_of)
    if len(inner) == 1 and chosen:
        return {inner[0].name: chosen}, rest
    if not inner and along is None:
        return {}, outer
    if along is None:
        by_name: dict[str, tuple[Dim, ...]] = {
            dim.name: (each,) for dim in inner for each in chosen if each.name == dim.name
        }
        if len(by_name) == len(inner):
            return by_name, tuple(dim for dim in outer if dim.name not in by_name)
    if len(inner) == len(chosen):
        pairs: dict[str, tuple[Dim, ...]] = {dim.name: (each,) for dim, each in zip(inner, chosen, strict=True)}
        return pairs, rest
    expected = " ".join(dim.name for dim in inner) or "none"
    found = " ".join(dim.name for dim in chosen) or "none"
    help = f"{given.name} of {module.name} has the dims {expected}; say which are meant: {module.name}[…](…)"
    if isinstance(operand, Number):
        made = f"{module.name}({inner[0].name} = {operand.size})"
        help = f"arguments by position are its inputs first; to make an instance, name the parameter: {made}"
    elif each_of and not chosen:
        help = f"{module.name} is applied for each index of {' '.join(each_of)}; give it a value with a dim more"
    build.error("R302", f"the dims {found} do not fit {given.name}", place, help=help)
    return None


def _enter(
    build: Expressions,
    module: Module,
    given: Input,
    dim: str,
    stands_for: tuple[Dim, ...],
    bound: dict[str, tuple[Dim, ...]],
    values: dict[str, Size],
    span: Span,
) -> bool:
    size = sizes.product(tuple(each.size for each in stands_for))
    declared = given.type.dim(dim).size
    if declared.operator == "name" and str(declared.operands[0]) == dim:
        declared = values.setdefault(dim, size)
    else:
        declared = sizes.substitute(declared, environment_of(module, values))
    if not sizes.same(declared, size):
        message = f"{dim} of {module.name} is {declared}, and this value has {size}"
        build.error("R302", message, span)
        return False
    known = bound.get(dim)
    if known is not None and {each.name for each in known} != {each.name for each in stands_for}:
        bound[dim] = known if len(known) >= len(stands_for) else stands_for
        return True
    bound[dim] = stands_for
    return True


def environment_of(module: Module, values: dict[str, Size]) -> dict[str, Size]:
    """Every parameter of the callee in terms of the caller's: what is given, and defaults computed from it."""
    found: dict[str, Size] = {}
    for parameter in module.parameters:
        if parameter.name in values:
            found[parameter.name] = values[parameter.name]
        elif parameter.default is not None:
            with suppress(ArithmeticError, ValueError):  # 4/0 has no value, which `check` reports
                found[parameter.name] = sizes.substitute(parameter.default, found)
    return found


def _match_axes(
    build: Expressions, module: Module, operands: tuple[Expr, ...], span: Span
) -> tuple[tuple[str, str], ...] | None:
    if module.domain == "pointwise":
        return ()
    if module.domain == "graph" and not _on_such_a_graph(build, module, span):
        return None
    if module.domain != "graph" and build.block.domain == "graph":
        message = f"{module.name} runs over {', '.join(module.axes)}, and the nodes of a graph have no order"
        kind = "graph" if build.block.setting.cyclic_graph else "dag"
        help = f"a layer that is called here takes its nodes one by one, or is itself over n in {kind}"
        build.error("R304", message, span, help=help)
        return None
    outer: dict[str, None] = {}
    for operand in operands:
        outer.update(dict.fromkeys(name for name in operand.type.axis_names if name != "edge"))
    names = list(outer)
    if all(axis in names for axis in module.axes):
        return tuple((axis, axis) for axis in module.axes)
    if len(names) == len(module.axes):
        return tuple(zip(module.axes, names, strict=True))
    if not names and len(build.block.axes) == len(module.axes):
        if build.block.strict and (module.domain != "graph" or not operands):
            one = "node" if module.domain == "graph" else "point"
            message = f"{module.name} runs over {', '.join(module.axes)}, and nothing that it is given differs from {one} to {one}"
            build.error(
                "R304", message, span, help=f"give it a value that does, such as an input with a value at each {one}"
            )
            return None
        return tuple(zip(module.axes, build.block.axes, strict=True))
    message = f"{module.name} runs over {', '.join(module.axes)}, and this value over {', '.join(names) or 'nothing'}"
    help = "rename an axis, x[i->t], or merge some, merge(x, i j -> t)"
    build.error("R304", message, span, help=help)
    return None


def _on_such_a_graph(build: Expressions, module: Module, span: Span) -> bool:
    """R304 for a layer over a graph that is called where there is none, or for one over a dag where edges may form cycles."""
    kind = "graph" if module.cyclic_graph else "dag"
    if build.block.domain != "graph":
        message = f"{module.name} runs over a {kind}, and there is none here"
        help = f"a layer that calls it begins with: layer f(D) over n in {kind}:"
    elif build.block.setting.cyclic_graph and not module.cyclic_graph:
        message = f"{module.name} runs over a dag, and the edges here may form cycles"
        help = "call it over n in dag; or, where nothing in it recurs along edges, write it over n in graph"
    else:
        return True
    build.error("R304", message, span, help=help)
    return False


def result_type(
    build: Expressions, module: Module, operands: tuple[Expr, ...], binding: Binding, span: Span, output: int = 0
) -> ValueType | None:
    """The type of a call's result in the caller's terms."""
    inner = module.type_of(module.outputs[output].value)
    environment = environment_of(module, dict(binding.arguments))
    bound = {each.dim: each.stands_for for each in binding.bound}
    dims = list(binding.carried)
    for dim in inner.dims:
        dims.extend(_translate(dim, bound.get(dim.name), environment))
    names = [dim.name for dim in dims]
    doubled = next((name for name in names if names.count(name) > 1), None)
    if doubled is not None:
        help = f"rename it before the call: x[{doubled}->…]"
        build.error("R302", f"the result would have the dim {doubled} twice", span, help=help)
        return None
    return ValueType(inner.kind, _result_axes(module, inner, operands, binding, environment), tuple(dims))


def _translate(dim: Dim, stands_for: tuple[Dim, ...] | None, environment: dict[str, Size]) -> tuple[Dim, ...]:
    size = sizes.substitute(dim.size, environment)
    if stands_for is None:
        return (Dim(dim.name, size),)
    if sizes.same(size, sizes.product(tuple(each.size for each in stands_for))):
        return stands_for
    return (Dim(stands_for[0].name if len(stands_for) == 1 else dim.name, size),)


def _result_axes(
    module: Module,
    inner: ValueType,
    operands: tuple[Expr, ...],
    binding: Binding,
    environment: dict[str, Size],
) -> tuple[Axis, ...]:
    around: dict[str, Axis] = {axis.name: axis for operand in operands for axis in operand.type.axes}
    if module.domain == "pointwise":
        return tuple(around.values())
    mapped = dict(binding.axes)
    lengths = dict(environment)
    for axis, outer in mapped.items():
        lengths[f"|{axis}|"] = around[outer].length if outer in around else sizes.axis_length(outer)
    ran = set(mapped.values()) | {"edge"}
    found = [axis for axis in around.values() if axis.name not in ran]
    found += [Axis(mapped.get(each.name, each.name), sizes.substitute(each.length, lengths)) for each in inner.axes]
    return tuple(found)
