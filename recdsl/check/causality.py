"""Order: equations that need each other at one point, reads that no order of the points satisfies, and whether a
module can run step by step."""

from __future__ import annotations

import math

from recdsl.check.schedule import Unschedulable, component, ordered_groups
from recdsl.diagnostics import Diagnostics, Label, Span
from recdsl.ir.dependence import Dependence
from recdsl.ir.expr import Apply, Call, Read, reads, walk
from recdsl.ir.graph import item_dependences, node_of, results_of
from recdsl.ir.module import Causality, Depth, Equation, Item, Module, Program


def check_order(module: Module, program: Program, report: Diagnostics) -> bool:
    """Report every component that cannot be scheduled (R401 to R404, R406); True when there is none."""
    fine = True
    for graph, group in ordered_groups(module, program):
        try:
            if component(group, graph, module).recurrent:
                fine = _check_calls(group, module, program, report) and fine
        except Unschedulable as error:
            fine = False
            if error.cycle:
                _same_point(error, module, report)
            else:
                _no_vector(error, module, report)
    return fine


def _check_calls(group: frozenset[str], module: Module, program: Program, report: Diagnostics) -> bool:
    """R404 where a recurrence goes through a layer that runs along axes of its own; cells have none."""
    fine = True
    for item in module.items:
        if node_of(item) in group and (through := _through(item, group, module, program)) is not None:
            name, span = through
            help = "inside a recurrence call layers without axes, such as gru_cell"
            message = (
                f"{source_name(node_of(item), module)} cannot be computed point by point: {name} runs along whole axes"
            )
            report.error("R404", message, Label(span), help=help)
            fine = False
    return fine


def _through(item: Item, group: frozenset[str], module: Module, program: Program) -> tuple[str, Span] | None:
    """A layer with axes, or a body with such, that an item of a recurrence hands values of the recurrence."""
    span = item.span or module.span
    assert span is not None
    if isinstance(item, Depth):
        return (item.name, span) if program.modules[item.body].domain != "pointwise" else None
    for each in walk(item.expr):
        if not isinstance(each, Call) or program.callee(module, each.instance).domain == "pointwise":
            continue
        if any(read.value in group for operand in each.operands for read in reads(operand)):
            return each.instance, each.span or span
    return None


def _same_point(error: Unschedulable, module: Module, report: Diagnostics) -> None:
    names = [source_name(reader, module) for reader, _ in error.cycle]
    steps = sorted(zip(names, error.cycle, strict=True), key=lambda step: _start(step[1][1]))
    labels: list[Label] = []
    for name, (_, dependence) in steps:
        read = source_name(dependence.read.value, module)
        here = " here" if not labels else ""
        if (span := _place(dependence, module)) is not None:
            labels.append(Label(span, f"{name} reads {read}{here}"))
    unique = list(dict.fromkeys(name for name, _ in steps))
    shown = names_together(unique)
    message = f"{shown} need each other at the same point" if len(unique) > 1 else f"{shown} needs itself at the same point"  # fmt: skip
    reads = [each.read.value for _, (_, each) in steps]
    last = next((value for value in reads if not value.startswith("%")), reads[0])
    report.error("R401", message, *labels, help=_look_back(last, module))


def _look_back(last: str, module: Module) -> str:
    name = source_name(last, module)
    match module.domain:
        case "graph" if module.cyclic_graph:
            return _in_rounds(last, module)
        case "graph":
            return f"one of these must look along the edges; {name}[pred] is the usual one"
        case "pointwise":
            return f"compute one of them without the other, or read {name} at an earlier point in a layer over t"
    return f"one of these must look back; {name}[{module.axes[0]}-1] is the usual one"


def _no_vector(error: Unschedulable, module: Module, report: Diagnostics) -> None:
    names = names_together(list(dict.fromkeys(source_name(item, module) for item in error.items)))
    wide = [each for each in error.inside if _is_wide(each)]
    labels = [
        Label(span, f"reads {source_name(each.read.value, module)}{_shift_text(each)}{_extent(each, module)}")
        for each in sorted(wide or error.inside, key=_start)
        if (span := _place(each, module)) is not None
    ]
    if wide:
        message = f"{names} cannot be computed point by point: {_verb(error.items)} many points at once"
        help = "a recurrence reads single points, h[t-1], or a sum over earlier ones, sum[s](where(s < t, …))"
        if module.cyclic_graph:
            help = _in_rounds(error.items[0], module)
        report.error("R404", message, *labels, help=help)
        return
    if module.cyclic_graph:
        (node,) = module.axes
        message = f"{names} {'needs itself' if len(set(error.items)) == 1 else 'need each other'} along edges that may form cycles"
        help = f"only over {node} in dag has an order along its edges; in a graph {_in_rounds(error.items[0], module)}"
        report.error("R406", message, *labels, help=help)
        return
    if error.possible:
        message = f"{names} would have to be computed at different points at a time"
        help = "write the definition of one into the other, so that all reads look the same way"
        report.error("R403", message, *labels, help=help)
        return
    message = f"no order of the points satisfies the reads of {names}"
    verb = "needs itself" if len(set(error.items)) == 1 else "need each other"
    help = f"they {verb} in opposite directions; keep one direction, or make two recurrences of them"
    report.error("R402", message, *labels, help=help.replace("they needs", "it needs"))


def _in_rounds(value: str, module: Module) -> str:
    name = source_name(value, module)
    edge = "edge " if "edge" in module.type_of(value).axis_names else ""
    return f"give {name} a start and go on in rounds: loop 3 as round: {edge}{name} = …"


def _verb(items: tuple[str, ...]) -> str:
    return "it needs" if len(set(items)) == 1 else "they need"


def _is_wide(dependence: Dependence) -> bool:
    return any(math.isinf(end) for interval in dependence.offsets for end in interval)


def _extent(dependence: Dependence, module: Module) -> str:
    """How far a read reaches that is not of a single point."""
    for axis, (low, high) in zip(module.axes, dependence.offsets, strict=True):
        if math.isinf(low) and math.isinf(high):
            return f" at all points of {axis}"
        if math.isinf(high):
            return f" at all later points of {axis}"
        if math.isinf(low):
            return f" at this point of {axis} and all before it" if high == 0 else f" at earlier points of {axis}"
    return ""


def _shift_text(dependence: Dependence) -> str:
    shifts = dict(dependence.read.offsets)
    shown = ["pred"] if dependence.along else [f"{axis}{shift:+d}" for axis, shift in shifts.items()]
    return f"[{', '.join(shown)}]" if shown else ""


def _start(dependence: Dependence) -> int:
    return dependence.read.span.start if dependence.read.span is not None else 0


def _place(dependence: Dependence, module: Module) -> Span | None:
    return dependence.read.span or module.span


def source_name(value: str, module: Module) -> str:
    """What the user calls a value."""
    for item in module.items:
        if isinstance(item, Equation) and item.id == value:
            return item.span.text if value.startswith("%") and item.span is not None else item.name
        if isinstance(item, Depth) and (item.name == value or value in [c.result for c in item.carried]):
            return value.split("~")[0]
    return value


def names_together(names: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


# ---- step by step


def causality_of(module: Module, program: Program) -> Causality:
    """Whether the module can run step by step along a sequence, and what stands in the way."""
    if module.domain != "sequence":
        kind = {"pointwise": "it has no axes", "grid": "it runs over a grid", "graph": "it runs over a graph"}
        return Causality(None, kind[module.domain])
    axis = module.axes[0]
    for item in _needed(module, program):
        if isinstance(item, Depth) and item.until is not None and not item.settled:
            reason = f"until ends {item.name} for all points at once, and turns after it may change results"
            return Causality(None, reason, item.span)
        for dependence in item_dependences(item, module, program):
            if dependence.offsets[0][1] > 0:
                return Causality(None, _reason(item, dependence, module, axis), dependence.read.span)
        ahead = _kept_from_ahead(item, axis)
        if ahead is not None:
            reason = f"what is kept of earlier points of {axis} reads {source_name(ahead.value, module)} further on"
            return Causality(None, reason, ahead.span)
    for output in module.outputs:
        if axis not in module.type_of(output.value).axis_names and module.type_of(output.value).axes:
            return Causality(None, f"{output.value} does not vary along {axis}")
    return Causality(axis)


def _kept_from_ahead(item: Item, axis: str) -> Read | None:
    """A read at a later point in what is kept of all earlier ones, `(x[t+1])[t->s]`: at its own point that is not known yet."""
    for expr in walk(item.expr) if isinstance(item, Equation) else ():
        if isinstance(expr, Apply) and expr.operator == "rename" and expr.attribute("old") == axis:
            for each in walk(expr):
                if isinstance(each, Read) and dict(each.offsets).get(axis, 0) > 0:
                    return each
    return None


def _needed(module: Module, program: Program) -> list[Item]:
    """The items that the results need; what only an `until` reads is not among them."""
    producer = {value: item for item in module.items for value in results_of(item)}
    wanted = [output.value for output in module.outputs]
    found: dict[str, Item] = {}
    while wanted:
        item = producer.get(wanted.pop())
        if item is not None and node_of(item) not in found:
            found[node_of(item)] = item
            wanted.extend(each.read.value for each in item_dependences(item, module, program))
    return [item for item in module.items if node_of(item) in found]


def _reason(item: Item, dependence: Dependence, module: Module, axis: str) -> str:
    name = source_name(item.id if isinstance(item, Equation) else item.name, module)
    reach = "later points" if dependence.offsets[0][0] > -float("inf") else "the whole axis"
    return f"{name} needs {source_name(dependence.read.value, module)} at {reach} of {axis}"
