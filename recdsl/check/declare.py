"""The names of a block → what each stands for: axes, values, weights, instances and functions of the host.

Refuses (R203) a name that has a meaning here already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recdsl.check.entities import (
    AxisEntity,
    ExternEntity,
    InstanceEntity,
    SizeEntity,
    StaticEntity,
    ValueEntity,
    WeightEntity,
)
from recdsl.check.layer_calls import instance_of
from recdsl.check.names import Names, find_names
from recdsl.check.words import type_of_words
from recdsl.diagnostics import Label, Span
from recdsl.ir.types import ValueType
from recdsl.parse import tree

if TYPE_CHECKING:
    from recdsl.check.block import Block


def names_of_block(block: Block) -> Names:
    """All names of a block, of which those are rebound that the blocks around have as values."""
    outer: set[str] = set()
    around = block.parent
    while around is not None:
        outer.update(name for name, entity in around.entities.items() if isinstance(entity, ValueEntity))
        around = around.parent
    return find_names(block.statements, tuple(each.name for each in block.given), frozenset(outer))


def declare_names(block: Block) -> None:
    """Enter every name that the statements define, in any order."""
    names = block.names
    if not block.setting.rebinds:
        names.report_double_definitions(block.report_once)
    for axis in block.axes:
        block.entities.setdefault(axis, AxisEntity(axis, axis))
    for new, old in names.renames.items():
        entity = block.entities.get(old) or block.lookup(old)
        if isinstance(entity, AxisEntity) and block.lookup(new) is None:
            block.entities[new] = AxisEntity(new, entity.origin)
    for name, span in names.values.items():
        if not _is_taken(block, name, span):
            block.entities[name] = ValueEntity(name, span)
    for name, span in names.weights.items():
        if not _is_taken(block, name, span):
            block.entities[name] = WeightEntity(name, span)
    for statement in block.statements:
        _declare_callable(block, statement)


def _is_taken(block: Block, name: str, span: Span) -> bool:
    """R203 for a value that is called like a parameter or an axis, whose meaning the name keeps."""
    entity = block.entities.get(name) or (block.parent.lookup(name) if block.parent else None)
    is_parameter = isinstance(entity, (SizeEntity, StaticEntity))
    if is_parameter or (isinstance(entity, AxisEntity) and name in block.axes):
        what = "a parameter" if is_parameter else "an axis"
        help = "give the value another name"
        block.report_once.error("R203", f"{name} is {what} of this layer already", Label(span), help=help)
        return True
    return False


def _declare_callable(block: Block, statement: tree.Statement) -> None:
    match statement:
        case tree.Equation(names=(tree.Name(name=name),), dims=None, value=tree.Call() as call, accumulate=False):
            if instance_of(block, call):
                block.entities[name] = InstanceEntity(name, call)
                _refuse_second_definition(block, name)
        case tree.Extern():
            found = type_of_words(block, statement.type, block.report_once)
            block.entities[statement.name.name] = ExternEntity(
                statement.name.name, len(statement.arguments), found[0] if found else ValueType()
            )


def _refuse_second_definition(block: Block, name: str) -> None:
    """R203: an instance is no value that could be rebound."""
    places = block.names.rebound.get(name, [])
    if len(places) > 1:
        labels = Label(places[1], "defined again"), Label(places[0], "defined here")
        help = "give the second one a name of its own"
        message = f"{name} is defined twice"
        if not any(each.message == message for each in block.report_once.found):
            block.report_once.error("R203", message, *labels, help=help)
