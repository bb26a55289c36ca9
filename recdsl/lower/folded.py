"""The algorithm `folded`: h = decay * h[t-1] + input element by element, read in sums, in chunks of points that are never kept.

    s = exp(-dt * A) * s[t-1] + dt * v * b;  y = sum[N](c * s)       dt, v : E   A : E N   b, c : N   s : E N at every point

Valid where everything that decay, input and queries are made of lacks a dim of the state or is the same at all points. Then neither
they nor the states stand in memory for more than a chunk: a backward pass computes each chunk again from the state before
it (Gu & Dao 2023, arXiv 2312.00752, section 3.3.2). Roles: `decay`, `input`, put together from the parts of the draft.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from recdsl.classify.cost import elements
from recdsl.classify.count import Count, count, number
from recdsl.classify.system import Dense, LowRank
from recdsl.diagnostics import Span
from recdsl.ir.expr import Apply, Call, Expr, Position, Read, walk
from recdsl.ir.module import Equation
from recdsl.ir.operators.table import OPERATORS
from recdsl.ir.sizes import axis_length
from recdsl.lower.draft import Case, Cost, Draft, Refused, plus, times
from recdsl.lower.readings import Readings
from recdsl.lower.sides import refuse_circles

NAME = "folded"
CHUNK = 64  # points: as much of a state of 16 * 768 as the cache holds


def plan(case: Case) -> Draft:
    """The plan of a recurrence. Raises `Refused`: R515 for a state that is read whole, R550 for parts that are as large as it."""
    axis = case.axis
    system = case.affine()
    state = case.one_state()
    meetings: tuple[LowRank | Dense, ...] = (*system.low_rank, *system.dense)
    for summing in meetings:
        raise Refused(
            "R512", f"elements of {state} meet: it is summed over {', '.join(summing.summed)}", summing.read.span
        )
    if len(system.reads) != 1 or abs(dict(system.reads[0].offsets)[axis]) != 1:
        raise Refused("R514", f"{state} is read at other points than the one before", case.span)
    (link,) = system.links
    readings = Readings(case.group, (state,))
    readings.collect()
    if not readings.found:
        raise Refused("R515", f"nothing is read of {state}", case.span)
    refuse_circles(case, (state,), readings)
    parts = _Parts(case, axis, frozenset(case.group.module.type_of(state).dim_names))
    decay = parts.of(link.coefficient)
    given = parts.of(case.group.polynomials.normal(system.input_of(state)))
    found = tuple(replace(each, query=parts.of(each.query)) for each in readings.found)
    if not any(axis in each.type.axis_names for each in (decay, given)):
        raise Refused("R551", f"decay and input are the same at all points of {axis}", case.span)
    queries = {each.result: each.query for each in found}
    return Draft(
        NAME,
        (state,),
        dict(link.read.offsets)[axis],
        (("decay", decay), ("input", given)),
        ((state, plus(times(decay, link.read), given)),),
        _cost(case, state, (decay, given, *queries.values())),
        found,
        tuple(_with_query(each, queries) for each in readings.changed.values()),
        parts=tuple(parts.found),
        constants=(("chunk", CHUNK),),
    )


def _with_query(equation: Equation, queries: dict[str, Expr]) -> Equation:
    """A reading `sum(query * state)` with its query put together from parts."""
    if equation.id not in queries:
        return equation
    total = equation.expr
    assert isinstance(total, Apply)
    (product,) = total.operands
    assert isinstance(product, Apply)
    product = replace(product, operands=(queries[equation.id], product.operands[1]))
    return replace(equation, expr=replace(total, operands=(product,)))


@dataclass(slots=True)
class _Parts:
    """What is computed before the chunks: parts of expressions that are smaller than the state with the dims `dims`."""

    case: Case
    axis: str
    dims: frozenset[str]
    found: dict[Expr, None] = field(default_factory=dict)

    def of(self, expr: Expr, span: Span | None = None) -> Expr:
        """The expression with large values written out. Raises `Refused` (R550) for one that has to be as large as the state."""
        span = expr.span or span
        match expr:
            case Read() if self._is_large(expr):
                return self.of(self._equation(expr, span).expr, span)
            case Apply() if self._is_pointwise(expr):
                return replace(expr, operands=tuple(self.of(each, span) for each in expr.operands))
            case Apply() | Call() if self._is_large(expr):
                shown = expr.operator if isinstance(expr, Apply) else f"the layer {expr.instance}"
                raise Refused(
                    "R550", f"{shown} gives a value as large as the state at every point", span or self.case.span
                )
            case Apply() | Call():
                self.found[expr] = None
        return expr

    def _is_large(self, expr: Expr) -> bool:
        return self.axis in expr.type.axis_names and self.dims <= set(expr.type.dim_names)

    def _is_pointwise(self, expr: Apply) -> bool:
        """Whether a chunk computes it, again in the backward pass: what is cheap, and the same each time."""
        operator = OPERATORS[expr.operator]
        return operator.family == "elementwise" and operator.pure

    def _equation(self, read: Read, span: Span | None) -> Equation:
        polynomials = self.case.group.polynomials
        equation = polynomials.equations.get(read.value)
        if equation is None or read.value in polynomials.held or read.offsets or read.via:
            raise Refused("R550", f"{read.value} is as large as the state at every point", span or self.case.span)
        return equation


def _cost(case: Case, state: str, expressions: Iterable[Expr]) -> Cost:
    """Of the scan, and of computing what it needs again; what moves are the parts and what is read."""
    size = elements(case.group.module.type_of(state))
    leaves = {each for expr in expressions for each in walk(expr) if isinstance(each, (Read, Position))}
    moved = sum((elements(each.type) for each in leaves), Count())
    return Cost(number(6) * size, count(axis_length(case.axis)), number(2 * 4) * moved)
