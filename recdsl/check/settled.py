"""Proves that a loop has settled once its `until` holds: further turns change nothing that is read later.

With `until all(halt >= 1 - eps)` the comparison is taken to hold at the start of a turn. Where every value that is read
behind the loop then comes out of the turn as it went in, and so does the condition, all turns may be run and the
loop can go step by step.
"""

from __future__ import annotations

from dataclasses import replace

from recdsl.ir.assume import Known, assume
from recdsl.ir.expr import Apply, Const, Expr, Number, Read, reads, rebuild
from recdsl.ir.graph import item_dependences
from recdsl.ir.module import Depth, Module, Program

OPPOSITE = {"ge": "lt", "lt": "ge", "gt": "le", "le": "gt", "eq": "ne", "ne": "eq"}
MIRRORED = {"ge": "le", "le": "ge", "gt": "lt", "lt": "gt", "eq": "eq", "ne": "ne"}


def mark_settled(module: Module, program: Program) -> Module:
    """The module with `settled` set on every loop for which it can be proved."""
    used = {dependence.read.value for item in module.items for dependence in item_dependences(item, module, program)}
    used.update(output.value for output in module.outputs)
    items = tuple(
        replace(item, settled=True) if isinstance(item, Depth) and _settles(item, used, program) else item
        for item in module.items
    )
    return replace(module, items=items)


def _settles(depth: Depth, used: set[str], program: Program) -> bool:
    if depth.until is None:
        return False
    body = program.modules[depth.body]
    defined = {item.id: item.expr for item in body.equations()}
    condition = _everywhere(defined.get(depth.until))
    if condition is None:
        return False
    at_end = _expand(condition, defined)
    back = {carry.body_out: carry.body_in for carry in depth.carried}
    at_start = rebuild(condition, lambda each: _moved(each, back))
    fixed: set[str] = set()
    for carry in depth.carried:
        if carry.body_out in defined:
            after = assume(_expand(defined[carry.body_out], defined), _holds(at_start))
            if isinstance(after, Read) and after.value == carry.body_in and not after.offsets:
                fixed.add(carry.body_in)
    needed = {carry.body_in for carry in depth.carried if carry.result in used}
    needed.update(read.value for read in reads(at_start) if read.value in back.values())
    later = assume(at_end, _holds(at_start))
    stays = isinstance(later, Const) and later.value is True
    return needed <= fixed and (stays or {read.value for read in reads(at_start)} <= fixed | _outer(body, back))


def _outer(body: Module, back: dict[str, str]) -> set[str]:
    return {given.name for given in body.inputs} - set(back.values())


def _everywhere(expr: Expr | None) -> Expr | None:
    """The condition inside `all(…)`."""
    if isinstance(expr, Apply) and expr.operator == "all":
        return expr.operands[0]
    return None


def _expand(expr: Expr, defined: dict[str, Expr]) -> Expr:
    """The expression with the equations of the body written out."""

    def change(each: Expr) -> Expr:
        if isinstance(each, Read) and not each.offsets and not each.via and each.value in defined:
            return _expand(defined[each.value], defined)
        return each

    return rebuild(expr, change)


def _moved(expr: Expr, back: dict[str, str]) -> Expr:
    if isinstance(expr, Read) and expr.value in back:
        return Read(back[expr.value], expr.type)
    return expr


def _holds(condition: Expr) -> Known:
    """What is known of comparisons when one of them holds."""

    def known(expr: Expr) -> bool | None:
        if not isinstance(expr, Apply) or expr.operator not in OPPOSITE:
            return None
        if not isinstance(condition, Apply) or condition.operator not in OPPOSITE:
            return None
        wanted = _parts(condition)
        for operator, left, right in (_parts(expr), _mirror(_parts(expr))):
            if _alike(left, wanted[1]) and _alike(right, wanted[2]):
                return True if operator == wanted[0] else False if operator == OPPOSITE[wanted[0]] else None
        return None

    return known


def _parts(expr: Apply) -> tuple[str, Expr, Expr]:
    return expr.operator, expr.operands[0], expr.operands[1]


def _mirror(parts: tuple[str, Expr, Expr]) -> tuple[str, Expr, Expr]:
    return MIRRORED[parts[0]], parts[2], parts[1]


def _alike(left: Expr, right: Expr) -> bool:
    match left, right:
        case Read(), Read():
            return (left.value, left.offsets, left.via) == (right.value, right.offsets, right.via)
        case Number(), Number():
            return left.size == right.size
        case Const(), Const():
            return left.value == right.value
        case Apply(), Apply():
            return left.operator == right.operator and all(map(_alike, left.operands, right.operands))
    return False
