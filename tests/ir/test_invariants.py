"""Every stage keeps the invariants, and each invariant finds what it is there for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from ir_programs import PROGRAMS

from recdsl.ir.build import apply
from recdsl.ir.expr import Call, Expr, Read, Weight, rebuild
from recdsl.ir.invariants import INVARIANTS, STAGES, InvariantError, check_invariants
from recdsl.ir.module import Depth, Equation, Instance, Module, Output, Program
from recdsl.ir.sizes import name
from recdsl.ir.types import ValueType
from recdsl.lower.lower import lower
from recdsl.pipeline import check, load
from recdsl.rewrite.differentiate import expand_gradients

Break = Callable[[Module], Module]


@pytest.mark.parametrize("title", PROGRAMS)
def test_every_stage_keeps_them(title: str) -> None:
    program = check(load(PROGRAMS[title])).program
    check_invariants(program, "check")
    expanded = expand_gradients(program)
    check_invariants(expanded, "expand")
    check_invariants(lower(expanded).program, "lower")


def test_numbers_are_those_of_the_table() -> None:
    assert [each.number for each in INVARIANTS] == [f"I{position + 1}" for position in range(len(INVARIANTS))]
    assert all(each.since in STAGES for each in INVARIANTS)


def change_expressions(change: Callable[[Expr], Expr]) -> Break:
    def changed(module: Module) -> Module:
        items = tuple(
            replace(item, expr=rebuild(item.expr, change)) if isinstance(item, Equation) else item
            for item in module.items
        )
        return replace(module, items=items)

    return changed


def change_items(change: Callable[[Equation], Equation]) -> Break:
    return lambda module: replace(module, items=tuple(change(item) if isinstance(item, Equation) else item for item in module.items))  # fmt: skip


def change_depth(change: Callable[[Depth], Depth]) -> Break:
    return lambda module: replace(module, items=tuple(change(item) if isinstance(item, Depth) else item for item in module.items))  # fmt: skip


def twice(module: Module) -> Module:
    return replace(module, items=(*module.items, module.items[0]))


def narrow(equation: Equation) -> Equation:
    return replace(equation, type=replace(equation.type, dims=()))


def moving_start(equation: Equation) -> Equation:
    return replace(equation, init=Read("m", equation.type)) if equation.init is not None else equation


def same_point(each: Expr) -> Expr:
    return replace(each, offsets=()) if isinstance(each, Read) else each


def untyped(each: Expr) -> Expr:
    return replace(each, type=each.type.with_kind("complex")) if getattr(each, "operator", "") == "tanh" else each


def lost_read(each: Expr) -> Expr:
    return replace(each, value="nowhere") if isinstance(each, Read) and each.value == "x" else each


def odd_read(each: Expr) -> Expr:
    return replace(each, type=each.type.with_kind("bool")) if isinstance(each, Read) and each.value == "x" else each


def lost_weight(each: Expr) -> Expr:
    return replace(each, path=f"no.{each.path}") if isinstance(each, Weight) else each


def lost_instance(module: Module) -> Module:
    return replace(module, instances=())


def own_instance(module: Module) -> Module:
    given = tuple((each.name, name(each.name)) for each in module.parameters)
    return replace(module, instances=(*module.instances, Instance("again", module.key, given)))


def short_call(each: Expr) -> Expr:
    return replace(each, operands=()) if isinstance(each, Call) else each


BROKEN: tuple[tuple[str, str, Break], ...] = (
    ("I1", "lstm", twice),
    ("I2", "lstm", change_expressions(lost_read)),
    ("I2", "lstm", lambda module: replace(module, outputs=(Output("y", "y"),))),
    ("I3", "lstm", change_expressions(odd_read)),
    ("I4", "lstm", change_expressions(untyped)),
    ("I3", "stabilised", change_items(narrow)),
    ("I5", "past", change_items(lambda each: replace(each, type=each.type.with_kind("int")) if each.id == "y" else each)),
    ("I6", "stabilised", change_items(moving_start)),
    ("I7", "lstm", change_expressions(lost_weight)),
    ("I8", "lstm", lambda module: replace(module, parameters=module.parameters[1:])),
    ("I9", "deep", lost_instance),
    ("I10", "rounds", lambda module: replace(module, cyclic_graph=module.name != "nearby")),
    ("I11", "deep", change_depth(lambda each: replace(each, turn=None))),
    ("I11", "rounds", lambda module: replace(module, cyclic_graph=module.name != "rounds")),
    ("I12", "lstm", own_instance),
    ("I13", "lstm", change_expressions(same_point)),
    ("I13", "along_edges", lambda module: replace(module, cyclic_graph=True)),
)  # fmt: skip


@pytest.mark.parametrize(
    ("number", "title", "damage"), BROKEN, ids=[f"{number}-{title}" for number, title, _ in BROKEN]
)
def test_each_is_found(number: str, title: str, damage: Break) -> None:
    program = check(load(PROGRAMS[title])).program
    for module in program.modules.values():
        program = program.with_module(damage(module))
    with pytest.raises(InvariantError, match=f"after check: {number} is broken"):
        check_invariants(program)


def test_calls_are_compared_with_the_layer() -> None:
    program = check(load(PROGRAMS["deep"])).program
    body = program.modules["deep.level"]
    with pytest.raises(InvariantError, match="I10 is broken"):
        check_invariants(program.with_module(change_expressions(short_call)(body)))


def test_gradients_are_expected_to_go() -> None:
    program = check(load(PROGRAMS["learner"])).program
    check_invariants(program, "check")
    with pytest.raises(InvariantError, match="I14 is broken"):
        check_invariants(program, "expand")


def test_what_does_not_depend_on_a_recurrence_is_expected_outside() -> None:
    program = check(load(PROGRAMS["lstm"])).program
    with pytest.raises(InvariantError, match="I15 is broken") as found:
        check_invariants(program, "hoist")
    assert "stands in the recurrence of i, f, o, g, c, h" in str(found.value)


def test_a_violation_shows_the_module_and_the_node() -> None:
    program = check(load(PROGRAMS["lstm"])).program
    entry = program.entry
    first = next(entry.equations())
    wrong = replace(first, expr=apply("neg", Read("gone", ValueType())))
    with pytest.raises(InvariantError) as found:
        check_invariants(program.with_module(replace(entry, items=(wrong, *entry.items[1:]))))
    assert str(found.value).splitlines() == [
        "after check: I2 is broken (every read and every output names a value of its module)",
        "  in lstm: is read, and there is no such value",
        "    gone",
    ]


def test_a_program_has_its_entry_point() -> None:
    with pytest.raises(InvariantError, match="there is no module main"):
        check_invariants(Program({}, "main"))
