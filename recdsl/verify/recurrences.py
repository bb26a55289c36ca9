"""Groups of equations that need each other at earlier or later points, or along the edges of a graph.

Inside a group a value is read only at shifts that one order of the points satisfies. Each equation squashes or
gates what it reads of the group, so that states stay small.
"""

from __future__ import annotations

from dataclasses import replace

from recdsl.verify.scene import EDGE, POINT, STATIC, Pending, Scene, Term, Value, combined
from recdsl.verify.terms import Dims, anchored, term

_GRID_SHIFTS = (
    ("{0}-1",),
    ("{1}-1",),
    ("{0}-1", "{1}-1"),
    ("{0}-1", "{1}-1", "{0}-1, {1}-1"),
    ("{0}-1, {1}+1", "{1}-1"),
    ("{0}+1", "{1}-1"),
    ("{0}-2", "{1}-1"),
    ("{0}+1, {1}+1",),
)
_SELF = (
    "sigmoid({any}) * {back} + {free}",
    "tanh({any} + {back})",
    "0.5 * {back} + {free}",
    "max({back} - softplus({free}), {other})",
    "min({back} + softplus({free}), {other})",
    "logaddexp({back} - softplus({free}), {other})",
    "where({free} > 0.321, {other}, {back})",
    "clamp({back} + {free}, -1, 0.75)",
    "{back} * sigmoid({free})",
    "0.5 * {back} + 0.5 * tanh({any})",
    "relu(0.5 * {back} + {free})",
    "l2norm({back} + {free})",
    "gru_cell({free}, {back})",
    "-tanh({back}) * tanh({free}) + {other}",
)
_WITH_DIMS = ("l2norm", "gru_cell")


def recurrence(scene: Scene, place: str = POINT) -> None:
    """Add a group of one to three equations, with starts for some of them."""
    count = scene.pick((1, 1, 2, 3))
    shifts = _shifts(scene)
    axes = frozenset({"edge"}) if place == EDGE else scene.here
    values = [Value(scene.new_name(), scene.some_dims(), axes, place) for _ in range(count)]
    scene.pending = [Pending(value, shifts) for value in values]
    for number, value in enumerate(values):
        _equation(scene, value, shifts, place)
        scene.pending[number] = replace(scene.pending[number], defined=True)
    scene.pending = []
    for value in values:
        scene.define(value)
        if scene.domain in ("sequence", "grid") and scene.chance(3):
            _start(scene, value)


def _shifts(scene: Scene) -> tuple[str, ...]:
    """Shifts that some order of the points satisfies."""
    if scene.domain == "graph":
        return ("pred",)
    if scene.domain == "grid":
        return tuple(shift.format(*scene.axes) for shift in scene.pick(_GRID_SHIFTS))
    (axis,) = scene.axes
    sign = "+" if scene.chance(4) else "-"
    delays = scene.pick(
        (("1",), ("1", "2"), ("2",), tuple(map(str, range(1, scene.limits.delay + 1))), (str(scene.limits.delay),))
    )
    return tuple(f"{axis}{sign}{delay}" for delay in delays)


def _equation(scene: Scene, value: Value, shifts: tuple[str, ...], place: str) -> None:
    dims = value.dims
    forms = [form for form in _SELF if dims or not form.startswith(_WITH_DIMS)]
    form = scene.pick(forms)
    expected = None if form.startswith("gru_cell") else dims
    any_ = term(scene, dims, scene.limits.nesting - 1, place, expected)
    free, other = (_free_term(scene, dims, place, expected) for _ in range(2))
    if form.startswith("gru_cell"):
        free = combined(f"({free.text} + index[{dims[0]}] / 3)", free)
    if form.startswith("l2norm"):
        free = combined(f"({free.text} + 0.1 * linear(mean({scene.anchor}) -> {' '.join(dims)}))", free)
    text = form.format(any=any_.text, free=free.text, other=other.text, back=_back(scene, value, shifts, place))
    prefix = "edge " if place == EDGE else ""
    scene.add(f"{prefix}{value.name} : {' '.join(dims) or 'scalar'} = {text}")


def _back(scene: Scene, value: Value, shifts: tuple[str, ...], place: str) -> str:
    """The value itself at another point, which every equation of a group reads."""
    if shifts == ("pred",):
        gate = term(scene, (), 1, place)
        return scene.pick(
            (f"sum[pred]({value.name}[pred])", f"(sigmoid({gate.text}) * mean[pred]({value.name}[pred]))")
        )
    return f"{value.name}[{scene.pick(shifts)}]"


def _free_term(scene: Scene, dims: Dims, place: str, expected: Dims | None) -> Term:
    """An expression that reads nothing of the group."""
    group, scene.pending = scene.pending, [replace(each, shifts=(), defined=False) for each in scene.pending]
    found = term(scene, dims, scene.limits.nesting - 1, place, expected)
    scene.pending = group
    return found


def _start(scene: Scene, value: Value) -> None:
    """`init`: a number, or an expression of weights, static inputs, positions."""
    if scene.chance(2):
        scene.add(f"init {value.name} = {scene.pick(('1', '0.5', '-1'))}")
        return
    found = term(scene, value.dims, 1, STATIC)
    added = f" + {scene.axes[0]} / 5" if scene.chance(4) else ""
    scene.add(f"init {value.name} = {found.text}{added}")


def gradient(scene: Scene) -> None:
    """A state that goes down the gradient of a loss of its own: `M = a * M[t-1] - 0.1 * grad(loss, M[t-1])`."""
    (axis,) = scene.axes
    dims = scene.some_dims(1, 2)
    name, loss = scene.new_name(), scene.new_name()
    back = f"{name}[{axis}-1]"
    target, key, gate = (anchored(scene, term(scene, dims, 1)) for _ in range(3))
    scene.add(scene.pick((
        f"{loss} = 0.5 * (sum(tanh({key.text}) * {back}) - mean({target.text})) ^ 2",
        f"{loss} = 0.5 * sum((tanh({key.text}) * {back} - {target.text}) ^ 2)",
        f"{loss} = sum(log(1 + exp(tanh({key.text}) * {back})))",
    )))  # fmt: skip
    shown = " ".join(dims)
    scene.add(f"{name} : {shown} = sigmoid({gate.text}) * {back} - 0.1 * tanh(grad({loss}, {back}))")
    scene.define(Value(name, dims, scene.here))
    scene.define(Value(loss, (), scene.here))


def complex_state(scene: Scene) -> None:
    """A state that turns in the complex plane, and its real part."""
    (axis,) = scene.axes
    dims = scene.some_dims(0, 1)
    name, shown = scene.new_name(), scene.new_name()
    turn, given = term(scene, dims, 1), anchored(scene, term(scene, dims, 1))
    declared = " ".join((*dims, "complex"))
    step = f"exp(complex(-softplus({turn.text}), {given.text}))"
    scene.add(f"{name} : {declared} = {step} * {name}[{axis}-1] + complex({given.text}, 0)")
    scene.add(f"{shown} : {' '.join(dims) or 'scalar'} = real({name})")
    scene.define(Value(shown, dims, scene.here))


def two_results(scene: Scene) -> None:
    """A cell with two results as a recurrence: `h, c = lstm_cell(x, h[t-1], c[t-1])`."""
    (axis,) = scene.axes
    dims = scene.some_dims(1, 1)
    given = term(scene, scene.some_dims(1, 1), 1)
    hidden, cell = scene.new_name(), scene.new_name()
    sign = "+" if scene.chance(4) else "-"
    states = f"{hidden}[{axis}{sign}1], {cell}[{axis}{sign}1]"
    scene.add(f"{hidden}, {cell} : {dims[0]} = lstm_cell({given.text} + {scene.anchor}, {states})")
    scene.define(Value(hidden, dims, scene.here, small=True))
    scene.define(Value(cell, dims, scene.here))
