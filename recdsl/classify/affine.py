"""Affine form: what a recurrence computes at a point, as a sum of terms that are linear in earlier states.

    M = (1 - α) * M[t-1] - θ * k * (sum[K](k * M[t-1]) - v)
      → outer (1 - α)                    · M[t-1]
      + outer (-1, θ, k)   Σ_K inner (k) · M[t-1]
      + free  (-1, θ, k, -1, v)

A walk over the expressions of one component; values of the component at the same point are followed to their equations, so that
neither names for parts nor the order or factoring of terms matter. What is not affine raises `NotAffine` with its place.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from recdsl.classify.bounds import Bounds
from recdsl.classify.polynomial import number_of
from recdsl.ir.build import apply, const, number, simplified
from recdsl.ir.expr import Apply, Call, Const, Expr, Read, Weight, operands, walk
from recdsl.ir.module import Equation
from recdsl.ir.operators import interval as iv
from recdsl.ir.operators.shared import renamed
from recdsl.ir.operators.unite import names as names_of
from recdsl.ir.types import Dim, ValueType

MOST = 64  # terms; products of sums beyond it are not taken apart


class NotAffine(Exception):
    """`expr` is not affine in the states: why, under the code of the refusal."""

    def __init__(self, expr: Expr, reason: str, code: str = "R511") -> None:
        super().__init__(reason)
        self.expr, self.reason, self.code = expr, reason, code


@dataclass(frozen=True, slots=True)
class Term:
    """Π outer · Σ_summed Π inner · state: a number for every element of the value.

    `names` says what each dim of the state is called here; `summed` are names among these. Factors in `inner` may have further
    dims, which the value then has from them.
    """

    read: Read
    outer: tuple[Expr, ...]
    inner: tuple[Expr, ...]
    summed: tuple[str, ...]
    names: tuple[tuple[str, str], ...]

    @property
    def live(self) -> tuple[str, ...]:
        """The dims of the state that the value has, by their names here."""
        return tuple(name for _, name in self.names if name not in self.summed)


@dataclass(frozen=True, slots=True)
class Affine:
    """The sum of `terms`, and of `free` products that read no state."""

    terms: tuple[Term, ...] = ()
    free: tuple[tuple[Expr, ...], ...] = ()


@dataclass(slots=True)
class Walk:
    """The walk over one component; `equations` are its own, by id. Reads of `leaves` are terms at whatever point they are."""

    equations: dict[str, Equation]
    bounds: Bounds
    leaves: frozenset[str] = frozenset()
    known: dict[str, Affine] = field(default_factory=dict)
    free_of: dict[int, tuple[Expr, bool]] = field(default_factory=dict)  # by identity, with what keeps it alive

    def value(self, name: str) -> Affine:
        """The affine form of an equation of the component. Raises `NotAffine`."""
        if name not in self.known:
            self.known[name] = self.of(self.equations[name].expr)
        return self.known[name]

    def is_free(self, expr: Expr) -> bool:
        """Whether an expression reads nothing of the component."""
        if id(expr) not in self.free_of:
            if isinstance(expr, Read):
                free = expr.value not in self.equations and expr.value not in self.leaves
            else:
                free = all(self.is_free(each) for each in operands(expr))
            self.free_of[id(expr)] = (expr, free)
        return self.free_of[id(expr)][1]

    def of(self, expr: Expr) -> Affine:
        """The affine form of an expression. Raises `NotAffine`."""
        if self.is_free(expr):
            return Affine((), ((expr,),))
        match expr:
            case Read() if expr.offsets or expr.via or expr.value in self.leaves:
                names = tuple((name, name) for name in expr.type.dim_names)
                return Affine((Term(expr, (), (), (), names),))
            case Read():
                return self.value(expr.value)
            case Apply():
                found = self._apply(expr)
                if len(found.terms) + len(found.free) > MOST:
                    raise NotAffine(expr, f"it is a sum of more than {MOST} products")
                return found
            case Call():
                raise NotAffine(expr, "it goes through a layer that cannot be taken apart")
        raise AssertionError(expr)

    def _apply(self, expr: Apply) -> Affine:
        match expr.operator, expr.operands:
            case "add", (left, right):
                return _sum(self.of(left), self.of(right))
            case "sub", (left, right):
                return _sum(self.of(left), scaled(const(-1), self.of(right)))
            case "neg", (x,):
                return scaled(const(-1), self.of(x))
            case "mul", (left, right) if self._is_zero(left) or self._is_zero(right):
                return Affine()
            case "mul", (left, right) if self.is_free(left):
                return scaled(left, self.of(right))
            case "mul", (left, right) if self.is_free(right):
                return scaled(right, self.of(left))
            case "div", (left, right) if self.is_free(right):
                return scaled(simplified("div", const(1.0), right), self.of(left))
            case "where", (Const(value=value), then, otherwise):
                return self.of(then if value else otherwise)
            case "where", (condition, then, otherwise) if (
                turned := self.bounds.polynomials.turned(condition)
            ) is not None:
                return self.of(apply("where", turned, otherwise, then))
            case "where", (condition, then, otherwise) if self.is_free(condition):
                chosen = self._chosen(condition, self.of(then), True)
                return _sum(chosen, self._chosen(condition, self.of(otherwise), False))
            case ("sum" | "mean") as operator, (x,):
                over = names_of(expr.attribute("over"))
                along_edges = "pred" in over
                total = self._along_edges(expr, x, ()) if along_edges else self.of(x)
                result = summed(expr, total, tuple(name for name in over if name != "pred"))
                return result if operator == "sum" else _divided(expr, result, over)
            case "rename", (x,):
                return _renamed(expr, self.of(x))
            case "broadcast", (x,):
                return self.of(x)
            case "linear", (x, weight, *bias):
                return self._linear(expr, self.of(x), weight, tuple(bias))
        raise NotAffine(expr, _why_not(expr))

    def _along_edges(self, expr: Apply, x: Expr, factors: tuple[Expr, ...]) -> Affine:
        """Σ factors · x over the edges that come in, for the sum or mean `expr`: what does not vary along them is taken once
        for each.

        sum[pred](w[pred] * (h[pred] - m))  →  sum[pred](w[pred] * h[pred]) - sum[pred](w[pred]) * m
        """
        if "pred" not in x.type.axis_names:
            return _times(_edge_total(expr, factors), self.of(x))
        if self.is_free(x):
            return Affine((), (_edge_total(expr, (*factors, x)),))
        match x:
            case Apply(operator="add", operands=(left, right)):
                return _sum(self._along_edges(expr, left, factors), self._along_edges(expr, right, factors))
            case Apply(operator="sub", operands=(left, right)):
                minus = (const(-1), *factors)
                return _sum(self._along_edges(expr, left, factors), self._along_edges(expr, right, minus))
            case Apply(operator="neg", operands=(only,)):
                return self._along_edges(expr, only, (const(-1), *factors))
            case Apply(operator="broadcast", operands=(only,)):
                return self._along_edges(expr, only, factors)
            case Apply(operator="mul", operands=(left, right)) if self.is_free(left):
                return self._along_edges(expr, right, (*factors, left))
            case Apply(operator="mul", operands=(left, right)) if self.is_free(right):
                return self._along_edges(expr, left, (*factors, right))
            case Apply(operator="div", operands=(left, right)) if self.is_free(right):
                return self._along_edges(expr, left, (*factors, simplified("div", const(1.0), right)))
        form = self.of(x)
        if any("pred" not in each.type.axis_names and not self.is_free(each) for each in walk(x)):
            raise NotAffine(expr, "over edges it sums states of which some are the same on all of them")
        terms = _times(factors, Affine(form.terms))
        return replace(terms, free=tuple(_edge_total(expr, (*factors, *product)) for product in form.free))

    def _chosen(self, condition: Expr, value: Affine, when: bool) -> Affine:
        """`value` where the condition is `when`, else 0; a factor is chosen, not multiplied, so that NaN elsewhere stays there."""
        polynomials = self.bounds.polynomials

        def gated(factors: tuple[Expr, ...]) -> tuple[Expr, ...]:
            (atoms, number), *more = polynomials.expanded(factors)
            atoms, front = (factors, 1.0) if more else (atoms, number)
            ordered = sorted(atoms, key=lambda each: (len(each.type.dims), polynomials.signatures.rank(each)))
            first, *rest = ordered or [const(1.0)]
            branches = (first, const(0.0)) if when else (const(0.0), first)
            return (*number_of(front), apply("where", condition, *branches), *rest)

        return Affine(
            tuple(replace(term, outer=gated(term.outer)) for term in value.terms),
            tuple(gated(product) for product in value.free),
        )

    def _is_zero(self, expr: Expr) -> bool:
        return self.is_free(expr) and self.bounds.of(expr) == iv.point(0)

    def _linear(self, expr: Apply, x: Affine, weight: Expr, bias: tuple[Expr, ...]) -> Affine:
        """A dense map: the weight becomes a factor, with the dims that it sums over under names of their own."""
        assert isinstance(weight, Weight)
        contract, into, per = (_dims(expr, name) for name in ("contract", "into", "per"))
        columns = tuple(Dim(f"{dim.name}'", dim.size) for dim in contract)
        matrix = apply(
            "matrix",
            weight,
            rows=into,
            columns=columns,
            per=per,
            transposed=expr.attribute("transposed"),
        )
        for dim, column in zip(contract, columns, strict=True):
            x = _replaced(x, dim.name, column)
        product = summed(expr, scaled(matrix, x), tuple(column.name for column in columns))
        if not bias:
            return product
        shift = apply("matrix", bias[0], rows=into, columns=(), per=per, bias=True)
        return _sum(product, Affine((), ((shift,),)))


def _dims(expr: Apply, name: str) -> tuple[Dim, ...]:
    value = expr.attribute(name)
    assert isinstance(value, tuple)
    return tuple(each for each in value if isinstance(each, Dim))


def _why_not(expr: Apply) -> str:
    match expr.operator:
        case "mul":
            return "two values that both depend on the state are multiplied"
        case "div":
            return "it divides by a value that depends on the state"
        case "where":
            return "the condition depends on the state"
        case "conv" | "merge" | "split" | "flip" | "concat" | "stack" | "slice" | "pick" | "gather" | "scatter":
            return f"{expr.operator} moves elements of the state about"
    return f"{expr.operator} is applied to a value that depends on the state"


def _sum(left: Affine, right: Affine) -> Affine:
    return Affine((*left.terms, *right.terms), (*left.free, *right.free))


def scaled(factor: Expr, value: Affine) -> Affine:
    """`value` times a factor that reads no state."""
    return Affine(
        tuple(replace(term, outer=(factor, *term.outer)) for term in value.terms),
        tuple((factor, *product) for product in value.free),
    )


def _times(factors: tuple[Expr, ...], value: Affine) -> Affine:
    for factor in reversed(factors):
        value = scaled(factor, value)
    return value


def _divided(expr: Apply, total: Affine, over: tuple[str, ...]) -> Affine:
    """A mean over some dims or over the edges that come in, of their sum; over no edges it is 0."""
    counts = [number(dim.size) for dim in expr.operands[0].type.dims if dim.name in over]
    divisors = (*counts, apply("maximum", const(1), _edges(expr))) if "pred" in over else counts
    for divisor in divisors:
        total = scaled(simplified("div", const(1.0), divisor), total)
    return total


def _edge_total(expr: Apply, product: tuple[Expr, ...]) -> tuple[Expr, ...]:
    """The sum of a product over the edges that come in, as in the sum `expr`."""
    inside = tuple(each for each in product if "pred" in each.type.axis_names)
    outside = tuple(each for each in product if each not in inside)
    return (*outside, simplified("sum", product_of(inside), over=("pred",)) if inside else _edges(expr))


def _edges(expr: Apply) -> Expr:
    """The number of edges that `expr` runs over."""
    return apply("sum", Const(1, ValueType("int", expr.type.axes)), over=("pred",))


def summed(expr: Apply, value: Affine, over: tuple[str, ...]) -> Affine:
    """The sum of an affine value over some dims."""
    dims = {dim.name: dim for operand in expr.operands for dim in operand.type.dims}
    for term in value.terms:
        dims |= {dim.name: dim for factor in (*term.inner, *term.outer) for dim in factor.type.dims}
    strange = [name for name in over if name not in dims]
    if strange:
        raise NotAffine(expr, f"it sums over {', '.join(strange)}")
    terms = []
    for term in value.terms:
        for name in over:
            term = _summed_term(expr, term, dims[name])
        terms.append(term)
    return Affine(tuple(terms), tuple(_summed_free(product, over, dims) for product in value.free))


def _summed_term(expr: Apply, term: Term, dim: Dim) -> Term:
    if dim.name in term.live:
        inside = tuple(each for each in term.outer if dim.name in each.type.dim_names)
        if any(set(each.type.dim_names) & set(term.summed) for each in inside):
            raise NotAffine(expr, f"two sums over the state cross each other at {dim.name}")
        outside = tuple(each for each in term.outer if dim.name not in each.type.dim_names)
        return replace(term, outer=outside, inner=(*term.inner, *inside), summed=(*term.summed, dim.name))
    if any(dim.name in each.type.dim_names for each in term.inner) and dim.name not in term.summed:
        raise NotAffine(expr, f"it sums a dense map of the state over {dim.name}")
    inside = tuple(each for each in term.outer if dim.name in each.type.dim_names)
    outside = tuple(each for each in term.outer if dim.name not in each.type.dim_names)
    total = simplified("sum", product_of(inside), over=(dim.name,)) if inside else number(dim.size)
    return replace(term, outer=(*outside, total))


def _summed_free(product: tuple[Expr, ...], over: tuple[str, ...], dims: dict[str, Dim]) -> tuple[Expr, ...]:
    factors = product
    for name in over:
        inside = tuple(each for each in factors if name in each.type.dim_names)
        outside = tuple(each for each in factors if each not in inside)
        total = simplified("sum", product_of(inside), over=(name,)) if inside else number(dims[name].size)
        factors = (*outside, total)
    return factors


def _renamed(expr: Apply, value: Affine) -> Affine:
    old, new = str(expr.attribute("old")), str(expr.attribute("new"))
    if old not in expr.operands[0].type.dim_names:
        raise NotAffine(expr, f"it reads the points of {old} under another name")
    return _replaced(value, old, expr.type.dim(new))


def _replaced(value: Affine, old: str, new: Dim) -> Affine:
    """The value with one of its dims under another name, which may call its size otherwise too."""
    terms = []
    for term in (_summed_apart(each, new.name) for each in value.terms):
        outer = tuple(_moved(each, old, new) for each in term.outer)
        if old in term.live:
            names = tuple((dim, new.name if name == old else name) for dim, name in term.names)
            inner = tuple(_moved(each, old, new) for each in term.inner)
            terms.append(replace(term, outer=outer, inner=inner, names=names))
        else:
            dense = old not in term.summed
            inner = tuple(_moved(each, old, new) if dense else each for each in term.inner)
            terms.append(replace(term, outer=outer, inner=inner))
    return Affine(tuple(terms), tuple(tuple(_moved(each, old, new) for each in product) for product in value.free))


def _summed_apart(term: Term, name: str) -> Term:
    """The term with another name for a dim that it sums over, where that would be `name`: a sum's own dims show nowhere else.

    sum[D](w * h)[E->D]  →  sum[D'](w[D->D'] * h[D->D'])[E->D]
    """
    if name not in term.summed:
        return term
    apart = f"{name}'"
    while any(apart in each.type.dim_names for each in term.inner) or apart in dict(term.names).values():
        apart += "'"
    return replace(
        term,
        inner=tuple(_kept_apart(each, name, apart) for each in term.inner),
        summed=tuple(apart if each == name else each for each in term.summed),
        names=tuple((dim, apart if each == name else each) for dim, each in term.names),
    )


def _kept_apart(factor: Expr, old: str, new: str) -> Expr:
    return _moved(factor, old, replace(factor.type.dim(old), name=new)) if old in factor.type.dim_names else factor


def _moved(factor: Expr, old: str, new: Dim) -> Expr:
    return renamed(simplified, factor, old, new) if old in factor.type.dim_names else factor


def product_of(factors: tuple[Expr, ...]) -> Expr:
    """The product of some factors, 1 for none."""
    result: Expr = const(1.0)
    for each in factors:
        result = simplified("mul", result, each)
    return result
