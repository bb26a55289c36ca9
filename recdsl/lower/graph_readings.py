"""What nodes read of a matrix state along edges, as sums over one of its dims.

o = sum[pred](m[pred] * sum[K](q * C[pred])) + d        →        o = C_read + d,  mark m[pred], query q
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from recdsl.classify.affine import NotAffine, Term, Walk
from recdsl.classify.group import Group
from recdsl.diagnostics import Span
from recdsl.ir.build import const, simplified
from recdsl.ir.expr import Apply, Call, Expr, Read, operands, walk
from recdsl.ir.module import Depth, Equation
from recdsl.lower.draft import Refused
from recdsl.rewrite.fresh import fresh_name, names_taken
from recdsl.rewrite.order import body_results, item_reads


@dataclass(frozen=True, slots=True)
class GraphReading:
    """`result`, an equation of its own, is Σ mark * query * state, over the edges that come in with `via`."""

    result: Equation
    via: str
    mark: tuple[Expr, ...]
    query: tuple[Expr, ...]


@dataclass(slots=True)
class GraphReadings:
    """The search for one state; a matrix over `key` and `value`; `found` are the readings, `changed` the equations that hold them."""

    group: Group
    state: str
    key: str
    value: str
    found: list[GraphReading] = field(default_factory=list)
    changed: list[Equation] = field(default_factory=list)
    taken: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.taken = names_taken(self.group.module)

    def collect(self) -> None:
        """Find all readings. Raises `Refused` (R515) where the state is read in another way."""
        module = self.group.module
        results = {output.value for output in module.outputs} | body_results(module, self.group.program)
        if self.state in results:
            raise Refused("R515", f"{self.state} is a result as a whole", self._span())
        for item in module.items:
            if isinstance(item, Depth) and any(read.value == self.state for read in item_reads(item)):
                raise Refused("R515", f"{self.state} is read whole, by the {item.kind} {item.name}", item.span)
        for equation in module.equations():
            if equation.id not in self.group.equations() and self._open(equation.expr):
                expr = self._resolved(equation.expr, equation)
                self.changed.append(replace(equation, expr=expr))

    def _span(self) -> Span | None:
        return self.group.equations()[self.state].span

    def _open(self, expr: Expr) -> bool:
        return any(isinstance(each, Read) and each.value == self.state for each in walk(expr))

    def _resolved(self, expr: Expr, equation: Equation) -> Expr:
        """The expression with its largest readings under names."""
        if not self._open(expr):
            return expr
        term = self._term(expr)
        if term is not None and not set(expr.type.axis_names) & {"edge", "pred"}:
            return self._reading(expr, term, equation)
        if not isinstance(expr, (Apply, Call)) or all(not self._open(each) for each in operands(expr)):
            raise Refused("R515", f"{self.state} is read in another way than as a sum over {self.key}", equation.span)
        return replace(expr, operands=tuple(self._resolved(each, equation) for each in expr.operands))

    def _term(self, expr: Expr) -> Term | None:
        """The only term of an expression that is a reading and nothing else."""
        try:
            form = Walk({}, self.group.bounds, frozenset({self.state})).of(expr)
        except NotAffine:
            return None
        if form.free or len(form.terms) != 1:
            return None
        (term,) = form.terms
        allowed = {name for _, name in term.names} - {self.value}
        plain = all(dim == name for dim, name in term.names)
        inside = all(set(each.type.dim_names) <= allowed for each in (*term.inner, *term.outer))
        return term if plain and inside and term.summed == (self.key,) else None

    def _reading(self, expr: Expr, term: Term, equation: Equation) -> Expr:
        """A reading as an equation of its own. Raises `Refused` where what is summed with the state differs from edge to edge."""
        parts = [each for factor in (*term.inner, *term.outer) for each in factors(factor)]
        query = tuple(each for each in parts if self.key in each.type.dim_names)
        for each in query:
            if "pred" in each.type.axis_names:
                reason = f"what is summed with {self.state} over {self.key} differs from edge to edge"
                raise Refused("R515", reason, each.span or equation.span)
        name = fresh_name(f"{self.state.split('~')[0].lstrip('%')}_read", self.taken)
        made = Equation(name, name, expr.type, expr, span=equation.span)
        self.found.append(GraphReading(made, term.read.via, tuple(each for each in parts if each not in query), query))
        return Read(name, expr.type)


def factors(expr: Expr) -> Iterator[Expr]:
    """What an expression is a product of."""
    match expr:
        case Apply(operator="mul", operands=(left, right)):
            yield from (*factors(left), *factors(right))
        case Apply(operator="neg", operands=(x,)):
            yield from (const(-1), *factors(x))
        case Apply(operator="div", operands=(left, right)):
            yield from (*factors(left), simplified("div", const(1.0), right))
        case _:
            yield expr
