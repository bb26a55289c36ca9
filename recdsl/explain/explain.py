"""In: a checked program. Out: an `Explanation`. What is said is what lowering decided; nothing depends on names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from recdsl.check.causality import source_name
from recdsl.explain.recurrences import along_axes, finite, in_depth
from recdsl.explain.report import Explanation, LayerReport, RecurrenceReport
from recdsl.ir.graph import node_of, results_of
from recdsl.ir.module import Depth, Module, Program
from recdsl.lower.lower import planned, prepared
from recdsl.lower.parallel import Decision, parallelise
from recdsl.lower.plan import ProgramPlan, Recurrence
from recdsl.rewrite.differentiate import expand_gradients
from recdsl.rewrite.hoist import hoist


def explain(program: Program, schedule: str = "auto") -> Explanation:
    """What there is to say about a checked program. `schedule` forces an algorithm, as in compiling.

    Raises RecdslError for a gradient that cannot be taken, and for a schedule that is valid nowhere.
    """
    before = prepared(expand_gradients(program))
    parallel = parallelise(before, schedule)
    steps, plan = hoist(before), planned(parallel)
    layers: list[LayerReport] = []
    recurrences: list[RecurrenceReport] = []
    for module in _needed(before):
        own = [each for each in parallel.decisions if each.case.group.module.key == module.key]
        recurrences.extend(_recurrences(module, own, steps, before))
        layers.append(_layer(module, plan))
    return Explanation(program.entry.name, tuple(layers), tuple(recurrences))


def _needed(program: Program) -> list[Module]:
    """Every module that the entry point needs, callers first."""
    order: dict[str, Module] = {}

    def visit(module: Module) -> None:
        if module.key not in order:
            order[module.key] = module
            for item in module.items:
                if isinstance(item, Depth):
                    visit(program.modules[item.body])
            for instance in module.instances:
                visit(program.modules[instance.module])

    visit(program.entry)
    return list(order.values())


def _recurrences(
    module: Module, decisions: list[Decision], steps: Program, program: Program
) -> Iterator[RecurrenceReport]:
    """The recurrences of a module: along its axes, of finite length, in depth."""
    yield from (along_axes(each, decisions, steps) for each in decisions)
    inside = {node_of(item) for each in decisions for item in each.case.group.items}
    for item in module.items:
        if isinstance(item, Depth):
            yield from in_depth(item, module, program)
        elif item.id not in inside:
            yield from finite(item, module, program)


def _layer(module: Module, plan: ProgramPlan) -> LayerReport:
    after = plan.modules[module.key]
    inside = {node_of(item) for stage in after.stages if isinstance(stage, Recurrence) for item in stage.items}
    names = [node_of(item) for item in after.module.items if node_of(item) not in inside]
    known = {each for item in module.items for each in (node_of(item), *results_of(item))}
    return LayerReport(
        module.key,
        module.causality.axis is not None,
        module.causality.reason,
        _shown((each for each in names if each in known), module),
        _shown((each for each in names if each not in known), after.module),
    )


def _shown(names: Iterable[str], module: Module) -> tuple[str, ...]:
    """Names as the source has them, each once; values that it does not name are left out."""
    return tuple(dict.fromkeys(source_name(each, module) for each in names if not each.startswith("%")))
