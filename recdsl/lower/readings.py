"""What is read of a matrix state: sums over some of its dims, so that the state never has to be whole.

o = sum[K](q * S)                          →   o = S_read;          S_read = sum[K](q * S)
y = norm(sum[K](q * S[t-1]) + u * v)       →   y = norm(S_read + u * v),  the state before the point
kv = q * S;  o = sum[K](kv)                →   the same as the first: values between are seen through
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from recdsl.classify.affine import Affine, NotAffine, Term, Walk, product_of
from recdsl.classify.group import Group
from recdsl.classify.outer import joined
from recdsl.classify.system import split_sum
from recdsl.diagnostics import Span
from recdsl.ir.build import apply, const, simplified
from recdsl.ir.expr import Apply, Call, Expr, Read, walk
from recdsl.ir.graph import results_of
from recdsl.ir.module import Depth, Equation
from recdsl.lower.draft import Refused
from recdsl.lower.plan import Reading
from recdsl.rewrite.order import body_results, item_reads


@dataclass(slots=True)
class Readings:
    """The search for one group of states; `found` are the readings, `changed` the equations that hold them."""

    group: Group
    states: tuple[str, ...]
    found: list[Reading] = field(default_factory=list)
    changed: dict[str, Equation] = field(default_factory=dict)
    seen_through: dict[str, Equation] = field(default_factory=dict)
    count: int = 0
    span: Span | None = None  # of the equation that is being looked at

    def collect(self) -> None:
        """Find all readings. Raises `Refused` (R515) where a state is read whole."""
        self._refuse_outputs()
        outside = self._outside()
        depends = self._dependents(outside)
        self.seen_through = {each.id: each for each in depends if self._elementwise(each)}
        open_values = set(self.states) | set(self.seen_through)
        for equation in outside:
            if equation.id in self.seen_through:
                continue
            if any(isinstance(each, Read) and each.value in open_values for each in walk(equation.expr)):
                self.span = equation.span
                expr = self._resolved(equation.expr)
                if expr is None:
                    name = self._shown(equation.expr)
                    raise Refused("R515", f"{name} is read whole, not as a sum over one of its dims", equation.span)
                self._change(equation, expr)

    def _change(self, equation: Equation, expr: Expr) -> None:
        """The equation with its readings; one that is nothing but a reading becomes it."""
        if isinstance(expr, Read) and expr.type == equation.type and self._only(expr.value):
            made = self.changed.pop(expr.value)
            self.changed[equation.id] = replace(equation, expr=made.expr)
            place = next(i for i, each in enumerate(self.found) if each.result == expr.value)
            self.found[place] = replace(self.found[place], result=equation.id)
        else:
            self.changed[equation.id] = replace(equation, expr=expr)

    def _only(self, reading: str) -> bool:
        """Whether a reading is new, and nothing else reads it yet."""
        new = any(each.result == reading for each in self.found) and reading not in self.group.equations()
        known = {each.id for each in self.group.module.equations()}
        others = (each for each in self.changed.values() if each.id != reading)
        return (
            new
            and reading not in known
            and not any(
                isinstance(each, Read) and each.value == reading for other in others for each in walk(other.expr)
            )
        )

    def _outside(self) -> list[Equation]:
        """The equations that are still needed once the states are computed from their coefficients."""
        module = self.group.module
        equations = {each.id: each for each in module.equations()}
        wanted = {output.value for output in module.outputs} | body_results(module, self.group.program)
        for item in module.items:
            if isinstance(item, Depth):
                wanted |= {read.value for read in item_reads(item)}
        for equation in equations.values():
            if equation.id in self.group.polynomials.held and equation.id not in self.group.equations():
                wanted.add(equation.id)
        needed: set[str] = set()
        while wanted:
            name = wanted.pop()
            if name in equations and name not in needed and name not in self.states:
                needed.add(name)
                wanted |= {read.value for read in item_reads(equations[name])}
        return [each for each in equations.values() if each.id in needed]

    def _refuse_outputs(self) -> None:
        module = self.group.module
        whole = {output.value for output in module.outputs}
        whole |= {read.value for item in module.items if isinstance(item, Depth) for _, read in item.captured}
        whole |= {carry.start.value for item in module.items if isinstance(item, Depth) for carry in item.carried}
        whole |= body_results(module, self.group.program)
        for state in self.states:
            if state in whole:
                raise Refused("R515", f"{state} is a result as a whole", self._span(state))

    def _span(self, value: str) -> Span | None:
        return next((each.span for each in self.group.module.equations() if each.id == value), None)

    def _dependents(self, outside: list[Equation]) -> list[Equation]:
        """Equations that read the states at this point or the one before, through others of that kind."""
        known = set(self.states)
        found: list[Equation] = []
        grown = True
        while grown:
            grown = False
            for each in outside:
                if each.id not in known and any(isinstance(r, Read) and r.value in known for r in walk(each.expr)):
                    if self._elementwise(each):
                        known.add(each.id)
                        grown = True
                    if each not in found:
                        found.append(each)
        return found

    def _elementwise(self, equation: Equation) -> bool:
        """Whether an equation gives a value with all dims of a state, and is affine in it: it can be seen through."""
        state = self.group.module.type_of(self.states[0])
        if not set(state.dim_names) <= set(equation.type.dim_names) or equation.init is not None:
            return False
        kept = {output.value for output in self.group.module.outputs}
        shifted = any(
            isinstance(each, Read) and each.value == equation.id and each.offsets
            for other in self.group.module.equations()
            for each in walk(other.expr)
        )
        return equation.id not in kept and not shifted

    # ---- one expression

    def _open(self, expr: Expr) -> bool:
        return any(
            isinstance(each, Read) and (each.value in self.states or each.value in self.seen_through)
            for each in walk(expr)
        )

    def _resolved(self, expr: Expr) -> Expr | None:
        """The expression with readings in it, None where a state stays in it as a whole."""
        if not self._open(expr):
            return expr
        if not isinstance(expr, (Apply, Call)):
            return None
        parts = tuple(self._resolved(each) for each in expr.operands)
        if all(part is not None for part in parts):
            return replace(expr, operands=tuple(part for part in parts if part is not None))
        return self._summed(expr) if isinstance(expr, Apply) and expr.operator in ("sum", "mean") else None

    def _summed(self, expr: Apply) -> Expr | None:
        search = Walk(self.seen_through, self.group.bounds, frozenset(self.states))
        try:
            form = search.of(expr)
        except NotAffine:
            return None
        if any(not self._is_reading(term) for term in form.terms):
            return None
        return self._built(form)

    def _is_reading(self, term: Term) -> bool:
        own = {name for _, name in term.names}
        plain = all(dim == name for dim, name in term.names)
        inside = all(set(each.type.dim_names) <= own for each in term.inner)
        near = term.read.offsets in ((), self._before())
        return bool(term.summed) and plain and inside and near and not term.read.via

    def _before(self) -> tuple[tuple[str, int], ...]:
        """The point before: as the schedule has it, which goes one step along one axis."""
        speeds = zip(self.group.module.axes, self.group.vector, strict=True)
        return tuple((axis, -speed) for axis, speed in speeds if speed)

    def _built(self, form: Affine) -> Expr:
        total: Expr = const(0.0)
        for term, query, outer in self._joined(form):
            total = simplified("add", total, simplified("mul", outer, self._reading(term, query)))
        for product in form.free:
            total = simplified("add", total, product_of(product))
        return total

    def _joined(self, form: Affine) -> Iterator[tuple[Term, Expr, Expr]]:
        """What each read is multiplied by inside and outside of its sum: one sum for those that differ in numbers in front.

        sum[K](q * S - c * k * S)   →   sum[K]((q - c * k) * S)
        """
        polynomials = self.group.polynomials
        alike: dict[tuple[Read, frozenset[str]], list[Term]] = {}
        for term in form.terms:
            alike.setdefault((term.read, frozenset(term.summed)), []).append(term)
        for first, *others in alike.values():
            parts = [part for each in (first, *others) for part in split_sum(each, polynomials)]
            found = list(joined(parts, polynomials))
            dims = {name for query, _ in found for name in query.type.dim_names}
            if len(found) > 1 and all(set(outer.type.dim_names) <= dims for _, outer in found):
                found = [(polynomials.normal(found), const(1.0))]
            yield from ((first, query, outer) for query, outer in found)

    def _reading(self, term: Term, query: Expr) -> Read:
        before = bool(term.read.offsets)
        value = apply("sum", apply("mul", query, term.read), over=tuple(sorted(term.summed)))
        for each in self.found:
            if self.changed[each.result].expr == value:
                return Read(each.result, value.type)
        name = self._new(term.read.value)
        self.changed[name] = Equation(name, name, value.type, value, span=self.span)
        self.found.append(Reading(name, term.read.value, query, before))
        return Read(name, value.type)

    def _new(self, state: str) -> str:
        taken = {each for item in self.group.module.items for each in results_of(item)} | set(self.changed)
        taken |= {given.name for given in self.group.module.inputs}
        taken |= {spec.path.split(".")[0] for spec in self.group.module.weights}
        taken |= {each.path for each in self.group.module.instances}
        while True:
            self.count += 1
            name = f"{state.split('~')[0].lstrip('%')}_read" + ("" if self.count == 1 else f"_{self.count}")
            if name not in taken:
                return name

    def _shown(self, expr: Expr) -> str:
        reads: Iterator[Read] = (each for each in walk(expr) if isinstance(each, Read))
        first = next(each for each in reads if each.value in self.states or each.value in self.seen_through)
        return first.value if first.value in self.states else self.states[0]


def summed_dims(readings: list[Reading], equations: dict[str, Equation]) -> set[frozenset[str]]:
    """The sets of dims that the readings sum over."""
    found = set()
    for each in readings:
        expr = equations[each.result].expr
        assert isinstance(expr, Apply)
        over = expr.attribute("over")
        assert isinstance(over, tuple)
        found.add(frozenset(str(name) for name in over))
    return found
