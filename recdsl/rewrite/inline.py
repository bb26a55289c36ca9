"""Puts the equations of a pointwise sub-layer where it is called.

    layer norm(D):                                     %1 : V = o ^ 2
      in x : D                                         %2 : V = o * rsqrt(mean[V](%1)) * norm.weight
      param weight : D = 1                        →    y = %2
      out x * rsqrt(mean[D](x ^ 2)) * weight
    y = norm[V](o)

The sub-layer's dims become those that they stand for; where one stands for several, they are merged before and split
after. Its weights stay where they are in the state dict and are read by their path from here. Refused (R507): layers
with axes of their own, with a `repeat` or `loop`, with functions that the host binds, and with draws that several results share.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from recdsl.diagnostics import Diagnostic, Label, RecdslError
from recdsl.ir import sizes
from recdsl.ir.build import apply, const, number
from recdsl.ir.expr import Apply, Attribute, Call, Const, Expr, Number, Position, Read, Weight, walk
from recdsl.ir.module import Depth, Equation, Input, Module, Program
from recdsl.ir.operators.shared import sized_like
from recdsl.ir.operators.table import OPERATORS
from recdsl.ir.sizes import Size
from recdsl.ir.types import Axis, Dim, ValueType
from recdsl.rewrite.fresh import Fresh, fresh_name

NOT_NAMES_OF_DIMS = ("extern",)


@dataclass(frozen=True, slots=True)
class Inlined:
    """What a call becomes: equations to put before it, and its result."""

    equations: tuple[Equation, ...]
    result: Expr


def inline_call(program: Program, module: Module, call: Call, fresh: Fresh) -> Inlined:
    """The call of a pointwise sub-layer of `module` as equations.

    Raises RecdslError (R507) for a layer that cannot be taken apart.
    """
    callee = program.callee(module, call.instance)
    arguments = dict(module.instance(call.instance).arguments)
    equations: list[Equation] = []
    body = _Body(program, callee, call, f"{call.instance}.", arguments, fresh, equations)
    result = body.result()
    return Inlined(tuple(equations), result)


def why_not(program: Program, callee: Module, call: Call) -> str | None:
    """Why a call cannot be inlined; None where it can."""
    if callee.axes or call.axes:
        return f"{callee.name} runs along {', '.join(callee.axes or (outer for _, outer in call.axes))}"
    if any(isinstance(item, Depth) for item in callee.items):
        return f"{callee.name} repeats or loops"
    if callee.externals:
        return f"{callee.name} calls what the host binds"
    if len(callee.outputs) > 1 and draws(program, callee):
        return f"{callee.name} gives several results of one draw"
    return None


def draws(program: Program, module: Module) -> bool:
    """Whether a layer, or one that it calls, may give another value each time."""
    found = [each for equation in module.equations() for each in walk(equation.expr)]
    return any(isinstance(each, Apply) and not OPERATORS[each.operator].pure for each in found) or any(
        draws(program, program.callee(module, each.instance)) for each in found if isinstance(each, Call)
    )


class _Body:
    """One call: the callee's values in the caller's terms, made on demand and each once."""

    def __init__(
        self,
        program: Program,
        callee: Module,
        call: Call,
        prefix: str,
        arguments: dict[str, Size],
        fresh: Fresh,
        equations: list[Equation],
    ) -> None:
        reason = why_not(program, callee, call)
        if reason is not None:
            labels = (Label(call.span, f"{callee.name} is called here"),) if call.span else ()
            raise RecdslError([Diagnostic("R507", f"the layer cannot be taken apart: {reason}", labels)])
        self.program, self.callee, self.call, self.prefix = program, callee, call, prefix
        self.fresh, self.equations = fresh, equations
        self.sizes = _parameter_sizes(callee, call, arguments)
        self.taken = {name for operand in call.operands for name in operand.type.dim_names}
        self.dims = self._bound_dims()
        self.values: dict[str, Expr] = {}

    def result(self) -> Expr:
        """The called output with the caller's dims."""
        result = self._unbound(self._value(self.callee.outputs[self.call.output].value))
        missing = tuple(dim for dim in self.call.type.dims if dim.name not in result.type.dim_names)
        return apply("broadcast", result, dims=missing, span=self.call.span) if missing else result

    # ---- dims

    def _bound_dims(self) -> dict[str, Dim]:
        """What each bound dim is called inside: as the caller's dim where there is one and no other has its name."""
        dims: dict[str, Dim] = {}
        given: set[str] = set()
        for bound in self.call.bound:
            if len(bound.stands_for) == 1 and bound.stands_for[0].name not in given:
                dims[bound.dim] = bound.stands_for[0]
            else:
                size = sizes.product(tuple(dim.size for dim in bound.stands_for))
                dims[bound.dim] = Dim(self._unused(bound.dim), size)
            given.add(dims[bound.dim].name)
        dims.update(self._own_dims(dims))
        self.taken |= given | {dim.name for bound in self.call.bound for dim in bound.stands_for}
        return dims

    def _own_dims(self, bound: dict[str, Dim]) -> dict[str, Dim]:
        """The dims of inputs that stand for those of the same name outside, which goes without saying."""
        carried = {dim.name for dim in self.call.carried}
        return {
            dim.name: operand.type.dim(dim.name)
            for given, operand in zip(self.callee.inputs, self.call.operands, strict=True)
            for dim in given.type.dims
            if dim.name not in bound and dim.name not in carried and dim.name in operand.type.dim_names
        }

    def _unused(self, name: str) -> str:
        return fresh_name(name, self.taken)

    def _dim(self, dim: Dim) -> Dim:
        """A dim of the callee in the caller's terms; those of its own keep their names where these are free."""
        if dim.name not in self.dims:
            self.dims[dim.name] = Dim(self._unused(dim.name), self._size(dim.size))
            return self.dims[dim.name]
        known = self.dims[dim.name]
        size = self._size(dim.size)
        return known if sizes.same(known.size, size) else Dim(known.name, size)

    def _size(self, size: Size) -> Size:
        return sizes.substitute(size, self.sizes)

    def _type(self, of: ValueType) -> ValueType:
        return replace(of, dims=tuple(self._dim(dim) for dim in of.dims))

    def _bound(self, operand: Expr, given: Input) -> Expr:
        """An operand with the dims that those of its input stand for merged or renamed."""
        for bound in self.call.bound:
            if bound.dim not in given.type.dim_names:
                continue
            outer, inner = tuple(dim.name for dim in bound.stands_for), self.dims[bound.dim]
            if outer == (inner.name,) or not outer or not all(name in operand.type.dim_names for name in outer):
                continue
            if len(outer) == 1:
                operand = apply("rename", operand, old=outer[0], new=inner.name)
            else:
                operand = apply("merge", operand, names=outer, into=inner)
        return operand

    def _unbound(self, result: Expr) -> Expr:
        """A result with the caller's dims in place of those that were merged or renamed."""
        for bound in self.call.bound:
            inner = self.dims[bound.dim].name
            if inner not in result.type.dim_names or (inner,) == tuple(dim.name for dim in bound.stands_for):
                continue
            if len(bound.stands_for) == 1:
                result = apply("rename", result, old=inner, new=bound.stands_for[0].name)
            elif bound.stands_for:
                result = apply("split", result, name=inner, into=bound.stands_for)
            else:
                result = apply("pick", result, const(0), name=inner)
        return result

    # ---- values

    def _value(self, name: str) -> Expr:
        """An input or an equation of the callee, by its id."""
        if name not in self.values:
            self.values[name] = self._make_value(name)
        return self.values[name]

    def _make_value(self, name: str) -> Expr:
        for position, given in enumerate(self.callee.inputs):
            if given.name == name:
                return self._named(self._bound(self.call.operands[position], given))
        equation = next(each for each in self.callee.equations() if each.id == name)
        return self._named(self._expr(equation.expr), self._type(equation.type))

    def _named(self, expr: Expr, declared: ValueType | None = None) -> Expr:
        """The value as an equation of its own, unless it is a leaf already.

        Dims that the declaration does not name are carried, and stand in front.
        """
        if declared is not None:
            carried = tuple(dim for dim in expr.type.dims if dim.name not in declared.dim_names)
            declared = ValueType(declared.kind, expr.type.axes, (*carried, *declared.dims))
        if not isinstance(expr, (Apply, Call)) and (declared is None or declared == expr.type):
            return expr
        name = self.fresh()
        kept = declared or expr.type
        self.equations.append(Equation(name, name, kept, expr, span=expr.span or self.call.span))
        return Read(name, kept, span=expr.span)

    def _expr(self, expr: Expr) -> Expr:
        match expr:
            case Const():
                return expr
            case Number():
                return number(self._size(expr.size), expr.span)
            case Position():
                return replace(expr, name=self._name(expr.name), type=self._type(expr.type))
            case Read():
                return sized_like(self._value(expr.value), self._type(expr.type))
            case Weight():
                return replace(expr, path=self.prefix + expr.path, type=self._type(expr.type))
            case Apply():
                return self._apply(expr)
            case Call():
                return self._call(expr)

    def _apply(self, expr: Apply) -> Expr:
        attributes = {
            name: value if expr.operator in NOT_NAMES_OF_DIMS else self._attribute(value)
            for name, value in expr.attributes
        }
        if expr.operator == "noise":  # drawn wherever the layer is applied
            axes = dict.fromkeys(name for operand in self.call.operands for name in operand.type.axis_names)
            dims = attributes["dims"]
            assert isinstance(dims, tuple)
            attributes |= {"axes": tuple(axes), "dims": (*self.call.carried, *dims)}
        result = apply(expr.operator, *(self._expr(each) for each in expr.operands), span=expr.span, **attributes)
        return sized_like(result, self._type(expr.type))

    def _attribute(self, value: Attribute) -> Attribute:
        match value:
            case tuple():
                return tuple(self._attribute(each) for each in value)
            case str():
                return self._name(value)
            case Dim():
                return self._dim(value)
            case Size():
                return self._size(value)
            case bool() | int() | float() | Axis():
                return value

    def _name(self, name: str) -> str:
        return self.dims[name].name if name in self.dims else name

    def _call(self, expr: Call) -> Expr:
        """A layer that the callee calls is taken apart in the same way."""
        instance = self.callee.instance(expr.instance)
        bound = tuple(replace(each, stands_for=tuple(map(self._dim, each.stands_for))) for each in expr.bound)
        operands = tuple(self._expr(each) for each in expr.operands)
        inner = replace(expr, operands=operands, bound=bound, type=self._type(expr.type))
        arguments = {name: self._size(size) for name, size in instance.arguments}
        callee = self.program.modules[instance.module]
        path = f"{self.prefix}{expr.instance}."
        return _Body(self.program, callee, inner, path, arguments, self.fresh, self.equations).result()


def _parameter_sizes(callee: Module, call: Call, arguments: dict[str, Size]) -> dict[str, Size]:
    """The callee's parameters in the caller's terms: given, bound by an operand's dims, or by default."""
    bound = {each.dim: sizes.product(tuple(dim.size for dim in each.stands_for)) for each in call.bound}
    found: dict[str, Size] = {}
    for parameter in callee.parameters:
        if parameter.name in arguments:
            found[parameter.name] = arguments[parameter.name]
        elif parameter.name in bound:
            found[parameter.name] = bound[parameter.name]
        elif parameter.default is not None:
            found[parameter.name] = sizes.substitute(parameter.default, found)
    return found
