"""`gated_product`: the helper of that name on queries, keys, values, and the gates of all links, sources and marks side by side."""

from __future__ import annotations

from collections.abc import Sequence

from recdsl.backends.torch.layout import permuted, tuple_code
from recdsl.backends.torch.reads import base_name
from recdsl.backends.torch.scope import Scope
from recdsl.backends.torch.solve.grid import Grid
from recdsl.backends.torch.solve.matrix import Matrix, folded
from recdsl.backends.torch.statements import remember

from recdsl.emit.names import safe_local
from recdsl.emit.precedence import BATCH, Text
from recdsl.ir.expr import Expr
from recdsl.lower.plan import Recurrence


def statement(scope: Scope, stage: Recurrence) -> None:
    """What is read of the states, which are nowhere whole."""
    GatedProduct(scope, stage).print_call()


class GatedProduct(Grid, Matrix):
    """Tensors [batch, axes..., rest..., keys or values]: first the axes along which the states read each other."""

    @property
    def points(self) -> tuple[str, ...]:
        own = self.solve.axes
        idle = (axis for axis in self.scope.axes_of(self.state_type) if axis not in own)
        return (BATCH, *own, *idle, *self.rest)

    def lined_up(self, expr: Expr, dims: Sequence[str]) -> str:
        """A coefficient at all points, with these dims of the state as one."""
        code = self.spread(expr, (*self.points, *dims), self.state_type)
        return folded(code, len(dims)) if dims else code

    def print_call(self) -> None:
        scope, solve = self.scope, self.solve
        roles = dict(solve.roles)
        places = {state: place for place, state in enumerate(solve.states)}
        results = {each.result: place for place, each in enumerate(solve.readings)}
        sources = [name for name in roles if name.startswith("source")]
        links = tuple((places[each.into], places[each.of], self.along(each.offset)) for each in solve.links)
        marks = tuple((results[each.into], places[each.of], self.along(each.offset)) for each in solve.marks)
        pairs = tuple((int(p), int(i)) for p, i in (_indices(name) for name in sources))
        gates = [*(each.role for each in solve.links), *sources, *(each.role for each in solve.marks)]
        arguments = [
            tuple_code([str(speed) for speed in self.along(self.stage.vector)]),
            repr(links),
            repr(pairs),
            repr(marks),
            self.stacked([self.lined_up(each.query, solve.keys) for each in solve.readings]),
            self.stacked([self.lined_up(roles[name], solve.keys) for name in roles if name.startswith("key")]),
            self.stacked([self.lined_up(roles[name], solve.values) for name in roles if name.startswith("value")]),
            f"torch.stack(({', '.join(self.lined_up(roles[name], ()) for name in gates)}), -1)",
        ]
        name = scope.names.new(safe_local(f"{base_name(self.state)}_reads"))
        scope.line(f"{name} = {scope.help('gated_product')}({', '.join(arguments)})")
        for place, each in enumerate(solve.readings):
            self._finish_reading(each.result, f"{name}[..., {place}, :].to({scope.dtype})")

    def _finish_reading(self, result: str, code: str) -> None:
        scope, values = self.scope, self.solve.values
        if len(values) > 1:
            code = f"{code}.unflatten(-1, {tuple_code(self.sizes(values))})"
        order = (BATCH, *(label for label in scope.labels(self.state_type) if label not in (BATCH, *self.solve.keys)))
        text = permuted(Text(code, (*self.points, *values)), order)
        name = scope.local(safe_local(base_name(result)))
        scope.line(f"{name} = {text.code}")
        scope.values[result] = Text(name, order)
        remember(scope, result)


def _indices(role: str) -> list[str]:
    """The numbers in the name of a role: source[0,1]."""
    return role[role.index("[") + 1 : -1].split(",")
