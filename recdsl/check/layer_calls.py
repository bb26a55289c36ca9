"""Calls of layers: which arguments are inputs and which parameters, how dims and axes of the layer stand for the caller's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from recdsl.check.arguments import Arguments, Value, sort_arguments
from recdsl.check.binding import Binding, bind_dims, environment_of, result_type
from recdsl.check.contractions import makes_instance
from recdsl.check.entities import InstanceEntity, LayerEntity, StaticEntity
from recdsl.check.kinds import kind_of, refusal
from recdsl.check.numbers import check_count, dims_of, size_of, unknown_name
from recdsl.check.setting import NeedsAxes
from recdsl.diagnostics import Diagnostics, Span, nearest
from recdsl.ir import sizes
from recdsl.ir.expr import Call, Expr
from recdsl.ir.module import Instance, Module
from recdsl.ir.sizes import Size
from recdsl.parse import tree

if TYPE_CHECKING:
    from recdsl.check.block import Block
    from recdsl.check.expressions import Expected, Expressions


@dataclass(frozen=True, slots=True)
class _Given:
    """The arguments of one call or instance, by what they are."""

    inputs: dict[str, Value]
    sizes: dict[str, Size]
    statics: dict[str, StaticEntity | LayerEntity]
    names: dict[str, str]  # dims that were set to a dim of the caller, by that dim's name


def input_names(definition: tree.Definition) -> list[str]:
    return [name.name for each in definition.body if isinstance(each, tree.Input) for name in each.names]


def instance_of(block: Block, call: tree.Call) -> bool:
    """Whether a call makes an instance: a layer that is not given all its inputs, or `conv(3 -> C)`."""
    if not isinstance(call.function, tree.Name):
        return False
    name = call.function.name
    arguments = sort_arguments(call, Diagnostics())
    entity = block.lookup(name)
    if isinstance(entity, LayerEntity):
        return not _gives_all_inputs(entity.definition, arguments)
    if entity is None and name in ("linear", "conv", "embed"):
        return makes_instance(name, arguments, block.builder())
    return False


def _gives_all_inputs(definition: tree.Definition, arguments: Arguments) -> bool:
    inputs = [name for name in input_names(definition) if name not in arguments.keywords]
    return len(arguments.positional) >= len(inputs)


def call_layer(
    build: Expressions,
    layer: LayerEntity,
    arguments: Arguments,
    along: tree.Along | None,
    expected: Expected,
) -> Expr | None:
    """`gla(x)`: make a layer and call it."""
    if not _gives_all_inputs(layer.definition, arguments):
        return _missing_inputs(build, layer.definition, arguments)
    given = _sort(build, layer, arguments, as_instance=False)
    if given is None:
        return None
    path = build.block.unique(layer.definition.name.name)
    return _call(build, layer, given, path, build.block, arguments, along, expected)


def _missing_inputs(build: Expressions, definition: tree.Definition, arguments: Arguments) -> None:
    names = input_names(definition)
    given = [name for name in names if name in arguments.keywords]
    missing = [name for name in names if name not in given][len(arguments.positional) :]
    help = f"its inputs are {', '.join(names)}"
    build.error("R205", f"{definition.name.name} is not given {', '.join(missing)}", arguments.span, help=help)


def call_instance(
    build: Expressions, instance: InstanceEntity, arguments: Arguments, along: tree.Along | None, expected: Expected
) -> Expr | None:
    """`f(x)`: call an instance; all its calls share the weights."""
    owner = build.block.owner_of(instance.name)
    assert owner is not None
    made_with = sort_arguments(instance.call, build.report)
    assert isinstance(instance.call.function, tree.Name)
    entity = owner.lookup(instance.call.function.name)
    if not isinstance(entity, LayerEntity):
        return _call_operator(build, owner, instance, arguments)
    if not _gives_all_inputs(entity.definition, arguments):
        return _missing_inputs(build, entity.definition, arguments)
    made = _sort(owner.builder(), entity, made_with, as_instance=True)
    called = _sort(build, entity, arguments, as_instance=False)
    if made is None or called is None:
        return None
    if called.sizes or called.statics:
        name = next(iter({**called.sizes, **called.statics}))
        help = f"give {name} where {instance.name} is made"
        return build.error("R204", f"{instance.name} has its parameters already", arguments.span, help=help)
    given = replace(made, inputs=called.inputs)
    return _call(build, entity, given, instance.name, owner, arguments, along, expected)


def _sort(build: Expressions, layer: LayerEntity, arguments: Arguments, as_instance: bool) -> _Given | None:
    """Tell inputs from parameters; evaluate the parameters."""
    definition = layer.definition
    inputs = [] if as_instance else input_names(definition)
    parameters = [each.name.name for each in definition.parameters]
    found: dict[str, Value] = {name: arguments.keywords[name].value for name in inputs if name in arguments.keywords}
    if not _known_keywords(build, definition, arguments, inputs, parameters):
        return None
    rest = list(arguments.positional)
    for name in inputs:
        if name not in found and rest:
            found[name] = rest.pop(0)
    decided = set() if as_instance else _decided_by_inputs(definition)
    taken = decided | set(arguments.keywords) | {name for name, _ in (*layer.sizes, *layer.statics)}
    free = [name for name in parameters if name not in taken]
    if len(rest) > len(free):
        inputs_text, free_text = _several(len(inputs), "input"), _several(len(free), "parameter")
        help = f"{definition.name.name} takes {inputs_text} and {free_text} by position"
        return build.error("R204", "too many arguments", rest[len(free)].span, help=help)
    values = dict(zip(free, rest, strict=False))
    values.update({name: each.value for name, each in arguments.keywords.items() if name in parameters})
    given = _Given(found, dict(layer.sizes), dict(layer.statics), {})
    for name, value in values.items():
        if not _add_parameter(build, definition, name, value, given):
            return None
    return given


def _several(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count or 'no'} {noun}s"


def _known_keywords(
    build: Expressions, definition: tree.Definition, arguments: Arguments, inputs: list[str], parameters: list[str]
) -> bool:
    fine = True
    for name, keyword in arguments.keywords.items():
        if name not in (*inputs, *parameters):
            close = nearest(name, [*inputs, *parameters])
            help = f"did you mean {close}?" if close else f"it has {', '.join([*inputs, *parameters])}"
            build.error("R204", f"{definition.name.name} has no parameter {name}", keyword.span, help=help)
            fine = False
    if arguments.arrow is not None:
        build.error("R204", "a layer takes no arrow", arguments.arrow.span, help="set its dims by name: f(x, H = 8)")
        fine = False
    return fine


def _decided_by_inputs(definition: tree.Definition) -> set[str]:
    """Parameters that the dims of the inputs decide."""
    found: set[str] = set()
    for statement in definition.body:
        if isinstance(statement, tree.Input):
            for word in statement.type.words:
                node = word.vocabulary if isinstance(word, tree.Token) else word
                if isinstance(node, tree.Name):
                    found.add(node.name)
    return found


def _add_parameter(build: Expressions, definition: tree.Definition, name: str, value: Value, given: _Given) -> bool:
    static = _static(build, value)
    size = size_of(value, build.block.lookup) if static is None else None
    if static is not None or size is not None:
        refused = refusal(definition, name, kind_of(static), build.block.elaborator.definitions)
        if refused is not None:
            build.error("R305", refused[0], value.span, help=refused[1])
            return False
    if static is not None:
        given.statics[name] = static
        return True
    if size is None:
        if isinstance(value, tree.Name) and build.block.lookup(value.name) is None:
            unknown_name(value.name, value.span, build.block.known_names(), build.report)
            return False
        help = "a parameter is a size, a number, yes or no, a string or a layer"
        build.error("R305", f"{name} is not known when compiling", value.span, help=help)
        return False
    if name in build.block.elaborator.structural(definition):
        if size.operator != "number":
            help = f"{name} is used in a shift; give it as a plain number"
            build.error("R305", f"{name} is not known when compiling", value.span, help=help)
            return False
        given.statics[name] = StaticEntity(f"={size.operands[0]}")
    if name[0].isupper() and not check_count(f"{name} of {definition.name.name}", size, value.span, build.report):
        return False
    given.sizes[name] = size
    if isinstance(value, tree.Name) and value.name[0].isupper():
        given.names[name] = value.name
    return True


def _static(build: Expressions, value: Value) -> StaticEntity | LayerEntity | None:
    match value:
        case tree.Truth() | tree.Text():
            return StaticEntity(value.value)
        case tree.Name():
            entity = build.block.lookup(value.name)
            return entity if isinstance(entity, (StaticEntity, LayerEntity)) else None
        case tree.Call(function=tree.Name(name=name)) if isinstance(build.block.lookup(name), LayerEntity):
            layer = build.block.lookup(name)
            assert isinstance(layer, LayerEntity)
            given = _sort(build, layer, sort_arguments(value, build.report), as_instance=True)
            if given is None:
                return None
            return LayerEntity(layer.definition, tuple(given.sizes.items()), tuple(given.statics.items()))
    return None


def _call(
    build: Expressions,
    layer: LayerEntity,
    given: _Given,
    path: str,
    owner: Block,
    arguments: Arguments,
    along: tree.Along | None,
    expected: Expected,
) -> Expr | None:
    definition = layer.definition
    elaborator = build.block.elaborator
    try:
        module = elaborator.specialise(definition, given.statics, (), build.block.setting)
        operands = _operands(build, module, given, definition, expected)
    except NeedsAxes:
        build.block.need_axes(arguments.span)
        operands = _operands(build, None, given, definition, expected)
        if operands is None:
            return None
        module = elaborator.specialise(definition, given.statics, _axes_of(operands), build.block.setting)
    if module is None:
        build.block.failed_call = True
        return None
    if module.domain != "pointwise":
        build.block.need_axes(arguments.span)
    if operands is None:
        return _unknown_result(build, module, expected, arguments.span)
    binding = bind_dims(build, module, operands, along, given.sizes, given.names, arguments.span)
    if binding is None:
        return None
    if not _complete(build, definition, module, binding, arguments.span):
        return None
    _add_instance(build, path, owner, module, binding, arguments.span)
    type_ = result_type(build, module, operands, binding, arguments.span)
    if type_ is None:
        return None
    return Call(path, operands, 0, type_, binding.bound, binding.axes, binding.carried, arguments.span)


def _operands(
    build: Expressions, module: Module | None, given: _Given, definition: tree.Definition, expected: Expected
) -> tuple[Expr, ...] | None:
    """The values of the inputs; None while one is not known."""
    names = input_names(definition)
    keeps = module is not None and _keeps_dims(module)
    values = []
    for place, name in enumerate(names):
        wanted = expected if keeps and place == 0 else _dims_given(module, name, given)
        values.append(build.value(given.inputs[name], wanted))
    known = tuple(each for each in values if each is not None)
    return known if len(known) == len(values) else None


def _keeps_dims(module: Module) -> bool:
    """Whether the first result has the dims of the first input, so that what is expected of one is of the other."""
    if not module.inputs or not module.outputs:
        return False
    return module.inputs[0].type.dim_names == module.type_of(module.outputs[0].value).dim_names


def _dims_given(module: Module | None, name: str, given: _Given) -> Expected:
    """The dims of an input that the call sets by name."""
    if module is None:
        return None
    dims = module.input(name).type.dims
    if dims and all(dim.name in given.names for dim in dims):
        return tuple(replace(dim, name=given.names[dim.name], size=given.sizes[dim.name]) for dim in dims)
    return None


def _unknown_result(build: Expressions, module: Module, expected: Expected, span: Span) -> Expr | None:
    if expected is not None and _keeps_dims(module):
        return build.unknown(expected, span)
    return None


def _axes_of(operands: tuple[Expr, ...]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for operand in operands:
        found.update(dict.fromkeys(operand.type.axis_names))
    return tuple(found)


def _complete(build: Expressions, definition: tree.Definition, module: Module, binding: Binding, span: Span) -> bool:
    """Whether every parameter has a value."""
    given = dict(binding.arguments)
    missing = [each.name for each in module.parameters if each.default is None and each.name not in given]
    known = environment_of(module, given)
    for each in module.parameters:
        what = f"{each.name} of {definition.name.name}"
        if each.default is not None and each.name not in known:
            build.error("R306", f"{what} has no value here: {each.default}", span, help="give other parameters")
        elif each.is_dim and each.name in known:
            check_count(what, known[each.name], span, build.report)
    if missing and build.block.strict:
        name = definition.name.name
        help = f"write {name}(…, {missing[0]} = …)"
        build.error("R306", f"{name} needs {', '.join(missing)}", span, help=help)
    return not missing


def _add_instance(build: Expressions, path: str, owner: Block, module: Module, binding: Binding, span: Span) -> None:
    """Enter the instance where it is owned, and as borrowed in every body between."""
    made = Instance(path, module.key, binding.arguments)
    known = owner.made.instances.get(path)
    if known is not None and not _same_instance(known, made):
        help = "an instance has one size; make a second one"
        build.error("R308", f"{path} was called with other dims before", span, help=help)
        return
    owner.made.instances[path] = made
    block: Block | None = build.block
    while block is not None and block is not owner:
        block.made.instances[path] = replace(made, borrowed=True)
        block = block.parent


def _same_instance(left: Instance, right: Instance) -> bool:
    first, second = dict(left.arguments), dict(right.arguments)
    return (
        left.module == right.module
        and first.keys() == second.keys()
        and all(sizes.same(first[name], second[name]) for name in first)
    )


# ---- f = conv(3 -> C)


def _call_operator(build: Expressions, owner: Block, instance: InstanceEntity, arguments: Arguments) -> Expr | None:
    """An instance of `linear`, `conv` or `embed`: a module of its own around one operator."""
    if not arguments.allow(instance.name, build.report, 1) or not arguments.needs(instance.name, build.report, 1):
        return None
    operand = build.value(arguments.positional[0])
    if operand is None:
        made = sort_arguments(instance.call, build.report)
        dims = dims_of(made.arrow, owner.lookup, Diagnostics()) if made.arrow is not None else None
        return build.unknown(dims, arguments.span) if dims is not None else None
    elaborator = build.block.elaborator
    known = owner.made.instances.get(instance.name)
    before = elaborator.modules.get(known.module) if known is not None else None
    module = elaborator.operator_module(owner, instance, operand, build.block)
    if module is None:
        return None
    if before is not None and set(before.inputs[0].type.dims) != set(module.inputs[0].type.dims):
        help = "its parameters belong to the dims of its first call; make a second one"
        return build.error("R308", f"{instance.name} was called with other dims before", arguments.span, help=help)
    parameters = tuple((each.name, sizes.name(each.name)) for each in module.parameters)
    axes = tuple((axis, axis) for axis in module.axes)
    binding = Binding((), parameters, axes, ())
    _add_instance(build, instance.name, owner, module, binding, arguments.span)
    result = module.type_of(module.outputs[0].value)
    if module.domain == "pointwise":
        result = replace(result, axes=operand.type.axes)
    return Call(instance.name, (operand,), 0, result, (), axes, (), arguments.span)
