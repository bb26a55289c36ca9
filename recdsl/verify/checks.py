"""What is compared between a compiled module and the reference, one function a check.

Each takes a `Trial` and yields `Comparison`s; one that an example gives no meaning yields none. Where the compiled
module says that a call has no meaning for it, RefusedError comes out.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

from recdsl.ir.expr import Apply, Call, Expr, Read, walk
from recdsl.ir.module import Depth, Module, Program
from recdsl.verify import narrow
from recdsl.verify.pair import Comparison, compare_outputs, results
from recdsl.verify.trial import Trial, joined


@dataclass(frozen=True, slots=True)
class Check:
    """`name` is shown; `applies` tells whether a program has what is compared; `once`: on the first example only."""

    name: str
    compare: Callable[[Trial], Iterator[Comparison]]
    applies: Callable[[Program], bool]
    once: bool = False


def forward(trial: Trial) -> Iterator[Comparison]:
    """The results of a plain call, and all gradients."""
    yield from trial.both({})


def lengths(trial: Trial) -> Iterator[Comparison]:
    """The same with `lengths`."""
    if trial.example.lengths is not None:
        yield from trial.both({"lengths": trial.example.length_tensor()})


def reset(trial: Trial) -> Iterator[Comparison]:
    """The same with `reset`."""
    if trial.example.resets is not None:
        yield from trial.both({"reset": trial.example.reset_tensor()})


def documents(trial: Trial) -> Iterator[Comparison]:
    """The same with `lengths` and `reset` at once."""
    example = trial.example
    if example.lengths is not None and example.resets is not None:
        yield from trial.both({"lengths": example.length_tensor(), "reset": example.reset_tensor()})


def path(trial: Trial) -> Iterator[Comparison]:
    """The same with other chains of copies than the default one, where a result depends on it."""
    if "path" not in inspect.signature(trial.pair.compiled.forward).parameters:
        return
    count = trial.pair.reference.scope.count(_pathed(trial.entry)[0])
    generator, batch = trial.example.generator(), trial.example.batch
    yield from trial.both({"path": torch.randint(count, (3,), generator=generator).tolist()})
    if batch > 1:
        yield from trial.both({"path": torch.randint(count, (batch, 2), generator=generator).tolist()})


def training(trial: Trial) -> Iterator[Comparison]:
    """The same in training, with several points for the statistics of a batch."""
    if trial.example.batch == 1:
        return
    compiled = trial.pair.compiled
    before = {name: tensor.clone() for name, tensor in compiled.state_dict().items()}
    compiled.train()
    try:
        yield from trial.both({}, training=True)
    finally:
        compiled.eval()
        compiled.load_state_dict(before)


def step(trial: Trial) -> Iterator[Comparison]:
    """As many steps as there are points, from `init_state`; gradients through the states; the last state."""
    compiled: Any = trial.pair.compiled
    state = compiled.init_state(trial.example.batch)
    rows = []
    for point in range(trial.example.points[0]):
        output, state = compiled.step(*trial.at(point).values(), state)
        rows.append(results(output))
    expected, last = trial.whole
    if rows:
        pairs = zip(zip(*rows, strict=True), trial.outputs_along(), strict=True)
        found = tuple(torch.stack(each, 1) if along else each[-1] for each, along in pairs)
        yield from compare_outputs(found, expected, "output of the steps")
        yield from trial.gradients(found, expected, "gradient through the steps")
    yield from trial.states(state, last, "state after the steps")


def state(trial: Trial) -> Iterator[Comparison]:
    """The state that `forward` returns, also with `lengths` and `reset`."""
    _, found = trial.call({"return_state": True})
    yield from trial.states(found, trial.whole[1], "final state")
    given = {"lengths": trial.example.length_tensor(), "reset": trial.example.reset_tensor()}
    for name, tensor in given.items():
        if tensor is not None:
            options = {name: tensor, "return_state": True}
            _, found = trial.call(options)
            yield from trial.states(found, trial.refer(options)[1], f"final state with {name}")


def pieces(trial: Trial) -> Iterator[Comparison]:
    """A run in two pieces, and the gradient of the second through the state between them."""
    cut, along = trial.example.cut, trial.outputs_along()
    before, middle = trial.call({"return_state": True}, trial.between(0, cut))
    options = {"state": middle, "return_state": True}
    after, last = trial.call(options, trial.between(cut, trial.example.points[0]))
    whole, end = trial.whole
    yield from compare_outputs(joined(results(before), results(after), along), whole, "output in two pieces")
    behind = tuple(each[:, cut:] if here else each for each, here in zip(results(whole), along, strict=True))
    yield from trial.gradients(results(after), behind, "gradient through the state")
    yield from trial.states(last, end, "state after two pieces")


def start(trial: Trial) -> Iterator[Comparison]:
    """A state given at run time in place of the starts, and the gradient by it."""
    compiled: Any = trial.pair.compiled
    generator = trial.example.other_generator()
    begun = compiled.init_state(trial.example.batch)
    read_back = _read_back(trial.entry)
    given = {
        name: torch.randn(tensor.shape, generator=generator, dtype=tensor.dtype).requires_grad_()
        for name, tensor in trial.kept(begun).items()
        if name in read_back and (tensor.is_floating_point() or tensor.is_complex())
    }
    if not given:
        return
    found = trial.call({"state": {**begun, **given}})
    expected = trial.refer({"initial": given})
    yield from compare_outputs(found, expected, "output from a given state")
    yield from trial.gradients(found, expected, "gradient from a given state", given)


# ---- what a program has


def _read_back(module: Module) -> set[str]:
    """The values that are read at earlier points, and by no window or whole axis: what stands before their first
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


def _pathed(module: Module) -> list[Depth]:
    """The `repeat`s that a path at run time could mean."""
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
    Check("float32", narrow.float32, narrow.is_continuous, once=True),
    Check("bfloat16", narrow.bfloat16, narrow.is_continuous, once=True),
)
