"""Sizes and dims from the tree: `D/H/2`, `: H K`, `-> 2*C`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from recdsl.check.entities import Entity, SizeEntity
from recdsl.diagnostics import Diagnostics, Label, Span, nearest
from recdsl.ir import sizes
from recdsl.ir.sizes import Size
from recdsl.ir.types import Dim
from recdsl.parse import tree

Lookup = Callable[[str], Entity | None]

FUNCTIONS = {"max": "max", "min": "min", "floor": "floor", "ceil": "ceil", "sqrt": "sqrt", "log2": "log2"}
BINARY = ("+", "-", "*", "/", "%", "^")


def size_of(node: tree.Expression | tree.Along, lookup: Lookup) -> Size | None:
    """The number that an expression over sizes stands for; None when it is no such expression."""
    match node:
        case tree.Number():
            return sizes.number(node.value)
        case tree.Name():
            entity = lookup(node.name)
            return entity.size if isinstance(entity, SizeEntity) else None
        case tree.Unary(operator="-"):
            operand = size_of(node.operand, lookup)
            return None if operand is None else _applied("neg", operand)
        case tree.Binary() if node.operator in BINARY:
            left, right = size_of(node.left, lookup), size_of(node.right, lookup)
            return None if left is None or right is None else _applied(node.operator, left, right)
        case tree.Call(function=tree.Name(name=name)) if name in FUNCTIONS:
            return _call(FUNCTIONS[name], node, lookup)
    return None


def _call(operator: str, node: tree.Call, lookup: Lookup) -> Size | None:
    operands = [size_of(each.value, lookup) if isinstance(each, tree.Positional) else None for each in node.arguments]
    expected = 2 if operator in ("max", "min") else 1
    known = [each for each in operands if each is not None]
    return _applied(operator, *known) if len(known) == len(operands) == expected else None


def _applied(operator: str, *operands: Size) -> Size | None:
    """None where there is no such number: a division by zero, the root of -1."""
    if operator in ("/", "%") and operands[-1] == sizes.number(0):
        return None
    try:
        return sizes.apply(operator, *operands)
    except (ArithmeticError, ValueError):
        return None


def dims_of(
    node: tree.Along,
    lookup: Lookup,
    report: Diagnostics,
    known: dict[str, Dim] | None = None,
    parameters: Iterable[str] = (),
) -> tuple[Dim, ...] | None:
    """The dims that stand side by side in a type or an arrow. None after reporting what is wrong with one.

    `known` are dims that exist without being parameters, such as those that a rename has made; `parameters` are
    names that may have been meant where there is no such dim.
    """
    found: list[Dim] = []
    for each in node.dims:
        dim = _dim_of(each, lookup, report, known or {}, parameters)
        if dim is None:
            return None
        if dim.name in [other.name for other in found]:
            report.error("R303", f"the dim {dim.name} stands here twice", Label(each.span), help="rename one of them")
            return None
        found.append(dim)
    return tuple(found)


def _dim_of(
    node: tree.Expression, lookup: Lookup, report: Diagnostics, known: dict[str, Dim], parameters: Iterable[str]
) -> Dim | None:
    if isinstance(node, tree.Name) and node.name in known and not isinstance(lookup(node.name), SizeEntity):
        return known[node.name]
    size = size_of(node, lookup)
    if size is None:
        unknown = next((name for name in names_in(node) if not isinstance(lookup(name.name), SizeEntity)), None)
        name, span = (unknown.name, unknown.span) if unknown else (node.span.text, node.span)
        _report_unknown(name, span, lookup(name) is not None, report, parameters)
        return None
    label = next((name.name for name in names_in(node) if name.name[0].isupper()), None)
    if label is None:
        text = node.span.text
        if isinstance(node, tree.Name):
            help = f"the names of dims begin with an upper-case letter: write {text.upper()}"
            report.error("R301", f"{text} is a number, not a dim", Label(node.span), help=help)
            return None
        help = f"give it one: add a parameter such as N = {text} and write N"
        report.error("R301", f"the dim {text} has no name", Label(node.span), help=help)
        return None
    return Dim(label, size)


def _report_unknown(name: str, span: Span, exists: bool, report: Diagnostics, parameters: Iterable[str]) -> None:
    if exists:
        report.error("R301", f"{name} is not a dim", Label(span), help="dims are parameters with an upper-case letter")
        return
    if name[:1].islower():
        help = "dims begin with an upper-case letter; the kinds are real, bool, complex and token[V]"
        report_once("R201", f"there is no dim {name}", span, report, help)
        return
    close = nearest(name, [each for each in parameters if each[0].isupper()])
    help = f"did you mean {close}?" if close else f"add {name} to the layer's parameters"
    report_once("R201", f"there is no dim {name}", span, report, help)


def can_count(size: Size) -> bool:
    """Whether a size can be a positive whole number, as far as it is known now."""
    if size.operator != "number":
        return True
    value = size.operands[0]
    assert isinstance(value, (int, float))
    return math.isfinite(value) and value == int(value) and value >= 1


def check_count(what: str, size: Size, span: Span, report: Diagnostics) -> bool:
    """R306 where a dim, a window or a number of turns is no positive whole number; True where it can be one."""
    if can_count(size):
        return True
    report.error("R306", f"{what} cannot be {size}", Label(span), help="it is a positive whole number")
    return False


def names_in(node: tree.Expression) -> list[tree.Name]:
    """Every name in an expression over sizes, left to right."""
    match node:
        case tree.Name():
            return [node]
        case tree.Unary():
            return names_in(node.operand)
        case tree.Binary():
            return [*names_in(node.left), *names_in(node.right)]
        case tree.Call():
            return [
                name for each in node.arguments if isinstance(each, tree.Positional) for name in names_in(each.value)
            ]
    return []


def unknown_name(name: str, span: Span, known: list[str], report: Diagnostics, what: str = "name") -> None:
    """R201 with the nearest known name."""
    close = ELSEWHERE.get(name) or nearest(name, [each for each in known if each.isidentifier() and each != name])
    help = f"did you mean {close}?" if close else _REMEDIES.get(what, "").replace("NAME", name) or None
    report_once("R201", f"there is no {what} {name}", span, report, help)


def report_once(code: str, message: str, span: Span, report: Diagnostics, help: str | None) -> None:
    """Report what is the same mistake wherever it shows, at its first place."""
    if not any(each.code == code and each.message == message for each in report.found):
        report.error(code, message, Label(span), help=help)


ELSEWHERE = {"True": "yes", "true": "yes", "False": "no", "false": "no", "None": "no"}
_REMEDIES = {
    "name": "give it a value, NAME = …, or take it in: in NAME : D",
    "layer or function": 'if it stands in another file, bring it in: use "NAME.rdl"',
    "dim or axis": "NAME is neither an axis of the layer nor a dim among its parameters",
    "repeat": "a path chooses among the copies of a repeat; a loop has a single one",
    "earlier parameter": "a default may read the parameters before it",
}
