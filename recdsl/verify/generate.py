"""`programs`: a hypothesis strategy of the texts of random programs that pass the checker; `recurrent_programs`: of those that are made of
recurrences of the known classes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from recdsl.verify.bodies import body, rebind, rebindable
from recdsl.verify.equations import edge_equation, equation, flag, instance, twins
from recdsl.verify.families import family
from recdsl.verify.graphs import graph_family
from recdsl.verify.grids import grid_family
from recdsl.verify.recurrences import complex_state, gradient, recurrence, two_results
from recdsl.verify.scene import EDGE, STATIC, Helper, Limits, Scene, Term, Value
from recdsl.verify.terms import anchored, term

DOMAINS = ("sequence", "grid", "graph", "pointwise")
_AXES = {"sequence": ("t",), "grid": ("i", "j"), "graph": ("n",), "pointwise": ()}
_DIMS = ("D", "H", "K")

Statement = Callable[[Scene], None]
Options = Callable[[Scene], list[Statement]]


def programs(domains: tuple[str, ...] = DOMAINS, limits: Limits | None = None) -> SearchStrategy[str]:
    """Texts of programs over one of `domains`. Every dim has a small default, so that a program runs as it stands."""
    return _programs(domains, limits or Limits())


@st.composite
def _programs(draw: DrawFn, domains: tuple[str, ...], limits: Limits) -> str:
    domain = draw(st.sampled_from(domains))
    helpers: list[Helper] = []
    texts = []
    for number in range(draw(st.integers(0, limits.helpers))):
        text, helper = _helper(draw, f"part{number + 1}", domain, limits)
        texts.append(text)
        helpers.append(helper)
    texts.append(_main(draw, domain, limits, tuple(helpers)))
    return "\n\n".join(texts) + "\n"


def recurrent_programs(limits: Limits | None = None, domain: str = "sequence") -> SearchStrategy[str]:
    """Texts of programs over a sequence, a grid of two or three axes, or a graph, that are made of recurrences alone, each of a
    class that is drawn."""
    own = limits or Limits(helpers=0)
    return {"sequence": _recurrent, "grid": _recurrent_grid, "graph": _recurrent_graph}[domain](own)


@st.composite
def _recurrent(draw: DrawFn, limits: Limits) -> str:
    return _main(draw, "sequence", limits, (), lambda _: [family]) + "\n"


@st.composite
def _recurrent_grid(draw: DrawFn, limits: Limits) -> str:
    axes = draw(st.sampled_from((("i", "j"), ("i", "j"), ("i", "j", "k"))))
    return _main(draw, "grid", limits, (), lambda _: [grid_family], axes) + "\n"


@st.composite
def _recurrent_graph(draw: DrawFn, limits: Limits) -> str:
    return _main(draw, "graph", limits, (), lambda _: [graph_family]) + "\n"


def _main(
    draw: DrawFn,
    domain: str,
    limits: Limits,
    helpers: tuple[Helper, ...],
    options: Options | None = None,
    axes: tuple[str, ...] = (),
) -> str:
    kind = draw(st.sampled_from(("layer", "model")))
    sizes = {dim: draw(st.integers(1, limits.size)) for dim in _DIMS}
    axes = axes or _AXES[domain]
    scene = Scene(draw, limits, domain, axes, (*_DIMS, "M"), "x", helpers=helpers, square=("K", "M"))
    scene.rebinds = kind == "model"
    scene.cyclic = domain == "graph" and options is None and scene.chance(2)
    _inputs(scene)
    for _ in range(draw(st.integers(1, limits.statements))):
        scene.pick((options or _statements)(scene))(scene)
    _outputs(scene)
    text = scene.block.text()
    parameters = [
        f"{dim} = {sizes[dim]}" for dim in _DIMS if dim in _words(text) or (dim == "K" and "M" in _words(text))
    ]
    parameters += ["M = K"] if "M" in _words(text) else []
    parameters += ["V = 3"] if "V" in _words(text) else []
    over = _over(scene) + (" reversed" if domain == "graph" and scene.chance(4) else "")
    return f"{kind} main({', '.join(parameters)}){over}:\n{text}"


def _over(scene: Scene) -> str:
    if scene.domain == "pointwise":
        return ""
    kind = "" if scene.domain != "graph" else " in graph" if scene.cyclic else " in dag"
    return f" over {', '.join(scene.axes)}{kind}"


def _words(text: str) -> set[str]:
    """The names in a text."""
    return set("".join(letter if letter.isalnum() or letter == "_" else " " for letter in text).split())


# ---- statements


def _inputs(scene: Scene) -> None:
    """The main input, along all axes, and now and then more."""
    scene.add("in x : D")
    scene.define(Value("x", ("D",), scene.here, small=True))
    if scene.chance(4):
        scene.add("in c : H static")
        scene.define(Value("c", ("H",), frozenset(), STATIC, shifts=False, small=True))
    if scene.chance(4):
        scene.add("in y : H K")
        scene.define(Value("y", ("H", "K"), scene.here, small=True))
    if scene.chance(6):
        scene.add("in on : bool")
        scene.define(Value("on", (), scene.here, kind="bool"))
    if scene.chance(6):
        scene.add("in z : K complex")
        scene.define(Value("z", ("K",), scene.here, kind="complex"))
    if scene.chance(6):
        scene.add("in ids : token[V]")
        scene.add("table : K = embed(ids)")
        scene.define(Value("table", ("K",), scene.here))
    if scene.domain == "graph" and scene.chance(2):
        scene.add("in e : H edge")
        scene.define(Value("e", ("H",), frozenset({"edge"}), EDGE, small=True))


def _statements(scene: Scene) -> list[Statement]:
    """What may come next, simple statements first."""
    found: list[Statement] = [equation, twins]
    if scene.domain != "pointwise" and not scene.cyclic:
        found += [recurrence, recurrence]
    if scene.domain == "graph":
        found.append(edge_equation)
    if scene.domain == "graph" and not scene.cyclic:
        found.append(lambda inner: recurrence(inner, EDGE))
    if scene.domain == "sequence":
        found += [gradient, complex_state, two_results, family, family, family]
    found += [flag, instance, body]
    return [*found, _rebound] if scene.rebinds else found


def _rebound(scene: Scene) -> None:
    """A value that is given a second time in the same block."""
    rebind(scene, rebindable(scene))


def _outputs(scene: Scene) -> None:
    """One to three results; the first reads what was defined last."""
    last = [value for value in scene.values if value.kind == "real" and value.place == "point"][-1]
    found = anchored(scene, Term(last.name, last.dims, last.axes))
    scene.add(f"out {found.text}")
    for number in range(scene.pick((0, 0, 1, 2))):
        dims = scene.some_dims()
        result = anchored(scene, term(scene, dims, 1, expected=dims))
        scene.add(f"out result{number + 1} : {' '.join(dims) or 'scalar'} = {result.text}")
    _other_outputs(scene, last)


def _other_outputs(scene: Scene, last: Value) -> None:
    """Now and then a result that is shorter than the axes, or one of edges."""
    if scene.domain in ("sequence", "grid") and scene.chance(6):
        size = scene.pick(("2", "3"))
        shown = ("avgpool({0}, {1})", "maxpool({0}, {1})", "conv({0}, {1} -> H, stride = {1})", "upsample({0}, 2)")
        scene.add(
            f"out other = {scene.pick(shown).format(anchored(scene, Term(last.name, last.dims, last.axes)).text, size)}"
        )
    edges = [value for value in scene.values if value.place == EDGE and value.axes and value.kind == "real"]
    if edges and scene.chance(2):
        scene.add(f"edge link = tanh({scene.pick(edges).name})")
        scene.add("out link")


# ---- layers besides the main one


def _helper(draw: DrawFn, name: str, domain: str, limits: Limits) -> tuple[str, Helper]:
    pointwise = domain in ("pointwise", "graph") or draw(st.booleans())
    inside = "pointwise" if pointwise else domain
    small = replace(limits, statements=2, nesting=2, helpers=0)
    scene = Scene(draw, small, inside, _AXES[inside], ("A", "B"), "x")
    scene.add("in x : A")
    scene.define(Value("x", ("A",), scene.here, small=True))
    for _ in range(draw(st.integers(0, small.statements))):
        scene.pick([equation, recurrence] if not pointwise else [equation])(scene)
    keeps = draw(st.booleans())
    dims = ("A",) if keeps else ("B",)
    result = anchored(scene, term(scene, dims, 2, expected=dims))
    scene.add(f"out y : {dims[0]} = {result.text}")
    text = scene.block.text()
    header = f"layer {name}(A, B = 2){_over(scene)}:"
    return f"{header}\n{text}", Helper(name, pointwise, keeps)
