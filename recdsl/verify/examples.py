"""Inputs for a program: what shapes they have and how they are cut into documents, and the tensors themselves.

An `Example` is a few numbers; `tensors` draws from its seed. The strategy `inputs(program)` and the list
`some_examples` make them: axes of length 0, 1 and a few, odd grids, graphs of one node, without edges, in several parts, and where
they may be with cycles and self loops.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from recdsl.ir import sizes
from recdsl.ir.expr import walk
from recdsl.ir.module import Input, Module, Program
from recdsl.ir.sizes import Size, Value

if TYPE_CHECKING:
    import torch
    from hypothesis.strategies import DrawFn, SearchStrategy
    from torch import Tensor

LONGEST = 5
_MOST_NODES = 6
_FREE_INTEGERS = 2  # whole numbers that are no tokens are below this


@dataclass(frozen=True, slots=True)
class Example:
    """One call. `points` are the lengths of the axes in order (of a graph, the nodes); `lengths` and `resets` (rows of
    points) as in `forward`; `edges` the pairs (tail, head) of a graph; `cut` where the pieces of a run in two meet."""

    seed: int = 0
    batch: int = 2
    points: tuple[int, ...] = ()
    lengths: tuple[int, ...] | None = None
    resets: tuple[tuple[int, ...], ...] | None = None
    edges: tuple[tuple[int, int], ...] = ()
    cut: int = 0

    def generator(self) -> torch.Generator:
        """The one that inputs are drawn from."""
        import torch

        return torch.Generator().manual_seed(self.seed)

    def other_generator(self) -> torch.Generator:
        """One of other numbers: a state that is equal to an input lies where a maximum of both has no derivative."""
        import torch

        return torch.Generator().manual_seed(self.seed + 1)

    def tensors(self, module: Module, values: Mapping[str, Value]) -> dict[str, Tensor]:
        """A tensor for every input, `[batch, axes..., dims...]`, of a graph `[nodes or edges, dims...]`."""
        generator = self.generator()
        return {each.name: self._tensor(each, module, values, generator) for each in module.inputs}

    def _tensor(self, given: Input, module: Module, values: Mapping[str, Value], generator: torch.Generator) -> Tensor:
        import torch

        shape = [*self._leading(given, module), *(int(sizes.evaluate(dim.size, values)) for dim in given.type.dims)]
        match given.type.kind:
            case "int":
                most = _FREE_INTEGERS if given.vocabulary is None else int(sizes.evaluate(given.vocabulary, values))
                return torch.randint(most, shape, generator=generator)
            case "bool":
                return torch.randint(2, shape, generator=generator).bool()
            case "complex":
                return torch.randn(shape, generator=generator, dtype=torch.complex128).requires_grad_()
            case "real":
                return torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()
        raise AssertionError(given)

    def _leading(self, given: Input, module: Module) -> list[int]:
        if module.domain == "graph":
            lengths = {"edge": len(self.edges), module.axes[0]: self.points[0]}
            return [lengths[axis] for axis in given.type.axis_names]
        lengths = dict(zip(module.axes, self.points, strict=True))
        return [self.batch, *(lengths[axis] for axis in given.type.axis_names)]

    def edge_index(self) -> Tensor:
        """`[2, edges]`."""
        import torch

        return torch.tensor(self.edges, dtype=torch.int64).reshape(-1, 2).T.contiguous()

    def length_tensor(self) -> Tensor | None:
        """`[batch]`."""
        import torch

        return None if self.lengths is None else torch.tensor(self.lengths)

    def reset_tensor(self) -> Tensor | None:
        """`[batch, T]`, true where a document starts."""
        import torch

        if self.resets is None:
            return None
        rows = [[point in row for point in range(self.points[0])] for row in self.resets]
        return torch.tensor(rows, dtype=torch.bool).reshape(self.batch, self.points[0])

    def smaller(self) -> Iterator[Example]:
        """Simpler examples, the simplest first."""
        if self.resets is not None:
            yield replace(self, resets=None)
        if self.lengths is not None:
            yield replace(self, lengths=None)
        if self.batch > 1:
            yield self._with_batch(1)
        for place, length in enumerate(self.points):
            for shorter in range(length):
                yield self._shortened(place, shorter)
        for gone in range(len(self.edges)):
            yield replace(self, edges=self.edges[:gone] + self.edges[gone + 1 :])

    def _with_batch(self, batch: int) -> Example:
        lengths = self.lengths[:batch] if self.lengths is not None else None
        resets = self.resets[:batch] if self.resets is not None else None
        return replace(self, batch=batch, lengths=lengths, resets=resets)

    def _shortened(self, place: int, length: int) -> Example:
        points = (*self.points[:place], length, *self.points[place + 1 :])
        lengths = tuple(min(each, length) for each in self.lengths) if self.lengths is not None else None
        resets = tuple(tuple(each for each in row if each < length) for row in self.resets or ())
        edges = tuple(edge for edge in self.edges if max(edge) < length)
        return replace(
            self,
            points=points,
            lengths=lengths,
            resets=resets if self.resets is not None else None,
            edges=edges,
            cut=min(self.cut, length),
        )


# ---- as a strategy


def inputs(program: Program, longest: int = LONGEST) -> SearchStrategy[Example]:
    """Examples for a program's entry point, with axes up to `longest`."""
    from hypothesis import strategies as st

    module = program.entry
    lengths = st.sampled_from(_meant(module, range(longest + 1)))

    @st.composite
    def example(draw: DrawFn) -> Example:
        return _example(random.Random(draw(st.integers(0, 2**20))), module, draw(lengths), longest)

    return example()


# ---- as a list


def some_examples(program: Program, count: int, seed: int = 0, longest: int = LONGEST) -> list[Example]:
    """`count` examples: usual ones, the shortest ones, then any."""
    draw = random.Random(seed)
    module = program.entry
    first = _meant(module, (4, 1, 0, 3))
    others = _meant(module, range(longest + 1))
    lengths = [first[number] if number < len(first) else draw.choice(others) for number in range(count)]
    return [_example(draw, module, length, longest) for length in lengths]


def _example(draw: random.Random, module: Module, length: int, longest: int) -> Example:
    seed = draw.randrange(2**20)
    match module.domain:
        case "pointwise":
            return Example(seed, draw.choice((2, 1, 3)))
        case "graph":
            nodes = max(length, 1) if length < longest else _MOST_NODES
            return Example(seed, 1, (nodes,), edges=_edges(draw, nodes, module.cyclic_graph))
        case "grid":
            others = tuple(draw.choice(_meant(module, (1, 2, 3, 4))) for _ in module.axes[1:])
            return Example(seed, draw.choice((2, 1)), (length, *others))
        case "sequence":
            return _sequence(draw, seed, length)
    raise AssertionError(module.domain)


def _meant(module: Module, lengths: Sequence[int]) -> list[int]:
    """The lengths that a program gives a meaning: pooling and widening again must come back to where they began.
    Grids have at least one point."""
    found = {axis.length for item in module.equations() for expr in walk(item.expr) for axis in expr.type.axes}
    known = [size for size in found if set(sizes.axes_in(size)) <= set(module.axes) and not list(sizes.names_in(size))]
    pairs = [(one, other) for one, other in itertools.combinations(known, 2) if sizes.same(one, other)]
    least = 1 if module.domain == "grid" else 0
    fitting = [length for length in lengths if length >= least and all(_equal(*pair, length) for pair in pairs)]
    return fitting or [max((4, *lengths)) * 2]


def _equal(one: Size, other: Size, length: int) -> bool:
    values = {f"|{axis}|": length for size in (one, other) for axis in sizes.axes_in(size)}
    return sizes.evaluate(one, values) == sizes.evaluate(other, values)


def _sequence(draw: random.Random, seed: int, length: int) -> Example:
    batch = draw.choice((2, 1, 3))
    lengths = tuple(draw.randint(0, length) for _ in range(batch))
    resets = tuple(tuple(point for point in range(length) if draw.random() < 0.3) for _ in range(batch))
    return Example(seed, batch, (length,), lengths, resets, cut=draw.randint(0, length))


def _edges(draw: random.Random, nodes: int, cyclic: bool) -> tuple[tuple[int, int], ...]:
    """Edges in any order: a chain, few, many, or two parts; now and then one of them twice. Unless they may be `cyclic`, all lead
    from an earlier node of some order to a later one."""
    order = list(range(nodes))
    draw.shuffle(order)
    pairs = [(order[a], order[b]) for b in range(nodes) for a in range(nodes if cyclic else b)]
    density = draw.choice((0.0, 0.3, 0.6, 1.0))
    apart = draw.random() < 0.3
    kept = [(a, b) for a, b in pairs if draw.random() < density and not (apart and (a % 2) != (b % 2))]
    if kept and draw.random() < 0.3:
        kept.append(kept[0])
    draw.shuffle(kept)
    return tuple(kept)
