"""`folded`: the helper of that name on a function that computes one chunk of points, with everything that it reads."""

from __future__ import annotations

from dataclasses import dataclass, field

from recdsl.backends.torch.expressions import Printer
from recdsl.backends.torch.layout import tuple_code
from recdsl.backends.torch.reads import base_name, outside_text
from recdsl.backends.torch.scope import Scope
from recdsl.backends.torch.solve.common import Solving, unsqueezed
from recdsl.backends.torch.statements import remember

from recdsl.emit.names import LOCALS, Names, safe_local
from recdsl.emit.precedence import BATCH, PRODUCT, Text
from recdsl.ir.expr import Expr, Position, Read, Weight, rebuild
from recdsl.ir.module import Equation
from recdsl.lower.plan import Recurrence

HELPERS = frozenset({"diagonal", "folded_put", "folded_before"})  # what the function calls


def statement(scope: Scope, stage: Recurrence) -> None:
    """h = decay * h[t-1] + input, and the sums that are read of it."""
    scope.help("folded")
    _Folded(Solving(scope, stage)).statement()


@dataclass(frozen=True, slots=True)
class _Argument:
    """What a chunk reads: its name in there, the tensor outside, whether it differs from point to point."""

    name: str
    code: str
    moves: bool
    hint: str = "Tensor"


@dataclass(slots=True)
class _Folded:
    """The statements; `inner` is the scope in the function of a chunk, which knows nothing but its arguments."""

    around: Solving
    inner: Scope = field(init=False)
    first: str = field(init=False)  # the state before a chunk
    arguments: list[_Argument] = field(default_factory=list)
    known: dict[Expr, Read] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.inner = self.scope.inner(frozenset())
        self.inner.values, self.inner.reads, self.inner.positions, self.inner.steps = {}, {}, {}, False
        self.inner.names = Names(LOCALS | HELPERS | {safe_local(axis) for axis in self.scope.module.axes})
        self.first = self.inner.names.new(safe_local(base_name(self.around.state)))
        self.inner.leading = self.around.axis
        others = (axis for axis in self.scope.module.axes if axis != self.around.axis)
        self.inner.lengths |= {axis: f"{self.first}.shape[{place}]" for place, axis in enumerate(others, 1)}
        self.inner.batch = f"{self.first}.shape[0]"
        self.inner.like = self.first if self.around.type_of(self.around.state).kind == "real" else None

    @property
    def scope(self) -> Scope:
        return self.around.scope

    @property
    def kept(self) -> bool:
        """Whether the state goes on into the next call."""
        histories = self.scope.owner.plan.traits.histories
        return self.scope.stateful and not self.around.back and self.around.state in dict(histories)

    def statement(self) -> None:
        around, items = self.around, self.around.stage.items
        first = around.first(around.state)
        decay, given = (self._known(around.solve.role(each)) for each in ("decay", "input"))
        sums = [each for each in items if isinstance(each, Equation) and each.id != around.state]
        exprs = [self._known(each.expr) for each in sums]
        start = self._start()
        breaks = [self._mask("breaks", each) for each in around.breaks()]
        behind = self._mask("behind", "steps.behind()") if self.kept else None
        whole = self._states(self._coefficient(decay), self._coefficient(given), start, breaks, behind)
        self._before(whole, start, breaks)
        results = [self._sum(each, expr) for each, expr in zip(sums, exprs, strict=True)]
        self._print(first, sums, [*results, whole])

    # ---- what a chunk reads

    def _known(self, expr: Expr) -> Expr:
        """The expression with an argument of the function for every leaf."""
        return rebuild(expr, self._leaf)

    def _leaf(self, expr: Expr) -> Expr:
        match expr:
            case Read(value=self.around.state):
                return expr
            case Read(value=name) | Weight(path=name):
                return self._argument(expr, name.rsplit(".", 1)[-1])
            case Position(name=name) if expr.type.axes:
                return self._argument(expr, f"{name}_index")
        return expr

    def _argument(self, expr: Read | Weight | Position, wish: str) -> Read:
        if expr not in self.known:
            name = self._given(base_name(wish), Printer(self.scope).text(expr))
            self.known[expr] = Read(name, expr.type, span=expr.span)
        return self.known[expr]

    def _given(self, wish: str, text: Text) -> str:
        """A tensor, or number, as an argument: what moves has batch and axis in front. Its name in the function."""
        axis = self.around.axis
        name = self.inner.names.new(safe_local(wish))
        labels, code, moves = text.labels, text.code, axis in text.labels
        if moves:
            labels = (BATCH, axis, *(each for each in labels if each not in (BATCH, axis)))
            code = unsqueezed(text, labels)
        if text.number:
            self.inner.values[name] = text
        else:
            self.inner.values[name] = Text(name, labels, text.kind)
            self.arguments.append(_Argument(name, code, moves))
        if moves:
            self.inner.lengths[axis] = f"{name}.shape[1]"
        if moves and text.kind == "real" and self.inner.like in (None, self.first):
            self.inner.like = name
        return name

    def _mask(self, wish: str, code: str) -> str:
        name = self.inner.names.new(wish)
        self.arguments.append(_Argument(name, code, moves=True, hint="Tensor | None"))
        return name

    def _start(self) -> Text | None:
        """What stands before a document, lined up with the state; None for zero, and without documents."""
        if not self.around.documents:
            return None
        text = outside_text(Printer(self.scope), self.around.state_read(self.around.state))
        return None if text is None else self.inner.values[self._given("start", text)]

    # ---- the function

    def _coefficient(self, expr: Expr) -> str:
        """decay or input with one dimension for each of the state, of size 1 where it is the same all along."""
        type = self.around.type_of(self.around.state)
        printer = Printer(self.inner)
        text = printer.cast(printer.tensor(printer.text(expr), type.kind), type.kind)
        return unsqueezed(text, self.inner.labels(type))

    def _states(self, decay: str, given: str, start: Text | None, breaks: list[str], behind: str | None) -> str:
        inner = self.inner
        if start is not None or behind is not None:
            decay, given = self._named("decay", decay), self._named("given", given)
        if start is not None:
            inner.line(f"{given} = folded_put({given}, {breaks[0]}, {decay} * {self._lined(start)} + {given})")
        if behind is not None:
            inner.line(f"{decay}, {given} = folded_put({decay}, {behind}, 1.0), folded_put({given}, {behind}, 0.0)")
        call = [decay, given, self.first, *breaks, *self.around.direction()]
        return self._named(f"{self.first}_all", f"diagonal({', '.join(call)})")

    def _named(self, wish: str, code: str) -> str:
        name = self.inner.names.new(wish)
        self.inner.line(f"{name} = {code}")
        return name

    def _lined(self, start: Text) -> str:
        if start.number:
            return start.at(PRODUCT + 1)
        return unsqueezed(start, self.inner.labels(self.around.type_of(self.around.state)))

    def _before(self, whole: str, start: Text | None, breaks: list[str]) -> None:
        """Names for the states after and before each point, as far as they are read."""
        type, state = self.around.type_of(self.around.state), self.around.state
        self.inner.values[state] = Text(whole, self.inner.labels(type), type.kind)
        read = self.around.state_read(state)
        if any(reading.before for reading in self.around.solve.readings):
            back = ", back=True" if self.around.back else ""
            code = f"folded_before({whole}, {self.first}{back})"
            fresh = "0.0" if start is None else self._lined(start)
            for mask in breaks:
                code = f"folded_put({code}, {mask}, {fresh})"
            name = self._named(f"{self.first}_before", code)
            self.inner.reads[self.inner.read_key(read)] = Text(name, self.inner.labels(type), type.kind)

    def _sum(self, equation: Equation, expr: Expr) -> str:
        printer = Printer(self.inner)
        text = printer.full(printer.text(expr), equation.type)
        return self._named(safe_local(base_name(equation.id)), text.code)

    # ---- around it

    def _print(self, first: str, sums: list[Equation], results: list[str]) -> None:
        scope = self.scope
        function = scope.names.new(safe_local(f"{base_name(self.around.state)}_points"))
        ordered = [each for moves in (True, False) for each in self.arguments if each.moves == moves]
        hints = ", ".join(f"{each.name}: {each.hint}" for each in ordered)
        scope.line(f"def {function}({self.first}: Tensor, {hints}) -> tuple[Tensor, ...]:")
        for line in (*self.inner.lines, f"return {', '.join(results)}"):
            scope.line(f"    {line}")
        moving, fixed = ([each.code for each in self.arguments if each.moves == moves] for moves in (True, False))
        last = scope.names.new(safe_local(f"{base_name(self.around.state)}_last")) if self.kept else "_"
        names = [scope.local(safe_local(base_name(each.id))) for each in sums]
        call = [
            function,
            first,
            tuple_code(moving),
            tuple_code(fixed) if fixed else "()",
            *self.around.direction(),
        ]
        scope.line(f"{', '.join([*names, last])} = folded({', '.join(call)})")
        if self.kept:
            scope.owner.updates[scope.owner.kept["history", self.around.state]] = last
        for name, each in zip(names, sums, strict=True):
            if each.type.kind == "real":
                scope.line(f"{name} = {name}.to({scope.dtype})")
            scope.values[each.id] = Text(name, self.inner.labels(each.type), each.type.kind)
            remember(scope, each.id)
