"""Peak memory of forward and backward over a long sequence: the algorithm that the compiler chooses, beside autograd through the loop
over all points, which keeps every state.

python benchmarks/training_memory.py [length [length of the loop]]

Every number is a process of its own: the most memory that it ever held (ru_maxrss) less that of the same process with 16 points.
malloc is told to give memory back at once (MALLOC_MMAP_THRESHOLD_), so that holes in its heap do not count. The loop runs on a
shorter sequence, because it needs gigabytes; its memory grows with the points, and is scaled to the length.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

SPECS = Path(__file__).parents[1] / "specs"
CASES = {  # sizes, and the numbers in a state; the last two stay sequential
    "gla": ({"D": 256, "H": 4, "K": 64, "V": 64}, 4 * 64 * 64),
    "deltanet": ({"D": 256, "H": 4, "K": 64, "V": 64}, 4 * 64 * 64),
    "mamba": ({"D": 256, "E": 512, "N": 16}, 512 * 16),
    "ntm": ({"D": 64, "H": 64, "N": 128, "W": 64}, 128 * 64),
    "gated_oja": ({"D": 256, "H": 4, "K": 64, "V": 64}, 4 * 64 * 64),
}
BASELINE = 16
ENVIRONMENT = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
MEBI = 2**20


def measure(name: str, schedule: str, length: int) -> None:
    """One forward and backward; prints the peak in bytes."""
    import torch
    import torch._dynamo  # every optimiser brings it along; here it counts in no process more than in another

    import recdsl

    torch.set_num_threads(1)
    torch.manual_seed(0)
    sizes, _ = CASES[name]
    whole = schedule == "loop"
    module = recdsl.compile(SPECS / f"{name}.rdl", schedule="sequential" if whole else schedule)(**sizes)
    if whole:  # segments whose points are not computed again keep every state
        type(module).forward.__globals__["Held"].again = lambda self, *given: self.points(*given)
    x = torch.randn(1, length, sizes["D"], requires_grad=True)
    module(x).square().mean().backward()
    unit = 1 if sys.platform == "darwin" else 1024
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def peak(name: str, schedule: str, length: int) -> float:
    """MiB above a process that does next to nothing."""
    held = []
    for points in (length, BASELINE):
        command = [sys.executable, __file__, "--measure", name, schedule, str(points)]
        output = subprocess.run(command, check=True, capture_output=True, text=True, env=ENVIRONMENT).stdout
        held.append(int(output))
    return (held[0] - held[1]) / MEBI


def main(length: int = 16384, short: int = 2048) -> None:
    print(f"forward and backward of 1 x {length} points; the loop has {short} and is scaled to {length}")
    heads = ("program", "MiB", "loop MiB", f"measured at {short}", "all states, MiB")
    print(f"{heads[0]:10}" + "".join(f"{each:>18}" for each in heads[1:]))
    for name, (_, state) in CASES.items():
        ours, loop = peak(name, "auto", length), peak(name, "loop", short)
        cells = (ours, loop * length / short, loop, 4 * state * length / MEBI)
        print(f"{name:10}" + "".join(f"{each:18.1f}" for each in cells), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main(*map(int, sys.argv[1:]))
