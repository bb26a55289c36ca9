"""The algorithm `delta`: states that are erased along some directions before they are written, in chunks by the WY form.

    X_i = Σ_j decay[i,j] * X_j[t-1] + Σ_r erase[r,i] * Σ_K probe[r,j] * X_j[t-1] + Σ_m key[m,i] * value[m]

Valid for matrix states with coefficients that are shared along the values, and read in sums over the keys: the delta rule with gates and
momentum, products of several steps at a point, decays for each key (then for one state, and not negative). The unknown reads of a chunk solve
a triangular system (Yang et al. 2024, arXiv 2406.06484, section 3).
Roles: `decay[i,j]`, or for each key `log_decay[0,0]` or `gate[0,0]` (its logarithm is still to be taken); `erase[r,i]`, `probe[r,j]`, `key[m,i]`, `value[m]`; what is not there is 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from recdsl.classify.system import System
from recdsl.ir.build import apply, const, simplified
from recdsl.ir.expr import Expr, Read
from recdsl.lower.draft import Case, Cost, Draft, Refused, plus, times
from recdsl.lower.rank_one import CHUNK, decay_role, matrix_cost
from recdsl.lower.sides import Sides, sides_of

NAME = "delta"
MOST = 4  # states that run together

Roles = dict[str, Expr]


def plan(case: Case) -> Draft:
    """The plan of a recurrence. Raises `Refused`."""
    axis = case.axis
    system = case.affine()
    states = system.states
    for each in system.dense:
        raise Refused("R512", f"a dense map joins elements of {each.read.value}", each.read.span)
    if not system.low_rank and len(states) == 1:
        raise Refused("R521", f"nothing of {states[0]} is erased: it is no more than rank one", case.span)
    _same_dims(case, states)
    offsets = {dict(each.offsets)[axis] for each in system.reads}
    if len(offsets) != 1 or abs(next(iter(offsets))) != 1 or len(states) > MOST:
        raise Refused("R514", f"{', '.join(states)} are read at other points than the one before", case.span)
    sides = sides_of(case, states, system.inputs, tuple(_factors(system)))
    work = _Roles(case, system, sides)
    work.fill()
    reads = {each.value: each for each in system.reads}
    return Draft(
        NAME,
        states,
        next(iter(offsets)),
        tuple(work.roles.items()),
        tuple((state, work.after(place, reads)) for place, state in enumerate(states)),
        _cost(case, sides, work.ranks),
        sides.readings,
        sides.readers,
        sides.keys,
        sides.values,
        constants=(("chunk", CHUNK),),
    )


def _same_dims(case: Case, states: tuple[str, ...]) -> None:
    dims = {frozenset(case.group.module.type_of(each).dim_names) for each in states}
    if len(dims) > 1:
        raise Refused("R513", f"{', '.join(states)} have different dims", case.span)


def _factors(system: System) -> Iterator[Expr]:
    for each in system.low_rank:
        yield each.inner
        yield from (factor for product in each.outer for factor in product)


@dataclass(slots=True)
class _Roles:
    """The coefficients by their names."""

    case: Case
    system: System
    sides: Sides
    roles: Roles = field(default_factory=dict)
    probes: list[tuple[Read, Expr]] = field(default_factory=list)  # what each rank reads, and how
    values: list[Expr] = field(default_factory=list)

    @property
    def ranks(self) -> int:
        return max(1, len(self.probes))

    def fill(self) -> None:
        place = {state: index for index, state in enumerate(self.system.states)}
        for link in self.system.links:
            name, decay = decay_role(self.case, link.coefficient, self.sides)
            if set(link.coefficient.type.dim_names) & set(self.sides.values):
                raise Refused("R512", "the decay differs along the values", link.coefficient.span or self.case.span)
            if name != "decay" and len(place) > 1:
                raise Refused("R513", "several states share a decay for each key", link.read.span)
            self.roles[f"{name}[{place[link.state]},{place[link.read.value]}]"] = decay
        for term in self.system.low_rank:
            if set(term.summed) != set(self.sides.keys):
                shown = ", ".join(term.summed)
                raise Refused(
                    "R516", f"it is erased along {shown} and read along {', '.join(self.sides.keys)}", term.read.span
                )
            outer = self.case.group.polynomials.normal(term.outer)
            for factor in (outer, term.inner):
                if set(factor.type.dim_names) & set(self.sides.values):
                    raise Refused("R512", "what is erased differs along the values", factor.span or self.case.span)
            rank = self._rank(term.read, term.inner)
            self.roles[f"probe[{rank},{place[term.read.value]}]"] = term.inner
            self.roles[f"erase[{rank},{place[term.state]}]"] = outer
        for state, pairs in self.sides.pairs:
            for pair in pairs:
                if pair.value not in self.values:
                    self.values.append(pair.value)
                number = self.values.index(pair.value)
                self.roles[f"value[{number}]"] = pair.value
                self.roles[f"key[{number},{place[state]}]"] = pair.key

    def _rank(self, read: Read, inner: Expr) -> int:
        if (read, inner) not in self.probes:
            self.probes.append((read, inner))
        return self.probes.index((read, inner))

    def after(self, place: int, reads: dict[str, Read]) -> Expr:
        """The state with this number in terms of the roles."""
        total: Expr = const(0.0)
        for other, state in enumerate(self.system.states):
            decay = self.roles.get(f"decay[{place},{other}]") or self.roles.get(f"gate[{place},{other}]")
            gated = self.roles.get(f"log_decay[{place},{other}]")
            if gated is not None:
                decay = simplified("exp", gated)
            if decay is not None:
                total = plus(total, times(decay, reads[state]))
        for rank, (read, inner) in enumerate(self.probes):
            erase = self.roles.get(f"erase[{rank},{place}]")
            if erase is not None:
                found = apply("sum", apply("mul", inner, read), over=self.sides.keys)
                total = plus(total, apply("mul", erase, found))
        for number, value in enumerate(self.values):
            key = self.roles.get(f"key[{number},{place}]")
            if key is not None:
                total = plus(total, apply("mul", key, value))
        return total


def _cost(case: Case, sides: Sides, ranks: int) -> Cost:
    """That of rank one, and a triangular system for each chunk."""
    return matrix_cost(case, case.group.module.type_of(next(iter(case.group.states))), sides, CHUNK * ranks)
