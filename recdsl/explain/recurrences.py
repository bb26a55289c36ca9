"""Reports on single recurrences: along the axes of a layer, over a few points (`fir`), and in depth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from recdsl.check.causality import source_name
from recdsl.check.schedule import components
from recdsl.classify.axes import moving_axes
from recdsl.classify.chains import one_path_from_others
from recdsl.classify.cost import elements, turns, work
from recdsl.classify.count import Count, number
from recdsl.classify.dangers import dangers
from recdsl.classify.fir import taps
from recdsl.classify.stability import Stability, stability
from recdsl.classify.states import BYTES, depth_of, kept_bytes
from recdsl.explain.report import Algorithm, RecurrenceReport, Refusal, Remark
from recdsl.ir.graph import node_of, results_of
from recdsl.ir.module import Depth, Equation, Item, Module, Program
from recdsl.ir.types import ValueType
from recdsl.lower.algorithms import SEQUENTIAL
from recdsl.lower.parallel import Decision
from recdsl.rewrite.order import item_reads


def along_axes(decision: Decision, decisions: Sequence[Decision], steps: Program) -> RecurrenceReport:
    """A recurrence, one of all `decisions` of its layer, with the algorithm that lowering took; `steps` is the program as it would
    run step by step."""
    group = decision.case.group
    found = _stability(decision, decisions)
    states = group.states or dict.fromkeys(group.equations(), 1)  # without states all points are read, and kept
    memory = kept_bytes(states, group.module, every_point=not group.states)
    drafts = [
        Algorithm(
            each.algorithm,
            str(each.cost.work),
            str(each.cost.depth),
            str(each.cost.bytes),
            each.algorithm == decision.taken,
            each.remark,
        )
        for each in decision.options.drafts
    ]
    return RecurrenceReport(
        layer=group.module.key,
        states=tuple(source_name(each, group.module) for each in states),
        axes=group.module.axes,
        domain=group.module.domain,
        class_=decision.case.verdict.class_,
        vector=group.vector,
        algorithms=(*drafts, _sequential(decision, steps)),
        memory=str(memory),
        stable=found.text,
        unstable=found.span,
        refused=tuple(Refusal(name, why.code, str(why), why.span) for name, why in decision.options.refused),
        remarks=tuple(Remark(each.code, each.reason, each.span) for each in dangers(group, decision.case.verdict)),
        along=moving_axes(group),
    )


def _stability(decision: Decision, decisions: Sequence[Decision]) -> Stability:
    """What is known of the growth of a recurrence, and of what it gets from others of its layer."""
    group, verdict = decision.case.group, decision.case.verdict
    found = stability(group, verdict)
    if verdict.system is None or not found.holds:
        return found
    cases = [each.case for each in decisions]
    affine = [(each.group, each.verdict.system) for each in cases if each.verdict.system is not None]
    more = one_path_from_others((group, verdict.system), affine)
    return Stability(f"{found.text}; {more}") if more else found


def _sequential(decision: Decision, steps: Program) -> Algorithm:
    """The costs of running point by point, with what needs no state taken out of the steps."""
    group = decision.case.group
    module = steps.modules[group.module.key]
    items = {node_of(item): item for item in module.items}
    results = {value: name for name, item in items.items() for value in results_of(item)}
    homes = {results[state] for state in group.states if state in results}
    own = next((each.items for each in components(module, steps) if homes & set(each.items)), None)
    inside: tuple[Item, ...] = group.items if own is None else tuple(items[name] for name in own)
    taken = decision.taken == SEQUENTIAL
    home = group.module if own is None else module
    depth = depth_of(group.vector, inside, home)
    return Algorithm(SEQUENTIAL, str(work(inside, home, steps)), depth, str(_moved(inside, group.states, home)), taken)


def _moved(items: Iterable[Item], states: Iterable[str], module: Module) -> Count:
    """Bytes to and from memory: what is read from outside once, the states written and read again."""
    given = list(items)
    own = {value for item in given for value in results_of(item)}
    outside = dict.fromkeys(read.value for item in given for read in item_reads(item) if read.value not in own)
    total = Count()
    for value in (*outside, *states, *states):
        type_ = module.type_of(value)
        total += number(BYTES[type_.kind]) * elements(type_)
    return total


def finite(item: Equation, module: Module, program: Program) -> Iterator[RecurrenceReport]:
    """An equation that is a weighted sum of a few points of other values: nothing feeds back."""
    reach = taps(item, module)
    if not reach:
        return
    bytes_ = _moved((item,), (item.id,), module)
    yield RecurrenceReport(
        layer=module.key,
        states=(source_name(item.id, module),),
        axes=module.axes,
        domain=module.domain,
        class_="fir",
        vector=(),
        algorithms=(Algorithm("convolution", str(work((item,), module, program)), "1", str(bytes_), True),),
        memory=str(sum((_kept(value, far, module) for value, far in reach.items()), Count())),
        stable="proved: nothing feeds back",
    )


def _kept(value: str, points: Count, module: Module) -> Count:
    type_ = module.type_of(value)
    return number(BYTES[type_.kind]) * points * elements(ValueType(type_.kind, (), type_.dims))


def in_depth(item: Depth, module: Module, program: Program) -> Iterator[RecurrenceReport]:
    """What a `repeat` or `loop` changes from turn to turn."""
    carried = {each.result: 1 for each in item.carried if each.body_out != each.body_in}
    if not carried:
        return
    rounds = turns(item)
    bytes_ = number(2) * rounds * kept_bytes(carried, module, every_point=True)
    total = work((item,), module, program)
    yield RecurrenceReport(
        layer=module.key,
        states=tuple(source_name(each, module) for each in carried),
        axes=(item.name,),
        domain="depth",
        class_="nonlinear",
        vector=(),
        algorithms=(Algorithm("unrolled", str(total), str(rounds), str(bytes_), True),),
        memory=str(kept_bytes(carried, module, every_point=True)),
        stable=f"bounded: it ends, turns at most: {rounds}",
    )
