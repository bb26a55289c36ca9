"""Signatures: what an expression computes, without the names, order and factoring that the source gives.

    a * (b + c)        c * a + b * a        p = b + c;  p * a          have one signature

Sorting by signature gives sums and products an order that renaming and rewriting do not change. Values are followed to their equations,
parameters and inputs count by position, sums of products are multiplied out. States, which come back to themselves, are told apart
by what is done to them, as far as their equations say it in as many rounds as there are states.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import networkx as nx

from recdsl.ir.build import apply, const
from recdsl.ir.expr import Apply, Attribute, Call, Const, Expr, Number, Position, Read, Weight, operands, walk
from recdsl.ir.graph import results_of
from recdsl.ir.module import Depth, Equation, Module, WeightSpec
from recdsl.ir.sizes import Size
from recdsl.ir.types import Axis, Dim, ValueType

MOST = 32  # products; what has more is signed as it is written
INF = float("inf")
COMMUTE = ("mul", "add", "maximum", "minimum", "logaddexp", "and", "or", "eq", "ne")

Products = dict[tuple[str, ...], complex]  # the number in front, by the signatures of the factors


@dataclass
class Signatures:
    """The signatures of one module's expressions."""

    module: Module
    ranks: dict[Expr, int] = field(default_factory=dict)
    colours: dict[str, str] = field(
        default_factory=dict
    )  # the signatures of states, as far as they have been asked for
    final: _Reader = field(init=False)

    def __post_init__(self) -> None:
        self.final = _Reader(self, {})

    def of(self, expr: Expr) -> str:
        return self.final.of(expr)

    def rank(self, expr: Expr) -> tuple[str, int]:
        """An order in which different expressions are never equal."""
        return self.of(expr), self.ranks.setdefault(expr, len(self.ranks))

    @cached_property
    def equations(self) -> dict[str, Equation]:
        return {each.id: each for each in self.module.equations()}

    @cached_property
    def given(self) -> dict[str, str]:
        """What no equation computes: inputs, and results of repeats and loops."""
        inputs = {each.name: f"given {place}" for place, each in enumerate(self.module.inputs)}
        results = [value for item in self.module.items if isinstance(item, Depth) for value in results_of(item)]
        return inputs | {value: f"turned {place}" for place, value in enumerate(results)}

    @cached_property
    def sizes(self) -> dict[str, str]:
        return {each.name: f"#{place}" for place, each in enumerate(self.module.parameters)}

    @cached_property
    def circles(self) -> dict[str, tuple[str, ...]]:
        """The states that each value of a recurrence needs and is needed by."""
        needs: nx.DiGraph[str] = nx.DiGraph()
        shifted = set()
        for each in self.equations.values():
            for read in _reads(each.expr):
                needs.add_edge(each.id, read.value)
                if read.offsets or read.via:
                    shifted.add((each.id, read.value))
        found: dict[str, tuple[str, ...]] = {}
        for part in nx.strongly_connected_components(needs):
            states = tuple(sorted({value for reader, value in shifted if reader in part and value in part}))
            found |= dict.fromkeys(part, states) if states else {}
        return found

    @cached_property
    def weights(self) -> dict[str, WeightSpec]:
        return {each.path: each for each in self.module.weights}

    def colour(self, state: str) -> str:
        if state not in self.colours:
            states = self.circles[state]
            colours = dict.fromkeys(states, "state")
            for _ in states:
                reader = _Reader(self, colours)
                colours = {each: reader.of_equation(self.equations[each]) for each in states}
            self.colours.update(colours)
        return self.colours[state]


@dataclass(slots=True)
class _Reader:
    """Signs expressions; the states of one circle by `colours`, as they are known so far, those of others by their last colour."""

    module: Signatures
    colours: dict[str, str]
    known: dict[int, tuple[Expr, str]] = field(default_factory=dict)  # by identity, with what keeps it alive

    def of(self, expr: Expr) -> str:
        if id(expr) not in self.known:
            self.known[id(expr)] = (expr, self._find(expr))
        return self.known[id(expr)][1]

    def of_equation(self, equation: Equation) -> str:
        start = "" if equation.init is None else self.of(equation.init)
        return _digest(f"{self.of(equation.expr)} {start} {self._type(equation.type)}")

    def _find(self, expr: Expr) -> str:
        match expr:
            case Read(value=value, offsets=(), via="") if (same := self.seen_through(value)) is not None:
                return self.of(same)
            case Apply(operator="not", operands=(x,)) if (turned := self._turned(x)) is not None:
                return self.of(turned)
            case Apply(operator="where", operands=(condition, then, otherwise)) if (
                turned := self._turned(condition)
            ) is not None:
                return self.of(apply("where", turned, otherwise, then))
            case Apply(operator="where", operands=(_, Const() as then, Const() as otherwise)) if _is_mask(
                then, otherwise
            ):
                return _shown(self._products(expr) or {})
            case Const() | Number() | Apply(operator="add" | "sub" | "neg" | "mul" | "div"):
                found = self._products(expr)
                if found is not None:
                    return _shown(found)
        return _digest(self._text(expr))

    def seen_through(self, value: str) -> Expr | None:
        """The expression of a value that is no state."""
        equation = self.module.equations.get(value)
        return None if equation is None or value in self.module.circles.get(value, ()) else equation.expr

    def _turned(self, condition: Expr) -> Expr | None:
        """The condition that this one is the negation of."""
        match condition:
            case Read(value=value, offsets=(), via="") if (same := self.seen_through(value)) is not None:
                return self._turned(same)
            case Apply(operator="not", operands=(x,)):
                return x
        return None

    # ---- sums of products

    def _products(self, expr: Expr) -> Products | None:
        """An expression multiplied out; None where that is too long."""
        match expr:
            case Const(value=value) if not isinstance(value, bool) and abs(value) < INF:
                return {(): value}
            case Const():
                return None
            case Number(size=size):
                return self._of_size(size)
            case Read(value=value, offsets=(), via="") if (same := self.seen_through(value)) is not None:
                return self._products(same)
            case Apply(operator="where", operands=(condition, Const() as then, Const() as otherwise)) if _is_mask(
                then, otherwise
            ):
                mask = apply("where", condition, const(int(then.value != 0)), const(int(otherwise.value != 0)))
                return {(self.of(mask),): then.value + otherwise.value}
            case Apply(operator="add", operands=(left, right)):
                return _sum(self._products(left), self._products(right))
            case Apply(operator="sub", operands=(left, right)):
                return _sum(self._products(left), _times(self._products(right), {(): -1}))
            case Apply(operator="neg", operands=(x,)):
                return _times(self._products(x), {(): -1})
            case Apply(operator="mul", operands=(left, right)):
                return _times(self._products(left), self._products(right))
            case Apply(operator="div", operands=(left, right)):
                return _times(self._products(left), self._inverse(right))
        return {(self.of(expr),): 1}

    def _of_size(self, size: Size) -> Products | None:
        match size.operator, size.operands:
            case "number", (int() | float() as value,):
                return {(): value}
            case "*", (Size() as left, Size() as right):
                return _times(self._of_size(left), self._of_size(right))
            case "/", (Size() as left, Size() as right):
                below = self._of_size(right)
                return None if below is None else _times(self._of_size(left), _inverse_of(below, self._size(right)))
        return {(_digest(self._size(size)),): 1}

    def _inverse(self, expr: Expr) -> Products:
        return _inverse_of(self._products(expr), self.of(expr))

    # ---- everything else

    def _text(self, expr: Expr) -> str:
        match expr:
            case Const(value=value):
                return f"{value!r}"
            case Number(size=size):
                return self._size(size)
            case Position(type=of):
                return f"index {self._type(of)}"
            case Read(value=value, offsets=offsets, via=via):
                shifts = [(self.module.module.axes.index(axis), amount) for axis, amount in offsets]
                return f"read {self._value(value)} {shifts} {via}"
            case Weight(path=path, type=of):
                spec = self.module.weights.get(path)
                start = "" if spec is None or spec.value is None else self.of(spec.value)
                return f"weight {self._type(of)} {'' if spec is None else (spec.start, spec.trained)} {start}"
            case Apply(operator=operator):
                parts = [self.of(each) for each in _flat(expr, self)]
                return self._applied(expr, operator, sorted(parts) if operator in COMMUTE else parts)
            case Call(operands=operands):
                return f"call {self._type(expr.type)}({','.join(self.of(each) for each in operands)})"

    def _applied(self, expr: Apply, operator: str, parts: list[str]) -> str:
        told = [f"{name}={self._attribute(value, expr)}" for name, value in expr.attributes]
        return f"{operator}({','.join(parts)};{','.join(told)})"

    def _value(self, value: str) -> str:
        if value in self.colours:
            return self.colours[value]
        equation = self.module.equations.get(value)
        if equation is None:
            return self.module.given.get(value, value)
        if value in self.module.circles.get(value, ()):
            return self.module.colour(value)
        return self.of_equation(equation)

    def _attribute(self, value: Attribute, expr: Apply) -> str:
        match value:
            case tuple():
                return f"({','.join(sorted(self._attribute(each, expr) for each in value))})"
            case Size():
                return self._size(value)
            case Dim(size=size) | Axis(length=size):
                return self._size(size)
            case str():
                return self._name(value, expr)
        return repr(value)

    def _name(self, name: str, expr: Apply) -> str:
        """A dim or axis by its size."""
        for operand in (*expr.operands, expr):
            for dim in operand.type.dims:
                if dim.name == name:
                    return self._size(dim.size)
        return "axis" if name in self.module.module.axes else "name"

    def _type(self, of: ValueType) -> str:
        order = self.module.module.axes
        axes = sorted(order.index(name) if name in order else -1 for name in of.axis_names)
        return f"{of.kind} {axes} {sorted(self._size(dim.size) for dim in of.dims)}"

    def _size(self, size: Size) -> str:
        if size.operator == "name":
            name = str(size.operands[0])
            return self.module.sizes.get(name, name)
        if size.operator == "axis" and size.operands[0] in self.module.module.axes:
            return f"|{self.module.module.axes.index(str(size.operands[0]))}|"
        parts = (self._size(each) if isinstance(each, Size) else str(each) for each in size.operands)
        return f"{size.operator}[{','.join(parts)}]"


def _reads(expr: Expr) -> Iterator[Read]:
    return (each for each in walk(expr) if isinstance(each, Read))


def _flat(expr: Apply, reader: _Reader) -> Iterator[Expr]:
    """The operands; those of a maximum in a maximum count as its own."""
    for each in operands(expr):
        if isinstance(each, Read) and not each.offsets and not each.via:
            each = reader.seen_through(each.value) or each
        if (
            expr.operator in ("maximum", "minimum", "logaddexp")
            and isinstance(each, Apply)
            and each.operator == expr.operator
        ):
            yield from _flat(each, reader)
        else:
            yield each


def _sum(left: Products | None, right: Products | None) -> Products | None:
    if left is None or right is None:
        return None
    total = dict(left)
    for factors, number in right.items():
        total[factors] = total.get(factors, 0) + number
    return total if len(total) <= MOST else None


def _times(left: Products | None, right: Products | None) -> Products | None:
    if left is None or right is None or len(left) * len(right) > MOST:
        return None
    total: Products = {}
    for a, m in left.items():
        for b, n in right.items():
            factors = tuple(sorted((*a, *b)))
            total[factors] = total.get(factors, 0) + m * n
    return total


def _is_mask(then: Const, otherwise: Const) -> bool:
    """Whether a choice is between 0 and a number that is not 1."""
    numbers = {then.value, otherwise.value}
    return 0 in numbers and not numbers <= {0, 1} and abs(then.value) + abs(otherwise.value) < INF


def _inverse_of(products: Products | None, signature: str) -> Products:
    """1 / x for an x with these products and this signature."""
    if products is None or len(products) != 1 or 0 in products.values():
        return {(f"1/{signature}",): 1}
    ((factors, number),) = products.items()
    return {tuple(sorted(_inverted(each) for each in factors)): 1 / number}


def _inverted(factor: str) -> str:
    return factor.removeprefix("1/") if factor.startswith("1/") else f"1/{factor}"


def _shown(products: Products) -> str:
    """The signature of a sum of products; that of a single factor is its own."""
    kept = {factors: number for factors, number in products.items() if abs(number) > 1e-12}
    if list(kept.values()) == [1] and len(next(iter(kept))) == 1:
        return next(iter(kept))[0]
    rows = sorted(f"{number:.9g} {' '.join(factors)}" for factors, number in kept.items())
    return _digest(" + ".join(rows))


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
