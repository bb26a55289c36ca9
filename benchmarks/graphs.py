"""pLSTM on directed acyclic graphs: every valid schedule beside the authors' own loop, in one process.

python benchmarks/graphs.py PATH [--edges 200 2000 20000] [--rounds 7] [--threads 2] [--heads 4] [--size 16]

PATH is a checkout of ml-jku/plstm; of it only `src/plstm/torch/plstm_graph.py` is read. For random graphs with an edge for every 0.35 nodes:
first the largest differences of values and gradients to the authors' `plstm_graph` in float64, then medians of interleaved rounds in
float32, forward and forward with backward, in milliseconds, and what the authors' code takes in times of ours. Transition gates of pairs of edges are
computed from two edge values on both sides. What is known of a graph beforehand is made outside of the rounds on both sides; ours is
timed in a column of its own.
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import networkx as nx
import torch
from rounds import medians
from torch import Tensor, nn

import recdsl

PROGRAM = """
layer plstm_graph(H, K, V) over n in dag:
  in q : H K
  in k : H K
  in v : H V
  in direct : H
  in source : H edge
  in mark : H edge
  in a : H edge
  in b : H edge
  edge C : H K V = source * k * v + sum[pred](0.5 * tanh(a[pred] + b) * C[pred])
  out sum[pred](mark[pred] * sum[K](q * C[pred])) + direct * sum[K](q * k) * v
"""
SCHEDULES = ("auto", "levels", "sequential")
SLOW = 2.0  # seconds; what takes longer is timed once


@dataclass(frozen=True)
class Case:
    """A graph as both sides want it; edges stand in a topological order, as the authors' code needs them."""

    nodes: int
    edge_index: Tensor
    line: nx.DiGraph[Any]
    places: dict[tuple[int, int], int]  # of edges
    pairs: dict[tuple[tuple[int, int], tuple[int, int]], int]

    @property
    def ends(self) -> Tensor:
        """The places of both edges of each pair, [2, pairs]."""
        found = [(self.places[one], self.places[other]) for one, other in self.pairs]
        return torch.tensor(found, dtype=torch.int64).reshape(-1, 2).T


def random_case(edges: int, seed: int = 0) -> Case:
    """A graph without parallel edges whose nodes have numbers in any order."""
    draw = random.Random(seed)
    nodes = max(2, int(0.35 * edges))
    order = list(range(nodes))
    draw.shuffle(order)
    found: set[tuple[int, int]] = set()
    while len(found) < edges:
        one, other = sorted(draw.sample(range(nodes), 2))
        found.add((order[one], order[other]))
    line: nx.DiGraph[Any] = nx.DiGraph(nx.line_graph(nx.DiGraph(sorted(found))))
    places = {edge: place for place, edge in enumerate(nx.topological_sort(line))}
    pairs = {pair: place for place, pair in enumerate(line.edges)}
    return Case(nodes, torch.tensor(list(places)).T.contiguous(), line, places, pairs)


def inputs(case: Case, heads: int, size: int, dtype: torch.dtype) -> list[Tensor]:
    """Leaves in the order of the program's inputs."""
    generator = torch.Generator().manual_seed(1)
    edges = case.edge_index.shape[1]
    shapes = [(case.nodes, heads, size)] * 3 + [(case.nodes, heads)] + [(edges, heads)] * 4
    return [torch.randn(shape, generator=generator, dtype=dtype).requires_grad_() for shape in shapes]


def authors(path: Path) -> Callable[..., Tensor]:
    """Their `plstm_graph`."""
    spec = importlib.util.spec_from_file_location("plstm_graph", path / "src/plstm/torch/plstm_graph.py")
    assert spec is not None and spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function: Callable[..., Tensor] = module.plstm_graph
    return function


def their_call(function: Callable[..., Tensor], case: Case, ends: Tensor, given: list[Tensor]) -> Tensor:
    """Their function on heads first, their result the way round of ours."""
    q, k, v, direct, source, mark, a, b = (x.movedim(1, 0) for x in given)
    transition = 0.5 * torch.tanh(a[:, ends[0]] + b[:, ends[1]])
    found = function(q, k, v, source, transition, mark, direct, case.line, case.places, case.pairs)
    return found.movedim(0, 1)


def gradients(run: Callable[[], Tensor], given: list[Tensor]) -> tuple[Tensor, ...]:
    result = run()
    weights = torch.linspace(-1, 1, result.numel(), dtype=result.dtype).view_as(result)
    return result, *torch.autograd.grad((result * weights).sum(), given)


def differences(
    case: Case, theirs: Callable[..., Tensor], modules: dict[str, nn.Module], size: tuple[int, int]
) -> None:
    """Print how far values and gradients lie apart, in terms of the largest of each."""
    given = inputs(case, *size, torch.float64)
    ends = case.ends
    expected = gradients(lambda: their_call(theirs, case, ends, given), given)
    for name, module in modules.items():
        found = gradients(partial(module, *given, case.edge_index), given)
        apart = [
            float((x - y).detach().abs().max() / y.detach().abs().max()) for x, y in zip(found, expected, strict=True)
        ]
        print(f"  {name:<12} value {apart[0]:.1e}, gradients {max(apart[1:]):.1e}")


def measure(
    case: Case, theirs: Callable[..., Tensor], modules: dict[str, nn.Module], size: tuple[int, int], rounds: int
) -> None:
    """Print the table of one graph."""
    given = inputs(case, *size, torch.float32)
    ends = case.ends
    runs: dict[str, Callable[[], Tensor]] = {"authors": lambda: their_call(theirs, case, ends, given)}
    for name, module in modules.items():
        runs[name] = partial(module, *given, case.edge_index)

    def plain(run: Callable[[], Tensor]) -> Callable[[], object]:
        def call() -> Tensor:
            with torch.no_grad():
                return run()

        return call

    forward = medians({name: plain(run) for name, run in runs.items()}, rounds, slow=SLOW)
    both = medians({name: partial(gradients, run, given) for name, run in runs.items()}, rounds, slow=SLOW)
    print(f"  {'':<12} {'forward':>10} {'ratio':>8} {'fwd+bwd':>10} {'ratio':>8} {'graph':>8}")
    for name in runs:
        ratios = forward["authors"] / forward[name], both["authors"] / both[name]
        graph = "" if name == "authors" else f"{first_call(modules[name], given, case):.1f}"
        print(f"  {name:<12} {forward[name]:10.2f} {ratios[0]:8.1f} {both[name]:10.2f} {ratios[1]:8.1f} {graph:>8}")


@torch.no_grad()
def first_call(module: nn.Module, given: list[Tensor], case: Case) -> float:
    """What a graph that has not been seen before takes beyond the call, in milliseconds."""
    found = []
    for _ in range(3):
        edge_index = case.edge_index.clone()
        times = []
        for _ in range(2):
            start = time.perf_counter()
            module(*given, edge_index)
            times.append(time.perf_counter() - start)
        found.append(times[0] - times[1])
    return 1000 * statistics.median(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    parser.add_argument("--edges", type=int, nargs="+", default=[200, 2000, 20000])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--size", type=int, default=16)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    theirs, size = authors(options.path), (options.heads, options.size)
    sizes = {"H": options.heads, "K": options.size, "V": options.size}
    modules = {name: recdsl.compile(PROGRAM, schedule=name)(**sizes) for name in SCHEDULES}
    for edges in options.edges:
        case = random_case(edges)
        print(
            f"{edges} edges, {case.nodes} nodes, {len(case.pairs)} pairs, {options.heads} heads of {options.size} x {options.size}"
        )
        if edges <= 2000:
            differences(case, theirs, modules, size)
        measure(case, theirs, modules, size, options.rounds)


if __name__ == "__main__":
    main()
