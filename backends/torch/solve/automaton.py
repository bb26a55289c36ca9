"""`automaton`: the helper of that name on the table, whose entries lie along its last dimension."""

from __future__ import annotations

from dataclasses import replace

from recdsl.backends.torch.expressions import Printer
from recdsl.backends.torch.scope import Scope
from recdsl.backends.torch.solve.closed import Family
from recdsl.backends.torch.solve.common import lined_up, unsqueezed

from recdsl.emit.precedence import ATOM
from recdsl.lower.plan import Recurrence


def statement(scope: Scope, stage: Recurrence) -> None:
    """h = table[h[t-1]]."""
    family = Family(scope, stage)
    solve, type = family.solve, family.type_of(family.state)
    (values,) = solve.values
    role = solve.role("table")
    printer = Printer(scope)
    text = printer.tensor(printer.text(role), "int")
    text = printer.with_labels(printer.cast(text, "int"), role.type, (values,))
    order = (*scope.labels(type), values)
    if family.axis not in text.labels:
        text = printer.spread(text, replace(type, dims=(*type.dims, role.type.dim(values))), order)
    table = family.local("maps", unsqueezed(text, order))
    truth = type.kind == "bool"
    first = family.first(family.state)
    begin = f"{first}.long()" if truth else first
    family.restart([(table, _started(family, table, order))])
    code = family.call("automaton", [table, begin])
    name = family.named(family.state, f"{code}.bool()" if truth else code)
    family.finish(family.state, name, first)


def _started(family: Family, table: str, order: tuple[str, ...]) -> str:
    """Where the start of a document goes, for all values."""
    start = family.start_text()
    if start is None or start.number:
        code = "0" if start is None else start.code
        number = {"False": "0", "True": "1"}.get(code, code)
        return f"{table}.narrow(-1, {number}, 1)"
    place = lined_up(start, order).at(ATOM)
    return f"torch.take_along_dim({table}, {place}{'.long()' if start.kind == 'bool' else ''}, -1)"
