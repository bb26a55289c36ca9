"""The Jacobian of a recurrence, element by element: each new state by each earlier one.

    z = sigmoid(w * h[t-1] + x)                     z = sigmoid(w * h[t-1] + x)
    h = (1 - z) * h[t-1] + z * y              →     z_by_h = z * (1 - z) * w
                                                    h_by_h = (1 - z) - z_by_h * h[t-1] + z_by_h * y

In: the equations of one point in order, and the reads of the earlier states. Out: equations in order, and the entries of the Jacobian.
The chain rule is followed forwards, from the earlier states to the new ones, through elementwise operators by their partial derivatives;
values that a derivative needs again get a name first. Where elements keep apart that is the whole Jacobian, and operators of which the
tables hold no partial derivatives are refused. Otherwise it may be asked for the diagonals of its blocks (`diagonals.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from recdsl.ir.build import const, instantiate, simplified
from recdsl.ir.expr import Apply, Const, Expr, Read, operands, walk
from recdsl.ir.graph import results_of
from recdsl.ir.module import Equation, Module
from recdsl.ir.operators.operator import NoAdjointError
from recdsl.ir.operators.table import OPERATORS
from recdsl.rewrite.adjoint import values_needed
from recdsl.rewrite.diagonals import diagonal
from recdsl.rewrite.fresh import fresh_name, stem_of

Slopes = tuple[Expr, ...]  # the derivatives of one value, by each earlier state
ZERO = const(0.0)


@dataclass(frozen=True, slots=True)
class Jacobian:
    """`entries[i][j]` is the derivative of the i-th state by the j-th earlier one: a leaf, 0 where there is none.

    `equations` are what the entries need: values of the recurrence under their own ids, and derivatives.
    """

    equations: tuple[Equation, ...]
    entries: tuple[Slopes, ...]


def jacobian(module: Module, items: Iterable[Equation], earlier: tuple[Read, ...], diagonals: bool = False) -> Jacobian:
    """The Jacobian of the values of some reads, in the order of the reads, by these reads; `diagonals`: only those of its blocks.

    Raises NoAdjointError where an operator has no partial derivatives, unless only diagonals are wanted.
    """
    given = tuple(items)
    forward = _Forward(module, earlier, {each.id for each in given}, diagonals)
    for equation in given:
        forward.equation(equation)
    entries = tuple(forward.by_value[each.value] for each in earlier)
    return Jacobian(tuple(_needed(forward.made, entries)), entries)


def _needed(made: dict[str, Equation], entries: tuple[Slopes, ...]) -> Iterator[Equation]:
    """The equations that the entries depend on, in order."""
    wanted: set[str] = set()
    waiting = [each for row in entries for each in row]
    while waiting:
        for each in walk(waiting.pop()):
            if isinstance(each, Read) and not each.offsets and each.value in made and each.value not in wanted:
                wanted.add(each.value)
                waiting.append(made[each.value].expr)
    return (equation for name, equation in made.items() if name in wanted)


@dataclass(slots=True)
class _Forward:
    """The walk through the equations of one point; `inside` are their ids."""

    module: Module
    earlier: tuple[Read, ...]
    inside: set[str]
    diagonals: bool
    made: dict[str, Equation] = field(default_factory=dict)
    by_value: dict[str, Slopes] = field(default_factory=dict)
    taken: set[str] = field(init=False)

    @property
    def states(self) -> frozenset[str]:
        """The dims of the states."""
        return frozenset(dim for each in self.earlier for dim in each.type.dim_names)

    def __post_init__(self) -> None:
        self.taken = {given.name for given in self.module.inputs}
        self.taken |= {each for item in self.module.items for each in results_of(item)}

    def equation(self, equation: Equation) -> None:
        """Take in one equation, and the derivatives of its value."""
        expr = self._prepared(equation.expr, equation.name, top=True)
        self.made[equation.id] = replace(equation, expr=expr)
        slopes = self._slopes(expr, equation.name, Read(equation.id, equation.type))
        self.by_value[equation.id] = tuple(
            self._named(slope, f"{stem_of(equation.name)}_by_{stem_of(read.value)}")
            for slope, read in zip(slopes, self.earlier, strict=True)
        )

    # ---- names for what is needed again

    def _prepared(self, expr: Expr, name: str, top: bool = False) -> Expr:
        """The expression with names for the values that derivatives of its parts read."""
        if not isinstance(expr, Apply) or not self._moves(expr):
            return expr
        positions = tuple(place for place, each in enumerate(expr.operands) if self._moves(each))
        needed, needs_result = values_needed(expr, positions)
        parts = [self._prepared(each, name) for each in expr.operands]
        for place in needed:
            if self._depends(parts[place]):
                parts[place] = self._value(parts[place], name)
        result = replace(expr, operands=tuple(parts))
        return self._value(result, name) if needs_result and not top else result

    def _value(self, expr: Expr, name: str) -> Expr:
        """A value of the point under a name, with its derivatives."""
        if not isinstance(expr, Apply):
            return expr
        read = self._named(expr, f"{stem_of(name)}_part")
        assert isinstance(read, Read)
        slopes = self._slopes(expr, name, read)
        self.by_value[read.value] = tuple(self._named(each, f"{read.value}_by_{stem_of(of.value)}") for each, of in zip(slopes, self.earlier, strict=True))  # fmt: skip
        return read

    def _named(self, expr: Expr, wish: str) -> Expr:
        """The expression as an equation; leaves as they are."""
        if not isinstance(expr, Apply):
            return expr
        name = fresh_name(wish, self.taken)
        self.made[name] = Equation(name, name, expr.type, expr)
        return Read(name, expr.type)

    # ---- what depends on the earlier states

    def _depends(self, expr: Expr) -> bool:
        if isinstance(expr, Read):
            return expr.value in self.inside or expr.value in self.by_value
        return any(self._depends(each) for each in operands(expr))

    def _moves(self, expr: Expr) -> bool:
        """Whether an expression has a derivative by the earlier states."""
        return expr.type.kind == "real" and self._depends(expr)

    # ---- the chain rule

    def _slopes(self, expr: Expr, name: str, own: Read) -> Slopes:
        """The derivatives of an expression by each earlier state; `own` reads the value of the expression."""
        none = (ZERO,) * len(self.earlier)
        if not self._moves(expr):
            return none
        match expr:
            case Read(offsets=(_, *_)):
                return tuple(const(1.0 if expr == each else 0.0) for each in self.earlier)
            case Read(value=value):
                return self.by_value[value]
            case Apply(operator="broadcast", operands=(x,)):
                return self._slopes(x, name, own)
            case Apply(operator=operator, operands=(x, *_)) if self.diagonals and OPERATORS[operator].partials is None:
                return tuple(diagonal(expr, own, slope, self.states) for slope in self._slopes(x, name, own))
            case Apply():
                return self._chained(expr, name, own)
        raise AssertionError(expr)

    def _chained(self, node: Apply, name: str, own: Read) -> Slopes:
        entry = OPERATORS[node.operator]
        if entry.partials is None:
            raise NoAdjointError(f"{node.operator} has no partial derivatives")
        total: Slopes = (ZERO,) * len(self.earlier)
        for formula, operand in zip(entry.partials, node.operands, strict=True):
            slopes = self._slopes(operand, name, own)
            reached = sum(not _is_zero(each) for each in slopes)
            if formula is None or not reached:
                continue
            partial = instantiate(formula, node.operands, own)
            if reached > 1:
                partial = self._named(partial, f"{stem_of(name)}_slope")
            total = tuple(simplified("add", one, simplified("mul", partial, each)) for one, each in zip(total, slopes, strict=True))  # fmt: skip
        return total


def _is_zero(expr: Expr) -> bool:
    return isinstance(expr, Const) and expr.value == 0
