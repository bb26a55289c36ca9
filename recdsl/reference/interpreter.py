"""`Reference`: a program as a callable on batches, with the arguments of a compiled module, in float64."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from recdsl.ir.module import Input, Program
from recdsl.ir.sizes import Value
from recdsl.reference.batch import Batch, Options, Path, assemble, split, value_id
from recdsl.reference.deep import deeply
from recdsl.reference.documents import Document, check_inputs
from recdsl.reference.frame import Cell, Frame, Kept, Point, Run, whole
from recdsl.reference.graph import graph
from recdsl.reference.scope import Scope, solve_parameters
from recdsl.reference.start import initial_parameters


@dataclass(frozen=True, slots=True)
class State:
    """Where every row stands: the document it is in, with all inputs so far and what stood before its first point.
    Going on from here is evaluating that document as a whole."""

    frame: Frame
    last: list[int]  # the last document of each row

    @property
    def documents(self) -> list[Document]:
        return [self.frame.run.documents[number] for number in self.last]

    def final_state(self, name: str, delay: int = 1) -> Tensor:
        """The value of an equation at each row's last point, `[batch, dims...]`; for `delay` above 1 at the last
        points, `[batch, delay, dims...]`, the latest last."""
        value = value_id(self.frame.scope, name)
        axis = self.frame.scope.module.type_of(value).axes[0]

        def row(document: int) -> Tensor:
            end = self.frame.length(axis, document)
            cells = [self.frame.at(value, {"*": document, axis.name: end - back}) for back in range(delay, 0, -1)]
            return torch.stack(cells) if delay > 1 else cells[0]

        return deeply(lambda: torch.stack([row(document) for document in self.last]))


class Reference:
    """A program with sizes, and `parameters`: the state dict of the compiled module, in float64.

    `kept` is what stays of the value that an operator gives: all of it, unless rounding is studied. Raises ValueError for
    sizes that are missing or not whole."""

    def __init__(self, program: Program, /, **sizes: Value) -> None:
        self.sizes = solve_parameters(program.entry, sizes)
        self.scope = Scope(program, program.entry, self.sizes)
        self.parameters = initial_parameters(program, sizes)
        self.kept: Kept = whole

    def load(self, state_dict: Mapping[str, Tensor]) -> None:
        """Take the parameters of a compiled module, as fresh float64 leaves. Raises ValueError for others."""
        odd = sorted(set(state_dict) ^ set(self.parameters))
        if odd:
            raise ValueError(f"the state dict has other parameters than the program: {', '.join(odd)}")
        for path, tensor in state_dict.items():
            mine = self.parameters[path]
            if tensor.shape != mine.shape:
                raise ValueError(f"{path} has the shape {list(tensor.shape)}, expected is {list(mine.shape)}")
            self.parameters[path] = tensor.detach().to(mine.dtype, copy=True).requires_grad_(mine.requires_grad)

    def __call__(
        self,
        *inputs: Tensor,
        state: State | None = None,
        return_state: bool = False,
        lengths: Tensor | Sequence[int] | None = None,
        reset: Tensor | None = None,
        initial: Mapping[str, Tensor] | None = None,
        edge_index: Tensor | None = None,
        path: Tensor | Path | Sequence[Path] | None = None,
        training: bool = False,
        externals: Mapping[str, Callable[..., Tensor]] | None = None,
        **named: Tensor,
    ) -> Any:
        """The outputs for inputs `[batch, axes..., dims...]`: a tensor, or a tuple where there are several; with
        `return_state` a pair of that and the `State`.

        `initial` gives values before the first point, by the name of the equation: `[batch, dims...]`, or
        `[batch, delay, dims...]` with the latest last. Raises ValueError for inputs that do not fit."""
        before = state.documents if state else None
        options = Options(before, lengths, reset, initial or {}, edge_index, path, training, externals or {})
        given = check_inputs(self.scope, self._bind(inputs, named))
        result, after = deeply(lambda: self._evaluate(given, options))
        return (result, after) if return_state else result

    def _bind(self, inputs: tuple[Tensor, ...], named: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The inputs by name."""
        names = [each.name for each in self.scope.module.inputs]
        if len(inputs) > len(names):
            raise ValueError(f"{self.scope.module.name} has {len(names)} inputs, but {len(inputs)} are given")
        given = {**dict(zip(names, inputs, strict=False)), **named}
        wrong = [f"there is no input {name}" for name in given if name not in names]
        wrong += [f"the input {name} is missing" for name in names if name not in given]
        if wrong:
            raise ValueError(f"{self.scope.module.name}: {', '.join(wrong)}")
        return given

    def _evaluate(self, inputs: Mapping[str, Tensor], options: Options) -> tuple[Tensor | tuple[Tensor, ...], State]:
        batch = split(self.scope, inputs, options)
        frame = _root(self.scope, self.parameters, batch, options, self.kept)
        results = tuple([self._output(frame, batch, each.value) for each in self.scope.module.outputs])
        return results[0] if len(results) == 1 else results, State(frame, batch.last)

    def _output(self, frame: Frame, batch: Batch, value: str) -> Tensor:
        cells = [_document(frame, value, number) for number in range(len(batch.documents))]
        return assemble(self.scope, batch, self.scope.module.type_of(value), cells)


def _root(
    scope: Scope,
    parameters: Mapping[str, Tensor],
    batch: Batch,
    options: Options,
    kept: Kept,
) -> Frame:
    """The frame of the entry module, whose inputs are the documents' tensors, and 0 outside them."""
    nodes = batch.lengths[scope.module.axes[0]] if batch.edge_index is not None else 0
    forward, backward = (graph(batch.edge_index, nodes, against) for against in (False, True))
    documents = batch.documents
    run = Run(scope.program, parameters, documents, forward, backward, options.externals, options.training, kept)
    inputs: dict[str, Cell] = {}

    def around() -> Iterator[Point]:
        return ({"*": number} for number in range(len(documents)))

    frame = Frame(run, scope, inputs, ("*",), lambda number: documents[number].lengths, around)
    inputs.update((given.name, _given(frame, given)) for given in scope.module.inputs)
    return frame


def _given(frame: Frame, given: Input) -> Cell:
    def cell(place: Point) -> Tensor:
        if not frame.inside(given.type, place):
            return frame.zeros(given.type)
        tensor = frame.run.documents[place["*"]].inputs[given.name]
        return tensor[tuple([place[name] for name in given.type.axis_names])]

    return cell


def _document(frame: Frame, value: str, number: int) -> Tensor:
    """A value at all points of a document, `[axes..., dims...]`, without the points of earlier pieces."""
    type = frame.scope.module.type_of(value)
    points = list(frame.spread({"*": number}, type.axes))
    lengths = [frame.length(axis, number) for axis in type.axes]
    cells = torch.stack([frame.at(value, point) for point in points]) if points else frame.zeros(type)[None][:0]
    result = cells.reshape([*lengths, *cells.shape[1:]])
    past = frame.run.documents[number].past
    if not past or not type.axes:
        return result
    (axis,) = frame.scope.module.axes
    return result[math.floor(frame.scope.number(type.axes[0].length, {axis: past})) :]
