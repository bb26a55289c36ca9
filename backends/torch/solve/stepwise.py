"""`stepwise` and `newton`: the equations of one point as a function of the states before it, their Jacobian as another, and the helper
that runs them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field, replace

from recdsl.backends.torch.expressions import Printer
from recdsl.backends.torch.layout import permuted, tuple_code
from recdsl.backends.torch.precision import is_wide
from recdsl.backends.torch.reads import base_name, outside
from recdsl.backends.torch.scope import Scope
from recdsl.backends.torch.solve.common import Solving, unsqueezed
from recdsl.backends.torch.statements import comment, remember

from recdsl.emit.names import safe_local
from recdsl.emit.precedence import ATOM, BATCH, Text
from recdsl.ir.expr import Expr, Position, Read, walk
from recdsl.ir.module import Equation
from recdsl.lower.derivative import slopes
from recdsl.lower.plan import Recurrence
from recdsl.rewrite.jacobian import Jacobian


def stepwise(scope: Scope, stage: Recurrence) -> None:
    """The states point after point, with a scan for the gradient."""
    scope.help("stepwise")
    Body(scope, stage).print("stepwise")


def newton(scope: Scope, stage: Recurrence) -> None:
    """The states by Newton's method; what it took is noted in `self.solves`."""
    scope.help("newton")
    scope.owner.solves = True
    body = Body(scope, stage)
    body.print("newton", f'"{base_name(body.state)}"', "self.solves", body.most)


@dataclass(frozen=True, slots=True)
class Given:
    """What differs from point to point and comes from outside: its name in the functions, its code outside."""

    name: str
    code: str
    text: Text


@dataclass(slots=True)
class Body(Solving):
    """One recurrence as functions of its states and inputs; the comments stand there."""

    inputs: dict[str, Given] = field(default_factory=dict)  # by the value, or the axis for positions

    def __post_init__(self) -> None:
        for each in self._leaves():
            self._input(each)

    @property
    def items(self) -> list[Equation]:
        return [item for item in self.stage.items if isinstance(item, Equation)]

    @property
    def earlier(self) -> tuple[Read, ...]:
        return self.stage.earlier

    @property
    def most(self) -> str:
        """The argument that limits the iterations of Newton's method."""
        return f"most={self.solve.constant('iterations')}"

    @property
    def others(self) -> list[str]:
        """Values beside the states that are read outside."""
        return [each for each in self.stage.kept if each not in self.solve.states]

    def print(self, helper: str, *more: str) -> None:
        """The two functions, the call of the helper, and what comes out of it."""
        scope, states = self.scope, self.solve.states
        stem = safe_local(base_name(self.state))
        step = self._step(scope.names.new(f"{stem}_next"))
        slope = self._slope(scope.names.new(f"{stem}_slope"))
        kind, functions = self.points(stem)
        firsts = {state: self.first(state) for state in states}
        before = list(firsts.values())
        given = [each.code for each in self.inputs.values()]
        points = scope.names.new(f"{stem}_points")
        functions = [*functions, step, slope]
        arguments = [tuple_code(before), tuple_code(given) if given else "()", self.length]
        scope.line(f"{points} = {kind}({', '.join([*functions, *arguments, *self._documents()])})")
        whole = [scope.names.new(safe_local(f"{base_name(each)}_all")) for each in states]
        left = f"({whole[0]},)" if len(whole) == 1 else ", ".join(whole)
        scope.line(f"{left} = {helper}({', '.join([points, *more])})")
        for state, name in zip(states, whole, strict=True):
            self.finish(state, name, firsts[state])
        self._rest(f"{step}(*{points}.before({tuple_code(whole)}), *{points}.inputs)[{len(states)} :]")

    def points(self, stem: str) -> tuple[str, list[str]]:
        """The class that runs the functions, and functions that it takes beside those of every recurrence."""
        return "Points", []

    def jacobian(self) -> Jacobian:
        """What the slopes are."""
        return slopes(self.stage, self.scope.module)

    def _documents(self) -> Iterator[str]:
        """The arguments that only some recurrences need."""
        starts = [outside(Printer(self.scope), each) if self.documents else None for each in self.earlier]
        yield from self.breaks()
        if any(start is not None for start in starts):
            yield tuple_code([start or "0.0" for start in starts])
        yield from self.direction()

    def _rest(self, call: str) -> None:
        """Values beside the states: the equations once more, at all points and with gradients."""
        scope, others = self.scope, self.others
        if not others:
            return
        names = [scope.local(safe_local(base_name(each))) for each in others]
        scope.line(f"{f'({names[0]},)' if len(names) == 1 else ', '.join(names)} = {call}")
        for value, name in zip(others, names, strict=True):
            type = self.type_of(value)
            if type.kind == "real":
                scope.line(f"{name} = {name}.to({scope.dtype})")
            scope.values[value] = Text(name, scope.labels(type), type.kind)
            remember(scope, value)

    # ---- what the functions are given

    def _leaves(self) -> Iterator[Expr]:
        inside = {item.id for item in self.items}
        for item in self.items:
            for each in walk(item.expr):
                if isinstance(each, Position) or (isinstance(each, Read) and each.value not in inside):
                    yield each

    def _input(self, leaf: Expr) -> None:
        """Make a leaf an argument where it differs from point to point; the rest is read from around."""
        scope = self.scope
        key = leaf.value if isinstance(leaf, Read) else self.axis
        text = Printer(scope).text(leaf)
        if self.axis not in text.labels:
            scope.held.add(text.code)
        if key in self.inputs or self.axis not in text.labels:
            return
        order = (BATCH, self.axis, *(label for label in text.labels if label not in (BATCH, self.axis)))
        code = permuted(text, order).code if BATCH in text.labels else f"{permuted(text, order[1:]).code}[None]"
        name = code if code.isidentifier() else safe_local(f"{base_name(key)}_given")
        self.inputs[key] = Given(name, code, replace(text, code=name, labels=order, strength=ATOM))

    # ---- the functions

    def _step(self, name: str) -> str:
        """The states and other values that are read, from the states before."""
        inner = self.inner()
        for item in self.items:
            comment(inner, item)
            self.equation(inner, item)
        results = [inner.values[each].code for each in (*self.solve.states, *self.others)]
        self.define(name, inner, self.given(inner), tuple_code(results), "Tensors")
        return name

    def _slope(self, name: str) -> str:
        """The derivative of each state by each state before."""
        inner, found = self.inner(), self.jacobian()
        for equation in found.equations:
            self.equation(inner, equation)
        rows = [tuple_code([self._entry(inner, entry) for entry in row]) for row in found.entries]
        self.define(name, inner, self.given(inner), tuple_code(rows), "tuple[Tensors, ...]")
        return name

    def inner(self) -> Scope:
        """The inside of a function: every value has all its points, however many they are."""
        inner = self.scope.inner(frozenset())
        inner.names = deepcopy(self.scope.names)
        inner.widens = True
        inner.leading = self.axis
        for read in self.earlier:
            name = inner.names.new(safe_local(f"{base_name(read.value)}_{'after' if self.back else 'before'}"))
            labels = inner.labels(self.type_of(read.value))
            inner.reads[inner.read_key(read)] = Text(name, labels, read.type.kind, wide=True)
        for key, each in self.inputs.items():
            (inner.positions if key == self.axis else inner.values)[key] = each.text
        inner.lengths |= self.lengths(f"{self._arguments(inner)[0]}.shape[1]")
        return inner

    def _arguments(self, inner: Scope) -> list[str]:
        return [inner.reads[inner.read_key(read)].code for read in self.earlier]

    def given(self, inner: Scope) -> list[str]:
        """The arguments of a function of the states and inputs."""
        return [*self._arguments(inner), *(each.name for each in self.inputs.values())]

    def define(self, name: str, inner: Scope, arguments: list[str], result: str, returns: str) -> None:
        """Print a function."""
        self.scope.line(f"def {name}({', '.join(f'{each}: Tensor' for each in arguments)}) -> {returns}:")
        for line in (*inner.lines, f"return {result}"):
            self.scope.line(f"    {line}")
        self.scope.line("")

    def equation(self, inner: Scope, equation: Equation) -> None:
        """`name = expression`; a value that is returned has all its dims."""
        printer = Printer(inner)
        text = printer.text(equation.expr)
        if equation.id in (*self.solve.states, *self.others):
            text = replace(printer.full(text, equation.type), wide=is_wide(printer, equation.expr))
        elif not text.number:
            text = printer.cast(text, equation.type.kind)
            text = permuted(text, [each for each in inner.labels(equation.type) if each in text.labels])
        code = text.code
        if equation.id in self.solve.states and not text.wide:
            code = f"{inner.help('wide')}({code})"
        if text.number:
            inner.values[equation.id] = text
            return
        name = inner.names.new(safe_local(base_name(equation.id)))
        inner.line(f"{name} = {code}")
        inner.values[equation.id] = replace(
            text, code=name, strength=ATOM, wide=text.wide or equation.id in self.solve.states
        )

    def _entry(self, inner: Scope, entry: Expr) -> str:
        """An entry of the Jacobian with every dimension of the states, of size 1 where it is the same all along."""
        order: Sequence[str] = inner.labels(self.type_of(self.state))
        printer, like = Printer(inner), self._arguments(inner)[0]
        text = printer.text(entry)
        if text.number:
            return f"{like}.new_tensor({text.code})" + f".view({', '.join('1' for _ in order)})"
        return unsqueezed(printer.cast(text, "real"), order)
