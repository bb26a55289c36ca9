"""Expressions that call layers, reshape, or look along whole axes.

`kinds(terms, wanted)` lists what may stand where `terms` writes: inside a recurrence only what works at a point.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from recdsl.verify.scene import EDGE, POINT, Helper, Operator, Scene, Term, combined

if TYPE_CHECKING:
    from recdsl.verify.terms import Dims, Terms

Kind = Callable[["Dims", int], Term]


def kinds(terms: Terms, wanted: Dims) -> list[Kind]:
    """The kinds of call that may stand here."""
    if terms.place not in (POINT, EDGE):
        return []
    calls = Calls(terms)
    found: list[Kind] = [calls.norm, calls.cell, calls.network, calls.joined, calls.of_complex]
    found += [calls.operator] if calls.usable_operators(wanted) else []
    found += [calls.helper] if calls.usable_helpers(wanted) else []
    found += [calls.square] if terms.scene.square is not None and terms.scene.square[0] in wanted else []
    if terms.scene.local or terms.place == EDGE:
        return found
    if terms.scene.domain in ("sequence", "grid"):
        found += [calls.conv, calls.along_axis, calls.renamed_axis, calls.statistics]
    found += [calls.attention] if terms.scene.domain == "sequence" else []
    found += [calls.flattened] if terms.scene.domain == "grid" else []
    found += [calls.experts] if any(each.keeps and each.pointwise for each in terms.scene.helpers) else []
    return found


@dataclass(frozen=True, slots=True)
class Calls:
    terms: Terms

    @property
    def scene(self) -> Scene:
        return self.terms.scene

    def operand(self, dims: Dims, nesting: int) -> Term:
        """An operand that has exactly these dims."""
        inner = self.terms.without_expected()
        found = inner.term(dims, nesting)
        for dim in dims:
            found = inner.having(dim, found)
        return found

    def varying(self, dims: Dims, nesting: int) -> Term:
        """An operand with exactly these dims that varies along all axes."""
        from recdsl.verify.terms import anchored

        return anchored(self.scene, self.operand(dims, nesting))

    # ---- layers of the library

    def norm(self, wanted: Dims, nesting: int) -> Term:
        if not wanted:
            return self.terms.function(wanted, nesting)
        name = self.scene.pick(("rmsnorm", "layernorm", "l2norm"))
        inner = self.operand(wanted, nesting)
        dims = f"[{self.scene.pick(wanted)}]" if self.scene.chance(2) else ""
        return replace(inner, text=f"{name}{dims}({inner.text})", small=False)

    def network(self, wanted: Dims, nesting: int) -> Term:
        """A network at each point."""
        if not wanted:
            return self.terms.function(wanted, nesting)
        inner = self.operand(wanted, nesting)
        shown = self.scene.pick(("mlp({}, F = 2)", "swiglu({}, F = 3)"))
        return replace(inner, text=shown.format(inner.text), small=False)

    def cell(self, wanted: Dims, nesting: int) -> Term:
        """A recurrent cell on any two values."""
        if not wanted:
            return self.terms.function(wanted, nesting)
        source, state = self.operand(self.scene.some_dims(1, 1), nesting), self.operand(wanted, nesting)
        shown = self.scene.pick(("gru_cell({0}, {1})", "rnn({0}, {1})", "lstm_cell({0}, {1}, tanh({1}))"))
        found = combined(shown.format(source.text, state.text), source, state)
        return replace(found, dims=wanted)

    def attention(self, wanted: Dims, nesting: int) -> Term:
        if not wanted:
            return self.along_axis(wanted, nesting)
        inner = self.varying(wanted, nesting)
        options = self.scene.pick((", causal = yes", ", causal = yes, window = 2", ""))
        return replace(inner, text=f"attention({inner.text}, heads = 1{options})", small=False)

    # ---- layers of the file

    def experts(self, wanted: Dims, nesting: int) -> Term:
        """A layer of the file as the argument of another one."""
        if not wanted:
            return self.terms.function(wanted, nesting)
        expert = self.scene.pick([each for each in self.scene.helpers if each.keeps and each.pointwise])
        inner = self.operand(wanted, nesting)
        scores = self.terms.without_expected().term(self.scene.some_dims(1, 1), nesting)
        return replace(
            inner, text=f"mixture({inner.text}, {expert.name}, scores = linear({scores.text} -> D), top = 1)"
        )

    def usable_helpers(self, wanted: Dims) -> list[Helper]:
        if not wanted:
            return []
        everywhere = not self.scene.local and self.terms.place == POINT
        return [each for each in self.scene.helpers if each.pointwise or everywhere]

    def helper(self, wanted: Dims, nesting: int) -> Term:
        called = self.scene.pick(self.usable_helpers(wanted))
        source = wanted if called.keeps else self.scene.some_dims(1, 2)
        inner = self.operand(source, nesting) if called.pointwise else self.varying(source, nesting)
        if called.keeps:
            dims = f"[{self.scene.pick(wanted)}]" if self.scene.chance(3) else ""
            return replace(inner, text=f"{called.name}{dims}({inner.text})", small=False)
        target = self.scene.pick(wanted)
        return replace(inner, text=f"{called.name}({inner.text}, B = {target})", dims=(target,), small=False)

    def operator(self, wanted: Dims, nesting: int) -> Term:
        """An instance that shares its weights with its other calls."""
        return self.called(self.scene.pick(self.usable_operators(wanted)), nesting)

    def usable_operators(self, wanted: Dims) -> list[Operator]:
        everywhere = not self.scene.local and self.terms.place == POINT
        fitting = [each for each in self.scene.operators if each.target in wanted]
        return [each for each in fitting if each.pointwise or everywhere]

    def called(self, operator: Operator, nesting: int) -> Term:
        """One call of an instance."""
        operand = self.operand if operator.pointwise else self.varying
        inner = operand((operator.source,), nesting)
        return replace(inner, text=f"{operator.name}({inner.text})", dims=(operator.target,), small=False)

    # ---- reshapes

    def joined(self, wanted: Dims, nesting: int) -> Term:
        """Values behind each other, side by side, merged or split."""
        scene = self.scene
        dim, other = scene.some_dims(2, 2)
        left, right = self.operand((dim,), nesting), self.operand((dim,), nesting)
        both = self.operand((dim, other), nesting)
        target = " ".join(wanted)
        if not wanted:
            text = f"sum(stack[F]({left.text}, {right.text})[F={scene.pick(('0', '1', '-1'))}])"
            return replace(combined(text, left, right), dims=())
        shown = scene.pick(
            (
                "linear(concat[{dim}]({left}, {right}) -> {target})",
                "linear(stack[F]({left}, {right}) -> {target})",
                "linear(slice[{dim}]({left}, 0, 1) -> {target})",
                "linear(merge({both}, {dim} {other} -> {dim}*{other}) -> {target})",
                "linear(split(linear({left} -> {dim}*{other}), {dim} -> {dim} {other}) -> {target})",
                "linear(scatter[{dim}](mean({both}), argmax[{dim}]({left})) -> {target})",
                "linear(gather[{dim}]({left}, argmax[{dim}]({right})) + {left} -> {target})",
            )
        )
        text = shown.format(dim=dim, other=other, left=left.text, right=right.text, both=both.text, target=target)
        return replace(combined(text, *_used(shown, left, right, both)), dims=wanted)

    def square(self, wanted: Dims, nesting: int) -> Term:
        """A matrix of two dims of one size on a vector: `sum[M](A * s[K->M])`, or its inverse."""
        assert self.scene.square is not None
        row, column = self.scene.square
        vector, matrix = self.operand((row,), nesting), self.operand((row, column), nesting)
        shown = self.scene.pick(
            (
                "sum[{column}](tanh({matrix}) * ({vector})[{row}->{column}])",
                "sum[{column}](inverse[{row} {column}](where(index[{row}] == index[{column}], 1, 0)"
                " + 0.1 * tanh({matrix})) * ({vector})[{row}->{column}])",
            )
        )
        text = shown.format(row=row, column=column, vector=vector.text, matrix=matrix.text)
        return replace(combined(text, vector, matrix), dims=(row,))

    def of_complex(self, wanted: Dims, nesting: int) -> Term:
        given = [v for v in self.scene.values if v.kind == "complex" and set(v.dims) <= set(wanted)]
        if given and self.terms.place == POINT:
            value = self.scene.pick(given)
            shown = self.scene.pick(("real({0})", "imag({0} * {0})", "abs(2 + tanh(real({0})) + 0 * {0})"))
            return Term(shown.format(value.name), value.dims, value.axes, True)
        left, right = self.terms.term(wanted, nesting), self.terms.term(wanted, nesting)
        shown = self.scene.pick(
            (
                "real(exp(complex(-softplus({0}), {1})))",
                "imag(complex({0}, {1}) * conj(complex(0.5, tanh({0}))))",
                "abs(complex(1.5 + sin({0}), {1}))",
            )
        )
        return combined(shown.format(left.text, right.text), left, right)

    # ---- whole axes

    def conv(self, wanted: Dims, nesting: int) -> Term:
        if not wanted:
            return self.along_axis(wanted, nesting)
        scene = self.scene
        options = scene.pick(("", ", causal = yes", ", dilation = 2", ", causal = yes, dilation = 2", ", bias = no"))
        width = scene.pick(("1", "2", "3"))
        if scene.chance(3):
            dim = wanted[0]
            inner = self.varying((dim,), nesting)
            text = f"conv({inner.text}, {width} -> {dim}, per = {dim}{options})"
            return replace(inner, text=text, dims=(dim,), small=False)
        inner = self.varying(scene.some_dims(1, 2), nesting)
        return replace(
            inner, text=f"conv({inner.text}, {width} -> {' '.join(wanted)}{options})", dims=wanted, small=False
        )

    def along_axis(self, wanted: Dims, nesting: int) -> Term:
        """A reduction or a picked point of an axis; the result varies along it again."""
        scene = self.scene
        axis = scene.pick(scene.axes)
        here, inner = self.terms.leaf(wanted), self.varying(wanted, nesting)
        shown = scene.pick(
            (
                "cumsum[{axis}]({inner})",
                "({here} - mean[{axis}]({inner}))",
                "({here} + ({inner})[{axis}=0])",
                "({here} - ({inner})[{axis}=-1])",
                "flip[{axis}]({inner})",
                "softmax[{axis}]({inner})",
                "max({here}, max[{axis}]({inner}))",
            )
        )
        text = shown.format(axis=axis, here=here.text, inner=inner.text)
        if "{here}" in shown:
            return combined(text, here, replace(inner, axes=inner.axes - {axis}))
        return replace(inner, text=text, small=False)

    def flattened(self, wanted: Dims, nesting: int) -> Term:
        """The points of a grid as one sequence, and back."""
        if not wanted:
            return self.along_axis(wanted, nesting)
        inner = self.varying(wanted, nesting)
        rows = " ".join(self.scene.axes)
        shown = self.scene.pick(("attention({}, heads = 1)", "attention({}, heads = 1, causal = yes)"))
        text = f"split({shown.format(f'merge({inner.text}, {rows} -> t)')}, t -> {rows})"
        return replace(inner, text=text, small=False)

    def statistics(self, wanted: Dims, nesting: int) -> Term:
        """What training and evaluation do differently."""
        if not wanted:
            return self.along_axis(wanted, nesting)
        inner = self.varying(wanted, nesting)
        return replace(inner, text=f"batchnorm({inner.text})", small=False)

    def renamed_axis(self, wanted: Dims, nesting: int) -> Term:
        """Sums over pairs of points: attention and its kin."""
        scene = self.scene
        axis = scene.pick(scene.axes)
        other = {"t": "s", "i": "m", "j": "l", "k": "n"}[axis]
        seen = scene.pick(
            (
                f"{other} <= {axis}",
                f"{other} < {axis}",
                f"{other} <= {axis} and {other} > {axis} - 2",
                f"{other} >= {axis}",
                f"{other} != {axis}",
            )
        )
        query, key = self.varying(wanted, nesting), self.varying(wanted, nesting)
        value = self.varying(wanted, nesting)
        renamed = f"({key.text})[{axis}->{other}]"
        shown = scene.pick(
            (
                "sum[{other}](where({seen}, tanh({query}) * {renamed}, 0))",
                "sum[{other}](softmax[{other}](where({seen} or {other} == {axis}, {query} * tanh({renamed}), -inf)) * ({value})[{axis}->{other}])",
            )
        )
        text = shown.format(other=other, axis=axis, seen=seen, query=query.text, renamed=renamed, value=value.text)
        return combined(text, query, key, value)


def call_operator(scene: Scene, operator: Operator, nesting: int) -> Term:
    """A call of an instance on any value with its dim."""
    from recdsl.verify.terms import Terms

    return Calls(Terms(scene, POINT, None)).called(operator, nesting)


def _used(shown: str, left: Term, right: Term, both: Term) -> list[Term]:
    """The terms that a form mentions."""
    pairs = (("{left}", left), ("{right}", right), ("{both}", both))
    return [term for mark, term in pairs if mark in shown]
