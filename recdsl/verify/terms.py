"""Random expressions of given dims: reads, arithmetic, functions, reductions, maps.

`term(scene, wanted, nesting)` gives an expression whose dims are among `wanted`. `expected` are the dims that its
equation declares, where these reach down to a bare `linear(x)`; None where they do not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from recdsl.verify.scene import EDGE, EDGE_PRED, POINT, PRED, STATIC, Scene, Term, Value, combined

Dims = tuple[str, ...]

_SMOOTH = (
    "tanh",
    "sigmoid",
    "silu",
    "sin",
    "softplus",
    "gelu",
    "relu",
    "abs",
    "atan",
    "elu",
    "mish",
    "erf",
    "logsigmoid",
)
_BOUNDED = ("tanh", "sigmoid", "sin", "atan", "erf")
_SHAPED = (
    "exp(-softplus({}))",
    "log(1 + abs({}))",
    "sqrt(1 + tanh({}) ^ 2)",
    "rsqrt(1.5 + sin({}))",
    "hardtanh({})",
    "hardsigmoid({})",
    "quantise(tanh({}), 3)",
    "clamp({}, -1, 0.5)",
    "stop({})",
    "dropout({}, 0.1)",
    "exp(tanh({}))",
    "cos({})",
    "(tanh({}) ^ 3)",
    "expm1(tanh({}))",
    "log1p(abs({}))",
    "reciprocal(2 + tanh({}))",
    "sinh(tanh({}))",
    "cosh(tanh({}))",
)
_REDUCTIONS = ("sum", "mean", "max", "min", "logsumexp", "prod", "norm")
_COMPARISONS = ("<", ">", "<=", ">=")


def term(scene: Scene, wanted: Dims, nesting: int, place: str = POINT, expected: Dims | None = None) -> Term:
    """An expression whose dims are among `wanted`."""
    return Terms(scene, place, expected).term(wanted, nesting)


def anchored(scene: Scene, found: Term, place: str = POINT) -> Term:
    """A term with something added that varies along all axes, where it lacks one."""
    wanted = {POINT: scene.here, EDGE: frozenset({"edge"}), STATIC: frozenset[str]()}[place]
    if wanted <= found.axes and (found.reads or place == STATIC):
        return found
    return combined(f"{found.text} + mean({scene.anchor})", found, Term("", (), wanted, reads=True))


@dataclass(frozen=True, slots=True)
class Terms:
    scene: Scene
    place: str
    expected: Dims | None

    # ---- which kind of expression

    def term(self, wanted: Dims, nesting: int) -> Term:
        if nesting <= 0:
            return self.leaf(wanted)
        return self.scene.pick(self._kinds(wanted))(wanted, nesting - 1)

    def _kinds(self, wanted: Dims) -> list[Callable[[Dims, int], Term]]:
        """The kinds of expression that may stand here, simple ones first."""
        from recdsl.verify import calls

        kinds: list[Callable[[Dims, int], Term]] = [self.leaf, self.binary, self.function, self.gated]
        if self.place == STATIC:
            return kinds
        kinds += [self.linear, self.linear, self.shaped, self.chosen, self.reduced, self.extremum, self.normalised]
        kinds += [self.divided, self.by_index, self.small_product]
        kinds += calls.kinds(self, wanted)
        return kinds

    def without_expected(self) -> Terms:
        return replace(self, expected=None)

    # ---- leaves

    def leaf(self, wanted: Dims, nesting: int = 0) -> Term:
        options = [each for each in self.readable() if set(each.dims) <= set(wanted)]
        if not options or self.scene.chance(6):
            return self.plain(wanted)
        return self.scene.pick(options)

    def plain(self, wanted: Dims) -> Term:
        """A number, a parameter, a position."""
        scene = self.scene
        options: list[Callable[[], Term]] = [lambda: Term(scene.pick(("0.5", "1", "0.25")), small=True)]
        options.append(lambda: scene.weight(scene.subset(wanted)))
        if wanted:
            options.append(lambda: self._position(scene.pick(wanted)))
        if self.place == POINT and scene.domain in ("sequence", "grid"):
            options.append(self._axis_position)
        return scene.pick(options)()

    def _position(self, dim: str) -> Term:
        return Term(f"(index[{dim}] / 2)", (dim,), small=True)

    def _axis_position(self) -> Term:
        axis = self.scene.pick(self.scene.axes)
        text = self.scene.pick((f"({axis} / 4)", f"(index[{axis}] / 3)", f"sin({axis})"))
        return Term(text, (), frozenset({axis}))

    def readable(self) -> list[Term]:
        """Every read of a real value that may stand here, those at shifts among them."""
        found = [read for value in self.scene.values if value.kind == "real" for read in self.reads_of(value)]
        for each in self.scene.pending:
            value = each.value
            if each.defined and self._visible(value):
                found.append(Term(value.name, value.dims, self._axes(value), True))
            if each.shifts == ("pred",):
                if self._has_pred:
                    found.append(Term(f"{value.name}[pred]", value.dims, self._axes(value) | {"pred"}, True))
            elif self.place == POINT:
                found += [Term(f"{value.name}[{shift}]", value.dims, value.axes, True) for shift in each.shifts]
        return found

    @property
    def _has_pred(self) -> bool:
        return self.place in (PRED, EDGE_PRED)

    def reads_of(self, value: Value) -> list[Term]:
        """A value here, and at other points."""
        if not self._visible(value):
            return self._along_pred(value)
        here = Term(value.name, value.dims, self._axes(value), bool(value.axes), value.small)
        return [here, *self._along_pred(value), *self._shifted(value)]

    def _visible(self, value: Value) -> bool:
        """Whether a bare name may stand here."""
        if value.place == STATIC or self.scene.domain != "graph":
            return self.place != STATIC or value.place == STATIC
        if self.place == STATIC:
            return False
        return value.place == POINT or self.place in (EDGE, EDGE_PRED)

    def _axes(self, value: Value) -> frozenset[str]:
        """The axes that a bare read has here: a node value that an edge reads is one of edges."""
        if value.axes and self.scene.domain == "graph":
            return frozenset({"edge"}) if self.place in (EDGE, EDGE_PRED) else value.axes
        return value.axes

    def _along_pred(self, value: Value) -> list[Term]:
        if not self._has_pred or not value.axes or not (value.shifts or self.scene.cyclic):
            return []
        own = frozenset({"edge"} if self.place == EDGE_PRED else self.scene.axes)
        return [Term(f"{value.name}[pred]", value.dims, own | {"pred"}, True, value.small)]

    def _shifted(self, value: Value) -> list[Term]:
        if not value.shifts or self.place != POINT or self.scene.domain not in ("sequence", "grid"):
            return []
        axes = [axis for axis in self.scene.axes if axis in value.axes]
        shifts = [f"{axis}{by}" for axis in axes for by in ("-1", "+1", "-2")]
        if len(axes) == 2:
            shifts += [f"{axes[0]}-1, {axes[1]}-1", f"{axes[0]}-1, {axes[1]}+1"]
        return [Term(f"{value.name}[{shift}]", value.dims, value.axes, True, value.small) for shift in shifts]

    # ---- elementwise

    def binary(self, wanted: Dims, nesting: int) -> Term:
        left, right = self.term(wanted, nesting), self.term(wanted, nesting)
        return combined(f"({left.text} {self.scene.pick(('+', '-'))} {right.text})", left, right)

    def function(self, wanted: Dims, nesting: int) -> Term:
        name = self.scene.pick(_SMOOTH)
        inner = self.term(wanted, nesting)
        return combined(f"{name}({inner.text})", inner, small=name in _BOUNDED)

    def shaped(self, wanted: Dims, nesting: int) -> Term:
        inner = self.term(wanted, nesting)
        return combined(self.scene.pick(_SHAPED).format(inner.text), inner)

    def gated(self, wanted: Dims, nesting: int) -> Term:
        gate, value = self.term(wanted, nesting), self.term(wanted, nesting)
        name = self.scene.pick(("sigmoid", "tanh"))
        return combined(f"{name}({gate.text}) * {value.text}", gate, value)

    def small_product(self, wanted: Dims, nesting: int) -> Term:
        """A product of two bounded values, as in `k * v`."""
        options = [each for each in self.readable() if set(each.dims) <= set(wanted) and each.small]
        if not options:
            return self.gated(wanted, nesting)
        left, right = self.scene.pick(options), self.scene.pick(options)
        return combined(f"{left.text} * {right.text}", left, right)

    def divided(self, wanted: Dims, nesting: int) -> Term:
        above, below = self.term(wanted, nesting), self.term(wanted, nesting)
        text = self.scene.pick(("({} / (1 + abs({})))", "({} / (2 + sin({})))"))
        return combined(text.format(above.text, below.text), above, below)

    def extremum(self, wanted: Dims, nesting: int) -> Term:
        left, right = self.term(wanted, nesting), self.term(wanted, nesting)
        name = self.scene.pick(("max", "min", "logaddexp"))
        return combined(f"{name}({left.text}, {right.text})", left, right)

    def chosen(self, wanted: Dims, nesting: int) -> Term:
        condition = self.condition(wanted, nesting)
        yes, no = self.term(wanted, nesting), self.term(wanted, nesting)
        return combined(f"where({condition.text}, {yes.text}, {no.text})", condition, yes, no)

    def condition(self, wanted: Dims, nesting: int) -> Term:
        """A value of kind bool."""
        scene = self.scene
        options: list[Callable[[], Term]] = [lambda: self._comparison(wanted, nesting)]
        flags = [v for v in scene.values if v.kind == "bool" and set(v.dims) <= set(wanted) and self._visible(v)]
        if flags:
            options.append(lambda: self._flag(scene.pick(flags)))
        if self.place == POINT and scene.domain in ("sequence", "grid"):
            options.append(self._every_second)
        if nesting > 0:
            options.append(lambda: self._joined(wanted, nesting - 1))
        return scene.pick(options)()

    def _comparison(self, wanted: Dims, nesting: int) -> Term:
        """Of values that are hardly ever the same."""
        left, right = self.term(wanted, nesting), self.scene.pick(("0.123", "-0.456", "0.789"))
        return combined(f"{left.text} {self.scene.pick(_COMPARISONS)} {right}", left)

    def _flag(self, value: Value) -> Term:
        return Term(self.scene.pick((value.name, f"not {value.name}")), value.dims, self._axes(value))

    def _every_second(self) -> Term:
        axis = self.scene.pick(self.scene.axes)
        text = self.scene.pick((f"{axis} % 2 == 0", f"index[{axis}] >= 2", f"{axis} == 1"))
        return Term(text, (), frozenset({axis}))

    def _joined(self, wanted: Dims, nesting: int) -> Term:
        left, right = self.condition(wanted, nesting), self.condition(wanted, nesting)
        return combined(f"({left.text} {self.scene.pick(('and', 'or'))} {right.text})", left, right)

    # ---- along dims

    def reduced(self, wanted: Dims, nesting: int) -> Term:
        """`sum[K](e)`, `mean(e)`, `sum[pred](e)`."""
        scene = self.scene
        if scene.domain == "graph" and self.place in (POINT, EDGE) and scene.chance(2):
            return self.over_pred(wanted, nesting)
        free = [dim for dim in scene.dims if dim not in wanted]
        inner_terms = self.without_expected()
        if not free or scene.chance(5):
            inner = inner_terms.term(scene.some_dims(0, 2), nesting)
            return replace(inner, text=f"{scene.pick(('mean', 'sum', 'max'))}({inner.text})", dims=(), small=False)
        over = scene.pick(free)
        inner = inner_terms.having(over, inner_terms.term((*wanted, over), nesting))
        name = scene.pick(_REDUCTIONS)
        shown = {"prod": "tanh({})", "norm": "2 + sin({})"}  # whose derivatives are defined everywhere
        text = shown.get(name, "{}").format(inner.text)
        dims = tuple(dim for dim in inner.dims if dim != over)
        return replace(inner, text=f"{name}[{over}]({text})", dims=dims, small=False)

    def having(self, dim: str, found: Term) -> Term:
        """A term that is sure to have a dim."""
        if dim in found.dims:
            return found
        return combined(f"({found.text} + index[{dim}] / 3)", found, Term("", (dim,)))

    def over_pred(self, wanted: Dims, nesting: int) -> Term:
        """A reduction over the edges that come in."""
        inner_place = EDGE_PRED if self.place == EDGE else PRED
        inner_terms = Terms(self.scene, inner_place, self.expected)
        inner = inner_terms.term(wanted, nesting)
        if "pred" not in inner.axes:
            inner = combined(f"({inner.text} + mean({self.scene.anchor}[pred]))", inner, Term("", reads=True))
        own = frozenset({"edge"} if self.place == EDGE else self.scene.axes)
        name = self.scene.pick(("sum", "mean", "max", "logsumexp", "softmax", "prod", "min"))
        shown = {
            "sum": "sum[pred]({})",
            "mean": "mean[pred]({})",
            "max": "max(max[pred]({}), -1)",
            "min": "min(min[pred]({}), 1)",
            "logsumexp": "logaddexp(logsumexp[pred]({}), 0.5)",
            "softmax": "sum[pred](softmax[pred]({0}) * sin({0}))",
            "prod": "prod[pred](tanh({}))",
        }[name]
        return replace(inner, text=shown.format(inner.text), axes=own | (inner.axes - {"pred"}), small=False)

    def normalised(self, wanted: Dims, nesting: int) -> Term:
        """`softmax[K](e)`, `cumsum[K](e)`, what `topk[K]` leaves."""
        if not wanted:
            return self.function(wanted, nesting)
        dim = self.scene.pick(wanted)
        inner = self.having(dim, self.term(wanted, nesting))
        shown = self.scene.pick(("softmax[{1}]({0})", "cumsum[{1}]({0})", "where(topk[{1}]({0}, 1), {0}, 0)"))
        return replace(inner, text=shown.format(inner.text, dim), small=False)

    def by_index(self, wanted: Dims, nesting: int) -> Term:
        """Reshapes along a dim: flip, gather, pick, rename."""
        scene = self.scene
        inner_terms = self.without_expected()
        if not wanted:
            dim = scene.pick(scene.dims)
            inner = inner_terms.having(dim, inner_terms.term((dim,), nesting))
            return replace(inner, text=f"({inner.text})[{dim}={scene.pick(('0', '-1'))}]", dims=(), small=False)
        dim = scene.pick(wanted)
        inner = inner_terms.having(dim, inner_terms.term(wanted, nesting))
        shown = scene.pick(("flip[{1}]({0})", "gather[{1}]({0}, (index[{1}] + 1) % {1})"))
        return replace(inner, text=shown.format(inner.text, dim), small=False)

    # ---- maps

    def linear(self, wanted: Dims, nesting: int) -> Term:
        """`linear(e)` where the dims are expected, else `linear(e -> H K)`."""
        scene = self.scene
        per = scene.pick(wanted) if wanted and scene.chance(6) else None
        inner_terms = self.without_expected()
        source = scene.some_dims(1, 2)
        if per is not None:
            inner = inner_terms.having(per, inner_terms.term(tuple(dict.fromkeys((per, *source))), nesting))
        else:
            inner = inner_terms.term(source, nesting)
        options = f", per = {per}" if per else ""
        options += scene.pick(("", "", ", bias = no", ", init = normal(0, 0.3)"))
        bare = self.expected is not None and set(self.expected) == set(wanted) and not scene.chance(4)
        arrow = "" if bare else f" -> {' '.join(wanted)}"
        if not wanted and not bare:
            return replace(inner, text=f"mean({inner.text})", dims=(), small=False)
        return Term(f"linear({inner.text}{arrow}{options})", wanted, inner.axes, inner.reads)
