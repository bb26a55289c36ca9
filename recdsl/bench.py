"""Times a compiled module: forward, and forward with backward, at a few lengths.

In: a program and a `Setup`. Out: one `Row` of medians a length. Sizes that a program leaves open are `OPEN_DIM`.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recdsl import api
from recdsl.files import refusal
from recdsl.ir import sizes
from recdsl.ir.module import Module
from recdsl.settings import Setting
from recdsl.verify.examples import Example

if TYPE_CHECKING:
    import torch
    from torch import Tensor

OPEN_DIM = 64
_EDGES_PER_NODE = 2
_WARM_UP = 2


@dataclass(frozen=True, slots=True)
class Setup:
    """`lengths` are the points along every axis, for a graph the nodes; one row of results each."""

    batch: int
    lengths: tuple[int, ...]
    device: str
    dtype: str
    rounds: int
    schedule: str


@dataclass(frozen=True, slots=True)
class Row:
    """Medians in milliseconds. `both` is forward and backward together, None where nothing can be differentiated;
    `points` are the points of all rows of the batch, per second of a forward pass."""

    inputs: str
    forward: float
    both: float | None
    points: float


@dataclass(frozen=True, slots=True)
class Report:
    """What was timed, on what, and how long it took."""

    name: str
    sizes: dict[str, float]
    device: str
    dtype: str
    threads: int
    rounds: int
    schedule: str
    rows: tuple[Row, ...]

    def to_json(self) -> dict[str, object]:
        return asdict(self)

    def __str__(self) -> str:
        given = ", ".join(f"{name} = {value:g}" for name, value in self.sizes.items())
        threads = f", {self.threads} threads" if self.device == "cpu" else ""
        forced = "" if self.schedule == "auto" else f", schedule {self.schedule}"
        head = f"{self.name}({given}) on {self.device}{threads}, {self.dtype}{forced}, medians of {self.rounds}"
        columns = ("inputs", "forward", "forward + backward", "points/s forward")
        return "\n".join([head, "", *_table([columns, *map(_cells, self.rows)])])


def _cells(row: Row) -> tuple[str, ...]:
    both = "-" if row.both is None else f"{row.both:.3g} ms"
    return row.inputs, f"{row.forward:.3g} ms", both, f"{row.points:.3g}"


def _table(rows: list[tuple[str, ...]]) -> Iterable[str]:
    """Columns side by side, the first to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = [first.ljust(widths[0]), *(c.rjust(w) for c, w in zip(others, widths[1:], strict=True))]
        yield "  ".join(cells).rstrip()


def bench(file: Path, target: str, layer: str | None, settings: Mapping[str, Setting], setup: Setup) -> Report:
    """Compile and time a program. Raises `RecdslError`."""
    import torch

    module = api.check(file, layer=layer, settings=settings).program.entry
    given = _sizes(module)
    dtype = _dtype(setup.dtype)
    device = _device(setup.device)
    compiled = api.compile(file, target, layer=layer, settings=settings, schedule=setup.schedule)
    made = compiled(**given).to(device=device, dtype=dtype)
    rows = tuple(_row(made, module, given, setup, length, device, dtype) for length in setup.lengths)
    shown = {name: float(value) for name, value in given.items()}
    threads = torch.get_num_threads()
    return Report(module.name, shown, setup.device, setup.dtype, threads, setup.rounds, setup.schedule, rows)


def _dtype(name: str) -> torch.dtype:
    import torch

    dtype = getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise refusal(f"there is no real dtype {name!r}", "float32, float64, bfloat16 and float16 are the usual ones")
    return dtype


def _device(name: str) -> torch.device:
    import torch

    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise refusal(f"the device {name!r} cannot be used: {str(error).splitlines()[0]}") from None
    return device


def _sizes(module: Module) -> dict[str, int | float]:
    """A value for every parameter: its default, or `OPEN_DIM` for a dim and 1 for a number without one."""
    found: dict[str, int | float] = {}
    for parameter in module.parameters:
        if parameter.default is None:
            found[parameter.name] = OPEN_DIM if parameter.is_dim else 1
            continue
        value = sizes.evaluate(parameter.default, found)
        found[parameter.name] = int(value) if value == int(value) else float(value)
    return found


def _row(
    made: torch.nn.Module,
    module: Module,
    given: Mapping[str, int | float],
    setup: Setup,
    length: int,
    device: torch.device,
    dtype: torch.dtype,
) -> Row:
    import torch

    graph = module.domain == "graph"
    edges = _edges(length, module.cyclic_graph) if graph else ()
    example = Example(0, setup.batch, (length,) * len(module.axes), edges=edges)
    tensors = example.tensors(module, given) | ({"edge_index": example.edge_index()} if graph else {})
    inputs = {name: _moved(tensor, device, dtype) for name, tensor in tensors.items()}
    extra = {"edge_index": inputs.pop("edge_index")} if graph else {}

    def forward() -> object:
        return made(*inputs.values(), **extra)

    def both() -> None:
        made.zero_grad(set_to_none=True)
        total = torch.stack([each.sum().float() for each in _differentiable(forward())]).sum()
        torch.autograd.backward(total)

    with torch.no_grad():
        seconds = _median(forward, setup, device)
    trains = any(True for _ in _differentiable(forward()))
    points = (1 if graph else setup.batch) * length ** len(module.axes)
    shapes = ", ".join(f"{name} {list(tensor.shape)}" for name, tensor in {**inputs, **extra}.items())
    return Row(shapes, seconds * 1e3, _median(both, setup, device) * 1e3 if trains else None, points / seconds)


def _moved(tensor: Tensor, device: torch.device, dtype: torch.dtype) -> Tensor:
    """An input on the device, numbers in the precision that is timed."""
    tensor = tensor.detach().to(device)
    if tensor.is_complex():
        return tensor.to(dtype.to_complex())
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def _edges(nodes: int, cyclic: bool) -> tuple[tuple[int, int], ...]:
    """A random graph; every edge of an acyclic one runs from a lower number to a higher one."""
    draw = random.Random(0)
    if cyclic:
        return tuple((draw.randrange(nodes), draw.randrange(nodes)) for _ in range(_EDGES_PER_NODE * nodes))
    heads = [draw.randrange(1, nodes) for _ in range(_EDGES_PER_NODE * nodes)] if nodes > 1 else []
    return tuple((draw.randrange(head), head) for head in heads)


def _differentiable(result: object) -> Iterator[Tensor]:
    import torch

    for each in result if isinstance(result, tuple) else (result,):
        if isinstance(each, torch.Tensor) and each.requires_grad:
            yield each.real if each.is_complex() else each


def _median(work: Callable[[], object], setup: Setup, device: torch.device) -> float:
    """Seconds of one call; the first calls warm up and do not count."""
    import torch

    times = []
    for turn in range(setup.rounds + _WARM_UP):
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        if turn >= _WARM_UP:
            times.append(time.perf_counter() - start)
    return statistics.median(times)
