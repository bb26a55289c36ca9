"""The algorithm `gated_product`: matrix states on a grid, of which all that matters are the products of gates between points.

    R = a * R[j-1] + b * D[i-1] + s * k * v
    D = c * R[j-1] + d * D[i-1] + t * k * v          o[x] = sum over y of G[x, y] * (q[x] . k[y]) * v[y]
    o = sum[K](q * (m * R[j-1] + n * D[i-1]))        G = M (1 - T)^-1 S of a, b, c, d, s, t, m, n alone

Valid where the gates between states have no dims of keys or values, the inputs are outer products, and only sums over the keys are
read, at any offsets along the axes on which the states read each other. The numbers G are the same recurrence with a column for each
point, within tiles; a tile then attends to all before it, or has their states handed on at its borders, whichever is less work for the
sizes at run time (Poeppel et al. 2025, arXiv 2506.11997, sections 2 and 3). Tiles need offsets that lead one way along each axis;
otherwise the grid is one tile.
Roles: `gate[n]` for the n-th link; `key[i]` and `value[i]`, and `source[p,i]` by which the p-th state gets their product; `mark[n]`.
"""

from __future__ import annotations

from collections.abc import Iterable

from recdsl.classify.axes import moving_axes
from recdsl.classify.cost import elements
from recdsl.classify.count import Count, count, number
from recdsl.classify.outer import Pair
from recdsl.classify.polynomial import Polynomials
from recdsl.classify.system import System
from recdsl.ir.build import apply, const
from recdsl.ir.expr import Expr
from recdsl.ir.sizes import axis_length
from recdsl.lower import grid, wavefront
from recdsl.lower.draft import Case, Cost, Draft, Refused, plus, times
from recdsl.lower.marks import Marks
from recdsl.lower.plan import Link
from recdsl.lower.sides import Sides, sides_of

NAME = "gated_product"
TILE = 8  # points along an axis, as the helper would choose for images

Role = tuple[str, Expr]


def plan(case: Case) -> Draft:
    """The plan of a recurrence. Raises `Refused`."""
    links = grid.links_of(case)
    system, axes = case.affine(), wavefront.axes_of(case)
    gates = [each.coefficient for each in system.links]
    named = frozenset(name for each in gates for name in each.type.dim_names)
    search = Marks(case.group, system.states, axes=axes, gates=named)
    sides = sides_of(case, system.states, system.inputs, gates, search)
    for gate in gates:
        both = sorted(set(gate.type.dim_names) & set(sides.keys))
        if both:
            raise Refused(
                "R512", f"a coefficient of the states differs along {', '.join(both)}", gate.span or case.span
            )
    roles: list[Role] = [(link.role, gate) for link, gate in zip(links, gates, strict=True)]
    sources, after = _sources(case, system, sides)
    marks, read = _marks(case, search, sides)
    return Draft(
        NAME,
        system.states,
        0,
        (*roles, *sources, *read),
        after,
        _cost(case, links, sides),
        sides.readings,
        sides.readers,
        sides.keys,
        sides.values,
        links=links,
        axes=axes,
        marks=marks,
    )


def _sources(case: Case, system: System, sides: Sides) -> tuple[list[Role], tuple[tuple[str, Expr], ...]]:
    """The roles of what states get, equal outer products once; and the states in terms of these."""
    polynomials = case.group.polynomials
    products: dict[tuple[Expr, Expr], int] = {}
    sources: list[Role] = []
    after: list[tuple[str, Expr]] = []
    for place, (state, pairs) in enumerate(sides.pairs):
        total: Expr = const(0.0)
        for link in system.links:
            if link.state == state:
                total = plus(total, times(link.coefficient, link.read))
        for pair in pairs:
            gate, key, value = _apart(pair, sides, polynomials)
            which = products.setdefault((key, value), len(products))
            sources.append((f"source[{place},{which}]", gate))
            total = plus(total, times(gate, apply("mul", key, value)))
        after.append((state, total))
    keys = [(f"key[{which}]", key) for (key, _), which in products.items()]
    values = [(f"value[{which}]", value) for (_, value), which in products.items()]
    return [*sources, *keys, *values], tuple(after)


def _apart(pair: Pair, sides: Sides, polynomials: Polynomials) -> tuple[Expr, Expr, Expr]:
    """An outer product as a number, a key and a value without such."""
    before, key = polynomials.factored(pair.key, sides.keys)
    behind, value = polynomials.factored(pair.value, sides.values)
    return polynomials.normal([(before, behind)]), key, value


def _marks(case: Case, search: Marks, sides: Sides) -> tuple[tuple[Link, ...], list[Role]]:
    marks: list[Link] = []
    roles: list[Role] = []
    for reading, summands in zip(sides.readings, search.marks, strict=True):
        for read, gate in summands:
            offsets = dict(read.offsets)
            offset = tuple(offsets.get(axis, 0) for axis in case.group.module.axes)
            marks.append(Link(reading.result, read.value, offset, f"mark[{len(marks)}]"))
            roles.append((marks[-1].role, gate))
    return tuple(marks), roles


def _cost(case: Case, links: tuple[Link, ...], sides: Sides) -> Cost:
    """Of tiles: products of keys and values within one, states at its borders, a number for each gate between points."""
    type = case.group.module.type_of(case.affine().states[0])
    axes = moving_axes(case.group)
    points = elements(type.without((*sides.keys, *sides.values)))
    keys, values = (_product(count(type.dim(name).size) for name in side) for side in (sides.keys, sides.values))
    cells = TILE ** len(axes)
    borders = len({each.of for each in links}) * TILE ** (len(axes) - 1)
    within = number(cells) * (keys + values) + number(len(links) * cells)
    across = number(2 * borders) * keys * values
    waves = sum((number(1 / TILE) * count(axis_length(axis)) for axis in axes), number(len(axes) * TILE))
    streams = number(2) * (keys + values) + number(3 * cells) + number(2 * borders / cells) * keys * values
    return Cost(points * (within + across), waves, number(grid.WORD) * points * streams)


def _product(counts: Iterable[Count]) -> Count:
    total = number(1)
    for each in counts:
        total *= each
    return total
