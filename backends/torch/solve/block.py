"""`block`: the helper of that name on small matrices, put together from their entries or as they are."""

from __future__ import annotations

from dataclasses import dataclass

from recdsl.backends.torch.scope import Scope
from recdsl.backends.torch.solve.common import Solving
from recdsl.backends.torch.solve.dense import Dense

from recdsl.emit.precedence import BATCH
from recdsl.ir.expr import Expr
from recdsl.lower.plan import Recurrence


def statement(scope: Scope, stage: Recurrence) -> None:
    """h = transition @ h[t-1] + input."""
    assert stage.solve is not None
    if any(name == "transition" for name, _ in stage.solve.roles):
        dense = Dense(scope, stage)
        transition = dense.transition((BATCH, dense.axis))
        dense.print("block", [transition], dense.breaks())
    else:
        _Coupled(scope, stage).statement()


@dataclass(slots=True)
class _Coupled(Solving):
    """Vectors of all states with their last points, newest first."""

    @property
    def entries(self) -> list[tuple[str, int]]:
        return [(state, lag) for state in self.solve.states for lag in range(1, self.reach(state) + 1)]

    def statement(self) -> None:
        entries = self.entries
        self.scope.help("block")
        roles = dict(self.solve.roles)
        matrix = [self._entry(roles, row, column) for row in entries for column in range(len(entries))]
        count = len(entries)
        stacked = f"torch.stack(torch.broadcast_tensors({', '.join(matrix)}), -1).unflatten(-1, ({count}, {count}))"
        given = ", ".join(self._given(roles, *each) for each in entries)
        firsts = {state: self.first(state) for state in self.solve.states}
        first = ", ".join(self._first(firsts, *each) for each in entries)
        wish = "_".join(dict.fromkeys(state.split("~")[0].lstrip("%") for state in self.solve.states))
        name = self.scope.names.new(f"{wish}_points")
        call = [stacked, f"torch.stack(({given}), -1)", f"torch.stack(({first}), -1)"]
        self.scope.line(f"{name} = block({', '.join([*call, *self.breaks(), *self.direction()])})")
        for state in self.solve.states:
            whole = self.named(state, f"{name}[..., {entries.index((state, 1))}]")
            self.finish(state, whole, firsts[state])

    def _entry(self, roles: dict[str, Expr], row: tuple[str, int], column: int) -> str:
        state, lag = row
        like = f"{self.scope.help('wide')}({self.scope.like})"
        if lag > 1:
            here = self.entries.index((state, lag - 1)) == column
            return f"{like}.new_ones(())" if here else f"{like}.new_zeros(())"
        expr = roles.get(f"transition[{self.solve.states.index(state)},{column}]")
        return f"{like}.new_zeros(())" if expr is None else self.lined(expr)

    def _given(self, roles: dict[str, Expr], state: str, lag: int) -> str:
        place = self.solve.states.index(state)
        order = self.scope.labels(self.type_of(state))
        code = self.spread(roles[f"input[{place}]"], order, self.type_of(state))
        if lag > 1:
            return f"torch.zeros_like({code})"
        fresh = [
            f"{self.lined(expr)} * {start}"
            for column, (other, back) in enumerate(self.entries)
            if back == 1
            and (expr := roles.get(f"transition[{place},{column}]")) is not None
            and (start := self.outside(self.state_read(other))) is not None
        ]
        if fresh:
            return f"steps.restart({self.solve.offset}, {code}, {' + '.join([code, *fresh])})"
        return code

    def _first(self, firsts: dict[str, str], state: str, lag: int) -> str:
        code = firsts[state]
        if self.reach(state) == 1:
            return code
        return f"{code}[:, {lag - 1 if self.back else -lag}]"
