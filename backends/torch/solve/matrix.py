"""What the printers of matrix states share: both sides in the order of the helpers, states in and out, readings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recdsl.backends.torch.layout import permuted, tuple_code
from recdsl.backends.torch.reads import base_name
from recdsl.backends.torch.solve.common import Solving
from recdsl.backends.torch.statements import remember

from recdsl.emit.names import safe_local
from recdsl.emit.precedence import ATOM, BATCH, Text
from recdsl.ir.expr import Expr
from recdsl.ir.types import ValueType


@dataclass(slots=True)
class Matrix(Solving):
    """States [batch, rest..., keys, values]: `rest` are the dims over which there is one matrix each."""

    @property
    def rest(self) -> tuple[str, ...]:
        sides = (*self.solve.keys, *self.solve.values)
        return tuple(name for name in self.state_type.dim_names if name not in sides)

    @property
    def state_type(self) -> ValueType:
        return self.type_of(self.state)

    def side(self, expr: Expr, dims: Sequence[str], behind: float | None = None) -> str:
        """A coefficient [batch, T, rest..., dims as one]; `behind` is what it is behind the end of a row."""
        order = (BATCH, self.axis, *self.rest, *dims)
        code = self.spread(expr, order, self.state_type)
        return folded(code if behind is None else self.cut(code, behind), len(dims))

    def logarithm(self, behind: str, dims: Sequence[str]) -> str:
        """The logarithm of the decay on one side, from the role `log_decay` or `gate` with `behind` its name."""
        roles = dict(self.solve.roles)
        if f"log_decay{behind}" in roles:
            return self.side(roles[f"log_decay{behind}"], dims, 0)
        return f"{self.scope.help('logarithm')}({self.side(roles[f'gate{behind}'], dims, 1)})"

    def stacked(self, codes: Sequence[str]) -> str:
        """Some coefficients beside each other, in a dimension before the last."""
        if len(codes) == 1:
            return f"{codes[0]}[..., None, :]"
        return f"torch.stack(({', '.join(codes)}), -2)"

    def first_state(self, state: str) -> Text:
        """A state before the first point."""
        return Text(self.first(state), (BATCH, *self.type_of(state).dim_names))

    def inwards(self, states: Sequence[Text]) -> str:
        """The states in the order of the helpers, each side in one dimension: [batch, rest..., keys, values]."""
        (state,) = states
        text = permuted(state, (BATCH, *self.rest, *self.solve.keys, *self.solve.values))
        code = folded(text.at(ATOM), len(self.solve.values))
        keys = len(self.solve.keys)
        return f"{code}.flatten({-keys - 1}, -2)" if keys > 1 else code

    def outwards(self, code: str, state: str) -> str:
        """One state the other way round."""
        sizes = self.sizes
        if len(self.solve.values) > 1:
            code = f"{code}.unflatten(-1, {tuple_code(sizes(self.solve.values))})"
        if len(self.solve.keys) > 1:
            code = f"{code}.unflatten({-1 - len(self.solve.values)}, {tuple_code(sizes(self.solve.keys))})"
        text = Text(code, (BATCH, *self.rest, *self.solve.keys, *self.solve.values))
        return permuted(text, (BATCH, *self.type_of(state).dim_names)).code

    def sizes(self, names: Sequence[str]) -> list[str]:
        return [self.scope.whole(self.state_type.dim(name).size).code for name in names]

    def print(self, helper: str, arguments: list[str], first: Sequence[Text]) -> None:
        """The call, and what comes out of it."""
        scope, solve = self.scope, self.solve
        before = tuple_code([str(each.before) for each in solve.readings])
        read = scope.names.new(safe_local(f"{base_name(self.state)}_reads"))
        last = scope.names.new(safe_local(f"{base_name(self.state)}_last"))
        breaks = self.breaks()
        if self.back:
            flipped = scope.help("flipped")
            arguments, breaks = [f"*{flipped}({', '.join(arguments)})"], [f"*{flipped}({each})" for each in breaks]
        call = f"{helper}({', '.join([*arguments, self.inwards(first), before, *breaks])})"
        kept = [each for each in solve.states if scope.stateful and each in dict(scope.owner.plan.traits.histories)]
        scope.line(f"{read}, {last if kept else '_'} = {call}")
        for state in kept:
            scope.owner.updates[scope.owner.kept["history", state]] = self.outwards(last, state)
        for place, each in enumerate(solve.readings):
            code = f"{read}{'.flip(1)' if self.back else ''}[..., {place}, :].to({scope.dtype})"
            if len(solve.values) > 1:
                code = f"{code}.unflatten(-1, {tuple_code(self.sizes(solve.values))})"
            name = scope.local(safe_local(base_name(each.result)))
            scope.line(f"{name} = {code}")
            scope.values[each.result] = Text(name, (BATCH, self.axis, *self.rest, *solve.values))
            remember(scope, each.result)


def folded(code: str, count: int) -> str:
    """The last `count` dimensions as one; one of size 1 where there is none."""
    if count == 0:
        return f"{code}.unsqueeze(-1)"
    return f"{code}.flatten({-count})" if count > 1 else code
