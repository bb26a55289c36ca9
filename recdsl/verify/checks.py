"""What is compared between a compiled module and the reference, one function a check.

Each takes a `Pair` and an `Example` and yields `Comparison`s; one that a program or an example gives no meaning yields none.
Where a compiled module refuses a call with ValueError, the check raises `Refused`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from recdsl.ir.expr import Apply, Call, Expr, Read, walk
from recdsl.ir.module import Depth, Equation, Module, Program
from recdsl.verify.examples import Example
from recdsl.verify.pair import Comparison, Pair, compare_gradients, compare_outputs, results

Inputs = dict[str, Tensor]


class RefusedError(Exception):
    """The compiled module says that a call has no meaning for it."""


@dataclass(frozen=True, slots=True)
class Check:
    """`name` is shown; `applies` tells whether a module has what is compared."""

    name: str
    compare: Callable[[Pair, Example], Iterator[Comparison]]
    applies: Callable[[Program], bool]


def forward(pair: Pair, example: Example) -> Iterator[Comparison]:
    """The results of a plain call, and all gradients."""
    yield from _both(pair, example, {})


def lengths(pair: Pair, example: Example) -> Iterator[Comparison]:
    """The same with `lengths`."""
    if example.lengths is not None:
        yield from _both(pair, example, {"lengths": example.length_tensor()})


def reset(pair: Pair, example: Example) -> Iterator[Comparison]:
    """The same with `reset`."""
    if example.resets is not None:
        yield from _both(pair, example, {"reset": example.reset_tensor()})


def documents(pair: Pair, example: Example) -> Iterator[Comparison]:
    """The same with `lengths` and `reset` at once."""
    if example.lengths is not None and example.resets is not None:
        yield from _both(pair, example, {"lengths": example.length_tensor(), "reset": example.reset_tensor()})


def path(pair: Pair, example: Example) -> Iterator[Comparison]:
    """The same with another chain of copies than the default one, where a result depends on it."""
    if "path" not in inspect.signature(pair.compiled.forward).parameters:
        return
    count = pair.reference.scope.count(pathed(pair.program.entry))
    generator = example.generator()
    chain = torch.randint(count, (3,), generator=generator).tolist()
    yield from _both(pair, example, {"path": chain})
    if example.batch > 1:
        chains = torch.randint(count, (example.batch, 2), generator=generator).tolist()
        yield from _both(pair, example, {"path": chains})


def training(pair: Pair, example: Example) -> Iterator[Comparison]:
    """The same in training, with several points for the statistics of a batch."""
    if example.batch == 1:
        return
    before = {name: tensor.clone() for name, tensor in pair.compiled.state_dict().items()}
    pair.compiled.train()
    try:
        yield from _both(pair, example, {}, {"training": True})
    finally:
        pair.compiled.eval()
        pair.compiled.load_state_dict(before)


def step(pair: Pair, example: Example) -> Iterator[Comparison]:
    """As many steps as there are points, from `init_state`; gradients through the states; the last state."""
    (length,) = example.points
    inputs = pair.tensors(example)
    compiled: Any = pair.compiled
    state = compiled.init_state(example.batch)
    rows = []
    for point in range(length):
        output, state = compiled.step(*_at(pair, inputs, point).values(), state)
        rows.append(results(output))
    expected, last = _refer(pair, inputs, {"return_state": True})
    if rows:
        found = tuple(
            torch.stack(each, 1) if along else each[-1]
            for each, along in zip(zip(*rows, strict=True), _outputs_along(pair), strict=True)
        )
        yield from compare_outputs(found, expected, "output of the steps")
        yield from compare_gradients(pair, inputs, found, expected, "gradient through the steps", example.seed)
    yield from _compare_states(pair, state, last, "state after the steps")


def state(pair: Pair, example: Example) -> Iterator[Comparison]:
    """The state that `forward` returns, also with `lengths` and `reset`."""
    inputs = pair.tensors(example)
    for options in ({}, {"lengths": example.length_tensor()}, {"reset": example.reset_tensor()}):
        _, found = _call(pair, inputs, {**options, "return_state": True})
        _, expected = _refer(pair, inputs, {**options, "return_state": True})
        words = f" with {next(iter(options))}" if options else ""
        yield from _compare_states(pair, found, expected, f"final state{words}")


def pieces(pair: Pair, example: Example) -> Iterator[Comparison]:
    """A run in two pieces, and the gradient of the second through the state between them."""
    inputs = pair.tensors(example)
    first, second = _between(pair, inputs, 0, example.cut), _between(pair, inputs, example.cut, example.points[0])
    before, middle = _call(pair, first, {"return_state": True})
    after, last = _call(pair, second, {"state": middle, "return_state": True})
    whole, end = _refer(pair, inputs, {"return_state": True})
    along = _outputs_along(pair)
    triples = zip(results(before), results(after), along, strict=True)
    joined = tuple(torch.cat([one, other], 1) if here else other for one, other, here in triples)
    yield from compare_outputs(joined, whole, "output in two pieces")
    behind = tuple(each[:, example.cut :] if here else each for each, here in zip(results(whole), along, strict=True))
    yield from compare_gradients(pair, inputs, results(after), behind, "gradient through the state", example.seed)
    yield from _compare_states(pair, last, end, "state after two pieces")


def start(pair: Pair, example: Example) -> Iterator[Comparison]:
    """A state given at run time in place of the starts, and the gradient by it."""
    inputs = pair.tensors(example)
    generator = example.generator()
    compiled: Any = pair.compiled
    begun = compiled.init_state(example.batch)
    given = {}
    read_back = _read_back(pair.program.entry)
    for name, tensor in _kept(pair, begun).items():
        if name not in read_back:
            continue
        given[name] = torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype).requires_grad_()
        begun[name] = given[name]
    if not given:
        return
    found = _call(pair, inputs, {"state": begun})
    expected = _refer(pair, inputs, {"initial": given})
    yield from compare_outputs(found, expected, "output from a given state")
    yield from compare_gradients(
        pair, {**inputs, **given}, found, expected, "gradient from a given state", example.seed
    )


# ---- calls


def _both(
    pair: Pair, example: Example, options: Mapping[str, Any], of_reference: Mapping[str, Any] | None = None
) -> Iterator[Comparison]:
    """Results and gradients of one call on both sides."""
    inputs = pair.tensors(example)
    words = " and ".join(options)
    behind = f" with {words}" if words else ""
    found = _call(pair, inputs, options, example)
    expected = _refer(pair, inputs, {**options, **(of_reference or {})}, example)
    yield from compare_outputs(found, expected, f"output{behind}")
    yield from compare_gradients(pair, inputs, found, expected, f"gradient{behind}", example.seed)


def _refer(pair: Pair, inputs: Inputs, options: Mapping[str, Any], example: Example | None = None) -> Any:
    reference: Any = pair.reference
    return reference(*inputs.values(), **_edges(pair, example), **options)


def _edges(pair: Pair, example: Example | None) -> dict[str, Tensor]:
    return {"edge_index": example.edge_index()} if example and pair.program.entry.domain == "graph" else {}


def _call(pair: Pair, inputs: Inputs, options: Mapping[str, Any], example: Example | None = None) -> Any:
    try:
        return pair.compiled(*inputs.values(), **_edges(pair, example), **options)
    except ValueError as error:
        if "has no meaning" in str(error):
            raise RefusedError(str(error)) from None
        raise


def _at(pair: Pair, inputs: Inputs, point: int) -> Inputs:
    """The inputs of one step."""
    varying = {each.name for each in pair.program.entry.inputs if not each.static}
    return {name: tensor[:, point] if name in varying else tensor for name, tensor in inputs.items()}


def _between(pair: Pair, inputs: Inputs, first: int, behind: int) -> Inputs:
    varying = {each.name for each in pair.program.entry.inputs if not each.static}
    return {name: tensor[:, first:behind] if name in varying else tensor for name, tensor in inputs.items()}


# ---- states


def _compare_states(pair: Pair, found: dict[str, Any], expected: Any, what: str) -> Iterator[Comparison]:
    """What the state keeps of equations of the entry point."""
    for name, tensor in _kept(pair, found).items():
        dims = len(pair.program.entry.type_of(name).dims)
        delay = tensor.shape[1] if tensor.ndim == dims + 2 else 1
        last = expected.final_state(name, delay)
        yield Comparison(f"{what}: {name}", tensor, last.reshape(tensor.shape))


def _kept(pair: Pair, found: Mapping[str, Any]) -> dict[str, Tensor]:
    """The entries of a state that hold values of equations, by the equation; not the histories of whole runs."""
    equations = {each.id: each for each in pair.program.entry.equations()}
    kept = {}
    for name, equation in equations.items():
        tensor = found.get(name)
        if isinstance(tensor, Tensor) and equation.type.axes and _has_size(pair, equation, tensor):
            kept[name] = tensor
    return kept


def _read_back(module: Module) -> set[str]:
    """The values that are read at earlier points, and at no window or whole axis: what stands before their first
    point can be given."""
    shifted: set[str] = set()
    windowed: set[str] = set()
    for expr in _expressions(module):
        match expr:
            case Read() if expr.offsets:
                shifted.add(expr.value)
            case Apply(operator="conv" | "rename" | "pick") | Call():
                windowed.update(each.value for each in walk(expr) if isinstance(each, Read))
    return shifted - windowed


def _outputs_along(pair: Pair) -> list[bool]:
    """For every result whether it varies along the axis."""
    entry = pair.program.entry
    return [entry.axes[0] in entry.type_of(output.value).axis_names for output in entry.outputs]


def _has_size(pair: Pair, equation: Equation, tensor: Tensor) -> bool:
    shape = pair.reference.scope.shape(equation.type.dims)
    return tensor.ndim in (len(shape) + 1, len(shape) + 2) and tuple(tensor.shape[tensor.ndim - len(shape) :]) == shape


# ---- what a module has


def pathed(module: Module) -> Depth:
    """The `repeat` that a path at run time means."""
    return _pathed(module)[0]


def _pathed(module: Module) -> list[Depth]:
    repeats = [item for item in module.items if isinstance(item, Depth) and item.kind == "repeat"]
    return [each for each in repeats if each.path is not None] or repeats


def _has_path(program: Program) -> bool:
    found = _pathed(program.entry)
    return len(found) == 1 and found[0].path is not None


def _is_sequence(program: Program) -> bool:
    return program.entry.domain == "sequence"


def _is_causal(program: Program) -> bool:
    return _is_sequence(program) and program.entry.causality.axis is not None


def _has_statistics(program: Program) -> bool:
    """Whether training makes a difference that is not drawn."""
    every = (each for module in program.modules.values() for each in _expressions(module))
    found = {each.operator for each in every if isinstance(each, Apply)}
    return "batchnorm" in found and not found & {"dropout", "noise"}


def _expressions(module: Module) -> Iterator[Expr]:
    for equation in module.equations():
        yield from walk(equation.expr)


CHECKS = (
    Check("forward", forward, lambda program: True),
    Check("lengths", lengths, _is_sequence),
    Check("reset", reset, _is_sequence),
    Check("documents", documents, _is_sequence),
    Check("step", step, _is_causal),
    Check("state", state, _is_causal),
    Check("pieces", pieces, _is_causal),
    Check("start", start, _is_causal),
    Check("path", path, _has_path),
    Check("training", training, _has_statistics),
)
