"""Gives a name to every value whose past is kept, and to every draw, which must not be made twice.

y = conv(a * b, 4 -> C, causal = yes)    →    y_a = a * b;  y = conv(y_a, 4 -> C, causal = yes)
y = sum[s](q * (a * b)[t->s])            →    y_a = a * b;  y = sum[s](q * y_a[t->s])
y = cumsum[t](x)                         →    y_sum = y_sum[t-1] + x;  y = y_sum
y = 1 - dropout(x, 0.1)                  →    y_x = dropout(x, 0.1);  y = 1 - y_x
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from recdsl.diagnostics import Span
from recdsl.ir.expr import Apply, Call, Expr, Read, rebuild, walk
from recdsl.ir.graph import results_of
from recdsl.ir.module import Depth, Equation, Item, Module, Program
from recdsl.ir.types import ValueType
from recdsl.rewrite.equations import is_impure
from recdsl.rewrite.fresh import fresh_name
from recdsl.rewrite.inline import draws


def separate(program: Program) -> Program:
    """The program with every layer separated; only sequences keep a past."""
    for module in program.modules.values():
        program = program.with_module(_Separate(program, module).module())
    return program


@dataclass(slots=True)
class _Separate:
    program: Program
    source: Module
    items: list[Item] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    shared: dict[tuple[Call, Span | None], tuple[Expr, ...]] = field(default_factory=dict)

    def module(self) -> Module:
        self.taken = {given.name for given in self.source.inputs}
        self.taken |= {each for item in self.source.items for each in results_of(item)}
        for item in self.source.items:
            self.items.append(item if isinstance(item, Depth) else self._equation(item))
        return replace(self.source, items=tuple(self.items))

    def _equation(self, equation: Equation) -> Equation:
        expr = equation.expr
        if isinstance(expr, Call) and len(self.program.callee(self.source, expr.instance).outputs) > 1:
            return replace(equation, expr=replace(expr, operands=self._operands(expr, equation)))
        return replace(equation, expr=self._changed(expr, equation))

    def _operands(self, call: Call, equation: Equation) -> tuple[Expr, ...]:
        """The operands of a call, which all its results share."""
        key = replace(call, output=0, type=ValueType()), call.span
        if key not in self.shared:
            self.shared[key] = tuple(self._changed(each, equation) for each in call.operands)
        return self.shared[key]

    def _changed(self, expr: Expr, equation: Equation) -> Expr:
        return rebuild(expr, lambda each: self._change(each, equation))

    def _change(self, expr: Expr, equation: Equation) -> Expr:
        axis = self.source.axes[0] if self.source.domain == "sequence" else None
        match expr:
            case Apply(operator="conv") if expr.attribute("causal") and axis in names_of(expr, "axes"):
                return self._with_named(expr, equation)
            case Apply(operator="rename") if expr.attribute("old") == axis:
                return self._with_named(expr, equation)
            case Apply() | Call() if self._draws(expr) and expr is not equation.expr and self._storable(expr):
                return self._new(expr, equation)
        return expr

    def _draws(self, expr: Apply | Call) -> bool:
        if isinstance(expr, Call):
            return draws(self.program, self.program.callee(self.source, expr.instance))
        return is_impure(expr)

    def _storable(self, expr: Expr) -> bool:
        """Whether an equation of the layer can hold a value: not what runs over an axis under another name."""
        return set(expr.type.axis_names) <= set(self.source.axes)

    def _with_named(self, expr: Apply, equation: Equation) -> Apply:
        first = expr.operands[0]
        if isinstance(first, Read) and not first.offsets:
            return expr
        return replace(expr, operands=(self._new(first, equation), *expr.operands[1:]))

    def _new(self, expr: Expr, equation: Equation) -> Read:
        about = next((each.value for each in walk(expr) if isinstance(each, Read)), "part")
        name = self._name(f"{equation.name}_{about}")
        self.items.append(Equation(name, name, expr.type, expr, span=equation.span))
        return Read(name, expr.type, span=expr.span)

    def _name(self, wish: str) -> str:
        wish = wish.split("~")[0].replace("%", "")
        wish = f"part_{wish}" if wish[:1].isdigit() else wish
        return fresh_name(wish, self.taken)


def names_of(expr: Apply, attribute: str) -> tuple[str, ...]:
    """An attribute that holds names."""
    value = expr.attribute(attribute)
    assert isinstance(value, tuple)
    return tuple(str(each) for each in value)
