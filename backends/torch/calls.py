"""Calls of sub-layers: operands are laid out as the callee expects them, results get the caller's names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from recdsl.backends.torch.layout import permuted
from recdsl.backends.torch.precision import narrowed

from recdsl.emit.names import safe, safe_local
from recdsl.emit.precedence import ATOM, BATCH, PRODUCT, WAVE, Text
from recdsl.ir.expr import Call
from recdsl.ir.module import Depth, Input, Module
from recdsl.ir.types import Dim, ValueType
from recdsl.lower.plan import ProgramPlan, Traits

if TYPE_CHECKING:
    from recdsl.backends.torch.expressions import Printer


def call(printer: Printer, expr: Call) -> Text:
    """One result of a sub-layer; several results of one call are computed once."""
    key = replace(expr, output=0, type=ValueType())
    known = printer.scope.calls
    callee = callee_of(printer, expr.instance)
    if len(callee.outputs) == 1 and not _is_statement(printer, expr, callee):
        return _translated(printer, expr, callee, _plain_call(printer, expr, callee))
    if key not in known:
        known[key] = _statement(printer, expr, callee)
    names, lead = known[key]
    return _translated(printer, expr, callee, (names[expr.output], lead))


def callee_of(printer: Printer, path: str) -> Module:
    return printer.scope.program.modules[printer.scope.module.instance(path).module].module


def traits_of(printer: Printer, path: str) -> Traits:
    return printer.scope.program.modules[printer.scope.module.instance(path).module].traits


def instance_code(printer: Printer, path: str) -> str:
    """How a sub-layer is reached: borrowed ones are arguments."""
    if printer.scope.module.instance(path).borrowed:
        return safe_local(path.replace(".", "_"))
    return f"self.{'.'.join(safe(part) for part in path.split('.'))}"


def _is_statement(printer: Printer, expr: Call, callee: Module) -> bool:
    return traits_of(printer, expr.instance).stateful and bool(callee.axes)


def _plain_call(printer: Printer, expr: Call, callee: Module) -> tuple[str, tuple[str, ...]]:
    """The code of a call, and the labels in front of what the callee knows."""
    lead, arguments = _arguments(printer, expr, callee)
    name = instance_code(printer, expr.instance)
    if callee.domain == "graph":
        same = callee.backward_graph == _runs_back(printer.scope.program, printer.scope.module)
        return _on_graph(printer, expr, name, arguments, "graph" if same else "graph.against"), lead
    if callee.domain == "sequence" and traits_of(printer, expr.instance).points:
        arguments = [*arguments, _steps(printer, expr, lead)]
    return f"{name}({', '.join(arguments)})", lead


def _on_graph(printer: Printer, expr: Call, name: str, arguments: list[str], graph: str) -> str:
    """The code of a call over a graph; with carried dims a list of it for each of their indices."""
    sliced: dict[str, str] = {}
    for place, operand in enumerate(expr.operands):
        if _carries(expr, operand.type):
            one = printer.scope.names.new("one")
            sliced[one] = f"{arguments[place]}.unbind({len(operand.type.axes)})"
            arguments = [*arguments[:place], one, *arguments[place + 1 :]]
    code = f"{name}({', '.join([*arguments, graph])})"
    if not sliced:
        return code
    slices = next(iter(sliced.values())) if len(sliced) == 1 else f"zip({', '.join(sliced.values())})"
    return f"[{code} for {', '.join(sliced)} in {slices}]"


def _carries(expr: Call, operand: ValueType) -> bool:
    return any(dim.name in operand.dim_names for dim in expr.carried)


def _runs_back(plan: ProgramPlan, module: Module) -> bool:
    """Whether a layer over a graph, or the one that it is the body of a `repeat` or `loop` in, runs against the edges."""
    around = (
        each.module
        for each in plan.modules.values()
        for item in each.module.items
        if isinstance(item, Depth) and item.body == module.key
    )
    return module.backward_graph or any(_runs_back(plan, each) for each in around)


def _statement(printer: Printer, expr: Call, callee: Module) -> tuple[list[str], tuple[str, ...]]:
    """A call with several results, or with a state: the names of all results, and the labels in front of them."""
    scope = printer.scope
    names = (
        [scope.names.new(safe_local(expr.instance.replace(".", "_")))]
        if len(callee.outputs) == 1
        else [
            scope.names.new(safe_local(f"{expr.instance.replace('.', '_')}_{index}"))
            for index in range(len(callee.outputs))
        ]
    )
    left = ", ".join(names)
    if _is_statement(printer, expr, callee):
        lead = _stateful(printer, expr, callee, left)
    else:
        code, lead = _plain_call(printer, expr, callee)
        scope.line(f"{left} = zip(*{code})" if callee.domain == "graph" and expr.carried else f"{left} = {code}")
    return names, lead


def _stateful(printer: Printer, expr: Call, callee: Module, left: str) -> tuple[str, ...]:
    """`y, state_f = self.f.run(x, state["f"], steps)`; without a state of its own the caller starts afresh."""
    scope = printer.scope
    lead, arguments = _arguments(printer, expr, callee)
    name = instance_code(printer, expr.instance)
    count = scope.batch if lead == (BATCH,) else f"{arguments[0]}.shape[0]"
    traits = traits_of(printer, expr.instance)
    extra = [_steps(printer, expr, lead)] if traits.points else []
    left = f"({left})" if "," in left else left
    if scope.stateful:
        key = scope.owner.keys.new(expr.instance)
        new = scope.names.new(f"{safe_local(key)}_state")
        rows = " * ".join(["batch", *(scope.whole(dim.size).at(PRODUCT) for dim in expr.carried)])
        scope.owner.begins[key] = f"{name}.init_state({rows})"
        scope.owner.updates[key] = new
        before = f'state["{key}"]'
    else:
        new, before = "_", f"{name}.init_state({count})"
    scope.line(f"{left}, {new} = {name}({', '.join([*arguments, before, *extra])})")
    return lead


def _steps(printer: Printer, expr: Call, lead: tuple[str, ...]) -> str:
    """What the callee is told about points: what this layer knows, where it runs over the same points."""
    scope = printer.scope
    callee = callee_of(printer, expr.instance)
    caller_axis = dict(expr.axes).get(callee.axes[0], callee.axes[0])
    operand = next((each for each in expr.operands if caller_axis in each.type.axis_names), expr)
    own = caller_axis == scope.axis and scope.steps and scope.whole_sequence(operand.type)
    if own and len(lead) == 1:
        return "steps"
    if own and all(label == BATCH or label in [dim.name for dim in expr.carried] for label in lead):
        sizes = [scope.whole(dim.size) for dim in expr.carried]
        return f"steps.repeated({' * '.join(size.at(PRODUCT) for size in sizes)})"
    count = " * ".join(scope.size_of(label, operand.type) for label in lead)
    length = scope.size_of(caller_axis, operand.type)
    return f"{scope.help('Steps')}({count}, {length}, {scope.like}.device)"


# ---- operands


def _arguments(printer: Printer, expr: Call, callee: Module) -> tuple[tuple[str, ...], list[str]]:
    """The arguments of a call, each [lead…, axes of the callee…, dims of the input…], and the labels of the lead."""
    texts = [
        printer.tensor(each, input_.type.kind)
        for each, input_ in zip(printer.operands(expr), callee.inputs, strict=True)
    ]
    texts = [
        narrowed(printer, printer.cast(text, given.type.kind)) for text, given in zip(texts, callee.inputs, strict=True)
    ]
    axes = tuple(dict(expr.axes).get(axis, axis) for axis in callee.axes)
    carried = [dim.name for dim in expr.carried]
    seen = dict.fromkeys(label for text in texts for label in text.labels)
    order = [BATCH, WAVE, *(axis.name for operand in expr.operands for axis in operand.type.axes), *carried]
    lead = tuple(dict.fromkeys(label for label in order if label in seen and label not in axes))
    if callee.domain == "sequence" or callee.domain == "grid":
        lead = lead if BATCH in lead or not printer.scope.batch else (BATCH, *lead)
        return lead, [
            _whole(printer, expr, *pair, lead, axes)
            for pair in zip(callee.inputs, texts, range(len(texts)), strict=True)
        ]
    if callee.domain == "graph":
        return (), [
            _of_graph(printer, expr, *pair) for pair in zip(callee.inputs, texts, range(len(texts)), strict=True)
        ]
    return lead, [
        _pointwise(printer, expr, *pair, lead) for pair in zip(callee.inputs, texts, range(len(texts)), strict=True)
    ]


def _input_dims(expr: Call, given: Input, index: int) -> list[tuple[Dim, ...]]:
    """For each dim of an input the caller's dims that stand for it, in this operand."""
    bound = {each.dim: each.stands_for for each in expr.bound}
    own = expr.operands[index].type
    return [
        bound.get(dim.name, (own.dim(dim.name),) if dim.name in own.dim_names else (dim,)) for dim in given.type.dims
    ]


def _with_dims(
    printer: Printer, expr: Call, given: Input, text: Text, index: int, lead: Sequence[str]
) -> tuple[Text, list[int]]:
    """The operand ordered as lead, then the dims of the input; and where groups of dims have to be merged."""
    groups = _input_dims(expr, given, index)
    names = [dim.name for group in groups for dim in group]
    whole = printer.with_labels(text, expr.operands[index].type, names)
    present = [label for label in lead if label in whole.labels]
    strange = [label for label in whole.labels if label not in (*present, *names)]
    assert not strange, (expr.instance, strange, lead, names)
    return permuted(whole, (*present, *names)), [len(group) for group in groups]


def _merged(code: str, sizes: Sequence[int]) -> str:
    """Groups of dims at the end flattened, from the last."""
    for behind, size in enumerate(reversed(sizes)):
        if size > 1:
            code += f".flatten({-behind - size}, {-behind - 1})"
        elif size == 0:
            code += f".unsqueeze({-behind - 1})"
    return code


def _pointwise(printer: Printer, expr: Call, given: Input, text: Text, index: int, lead: tuple[str, ...]) -> str:
    """All operands of a pointwise layer have the same leading dimensions."""
    x, sizes = _with_dims(printer, expr, given, text, index, lead)
    names = [label for label in x.labels if label not in lead]
    x = printer.spread(x, _joined(expr, expr.operands[index].type), (*lead, *names))
    return x.code if all(size == 1 for size in sizes) else _merged(x.at(ATOM), sizes)


def _whole(
    printer: Printer, expr: Call, given: Input, text: Text, index: int, lead: tuple[str, ...], axes: tuple[str, ...]
) -> str:
    """Sequences and grids: every dimension is really there, and what is in front of the axes is one batch."""
    along = () if given.static else axes
    operand = expr.operands[index].type
    x, sizes = _with_dims(printer, expr, given, text, index, (*lead, *along))
    names = [label for label in x.labels if label not in (*lead, *along)]
    x = printer.spread(x, _joined(expr, operand), (*lead, *along, *names))
    code = x.code if all(size == 1 for size in sizes) else _merged(x.at(ATOM), sizes)
    if len(lead) > 1:
        return f"{Text(code, strength=x.strength).at(ATOM)}.flatten(0, {len(lead) - 1})"
    return code


def _joined(expr: Call, operand: ValueType) -> ValueType:
    """The operand's type with the axes and carried dims of the others."""
    axes = {axis.name: axis for each in expr.operands for axis in each.type.axes}
    dims = {dim.name: dim for dim in (*expr.carried, *operand.dims)}
    return ValueType(operand.kind, tuple({**axes, **{a.name: a for a in operand.axes}}.values()), tuple(dims.values()))


def _of_graph(printer: Printer, expr: Call, given: Input, text: Text, index: int) -> str:
    """[nodes or edges, carried…, dims of the input…], the carried dims in one, and only where the operand has any."""
    operand = expr.operands[index].type
    axes = operand.axis_names
    carried = tuple(dim.name for dim in expr.carried) if _carries(expr, operand) else ()
    x, sizes = _with_dims(printer, expr, given, text, index, (*axes, *carried))
    names = [label for label in x.labels if label not in (*axes, *carried)]
    x = printer.spread(x, _joined(expr, operand), (*axes, *carried, *names))
    if not carried:
        return x.code if all(size == 1 for size in sizes) else _merged(x.at(ATOM), sizes)
    code = _merged(x.at(ATOM), sizes)
    return code if len(carried) == 1 else f"{code}.flatten({len(axes)}, {len(axes) + len(carried) - 1})"


# ---- results


def _translated(printer: Printer, expr: Call, callee: Module, printed: tuple[str, tuple[str, ...]]) -> Text:
    """The result with the caller's names: merged dims taken apart, the lead taken out of the batch."""
    code, lead = printed
    bound = {each.dim: each.stands_for for each in expr.bound}
    kind = callee.type_of(callee.outputs[expr.output].value)
    axes = tuple(dict(expr.axes).get(axis, axis) for axis in kind.axis_names)
    groups = [bound.get(dim.name, (dim,)) for dim in kind.dims]
    own = [dim.name for dim in expr.type.dims if dim.name not in {each.name for each in expr.carried}]
    behind = 0
    text = code
    carried = tuple(dim.name for dim in expr.carried) if callee.domain == "graph" else ()
    if carried:
        text = f"torch.stack({text}, {len(axes)})"
        if len(carried) > 1:
            sizes = ", ".join(printer.scope.whole(dim.size).code for dim in expr.carried)
            text += f".unflatten({len(axes)}, ({sizes}))"
    for group in reversed(groups):
        if len(group) > 1:
            sizes = ", ".join(printer.scope.whole(dim.size).code for dim in group)
            text += f".unflatten({-behind - 1}, ({sizes}))"
        elif not group:
            text += f".squeeze({-behind - 1})"
        behind += max(len(group), 0)
    names = tuple(dim.name for group in groups for dim in group)
    if sorted(names) != sorted(own) and len(names) == len(own):
        names = tuple(own)
    if callee.domain in ("sequence", "grid") and len(lead) > 1:
        sizes = ", ".join(printer.scope.size_of(label, _joined(expr, expr.type)) for label in lead)
        text += f".unflatten(0, ({sizes}))"
    varying = lead if callee.domain != "graph" else ()
    return Text(text, (*varying, *axes, *carried, *names), expr.type.kind)
