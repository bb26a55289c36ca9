"""Recurrences along the edges of a graph: affine ones of nodes, of edges and of both, matrix states that are read in sums, and others.

Gates are bounded so that states stay small however many edges come in.
"""

from __future__ import annotations

from recdsl.verify.scene import EDGE, POINT, Pending, Scene, Value
from recdsl.verify.terms import Dims, anchored, term

_GATES = ("0.6 * sigmoid({0})", "0.5 * tanh({0})", "exp(-1 - softplus({0}))", "0.3 * sin({0})")
_INPUTS = ("tanh({0})", "sin({0})", "0.5 * tanh({0})", "-sigmoid({0})")


def graph_family(scene: Scene) -> None:
    """Add a recurrence along the edges."""
    scene.pick((_nodes, _edges, _both, _matrix, _matrix, _nonlinear, _folded))(scene)


def _value(scene: Scene, dims: Dims, place: str, forms: tuple[str, ...]) -> str:
    """A bounded value with some of these dims, by a name or as it stands."""
    here = frozenset({"edge"}) if place == EDGE else scene.here
    scene.pending = [Pending(Value("", dims, here, place), ())]  # nothing may look at all nodes
    found = anchored(scene, term(scene, dims, 1, place), place)
    scene.pending = []
    text = f"({scene.pick(forms).format(f'({found.text})')})"
    if scene.chance(2):
        return text
    name = scene.new_name()
    scene.add(f"{'edge ' if place == EDGE else ''}{name} = {text}")
    return scene.define(Value(name, found.dims, here, place)).name


def _gate(scene: Scene, dims: Dims, into: str) -> str:
    """A factor under a sum over `pred`: of the receiver, of what comes in, or a number."""
    edge = scene.new_name()
    kept = scene.subset(dims)
    gate = scene.pick(_GATES).format(f"linear({scene.anchor})")
    scene.add(f"edge {edge} : {_shown(kept)} = {gate}")
    scene.define(Value(edge, kept, frozenset({"edge"}), EDGE, small=True))
    own = _value(scene, kept, into, _GATES) if into == POINT else edge
    return scene.pick((f"{edge}[pred]", own, f"({own} + 0.3 * {edge}[pred])", "0.4"))


def _sum(scene: Scene, gate: str, state: str) -> str:
    return scene.pick((
        f"sum[pred]({gate} * {state}[pred])",
        f"sum[pred]({state}[pred] * {gate})",
        f"0.5 * sum[pred]({gate} * 2 * {state}[pred])",
    ))  # fmt: skip


def _nodes(scene: Scene) -> None:
    dims, name = scene.some_dims(), scene.new_name()
    gate, given = _gate(scene, dims, POINT), _value(scene, dims, POINT, _INPUTS)
    scene.add(f"{name} : {_shown(dims)} = {_sum(scene, gate, name)} + {given}")
    scene.define(Value(name, dims, scene.here))


def _edges(scene: Scene) -> None:
    dims, name = scene.some_dims(), scene.new_name()
    gate, given = _gate(scene, dims, EDGE), _value(scene, dims, EDGE, _INPUTS)
    scene.add(f"edge {name} : {_shown(dims)} = {given} - {_sum(scene, gate, name)}")
    _node_of(scene, name, dims)


def _node_of(scene: Scene, edge: str, dims: Dims) -> None:
    """A node value that sums edge values, which the rest of the program can read."""
    scene.define(Value(edge, dims, frozenset({"edge"}), EDGE))
    name = scene.new_name()
    scene.add(f"{name} : {_shown(dims)} = sum[pred]({edge}[pred]) + mean({scene.anchor})")
    scene.define(Value(name, dims, scene.here))


def _both(scene: Scene) -> None:
    """A state of nodes and one of edges that need each other."""
    dims = scene.some_dims()
    node, edge = scene.new_name(), scene.new_name()
    gate, other = _gate(scene, dims, POINT), _gate(scene, dims, EDGE)
    given, more = _value(scene, dims, POINT, _INPUTS), _value(scene, dims, EDGE, _INPUTS)
    passed = scene.pick((f"0.5 * {node}", f"{_sum(scene, other, edge)} + 0.3 * {node}", f"sum[pred](0.3 * {node}[pred]) - {node} / 2"))  # fmt: skip
    scene.add(f"edge {edge} : {_shown(dims)} = {passed} + {more}")
    scene.add(f"{node} : {_shown(dims)} = {_sum(scene, gate, edge)} + {given}")
    scene.define(Value(edge, dims, frozenset({"edge"}), EDGE))
    scene.define(Value(node, dims, scene.here))


def _matrix(scene: Scene) -> None:
    """A state over heads, keys and values that gets outer products, and what nodes read of it."""
    key_dim, value_dim, *heads = scene.some_dims(2, 3)
    name, shown = scene.new_name(), scene.new_name()
    on_edges = scene.chance(2)
    key, query = (_vector(scene, key_dim) for _ in range(2))
    value = _vector(scene, value_dim)
    gate = _gate(scene, tuple(heads), EDGE if on_edges else POINT)
    prefix = "edge " if on_edges else ""
    dims = (*heads, key_dim, value_dim)
    scene.add(f"{prefix}{name} : {_shown(dims)} = {key} * {value} + {_sum(scene, gate, name)}")
    mark = _gate(scene, tuple(heads), POINT)
    forms = [
        f"sum[pred]({mark} * sum[{key_dim}]({query} * {name}[pred]))",
        f"sum[pred](sum[{key_dim}]({name}[pred] * {query})) / 2",
    ]
    forms += [] if on_edges else [f"sum[{key_dim}]({query} * {name})"]
    scene.add(f"{shown} : {_shown((*heads, value_dim))} = {scene.pick(forms)} + mean({scene.anchor})")
    scene.define(Value(shown, (*heads, value_dim), scene.here))
    if scene.chance(5):
        scene.define(Value(name, dims, frozenset({"edge"}) if on_edges else scene.here, EDGE if on_edges else POINT))


def _vector(scene: Scene, dim: str) -> str:
    name = scene.new_name()
    scene.add(f"{name} : {dim} = {scene.pick(_INPUTS).format(f'linear({scene.anchor})')}")
    return scene.define(Value(name, (dim,), scene.here, small=True)).name


def _nonlinear(scene: Scene) -> None:
    (dim,) = scene.some_dims(1, 1)
    name = scene.new_name()
    given = _value(scene, (dim,), POINT, _INPUTS)
    text = scene.pick((
        f"tanh(sum[pred](linear({name}[pred])) + {given})",
        f"sigmoid({given}) * tanh(mean[pred]({name}[pred]) + linear(sum[pred]({name}[pred])))",
        f"sum[pred](softmax[pred](linear({name}[pred])) * {name}[pred]) / 2 + {given}",
        f"gru_cell({given} + index[{dim}] / 3, sum[pred]({name}[pred]) / 2)",
    ))  # fmt: skip
    scene.add(f"{name} : {dim} = {text}")
    scene.define(Value(name, (dim,), scene.here))


def _folded(scene: Scene) -> None:
    """Longest paths and the like."""
    dims, name = scene.some_dims(), scene.new_name()
    gate, given = _gate(scene, dims, POINT), _value(scene, dims, POINT, _INPUTS)
    text = scene.pick((
        f"max({given}, max[pred]({name}[pred] + {gate}))",
        f"min({given}, min[pred]({gate} * {name}[pred]))",
        f"logaddexp({given}, logsumexp[pred]({name}[pred] - 1 + {gate}))",
    ))  # fmt: skip
    scene.add(f"{name} : {_shown(dims)} = {text}")
    scene.define(Value(name, dims, scene.here))


def _shown(dims: Dims) -> str:
    return " ".join(dims) or "scalar"
