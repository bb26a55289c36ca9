"""Batches: the tensors of a call cut into the documents that are run on their own, and results put together again.

sequence    `[batch, T, dims...]`; `lengths` and `reset` cut each row, `state` goes on with its first document
grid        `[batch, I, J, dims...]`: every row is a document
graph       `[nodes, dims...]`, `[edges, dims...]`: one document
pointwise   `[any..., dims...]`: every index is a document
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from recdsl.ir.module import Depth, Equation
from recdsl.ir.types import ValueType
from recdsl.reference.documents import Document
from recdsl.reference.graph import check_edges
from recdsl.reference.named import DTYPES
from recdsl.reference.scope import Scope

Path = Sequence[int]


@dataclass(frozen=True, slots=True)
class Options:
    """The keyword arguments of a call. `state` are the documents that the rows are in, from an earlier call."""

    state: Sequence[Document] | None = None
    lengths: Tensor | Sequence[int] | None = None
    reset: Tensor | None = None
    initial: Mapping[str, Tensor] = field(default_factory=dict)
    edge_index: Tensor | None = None
    path: Tensor | Path | Sequence[Path] | None = None
    training: bool = False
    externals: Mapping[str, Callable[..., Tensor]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Batch:
    """The documents of a call, and which of them each row consists of. `lengths` are those of the tensors,
    `shape` is what stands in front of the axes of a result."""

    documents: tuple[Document, ...]
    rows: tuple[tuple[int, ...], ...]
    lengths: Mapping[str, int]
    shape: tuple[int, ...]
    edge_index: Tensor | None = None

    @property
    def last(self) -> list[int]:
        """The last document of each row."""
        return [row[-1] for row in self.rows]


def split(scope: Scope, inputs: Mapping[str, Tensor], options: Options) -> Batch:
    """The documents of a call. Raises ValueError where tensors or options do not fit together."""
    module = scope.module
    if module.domain != "sequence" and (options.lengths is not None or options.reset is not None or options.state):
        raise ValueError(f"{module.name} has no sequence axis, so it takes no state, lengths or reset")
    if options.state is not None and options.initial:
        raise ValueError("give either a state or initial values")
    if module.domain == "graph":
        return _graph(scope, inputs, options)
    if module.domain == "pointwise":
        shape = _leading_shape(scope, inputs)
        inputs = {each.name: _flat(inputs[each.name], len(each.type.dims)) for each in module.inputs}
    else:
        shape = (_agreed("batch", {each.name: inputs[each.name].shape[0] for each in module.inputs}, 1),)
    if options.state is not None and len(options.state) != math.prod(shape):
        raise ValueError(f"the state has {len(options.state)} rows, the inputs have {math.prod(shape)}")
    lengths = _axis_lengths(scope, inputs, first=1)
    rows = [_row(scope, inputs, options, lengths, row) for row in range(math.prod(shape))]
    numbers = iter(range(sum(map(len, rows))))
    return Batch(
        tuple([document for row in rows for document in row]),
        tuple([tuple([next(numbers) for _ in row]) for row in rows]),
        lengths,
        shape,
    )


def _graph(scope: Scope, inputs: Mapping[str, Tensor], options: Options) -> Batch:
    edges = 0 if options.edge_index is None else options.edge_index.shape[-1]
    lengths = {"edge": edges, **_axis_lengths(scope, inputs, first=0)}
    if lengths["edge"] != edges:
        raise ValueError(f"edge_index has {edges} edges, but the inputs have {lengths['edge']}")
    edge_index = check_edges(options.edge_index, lengths[scope.module.axes[0]], scope.module.cyclic_graph)
    document = Document(0, lengths, inputs, paths=_paths(scope, options, 0))
    return Batch((document,), ((0,),), lengths, (), edge_index)


def _row(
    scope: Scope, inputs: Mapping[str, Tensor], options: Options, lengths: Mapping[str, int], row: int
) -> list[Document]:
    """The documents of one row: cut at its length and where `reset` is true, the first one going on from a state."""
    mine = {name: tensor[row] for name, tensor in inputs.items()}
    paths = _paths(scope, options, row)
    if scope.module.domain != "sequence":
        return [Document(row, lengths, mine, paths=paths)]
    (axis,) = scope.module.axes
    end = lengths[axis] if options.lengths is None else int(options.lengths[row])
    if not 0 <= end <= lengths[axis]:
        raise ValueError(f"lengths has {end} for row {row}, but there are {lengths[axis]} points along {axis}")
    resets = [] if options.reset is None else [t for t in range(end) if bool(options.reset[row, t])]
    starts = [0, *(t for t in resets if t > 0)]
    varying = [each.name for each in scope.module.inputs if each.type.axes]
    pieces = [
        Document(
            row,
            {axis: stop - start},
            {**mine, **{name: mine[name][start:stop] for name in varying}},
            paths=paths,
        )
        for start, stop in zip(starts, [*starts[1:], end], strict=True)
    ]
    if 0 not in resets:
        pieces[0] = _continued(scope, pieces[0], options, varying, axis)
    return pieces


def _continued(scope: Scope, piece: Document, options: Options, varying: list[str], axis: str) -> Document:
    """The first document of a row, as it goes on from a state or from values before the first point."""
    if options.state is None:
        initial = {value_id(scope, name): tensor[piece.row] for name, tensor in options.initial.items()}
        return Document(piece.row, piece.lengths, piece.inputs, 0, _checked(scope, initial), piece.paths)
    before = options.state[piece.row]
    joined = {name: torch.cat([before.inputs[name], piece.inputs[name]]) for name in varying}
    past = before.lengths[axis]
    lengths = {axis: past + piece.lengths[axis]}
    return Document(piece.row, lengths, {**piece.inputs, **joined}, past, before.initial, piece.paths)


def _checked(scope: Scope, initial: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Start values in the dtype of their equation. Raises ValueError for another shape."""
    for value, tensor in initial.items():
        shape = scope.shape(scope.module.type_of(value).dims)
        if tuple(tensor.shape) != shape and tuple(tensor.shape[1:]) != shape:
            found, wanted = (", ".join(map(str, ("batch", *each))) for each in (tensor.shape, shape))
            raise ValueError(f"initial {value} has the shape [{found}], expected is [{wanted}]")
    return {value: tensor.to(DTYPES[scope.module.type_of(value).kind]) for value, tensor in initial.items()}


def value_id(scope: Scope, name: str) -> str:
    """The id of an equation by its id or its name in the source (the last of that name)."""
    found = [item.id for item in scope.module.items if isinstance(item, Equation) and name in (item.id, item.name)]
    if not found:
        raise ValueError(f"{scope.module.name} has no equation {name}")
    return name if name in found else found[-1]


def _paths(scope: Scope, options: Options, row: int) -> dict[str, tuple[int, ...]]:
    """The copies that a row goes through, for the `repeat` that has a path statement, or else the only one."""
    if options.path is None:
        return {}
    repeats = [item for item in scope.module.items if isinstance(item, Depth) and item.kind == "repeat"]
    chosen = [each for each in repeats if each.path is not None] or repeats
    if len(chosen) != 1:
        raise ValueError(f"{scope.module.name} has {len(chosen)} repeats that a path could mean")
    return {chosen[0].name: _path_of_row(options.path, row)}


def _path_of_row(path: Tensor | Path | Sequence[Path], row: int) -> tuple[int, ...]:
    """The path of one row, where there is one for each, or else the path of all."""
    given = path.tolist() if isinstance(path, Tensor) else path
    nested = [each for each in given if not isinstance(each, int)]
    return tuple(nested[row]) if nested else tuple([each for each in given if isinstance(each, int)])


# ---- shapes


def _agreed(what: str, found: Mapping[str, int], default: int) -> int:
    if len(set(found.values())) > 1:
        sizes = ", ".join(f"{name} has {size}" for name, size in found.items())
        raise ValueError(f"the inputs do not agree on the size of {what}: {sizes}")
    return next(iter(found.values()), default)


def _axis_lengths(scope: Scope, inputs: Mapping[str, Tensor], first: int) -> dict[str, int]:
    """The length of every axis; `first` is the position of the first axis in the tensors."""
    found: dict[str, dict[str, int]] = {}
    for each in scope.module.inputs:
        for position, axis in enumerate(each.type.axis_names, first):
            found.setdefault(axis, {})[each.name] = inputs[each.name].shape[position]
    return {axis: _agreed(axis, lengths, 0) for axis, lengths in found.items()}


def _leading_shape(scope: Scope, inputs: Mapping[str, Tensor]) -> tuple[int, ...]:
    """What stands in front of the dims of the inputs of a pointwise module."""
    shapes = {
        each.name: tuple(inputs[each.name].shape[: inputs[each.name].ndim - len(each.type.dims)])
        for each in scope.module.inputs
    }
    if len(set(shapes.values())) > 1:
        raise ValueError(f"the inputs differ in front of their dims: {shapes}")
    return next(iter(shapes.values()), ())


def _flat(tensor: Tensor, dims: int) -> Tensor:
    """`[any..., dims...]` as `[points, dims...]`."""
    leading = tensor.shape[: tensor.ndim - dims]
    return tensor.reshape(leading.numel(), *tensor.shape[tensor.ndim - dims :])


# ---- results


def assemble(scope: Scope, batch: Batch, type: ValueType, cells: Sequence[Tensor]) -> Tensor:
    """The results of all documents, `[axes..., dims...]` each, for the batch: along a sequence those of a row follow
    each other, with 0 behind them; of a result without axes the last document's is the row's."""
    if scope.module.domain == "graph":
        return cells[0]
    if scope.module.domain == "sequence" and type.axes:
        length = math.floor(scope.number(type.axes[0].length, batch.lengths))
        rows = [_padded(torch.cat([cells[number] for number in row]), length) for row in batch.rows]
    else:
        rows = [cells[row[-1]] for row in batch.rows]
    if not rows:
        lengths = [math.floor(scope.number(axis.length, batch.lengths)) for axis in type.axes]
        rows_shape = (*batch.shape, *lengths, *scope.shape(type.dims))
        return torch.zeros(rows_shape, dtype=DTYPES[type.kind])
    return torch.stack(rows).reshape(*batch.shape, *rows[0].shape)


def _padded(row: Tensor, length: int) -> Tensor:
    return torch.cat([row, row.new_zeros(max(length - len(row), 0), *row.shape[1:])])
