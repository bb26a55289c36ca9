"""What the printers of dense maps share: states with rows last, the map as a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recdsl.backends.torch.expressions import Printer
from recdsl.backends.torch.layout import permuted, tuple_code
from recdsl.backends.torch.solve.common import Solving, lined_up

from recdsl.emit.precedence import ATOM, BATCH, Text


@dataclass(slots=True)
class Dense(Solving):
    """States [batch, T, rest..., rows]; the map [..., rest..., rows, columns]."""

    @property
    def rest(self) -> tuple[str, ...]:
        return tuple(name for name in self.type_of(self.state).dim_names if name not in self.solve.keys)

    def transition(self, lead: Sequence[str]) -> str:
        """The map with the dimensions `lead` in front."""
        rows, columns = self.solve.keys, self.solve.values
        expr = self.solve.role("transition")
        text = self.tensor(expr)
        order = (*lead, *self.rest, *rows, *columns)
        text = Printer(self.scope).with_labels(text, expr.type, (*rows, *columns))
        code = lined_up(text, order).at(ATOM)
        if len(rows) > 1:
            code = f"{code}.flatten({-len(rows)}).flatten({-len(rows) - 1}, -2)"
        decay = dict(self.solve.roles).get("decay")
        if decay is None:
            return code
        own = self.spread(decay, (*lead, *self.rest, *rows), self.type_of(self.state))
        if len(rows) > 1:
            own = f"{own}.flatten({-len(rows)})"
        return f"{code} + torch.diag_embed({own})"

    def print(self, helper: str, before: Sequence[str], behind: Sequence[str]) -> None:
        """The call `helper(*before, input, first, *behind)`, and what comes out of it."""
        state, rows = self.state, self.solve.keys
        type = self.type_of(state)
        lead = (BATCH, self.axis, *self.rest)
        given = self.spread(self.solve.role("input"), (*lead, *rows), type)
        first = self.first(state)
        inward = permuted(Text(first, (BATCH, *type.dim_names)), (BATCH, *self.rest, *rows)).code
        if len(rows) > 1:
            given, inward = (f"{each}.flatten({-len(rows)})" for each in (given, inward))
        self.scope.help(helper)
        arguments = [*before, given, inward, *behind, *self.direction()]
        code = f"{helper}({', '.join(arguments)})"
        if len(rows) > 1:
            sizes = [self.scope.whole(type.dim(name).size).code for name in rows]
            code = f"{code}.unflatten(-1, {tuple_code(sizes)})"
        code = permuted(Text(code, (*lead, *rows), strength=ATOM), self.scope.labels(type)).code
        self.finish(state, self.named(state, code), first)
