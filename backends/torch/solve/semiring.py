"""`semiring`: the helper of the fold (`extreme`, `logsum`, `any_of`, or a matrix form) on shift and input."""

from __future__ import annotations

from dataclasses import replace

from recdsl.backends.torch.expressions import Printer
from recdsl.backends.torch.layout import permuted
from recdsl.backends.torch.scope import Scope
from recdsl.backends.torch.solve.closed import Family
from recdsl.backends.torch.solve.common import unsqueezed

from recdsl.emit.precedence import ATOM, BATCH, Text
from recdsl.ir.expr import Apply
from recdsl.ir.module import Equation
from recdsl.ir.types import Dim
from recdsl.lower.plan import Recurrence

# By the operator of the state's equation: the fold of two, along a dimension, what forgets, helper and options.
FOLDS = {
    "maximum": ("torch.maximum", "amax", "-math.inf", "extreme", ()),
    "max": ("torch.maximum", "amax", "-math.inf", "extreme", ()),
    "minimum": ("torch.minimum", "amin", "math.inf", "extreme", ("largest=False",)),
    "min": ("torch.minimum", "amin", "math.inf", "extreme", ("largest=False",)),
    "logaddexp": ("logaddexp", "logsumexp", "-math.inf", "logsum", ()),
    "logsumexp": ("logaddexp", "logsumexp", "-math.inf", "logsum", ()),
}


def statement(scope: Scope, stage: Recurrence) -> None:
    """h = fold(shift + h[t-1], input)."""
    family = Family(scope, stage)
    (item,) = (each for each in stage.items if isinstance(each, Equation) and each.id == family.state)
    assert isinstance(item.expr, Apply)
    if item.expr.operator == "or":
        _truth(family)
    elif family.solve.keys:
        _matrix(family, item.expr.operator)
    else:
        _elements(family, item.expr.operator)


def _truth(family: Family) -> None:
    shift = family.local("keeps", family.role("shift"))
    given = family.local("given", family.input("input", ("shift",)))
    first = family.first(family.state)
    start = family.start(family.scope.labels(family.type_of(family.state)))
    fresh = [] if start is None else [(given, f"({shift} & {start}) | {given}")]
    family.restart([*fresh, (shift, "False")])
    name = family.named(family.state, family.call("any_of", [shift, given, first]))
    family.finish(family.state, name, first)


def _elements(family: Family, operator: str) -> None:
    _, _, worst, helper, options = FOLDS[operator]
    shift = family.local("shifts", family.role("shift"))
    given = family.local("given", family.input("input", ("shift",)))
    first = family.first(family.state)
    start = family.start(family.scope.labels(family.type_of(family.state)))
    moved = shift if start is None else f"{shift} + {start}"
    family.restart([(given, f"{_pair(family, operator)}({moved}, {given})"), (shift, worst)])
    name = family.named(family.state, family.call(helper, [shift, given, first], options))
    family.finish(family.state, name, first)


def _pair(family: Family, operator: str) -> str:
    """The fold of two, by torch or by a helper."""
    name = FOLDS[operator][0]
    return name if "." in name else family.scope.help(name)


def _along_rows(family: Family, along: str, code: str) -> str:
    """The fold over what each row of a matrix brings."""
    if along == "logsumexp":
        return f"{family.scope.help(along)}({code}, -2)"
    return f"{code if code.isidentifier() else f'({code})'}.{along}(-2)"


def _matrix(family: Family, operator: str) -> None:
    """The dim that is folded stands last: shift [batch, T, rest..., before, dim], input [batch, T, rest..., dim]."""
    _, along, worst, helper, options = FOLDS[operator]
    scope, solve, type = family.scope, family.solve, family.type_of(family.state)
    (dim,), (before,) = solve.keys, solve.values
    rest = [name for name in type.dim_names if name != dim]
    square = replace(type, dims=(*type.dims, Dim(before, type.dim(dim).size)))
    rows = (BATCH, family.axis, *rest, before)
    order = (BATCH, family.axis, *rest, dim)
    printer = Printer(scope)
    text = printer.with_labels(family.tensor(solve.role("shift")), square, (before, dim))
    shift = family.local("shifts", unsqueezed(text, (*rows, dim)))
    if "input" in dict(solve.roles):
        offset = family.tensor(solve.role("input"))
        covered = dim in offset.labels and family.axis in (*offset.labels, *text.labels)
        code = unsqueezed(offset if covered else printer.spread(offset, type, order), order)
    elif family.axis in text.labels:
        code = f"torch.full_like({shift}[..., 0, :], {worst})"
    else:
        code = printer.spread(Text(worst, number=True), type, order).code
    given = family.local("given", code)
    first = family.first(family.state)
    start = family.start((*rows, dim), {dim: before})
    moved = shift if start is None else f"{shift} + {start}"
    anew = f"{_pair(family, operator)}({_along_rows(family, along, moved)}, {given})"
    family.restart([(given, anew), (shift, worst)])
    inner = permuted(Text(first, (BATCH, *type.dim_names)), (BATCH, *rest, dim)).code
    result = Text(family.call(f"{helper}_matrix", [shift, given, inner], options), order)
    name = family.named(family.state, permuted(result, scope.labels(type)).at(ATOM))
    family.finish(family.state, name, first)
