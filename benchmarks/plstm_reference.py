"""pLSTM as its authors compute it, beside the same equations compiled: the largest differences of values and gradients in float64.

python benchmarks/plstm_reference.py CHECKOUT [TEXT]

CHECKOUT is a clone of https://github.com/ml-jku/plstm, TEXT stands in the names of the comparisons to be made. Their functions need
torch and networkx; their layers and the image model also compoconf and einops, and are left out where these are missing. Every
schedule that is valid for a program is compared, and the parameters of the image models are counted. A difference is divided by the largest value of theirs. Ends with 1 above 1e-9.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import plstm_functions
import torch
from plstm_case import Case, differences

LIMIT = 1e-9
NEEDED = ("compoconf", "einops")


def open_checkout(checkout: Path) -> None:
    """Makes `plstm` importable. Without what its layers need, the modules of functions only: their package reads all layers."""
    sys.path.insert(0, str(checkout / "src"))
    if not has_layers():
        package = types.ModuleType("plstm.torch")
        package.__path__ = [str(checkout / "src" / "plstm" / "torch")]
        importlib.import_module("plstm")
        sys.modules["plstm.torch"] = package


def has_layers() -> bool:
    return all(importlib.util.find_spec(name) for name in NEEDED)


def cases() -> Iterator[Case]:
    yield from plstm_functions.cases()
    if has_layers():
        yield from importlib.import_module("plstm_layers").cases()
    else:
        print(f"left out: layers and the image model, which need {' and '.join(NEEDED)}")


def main(checkout: str, text: str = "") -> int:
    torch.manual_seed(0)
    open_checkout(Path(checkout))
    worst = 0.0
    print(f"{'':52}{'schedule':14}{'values':>10}{'gradients':>12}")
    for case in cases():
        for schedule in case.schedules() if text in case.name else ():
            found = differences(case, schedule)
            worst = max(worst, *found)
            print(f"{case.name:52}{schedule:14}{found[0]:10.1e}{found[1]:12.1e}", flush=True)
    print(f"largest: {worst:.1e}")
    if has_layers() and text in "parameters":
        print("parameters: here, theirs with weights in every gate, theirs by default")
        for name, *found in importlib.import_module("plstm_layers").counts():
            print(f"{name:12}" + "".join(f"{each:14,}" for each in found))
    return int(worst > LIMIT)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
