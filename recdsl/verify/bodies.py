"""`repeat` and `loop` around a body that rebinds values of the block around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from recdsl.verify.equations import equation
from recdsl.verify.recurrences import recurrence
from recdsl.verify.scene import EDGE, POINT, Scene, Value
from recdsl.verify.terms import anchored, term


def body(scene: Scene) -> None:
    """Add a `repeat` or `loop`, with the values that it rebinds."""
    carried = _carried(scene)
    kind = scene.pick(("repeat", "loop"))
    count = scene.pick(("2", "1", "3"))
    name = f"{kind}_{scene.new_name()}" if scene.chance(2) else ""
    inner = scene.inner()
    if name and kind == "loop":
        inner.define(Value(name, (), frozenset(), "static", shifts=False))
    for _ in range(scene.draw_count(0, 2)):
        _inner_statement(inner)
    for value in carried:
        rebind(inner, value)
    if kind == "loop" and scene.chance(3):
        _until(inner, carried[0])
    scene.block.lines.append((f"{kind} {count}{f' as {name}' if name else ''}:", inner.block))
    scene.helpers = inner.helpers
    if name and kind == "repeat" and scene.chance(2):
        _path(scene, name, int(count))


def _carried(scene: Scene) -> list[Value]:
    """Values that the body will rebind: one that is rebound already, or new ones."""
    known = [value for value in scene.values if not value.shifts and value.axes and value.place in (POINT, EDGE)]
    if known and scene.chance(2):
        return [scene.pick(known)]
    return [rebindable(scene) for _ in range(scene.pick((1, 1, 2)))]


def rebindable(scene: Scene) -> Value:
    """A new value that is never read at a shift."""
    dims = scene.some_dims()
    name = scene.new_name()
    place = EDGE if scene.domain == "graph" and scene.chance(3) else POINT
    found = anchored(scene, term(scene, dims, 1, place, dims), place)
    scene.add(f"{_prefix(place)}{name} : {' '.join(dims) or 'scalar'} = {found.text}")
    here = frozenset({"edge"}) if place == EDGE else scene.here
    return scene.define(Value(name, dims, here, place, shifts=False))


def _prefix(place: str) -> str:
    return "edge " if place == EDGE else ""


def rebind(scene: Scene, value: Value) -> None:
    """`x += e`, or `x = e` with an expression of x."""
    found = term(scene, value.dims, scene.limits.nesting - 1, value.place, value.dims)
    forms = (f"= tanh({value.name} + {found.text})", f"= 0.5 * {value.name} + {found.text}")
    added = () if value.place == EDGE else (f"+= {found.text}",)
    scene.add(f"{_prefix(value.place)}{value.name} {scene.pick((*added, *forms))}")


def _inner_statement(inner: Scene) -> None:
    options: list[Callable[[Scene], None]] = [equation]
    if inner.domain in ("sequence", "grid"):
        options.append(recurrence)
    if inner.limits.statements > 1:
        options.append(_nested)
    inner.pick(options)(inner)


def _nested(inner: Scene) -> None:
    """A body in a body, smaller than the one around it."""
    limits, inner.limits = inner.limits, replace(inner.limits, statements=1, nesting=2)
    body(inner)
    inner.limits = limits


def _until(inner: Scene, value: Value) -> None:
    everywhere = inner.pick(("all", "any"))
    inner.add(f"until {everywhere}({value.name} > {inner.pick(('0.111', '-0.222'))})")


def _path(scene: Scene, name: str, count: int) -> None:
    last = count - 1
    hops = [f"0..{last}", f"0..{last}, loop 2 ({last})", f"{last}", f"loop 2 (0..{last}), 0"]
    if count > 1:
        hops += ["0, skip 1", "1, 0"]
    if count > 2:
        hops.append("0, skip 1, 2")
    scene.add(f"path {name} = {scene.pick(hops)}")
