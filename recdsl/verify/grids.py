"""Recurrences of grids: those of every class along one axis, and those that run along several from any corner.

Coefficients are bounded so that states stay small however many neighbours a point has.
"""

from __future__ import annotations

from recdsl.verify.families import DECAYS, FAMILIES, INPUTS, SHIFTS, Draw
from recdsl.verify.scene import Scene, Value
from recdsl.verify.terms import Dims

# Steps along two axes, towards the corner that the states come from: where a point reads.
_REACHES = (
    ((1, 0), (0, 1)),
    ((1, 0), (0, 1), (1, 1)),
    ((1, 1),),
    ((1, 1), (0, 1)),
    ((2, 0), (0, 1)),
    ((1, 0), (0, 3)),
    ((1, -1), (0, 1)),
    ((1, -1), (1, 0), (1, 1)),
    ((2, 1), (1, 2)),
)
_TROPICAL = (
    ("max({0}, {1})", "max"),
    ("min({0}, {1})", "min"),
    ("logaddexp({0}, {1})", "logaddexp"),
)


def grid_family(scene: Scene) -> None:
    """Add a recurrence along one axis of a grid, or along two or all of them."""
    scene.pick((_one_axis, _one_axis, _one_axis, _one_axis, _affine, _affine, _factored, _tropical, _nonlinear))(scene)


def _one_axis(scene: Scene) -> None:
    """A recurrence of any class along any axis, from either end: all other axes are spectators."""
    axis = scene.pick(scene.axes)
    sign = "+" if scene.chance(3) else "-"
    scene.pick(FAMILIES)(_draw(scene, axis, sign))


def _draw(scene: Scene, axis: str, sign: str = "-") -> Draw:
    return Draw(scene, f"[{axis}{sign}1]", f"[{axis}{sign}2]")


def _neighbours(scene: Scene) -> tuple[str, ...]:
    """How a value is read at the neighbours of a point, seen from one corner: `[i-1]`, `[i+1, j-1]`."""
    if len(scene.axes) > 2 and scene.chance(2):
        steps: tuple[tuple[int, ...], ...] = tuple(
            tuple(int(axis == other) for other in scene.axes) for axis in scene.axes
        )
        axes = scene.axes
    else:
        steps = scene.pick(_REACHES)
        axes = scene.pick([(one, other) for one in scene.axes for other in scene.axes if one != other])
    corner = [scene.pick((-1, -1, 1)) for _ in axes]
    return tuple(
        "[" + ", ".join(f"{axis}{sign * step:+d}" for axis, sign, step in zip(axes, corner, far, strict=True) if step) + "]"
        for far in steps
    )  # fmt: skip


def _some(draw: Draw, dims: Dims, forms: tuple[str, ...]) -> str:
    """A coefficient of some kind: one that varies from point to point, a weight, or a number."""
    kind = draw.scene.pick(("varying", "varying", "weight", "number"))
    return draw.coefficient(forms, dims) if kind == "varying" else draw.weight(dims) if kind == "weight" else "0.7"


def _affine(scene: Scene) -> None:
    """One or two states, each the sum of what it gets from its neighbours, from the other state's, and from outside."""
    draw = _draw(scene, scene.axes[0])
    dims = scene.some_dims()
    near = _neighbours(scene)
    names = [draw.name() for _ in range(scene.pick((1, 2)))]
    share = 1 / (len(near) * len(names))
    for place, name in enumerate(names):
        parts = [
            f"{share:.2g} * {_some(draw, dims, DECAYS)} * {of}{where}"
            for where in near
            for of in names
            if of == name or scene.chance(2)
        ]
        parts.append(draw.coefficient(INPUTS, dims))
        if place and scene.chance(3):
            parts.append(f"0.5 * {names[0]}")
        draw.state(name, dims, " + ".join(scene.shuffled(parts)))
        if scene.chance(4):
            draw.start(name, ("1", "-0.5", f"0.2 * {scene.axes[0]} - 0.1 * {scene.axes[1]}"))
    for name in names:
        scene.define(Value(name, dims, scene.here))


def _factored(scene: Scene) -> None:
    """Two one-axis recurrences as one equation, multiplied out: (1 - a S_i) (1 - b S_j) h = x."""
    dims = scene.some_dims(0, 1)
    one, other = scene.pick([(one, other) for one in scene.axes for other in scene.axes if one != other])
    draw = _draw(scene, one)
    name = draw.name()
    a = _some(draw, dims, DECAYS)
    b = scene.pick(("0.7", f"sigmoid(0.2 * {other} - 0.3)", ""))
    b = b or draw.weight(dims)
    signs = [scene.pick(("-", "+")) for _ in range(2)]
    row, column = f"{one}{signs[0]}1", f"{other}{signs[1]}1"
    given = draw.coefficient(INPUTS, dims)
    text = scene.pick((
        f"{a} * {name}[{row}] + {b} * {name}[{column}] - {a} * {b} * {name}[{row}, {column}] + {given}",
        f"{a} * ({name}[{row}] - {b} * {name}[{row}, {column}]) + {given} + {name}[{column}] * {b}",
    ))  # fmt: skip
    draw.state(name, dims, text)
    scene.define(Value(name, dims, scene.here))


def _tropical(scene: Scene) -> None:
    """A fold over the neighbours, each with a shift of its own, and an input: distances and alignments."""
    draw = _draw(scene, scene.axes[0])
    dims = scene.some_dims(0, 1)
    near = _neighbours(scene)
    name = draw.name()
    form, fold = scene.pick(_TROPICAL)
    text = draw.coefficient(INPUTS, dims)
    for where in near:
        step = f"{name}{where} + {_some(draw, dims, SHIFTS)}"
        text = form.format(step, text) if scene.chance(2) else form.format(text, step)
    if fold == "logaddexp":
        text = f"{text} - 1"  # so that the number of paths does not count
    draw.state(name, dims, text)
    draw.start(name, ("0", "0.5", f"0.3 * {scene.axes[1]}"))
    scene.define(Value(name, dims, scene.here))


def _nonlinear(scene: Scene) -> None:
    """One or two states that squash what they get from their neighbours, element by element or mixed by a map."""
    draw = _draw(scene, scene.axes[0])
    dims = scene.some_dims(0, 1)
    near = _neighbours(scene)
    name = draw.name()
    reads = [f"{_some(draw, dims, DECAYS)} * {name}{where}" for where in near]
    if dims and scene.chance(3):
        reads[0] = f"linear({name}{near[0]})"
    inside = " + ".join((*reads, draw.coefficient(INPUTS, dims)))
    gate = f"sigmoid({name}{near[0]})"
    text = scene.pick((
        f"tanh({inside})",
        f"{gate} * tanh({inside}) + 0.3 * {name}{near[-1]}",
        f"0.5 * sin({inside})",
        f"clamp({inside}, -0.7, 0.8)",
    ))  # fmt: skip
    draw.state(name, dims, text)
    if scene.chance(4):
        draw.start(name, ("1", "-0.5"))
    scene.define(Value(name, dims, scene.here))
