"""`delta`: the helper of that name, or its form for a decay for each key, on what is read, erased and written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recdsl.backends.torch.layout import tuple_code
from recdsl.backends.torch.scope import Scope
from recdsl.backends.torch.solve.matrix import Matrix

from recdsl.emit.precedence import Text
from recdsl.ir.expr import Expr
from recdsl.lower.plan import Recurrence


def statement(scope: Scope, stage: Recurrence) -> None:
    """Erase along some directions, decay, write, and what is read."""
    _Delta(scope, stage).statement()


@dataclass(slots=True)
class _Delta(Matrix):
    @property
    def gated(self) -> bool:
        """Whether there is a decay for each key; then there is one state, and no dimension for the states."""
        return any(name.startswith(("log_decay", "gate")) for name, _ in self.solve.roles)

    def statement(self) -> None:
        states = self.solve.states
        first = [self.first_state(each) for each in states]
        readings = [{states.index(each.state): each.query} for each in self.solve.readings]
        arguments = [
            self._vectors(readings),
            self._vectors(self._entries("probe")),
            self._vectors(self._entries("erase"), cut=True),
            self._vectors(self._entries("key"), cut=True),
            self._vectors(self._entries("value"), values=True),
            self._decay(),
        ]
        helper = "delta_gated" if self.gated else "delta"
        self.scope.help(helper)
        self.print(helper, arguments, first)

    def _entries(self, name: str) -> list[dict[int, Expr]]:
        """Role by number and state: `erase[2,1]` is the entry 1 of the third."""
        found: dict[int, dict[int, Expr]] = {}
        for role, expr in self.solve.roles:
            head, _, rest = role.partition("[")
            if head == name:
                number, *state = map(int, rest.rstrip("]").split(","))
                found.setdefault(number, {})[state[0] if state else 0] = expr
        return [found[number] for number in sorted(found)]

    def _vectors(self, entries: list[dict[int, Expr]], cut: bool = False, values: bool = False) -> str:
        """[batch, T, rest..., how many, (states,) dims of one side]."""
        dims = self.solve.values if values else self.solve.keys
        if not entries:
            size = " * ".join(self.sizes(dims)) or "1"
            shape = [
                self.scope.batch,
                self.length,
                *self.sizes(self.rest),
                "0",
                *self._states_dim(values),
                size,
            ]
            return f"{self.scope.help('wide')}({self.scope.like}.new_zeros({', '.join(shape)}))"
        rows = []
        for each in entries:
            parts = {place: self.side(expr, dims, 0 if cut else None) for place, expr in each.items()}
            rows.append(parts[0] if values or self.gated else self._over_states(parts))
        if len(rows) == 1:
            return f"{rows[0]}.unsqueeze({-2 if values or self.gated else -3})"
        return f"torch.stack({tuple_code(rows)}, {-2 if values or self.gated else -3})"

    def _states_dim(self, values: bool) -> list[str]:
        return [] if values or self.gated else [str(len(self.solve.states))]

    def _over_states(self, parts: dict[int, str]) -> str:
        """One vector for each state, 0 for those that have none."""
        if len(self.solve.states) == 1:
            return f"{parts[0]}.unsqueeze(-2)"
        any_part = next(iter(parts.values()))
        rows = [parts.get(place, f"torch.zeros_like({any_part})") for place in range(len(self.solve.states))]
        return f"torch.stack({tuple_code(rows)}, -2)"

    def _decay(self) -> str:
        if self.gated:
            return self.logarithm("[0,0]", self.solve.keys)
        count = len(self.solve.states)
        entries = {(row, column): expr for row, found in enumerate(self._rows()) for column, expr in found.items()}
        codes = {place: self.side(expr, (), 1 if place[0] == place[1] else 0) for place, expr in entries.items()}
        if count == 1:
            return f"{codes[0, 0]}.unsqueeze(-1)"
        any_code = next(iter(codes.values()))
        rows = [
            f"torch.cat(({', '.join(codes.get((row, column), f'torch.zeros_like({any_code})') for column in range(count))}), -1)"
            for row in range(count)
        ]
        return f"torch.stack({tuple_code(rows)}, -2)"

    def _rows(self) -> list[dict[int, Expr]]:
        found: dict[int, dict[int, Expr]] = {place: {} for place in range(len(self.solve.states))}
        for role, expr in self.solve.roles:
            head, _, rest = role.partition("[")
            if head == "decay":
                row, column = map(int, rest.rstrip("]").split(","))
                found[row][column] = expr
        return [found[place] for place in sorted(found)]

    def inwards(self, states: Sequence[Text]) -> str:
        codes = [super(_Delta, self).inwards([each]) for each in states]
        if self.gated:
            return codes[0]
        return f"torch.stack({tuple_code(codes)}, -3)"

    def outwards(self, code: str, state: str) -> str:
        part = code if self.gated else f"{code}.select(-3, {self.solve.states.index(state)})"
        return super(_Delta, self).outwards(part, state)
