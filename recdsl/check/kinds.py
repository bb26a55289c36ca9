"""What a parameter takes: a number, yes or no, a string or a layer.

Its default says so, and an upper-case letter that it is a dim. A lower-case parameter without a default takes anything.
"""

from __future__ import annotations

from collections.abc import Container

from recdsl.check.entities import LayerEntity, StaticEntity
from recdsl.parse import tree

NUMBER, TRUTH, TEXT, LAYER = "a number", "yes or no", "a string", "a layer"
_EXAMPLES = {NUMBER: "4", TRUTH: "yes", TEXT: '"…"', LAYER: "attention"}


def kind_of(static: StaticEntity | LayerEntity | None) -> str:
    """What is given; `static` is None for a number."""
    match static:
        case LayerEntity():
            return LAYER
        case StaticEntity(value=bool()):
            return TRUTH
        case StaticEntity():
            return TEXT
        case None:
            return NUMBER


def refusal(definition: tree.Definition, name: str, found: str, definitions: Container[str]) -> tuple[str, str] | None:
    """Message and help where a parameter of a definition cannot take what it is given; None where it can."""
    wanted = _wanted(definition, name, definitions)
    if wanted in (None, found):
        return None
    assert wanted is not None
    return f"{name} of {definition.name.name} is {wanted}, not {found}", f"write {name} = {_EXAMPLES[wanted]}"


def _wanted(definition: tree.Definition, name: str, definitions: Container[str]) -> str | None:
    own = {each.name.name: each.default for each in definition.parameters}
    match own[name]:
        case tree.Truth():
            return TRUTH
        case tree.Text():
            return TEXT
        case tree.Name() as default if default.name in definitions and default.name not in own:
            return LAYER
        case None:
            return NUMBER if name[0].isupper() else None
        case _:
            return NUMBER
