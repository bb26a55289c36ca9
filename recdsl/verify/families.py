"""Recurrences of every class that lowering knows, each written in one of several ways.

A family draws the coefficients of its recurrence, bounded so that states stay small, and writes its equations around them. What it
defines for the rest of the program is a real value along the axis: the state, or what is read of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from recdsl.verify.scene import Pending, Scene, Value
from recdsl.verify.terms import Dims, anchored, term

DECAYS = ("sigmoid({0})", "exp(-softplus({0}))", "1 - sigmoid({0})", "sigmoid({0}) ^ 0.5", "0.9 * sigmoid({0})")
INPUTS = ("tanh({0})", "sin({0})", "0.5 * tanh({0})", "-sigmoid({0})")
_POSITIVE = ("0.1 + sigmoid({0})", "sigmoid({0}) + 0.2", "0.5 + softplus(tanh({0}))")
SHIFTS = ("-softplus({0})", "tanh({0})", "0.5 * sin({0})")

_DIAGONAL = (
    "{a} * {h} + {b}",
    "{b} + {h} * {a}",
    "(1 - {a}) * {h} + {a} * {b}",
    "{h} - {a} * {h} + {a} * {b}",
    "{a} * ({b} - {h}) + {h}",
    "-({a} - 1) * {h} + {b} / 2",
    "where({b} > 0.123, {a} * {h}, {b})",
    "({h} + {b}) * {a}",
    "{a} * ({a} * {h} + {b}) - {b}",
)
_CONSTANT = (
    "{w} * {h} + {b}",
    "{b} - 0.5 * {h}",
    "({h} + {b}) / 2",
    "{h} + {w} * ({b} - {h})",
    "0.5 * {h} + {w} * {h2} / 2 + {b}",
    "{b} + 0.3 * ({h2} - {h})",
)
_TROPICAL = (
    "max({h} + {s}, {b})",
    "max({b}, {s} + {h})",
    "min({h} - {s}, {b})",
    "logaddexp({h} + {s}, {b})",
    "{s} + max({b}, {h})",
    "-min(-({h} + {s}), {b})",
    "where({b} > 0.123, {b}, max({h} + {s}, {b}))",
)
_CLAMPED = (
    "clamp({a} * {h} + {b}, -0.7, 0.6)",
    "min(max({b} + {h}, -0.5), 0.8)",
    "max(min({a} * {h} - {b}, 0.75), -0.85)",
    "relu({a} * {h} + {b})",
    "max({b} - {a} * {h}, 0)",
)
_MOBIUS = (
    "({p} * {h} + {q}) / (({p} + {r}) * {h} + {q} + {r})",
    "{p} + 1 / {h}",
    "{p} / ({q} + {h})",
    "{h} / ({h} + {p})",
)
_NONLINEAR = (
    "tanh({a} * {h} + {b})",
    "(1 - {a}) * {h} + {a} * tanh({w} * {h} + {b})",
    "sigmoid({h} + {b}) * {h} + {b}",
    "{a} * sin({h}) + {b}",
    "{h} - 0.1 * {h} ^ 3 + 0.1 * {b}",
    "tanh(linear({h}) + {b})",
)
_FINITE = (
    "{d} = {c} != {h}",
    "{d} = where({c}, not {h}, {h})",
    "{d} = ({c} and not {h}) or ({h} and not {c})",
    " = where({c}, 0, ({h} + 1) % 3)",
    " = where({c}, ({h} + 2) % 4, {h})",
    " = min({h} + where({c}, 1, 0), 3)",
)


@dataclass(frozen=True, slots=True)
class Draw:
    """What a family draws with. `back` and `far` are how its states are read one point and two points back."""

    scene: Scene
    back: str
    far: str

    def name(self) -> str:
        return self.scene.new_name()

    def coefficient(self, forms: tuple[str, ...], dims: Dims) -> str:
        """A bounded value with some of these dims that varies along the axis, by a name or as it stands."""
        scene = self.scene
        scene.pending = [Pending(Value("", dims, scene.here), ())]  # nothing may look along the whole axis
        found = anchored(scene, term(scene, dims, 1))
        scene.pending = []
        text = scene.pick(forms).format(f"({found.text})")
        if scene.chance(2):
            return f"({text})"
        name = scene.new_name()
        scene.add(f"{name} = {text}")
        return scene.define(Value(name, found.dims, found.axes)).name

    def vector(self, dim: str, forms: tuple[str, ...] = INPUTS) -> str:
        """A bounded value that is sure to have a dim."""
        name = self.name()
        self.scene.add(f"{name} : {dim} = {self.scene.pick(forms).format(f'linear({self.scene.anchor})')}")
        return self.scene.define(Value(name, (dim,), self.scene.here, small=True)).name

    def weight(self, dims: Dims) -> str:
        """A number between 0 and 1 that is the same at all points."""
        own = self.scene.weight(self.scene.subset(dims)).text
        return self.scene.pick(("0.7", f"sigmoid({own})", f"exp(-exp({own}))"))

    def state(self, name: str, dims: Dims, text: str) -> None:
        self.scene.add(f"{name} : {_shown(dims)} = {text}")

    def start(self, name: str, starts: tuple[str, ...]) -> None:
        self.scene.add(f"init {name} = {self.scene.pick(starts)}")


def _shown(dims: Dims) -> str:
    return " ".join(dims) or "scalar"


def family(scene: Scene) -> None:
    """Add a recurrence of any class, from the start or from the end."""
    (axis,) = scene.axes
    sign = "+" if scene.chance(4) else "-"
    scene.pick(FAMILIES)(Draw(scene, f"[{axis}{sign}1]", f"[{axis}{sign}2]"))


# ---- one state, element by element


def _elementwise(
    draw: Draw, forms: tuple[str, ...], starts: tuple[str, ...] = ("1", "-0.5"), sure: bool = False
) -> None:
    scene = draw.scene
    dims = scene.some_dims()
    form = scene.pick([each for each in forms if dims or "linear" not in each])
    name = draw.name()
    found = {"h": f"{name}{draw.back}", "h2": f"{name}{draw.far}"}
    kinds = {"a": DECAYS, "b": INPUTS, "s": SHIFTS, "p": _POSITIVE, "q": _POSITIVE, "r": _POSITIVE}
    found |= {key: draw.coefficient(forms, dims) for key, forms in kinds.items() if f"{{{key}}}" in form}
    if "{w}" in form:
        found["w"] = draw.weight(dims)
    draw.state(name, dims, form.format(**found))
    if sure or scene.chance(3):
        draw.start(name, starts)
    scene.define(Value(name, dims, scene.here))


def _diagonal(draw: Draw) -> None:
    _elementwise(draw, _DIAGONAL)


def _constant(draw: Draw) -> None:
    _elementwise(draw, _CONSTANT)


def _tropical(draw: Draw) -> None:
    _elementwise(draw, _TROPICAL)


def _clamped(draw: Draw) -> None:
    _elementwise(draw, _CLAMPED, ("0.3", "-0.2"))


def _mobius(draw: Draw) -> None:
    """All that goes into the fraction is positive."""
    _elementwise(draw, _MOBIUS, ("1", "0.5"), sure=True)


def _nonlinear(draw: Draw) -> None:
    _elementwise(draw, _NONLINEAR)


def _finite(draw: Draw) -> None:
    scene = draw.scene
    dims = scene.some_dims(0, 1)
    name, shown = draw.name(), draw.name()
    given = draw.coefficient(INPUTS, dims)
    condition = f"({given} {scene.pick(('<', '>'))} {scene.pick(('0.123', '-0.456'))})"
    form = scene.pick(_FINITE)
    declared = " : " + " ".join((*dims, "bool"))
    scene.add(name + form.format(d=declared, h=f"{name}{draw.back}", c=condition))
    known = name if "{d}" in form else f"{name} == 1"
    scene.add(f"{shown} : {_shown(dims)} = where({known}, {draw.coefficient(INPUTS, dims)}, -0.5)")
    scene.define(Value(shown, dims, scene.here, small=True))


# ---- several states


def _coupled(draw: Draw) -> None:
    """Two states that need each other: a turn, a trend, or one behind the other."""
    scene = draw.scene
    dims = scene.some_dims()
    one, other = draw.name(), draw.name()
    a, b = draw.coefficient(DECAYS, dims), draw.coefficient(INPUTS, dims)
    h, g = f"{one}{draw.back}", f"{other}{draw.back}"
    first, second = scene.pick((
        (f"{a} * (cos({b}) * {h} - sin({b}) * {g}) + {b}", f"{a} * (sin({b}) * {h} + cos({b}) * {g})"),
        (f"{a} * {b} + (1 - {a}) * ({h} + {g})", f"0.3 * ({one} - {h}) + 0.7 * {g}"),
        (f"{a} * {h} - 0.2 * {g} + {b}", f"{g} + 0.5 * ({one} - {g})"),
        (f"tanh({h} + {a} * {g})", f"{a} * {g} + {b} * {h}"),
    ))  # fmt: skip
    draw.state(one, dims, first)
    draw.state(other, dims, second)
    for name in (one, other):
        scene.define(Value(name, dims, scene.here))


def _dense(draw: Draw) -> None:
    """A map that joins all elements along a dim: of sums, of the largest, of the sum of exponentials."""
    scene = draw.scene
    assert scene.square is not None
    row, column = scene.square
    name, weight = draw.name(), scene.weight((row, column)).text
    given = draw.vector(row)
    moved = f"{name}{draw.back}[{row}->{column}]"
    varying = f"({weight} * {draw.coefficient(DECAYS, ())})"
    matrix = scene.pick((weight, varying))
    text = scene.pick((
        f"sum[{column}](softmax[{column}]({matrix}) * {moved}) / 2 + {given}",
        f"{given} + 0.5 * sum[{column}]({moved} * tanh({matrix}))",
        f"0.5 * linear({name}{draw.back}, bias = no) + {given}",
        f"max[{column}]({matrix} + {moved}) + {given}",
        f"logsumexp[{column}]({matrix} + {moved}) + {given}",
        f"max({given}, min[{column}]({matrix} + {moved}))",
        f"tanh(sum[{column}]({matrix} * {moved}) + {given})",
    ))  # fmt: skip
    draw.state(name, (row,), text)
    scene.define(Value(name, (row,), scene.here))


def _cell(draw: Draw) -> None:
    """One state or two behind gates, which maps of all elements decide."""
    scene = draw.scene
    dims = scene.some_dims(1, 2)
    name, gate, inner = (draw.name() for _ in range(3))
    memory = draw.name() if scene.chance(3) else name
    given, h = draw.coefficient(INPUTS, dims), f"{name}{draw.back}"
    draw.state(gate, dims, f"sigmoid(linear({h}) + {given})")
    text = scene.pick((
        f"tanh(linear({h}) + {given})",
        f"tanh({given} + {gate} * linear({h}, bias = no))",
        f"sin(linear({gate} * {h}) + {given})",
        f"tanh(linear(tanh(linear({h} -> {' '.join(dims)}))) - {given})",
    ))  # fmt: skip
    draw.state(inner, dims, text)
    draw.state(memory, dims, f"(1 - {gate}) * {inner} + {gate} * {memory}{draw.back}")
    if memory != name:
        draw.state(name, dims, f"{gate} * tanh({memory})")
    if scene.chance(3):
        draw.start(name, ("0.5", "-0.3"))
    for each in dict.fromkeys((memory, name)):
        scene.define(Value(each, dims, scene.here))


# ---- states of two sides


def _sides(draw: Draw) -> tuple[str, str, str, Dims, str]:
    """Names of the state, its key and its value, its dims, and how it was before."""
    key_dim, value_dim, *heads = draw.scene.some_dims(2, 3)
    name = draw.name()
    key, value = draw.vector(key_dim), draw.vector(value_dim)
    return name, key, value, (*heads, key_dim, value_dim), f"{name}{draw.back}"


def _read(draw: Draw, name: str, dims: Dims) -> None:
    """What is read of a matrix state: a sum over its keys."""
    scene = draw.scene
    *heads, key_dim, value_dim = dims
    query, shown = draw.vector(key_dim), draw.name()
    text = scene.pick((
        f"sum[{key_dim}]({query} * {name})",
        f"sum[{key_dim}]({name} * {query}) / 2",
        f"sum[{key_dim}]({query} * {name}{draw.back}) + 0.1 * sum[{key_dim}]({query} * {name})",
        f"tanh(sum[{key_dim}](({query} - 0.5) * {name}))",
    ))  # fmt: skip
    left = (*heads, value_dim)
    if scene.chance(4):
        part = draw.name()
        scene.add(f"{part} = {query} * {name}")
        text = f"sum[{key_dim}]({part})"
    draw.state(shown, left, text)
    scene.define(Value(shown, left, scene.here))
    if scene.chance(6):
        scene.define(Value(name, dims, scene.here))  # may then be read as a whole


def _rank_one(draw: Draw) -> None:
    scene = draw.scene
    name, key, value, dims, back = _sides(draw)
    shared = draw.coefficient(DECAYS, dims[:-2])
    decay = scene.pick((shared, draw.vector(dims[-2], DECAYS), draw.weight(())))
    text = scene.pick((
        f"{decay} * {back} + {key} * {value}",
        f"{value} * {key} + {back} * {decay}",
        f"{decay} * ({back} + {key} * {value})",
        f"{decay} * {back} + {shared} * {key} * {value} + {value} * {key}",
        f"{decay} * {back} + {key} * {value} - {draw.vector(dims[-2])} * {draw.vector(dims[-1])}",
        f"{back} + {key} * {value}",
    ))  # fmt: skip
    draw.state(name, dims, text)
    _read(draw, name, dims)


def _delta(draw: Draw) -> None:
    scene = draw.scene
    name, key, value, dims, back = _sides(draw)
    k = dims[-2]
    rate, decay = (
        draw.coefficient(("sigmoid({0})", "0.5 * sigmoid({0})"), dims[:-2]),
        draw.coefficient(DECAYS, dims[:-2]),
    )
    kept, loss = draw.name(), draw.name()
    form = scene.pick((
        f"{back} + {rate} * {key} * ({value} - sum[{k}]({key} * {back}))",
        f"{back} - {rate} * {key} * sum[{k}]({key} * {back}) + {key} * {value}",
        f"{decay} * {back} - {rate} * {key} * (sum[{k}]({back} * {key}) - {value})",
        f"{kept} + {rate} * {key} * ({value} - sum[{k}]({key} * {kept}))",
        f"{decay} * {back} - {rate} * grad({loss}, {back})",
    ))  # fmt: skip
    if kept in form.split() or f"{kept}))" in form:
        scene.add(f"{kept} = {decay} * {back}")
    if "grad(" in form:
        scene.add(f"{loss} = 0.5 * sum[{dims[-1]}]((sum[{k}]({key} * {back}) - {value}) ^ 2)")
    draw.state(name, dims, form)
    _read(draw, name, dims)


Family = Callable[[Draw], None]
FAMILIES: tuple[Family, ...] = (
    _diagonal,
    _constant,
    _coupled,
    _rank_one,
    _delta,
    _dense,
    _cell,
    _tropical,
    _clamped,
    _mobius,
    _finite,
    _nonlinear,
)
