"""What all statements share: comments, the declared form of a value, the pasts that are kept."""

from __future__ import annotations

from dataclasses import replace

from recdsl.backends.torch.expressions import Printer
from recdsl.backends.torch.layout import permuted
from recdsl.backends.torch.reads import base_name, replace_positions, start_code
from recdsl.backends.torch.scope import Scope
from recdsl.backends.torch.starts import kept_past

from recdsl.emit.names import safe_local
from recdsl.emit.precedence import BATCH, Text
from recdsl.ir.expr import Read
from recdsl.ir.graph import results_of
from recdsl.ir.module import Depth, Equation
from recdsl.rewrite.order import item_reads


def settled(printer: Printer, equation: Equation, text: Text) -> Text:
    """The value in the order and kind of its declaration; what it does not vary along is left out, unless its past is kept."""
    scope = printer.scope
    if needs_all(scope, equation.id) or (
        equation.id in scope.results and equation.id != scope.until and not scope.pointwise
    ):
        return printer.full(text, equation.type)
    if text.number:
        return text
    text = printer.cast(text, equation.type.kind)
    order = (BATCH, *scope.axes_of(equation.type), *equation.type.dim_names)
    order = tuple(label for label in order if label in text.labels)
    return permuted(text, order)


def needs_all(scope: Scope, value: str) -> bool:
    traits = scope.owner.plan.traits
    return value in dict(traits.histories) or value in traits.caches or value in traits.windows


def is_alias(scope: Scope, equation: Equation) -> bool:
    expr = equation.expr
    return (
        isinstance(expr, Read)
        and not expr.via
        and not any(amount for _, amount in expr.offsets)
        and expr.type == equation.type
        and not needs_all(scope, equation.id)
        and equation.init is None
        and expr.value in scope.values
    )


def remember(scope: Scope, value: str) -> None:
    """Put the kept past in front of a value, for reads at shifts, windows and whole histories; say what is kept next."""
    if not scope.stateful:
        return
    owner = scope.owner
    histories = dict(owner.plan.traits.histories)
    if value in histories:
        if value not in scope.tracks:
            past = kept_past(scope, value)
            past = f"{past}.unsqueeze(1)" if histories[value] == 1 else past
            scope.tracks[value] = _joined(scope, value, past, "track")
        keep_history(scope, value)
    remember_more(scope, value)


def remember_more(scope: Scope, value: str) -> None:
    """The same for windows and whole histories alone."""
    owner = scope.owner
    if value in owner.windows:
        key = owner.kept["window", value]
        track = _joined(scope, value, f'state["{key}"]', "window")
        scope.tracks[f"{value} window"] = track
        owner.updates[key] = f"steps.last({track}, {scope.whole(owner.windows[value]).code})"
    if value in owner.plan.traits.caches:
        key = owner.kept["cache", value]
        whole = _joined(scope, value, f'state["{key}"]', "all")
        scope.caches[value] = replace(scope.values[value], code=whole)
        owner.updates[key] = f"steps.last({whole}, {whole}.shape[1])"


def read_here(scope: Scope, value: str) -> bool:
    """Whether somebody reads a value at its own point, or gets it as a result; reads at shifts have its track."""
    traits = scope.owner.plan.traits
    if value in scope.results or value in traits.caches or value in scope.owner.windows:
        return True
    for item in scope.module.items:
        if value not in results_of(item) and any(
            each.value == value and not any(amount for _, amount in each.offsets) for each in item_reads(item)
        ):
            return True
    return False


def keep_history(scope: Scope, value: str) -> None:
    """Say what of a value with its past in front is kept for the next call."""
    owner = scope.owner
    key, count = owner.kept["history", value], dict(owner.plan.traits.histories)[value]
    newest = _last(scope, value, scope.tracks[value], str(count))
    owner.updates[key] = f"{newest}[:, 0]" if count == 1 else newest


def _joined(scope: Scope, value: str, past: str, word: str) -> str:
    name = scope.names.new(safe_local(f"{base_name(value)}_{word}"))
    scope.line(f"{name} = torch.cat(({past}, {scope.values[value].code}), 1)")
    return name


def newest(scope: Scope, value: str, points: str, count: int) -> str:
    """The same for a list of points in a segment of a loop."""
    code = f"segment.newest({points}, {count}{_before(scope, value, f'segment.ages({count})')})"
    return f"{code}[:, 0]" if count == 1 else code


def _last(scope: Scope, value: str, track: str, count: str) -> str:
    """The newest points; where a document is younger than they are many, what stands before its first point."""
    return f"steps.last({track}, {count}{_before(scope, value, f'steps.ages({count})')})"


def _before(scope: Scope, value: str, ages: str) -> str:
    """What stands before a value at the positions `ages`, as a last argument; nothing for zero."""
    at = Text(ages, (BATCH, str(scope.axis)), "int")
    printer = replace_positions(Printer(scope), {**scope.positions, str(scope.axis): at})
    start = start_code(printer, value, scope.module.type_of(value))
    return "" if start is None else f", {start}"


def comment(scope: Scope, item: Equation | Depth) -> str | None:
    """The line of the source that the next statements come from, once; None when it stands there already."""
    if item.span is None:
        return None
    text = " ".join(item.span.text.split("\n")[0].split())
    if text in scope.shown:
        return None
    scope.shown.add(text)
    scope.line(f"# {text}")
    return text
