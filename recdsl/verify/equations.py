"""Single equations: plain ones, edges, whole conditions, instances."""

from __future__ import annotations

from recdsl.verify.calls import call_operator
from recdsl.verify.scene import EDGE, Operator, Scene, Value, along
from recdsl.verify.terms import Dims, term


def equation(scene: Scene) -> None:
    """Add an equation, with its dims declared or not."""
    dims = scene.some_dims()
    declares = not scene.chance(3)
    found = term(scene, dims, scene.limits.nesting, expected=dims if declares else None)
    name = scene.new_name()
    scene.add(f"{name}{_declared(dims) if declares else ''} = {found.text}")
    scene.define(Value(name, dims if declares else found.dims, found.axes, small=found.small))


def twins(scene: Scene) -> None:
    """One line for two equations, each with its own parameters."""
    dims = scene.some_dims()
    found = term(scene, dims, scene.limits.nesting, expected=dims)
    names = scene.new_name(), scene.new_name()
    scene.add(f"{', '.join(names)}{_declared(dims)} = {found.text}")
    for name in names:
        scene.define(Value(name, dims, found.axes, small=found.small))


def edge_equation(scene: Scene) -> None:
    dims = scene.some_dims()
    found = term(scene, dims, scene.limits.nesting, EDGE, dims)
    name = scene.new_name()
    scene.add(f"edge {name}{_declared(dims)} = {found.text}")
    scene.define(Value(name, dims, found.axes, EDGE, small=found.small))


def flag(scene: Scene) -> None:
    """A condition with a name."""
    from recdsl.verify.terms import Terms

    dims = scene.some_dims()
    found = Terms(scene, "point", None).condition(dims, scene.limits.nesting - 1)
    name = scene.new_name()
    scene.add(f"{name} = {found.text}")
    scene.define(Value(name, found.dims, found.axes, kind="bool"))


def instance(scene: Scene) -> None:
    """`f = linear(D -> H)`, `f = part1(B = H)`, whose calls share its weights, and two of them."""
    source, target = scene.some_dims(2, 2)
    name, difference = scene.new_name(), scene.new_name()
    made = [(f"linear({source} -> {target})", Operator(name, source, target))]
    if scene.domain in ("sequence", "grid"):
        made.append((f"conv(3 -> {target})", Operator(name, source, target, pointwise=False)))
    for each in scene.helpers:
        kept = (f"{each.name}(A = {source})", Operator(name, source, source, each.pointwise))
        given = (f"{each.name}(B = {target})", Operator(name, source, target, each.pointwise))
        made.append(kept if each.keeps else given)
    text, operator = scene.pick(made)
    scene.add(f"{name} = {text}")
    scene.operators.append(operator)
    left, right = (call_operator(scene, scene.operators[-1], 1) for _ in range(2))
    scene.add(f"{difference} = tanh({left.text}) - {right.text}")
    scene.define(Value(difference, left.dims, along(left, right)))


def _declared(dims: Dims) -> str:
    return f" : {' '.join(dims) or 'scalar'}"
