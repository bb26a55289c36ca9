"""pLSTM on images: every valid schedule of the equations beside the authors' own function at each of its levels, in one process.

python benchmarks/grids.py CHECKOUT [--rounds 7] [--threads 2] [--levels 2 3 4] [--schedule NAME] [--cpu-time]

CHECKOUT is a clone of https://github.com/ml-jku/plstm. One cover, gates given as inputs, float32; shapes are images (with heads),
rows, columns, keys and values. Medians of interleaved rounds in milliseconds, forward and forward with backward, how often that is in
what the fastest of the authors' takes, and the largest difference to it in terms of its scale. `--cpu-time` counts what the process
itself takes, for machines that others use too (with one thread). Levels 0 and 1 take minutes for the larger shape.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from plstm_functions import scalar_grid
from plstm_reference import open_checkout
from rounds import medians
from torch import Tensor

import recdsl
from recdsl import api
from recdsl.verify.schedules import schedules_of

PROGRAM = scalar_grid("all turns")
SHAPES = ((16, 16, 16, 32, 32), (8, 32, 32, 64, 64))
Function = Callable[..., Tensor]


def inputs(images: int, rows: int, columns: int, keys: int, values: int) -> list[Tensor]:
    """Queries, keys, values, and gates whose states neither vanish nor grow."""
    torch.manual_seed(0)
    sides = [torch.randn(images, rows, columns, size) for size in (keys, keys, values)]
    return sides + [torch.rand(images, rows, columns) * 0.5 for _ in range(9)]


def theirs(levels: int) -> Function:
    """The authors' function on the same inputs; its gates have dimensions for several states and inputs."""
    from plstm.torch.plstm_2d import pLSTM2D_torch

    def function(q: Tensor, k: Tensor, v: Tensor, *gates: Tensor) -> Tensor:
        s_r, s_d, *transitions, m_l, m_u, direct = gates
        sides = (x[..., None] for x in (q, k, v))
        sources, marks = ([x[..., None, None, None] for x in each] for each in ((s_r, s_d), (m_l, m_u)))
        turns = [x[..., None, None] for x in transitions]
        y = pLSTM2D_torch(*sides, *sources, *turns, *marks, direct[..., None, None, None, None], levels=levels)
        return y.squeeze(-1)

    return function


def ours(schedule: str, keys: int, values: int) -> Function:
    module = recdsl.compile(PROGRAM, schedule=schedule)(K=keys, V=values)
    assert callable(module)
    return module


def forward(function: Function, given: list[Tensor]) -> None:
    with torch.no_grad():
        function(*given)


def with_backward(function: Function, given: list[Tensor]) -> None:
    leaves = [x.detach().requires_grad_() for x in given]
    torch.autograd.grad(function(*leaves).sum(), leaves)


def compare(shape: tuple[int, ...], arguments: argparse.Namespace) -> None:
    given, keys, values, text = inputs(*shape), shape[-2], shape[-1], arguments.schedule
    (recurrence,) = recdsl.explain(PROGRAM).recurrences
    schedules = [each for each in schedules_of(api.check(PROGRAM).program) if text in each or each == "auto"]
    names = {each: recurrence.schedule if each == "auto" else each for each in schedules}
    ways = {names[each]: ours(each, keys, values) for each in schedules}
    peers = {f"authors, levels {n}": theirs(n) for n in arguments.levels if 1 << n <= min(shape[1:3])}
    clock = time.process_time if arguments.cpu_time else time.perf_counter
    times = [
        medians({name: partial(run, way, given) for name, way in (ways | peers).items()}, arguments.rounds, clock)
        for run in (forward, with_backward)
    ]
    best = [min(each[name] for name in peers) for each in times]
    with torch.no_grad():
        results = {name: function(*given) for name, function in (ways | peers).items()}
    expected = results[next(iter(peers))]
    print(f"\n{shape}\n{'':22}{'forward':>10}{'ratio':>8}{'backward':>10}{'ratio':>8}{'error':>10}")
    for name, found in results.items():
        error = ((found - expected).abs().max() / expected.abs().max()).item()
        columns = "".join(f"{each[name]:10.1f}{fast / each[name]:8.2f}" for each, fast in zip(times, best, strict=True))
        print(f"{name:22}{columns}{error:10.1e}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--levels", type=int, nargs="+", default=[2, 3, 4])
    parser.add_argument("--schedule", default="", help="only the best one, and those with this in their names")
    parser.add_argument("--cpu-time", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    open_checkout(arguments.checkout)
    for shape in SHAPES:
        compare(shape, arguments)


if __name__ == "__main__":
    main()
