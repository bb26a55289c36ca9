"""What the printers of all algorithms share: coefficients lined up, what stands before the first point, what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from recdsl.backends.torch.expressions import Printer
from recdsl.backends.torch.layout import aligned, permuted
from recdsl.backends.torch.reads import base_name, outside_text
from recdsl.backends.torch.scope import Scope
from recdsl.backends.torch.starts import first_value, kept_past
from recdsl.backends.torch.statements import comment, keep_history, read_here, remember_more

from recdsl.emit.names import safe_local
from recdsl.emit.precedence import ATOM, BATCH, PRODUCT, SUM, Text
from recdsl.ir.expr import Expr, Read, walk
from recdsl.ir.module import Equation
from recdsl.ir.types import Dim, ValueType
from recdsl.lower.plan import Recurrence, Solve


@dataclass(slots=True)
class Solving:
    """One stage that is being printed."""

    scope: Scope
    stage: Recurrence
    pasts: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for item in self.stage.items:
            comment(self.scope, item)

    @property
    def solve(self) -> Solve:
        assert self.stage.solve is not None
        return self.stage.solve

    @property
    def axis(self) -> str:
        """The axis along which the recurrence runs: the only one that its schedule moves along."""
        return next(axis for axis, step in zip(self.scope.module.axes, self.stage.vector, strict=True) if step)

    @property
    def length(self) -> str:
        """The number of points along that axis, which pooling and strides make other than those of the module's inputs."""
        return self.scope.size_of(self.axis, self.scope.module.type_of(self.state))

    def lengths(self, code: str) -> dict[str, str]:
        """What lengths are called in a function of some of these points."""
        length = self.scope.module.type_of(self.state).axis(self.axis).length
        return {self.axis: code, str(length): code}

    @property
    def back(self) -> bool:
        return self.solve.offset > 0

    @property
    def state(self) -> str:
        return self.solve.states[0]

    @property
    def documents(self) -> bool:
        """Whether `steps` says which points belong together, as it does in sequences."""
        return self.scope.steps and self.scope.whole_sequence(self.scope.module.type_of(self.state))

    def type_of(self, value: str) -> ValueType:
        """The type of a value of the recurrence, with every other axis of a grid as one of its dims: each of their points has a
        recurrence of its own."""
        return along(self.scope.module.type_of(value), self.axis)

    # ---- coefficients

    def role(self, name: str, order: Sequence[str] | None = None) -> str:
        """A coefficient with one dimension for each label of `order` (batch, axis, dims of the state), of size 1 where it is the
        same all along."""
        return self.lined(self.solve.role(name), order)

    def lined(self, expr: Expr, order: Sequence[str] | None = None) -> str:
        order = tuple(order) if order is not None else self.scope.labels(self.type_of(self.state))
        return unsqueezed(self.tensor(expr), order)

    def spread(self, expr: Expr, order: Sequence[str], type: ValueType) -> str:
        """A coefficient with every dimension of `order` in its full size."""
        return Printer(self.scope).spread(self.tensor(expr), type, order).code

    def tensor(self, expr: Expr) -> Text:
        """A coefficient as a tensor, in float32 at least."""
        printer = Printer(self.scope)
        kind = self.type_of(self.state).kind
        text = printer.text(expr)
        if text.number and kind == "real" and self.scope.like is not None:
            wide = f"{self.scope.help('wide')}({self.scope.like})"
            return Text(f"{wide}.new_tensor({text.code})", (), kind)
        text = printer.cast(printer.tensor(text, kind), kind)
        if kind not in ("real", "complex"):
            return text
        return Text(f"{self.scope.help('wide')}({text.code})", text.labels, text.kind)

    def input(self, name: str, others: Sequence[str]) -> str:
        """The coefficient that has every dimension which none of the `others` has, so that the result has all of them."""
        expr, type = self.solve.role(name), self.type_of(self.state)
        order = self.scope.labels(type)
        known = {label for each in others for label in self.tensor(self.solve.role(each)).labels}
        text = self.tensor(expr)
        if set(order) <= known | set(text.labels):
            return unsqueezed(text, order)
        return self.spread(expr, order, type)

    # ---- before the first point

    def first(self, value: str) -> str:
        """The states before the first point that the recurrence reads: [batch, dims...] where that is one, or else as many as the
        farthest read needs, oldest first along dimension 1 (nearest first behind the last point)."""
        reach, depth = self.reach(value), self.depth(value)
        past = self.past(value)
        if depth == reach:
            return past
        return f"{past}[:, -1]" if reach == 1 else f"{past}[:, -{reach}:]"

    def past(self, value: str) -> str:
        """All that is known of the states before the first point."""
        if value not in self.pasts:
            self.pasts[value] = self._past(value)
        return self.pasts[value]

    def _past(self, value: str) -> str:
        scope, depth = self.scope, self.depth(value)
        if scope.stateful and not self.back:
            return kept_past(scope, value)
        length = self.length
        places = [f"-{step}" for step in range(depth, 0, -1)]
        if self.back:
            places = [length if step == 0 else f"{length} + {step}" for step in range(depth)]
        starts = [first_value(scope, value, self.axis, place, SUM) for place in places]
        if self.type_of(value).kind in ("real", "complex"):
            starts = [f"{scope.help('wide')}({start})" for start in starts]
        return starts[0] if depth == 1 else f"torch.stack([{', '.join(starts)}], 1)"

    def reach(self, value: str) -> int:
        """How many points away the farthest read in the recurrence lies."""
        return dict(self.stage.reach).get(value, 1)

    def depth(self, value: str) -> int:
        """How many points before the first are kept of a value: others may read it farther away."""
        reach = self.reach(value)
        return reach if self.back else max(reach, dict(self.scope.owner.plan.traits.histories).get(value, 0))

    def outside(self, read: Read) -> str | None:
        """What a read finds before a document, lined up with the state, as a factor; None for zero, and without documents."""
        text = outside_text(Printer(self.scope), read) if self.documents else None
        return None if text is None else aligned(text, self.scope.labels(self.type_of(self.state))).at(PRODUCT + 1)

    def breaks(self) -> list[str]:
        """An argument that says where the point that is read belongs to another document: bool [batch, T], or None. No argument
        without documents."""
        return [f"steps.breaks({self.solve.offset})"] if self.documents else []

    def direction(self) -> list[str]:
        """The last argument of a recurrence that runs from the end."""
        return ["back=True"] if self.back else []

    def cut(self, code: str, behind: float) -> str:
        """A coefficient with what it is behind the end of a row; in a grid every row is whole."""
        if not self.documents:
            return code
        return f"steps.cut({code}{'' if behind == 0 else f', {behind:g}'})"

    def state_read(self, value: str) -> Read:
        """The read of an earlier state as the recurrence has it."""
        for item in self.stage.items:
            assert isinstance(item, Equation)
            for each in walk(item.expr):
                if isinstance(each, Read) and each.value == value and each.offsets:
                    return each
        raise KeyError(value)

    # ---- the result

    def named(self, value: str, code: str) -> str:
        """A local for the states at all points, in float32 at least."""
        name = self.scope.names.new(safe_local(f"{base_name(value)}_all"))
        self.scope.line(f"{name} = {code}")
        return name

    def finish(self, value: str, wide: str, first: str) -> None:
        """Give the states their name and dtype, and note what is kept of them for the next call."""
        scope, type = self.scope, self.type_of(value)
        histories = dict(scope.owner.plan.traits.histories)
        if scope.stateful and not self.back and value in histories:
            if histories[value] == 1 and not self._shifted(value):
                scope.owner.updates[scope.owner.kept["history", value]] = f"steps.final({wide}, {first})"
            else:
                track = scope.names.new(safe_local(f"{base_name(value)}_track"))
                past = self.past(value) if self.depth(value) > 1 else f"{first}[:, None]"
                scope.line(f"{track} = torch.cat(({past}, {wide}), 1)")
                scope.tracks[value] = track
                if type.kind == "real":
                    scope.wide_tracks.add(value)
                keep_history(scope, value)
        if value in scope.tracks and not read_here(scope, value):
            scope.values[value] = Text(wide, scope.labels(type), type.kind)
        elif value in self.stage.kept or self._shifted(value):
            name = scope.local(safe_local(base_name(value)))
            scope.line(f"{name} = {wide}.to({scope.dtype})" if type.kind == "real" else f"{name} = {wide}")
            scope.values[value] = Text(name, scope.labels(type), type.kind)
            if scope.stateful:
                remember_more(scope, value)

    def _shifted(self, value: str) -> bool:
        """Whether an equation outside reads the states at another point."""
        own = {item.id for item in self.stage.items if isinstance(item, Equation)}
        return any(
            isinstance(each, Read) and each.value == value and any(amount for _, amount in each.offsets)
            for equation in self.scope.module.equations()
            if equation.id not in own
            for each in walk(equation.expr)
        )


def along(type: ValueType, axis: str) -> ValueType:
    """The type with all axes but one as its first dims."""
    others = tuple(Dim(each.name, each.length) for each in type.axes if each.name != axis)
    return replace(type, axes=tuple(each for each in type.axes if each.name == axis), dims=(*others, *type.dims))


def unsqueezed(text: Text, order: Sequence[str]) -> str:
    """The code of `lined_up`, for what stands alone."""
    return lined_up(text, order).code


def lined_up(text: Text, order: Sequence[str]) -> Text:
    """The tensor with a dimension for each label, of size 1 for those that it lacks; numbers as they are."""
    order = tuple(order)
    if text.number:
        return text
    text = permuted(text, [label for label in order if label in text.labels])
    if text.labels == order:
        return text
    return replace(text, code=_indexed(text, order), labels=order, strength=ATOM)


def _indexed(text: Text, order: tuple[str, ...]) -> str:
    if not text.labels:
        return f"{text.at(ATOM)}.view({', '.join('1' for _ in order)})"
    index = [":" if label in text.labels else "None" for label in order]
    while index and index[-1] == ":":
        index.pop()
    lead = len(index)
    if len(order) - lead < index.count("None") and index[0] == ":" and text.labels[0] == BATCH and lead == len(order):
        start = index.index("None")
        return f"{text.at(ATOM)}[..., {', '.join(index[start:])}]"
    return f"{text.at(ATOM)}[{', '.join(index)}]"
