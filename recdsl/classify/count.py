"""Counts as sums of products of sizes: `4*H^2 + 9*H`.

A size that is no product (`D/H + 1`) counts as one factor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from recdsl.ir import sizes
from recdsl.ir.sizes import Size

Factors = tuple[Size, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """The sum of `terms`: how often each product of factors is counted. Factors are sorted by their text."""

    terms: Mapping[Factors, float] = field(default_factory=dict)

    def __add__(self, other: Count) -> Count:
        terms = dict(self.terms)
        for factors, times in other.terms.items():
            terms[factors] = terms.get(factors, 0) + times
        return Count({factors: times for factors, times in terms.items() if times})

    def __mul__(self, other: Count) -> Count:
        total = Count()
        for left, times in self.terms.items():
            for right, more in other.terms.items():
                total += Count({_reduced((*left, *right)): times * more})
        return total

    def substitute(self, values: Mapping[str, Size]) -> Count:
        """The count with parameters replaced."""
        total = Count()
        for factors, times in self.terms.items():
            product = number(times)
            for each in factors:
                product *= count(sizes.substitute(each, values))
            total += product
        return total

    def __str__(self) -> str:
        """Long products first; a length that all have in common stands in front: `|t|*(4*H^2 + 9*H)`."""
        if not self.terms:
            return "0"
        ordered = sorted(self.terms.items(), key=lambda term: (-len(term[0]), [str(each) for each in term[0]]))
        common = [each for each in dict.fromkeys(ordered[0][0]) if any(sizes.axes_in(each)) and all(each in f for f, _ in ordered)]  # fmt: skip
        if not common or len(ordered) == 1:
            return _plus([(_product(factors, times), times) for factors, times in ordered])
        inner = [(_product(_without(factors, common), times), times) for factors, times in ordered]
        return f"{_product(tuple(common), 1)}*({_plus(inner)})"


def number(value: float) -> Count:
    return Count({(): value})


def count(size: Size) -> Count:
    """A size as a count, its products and sums taken apart."""
    match size.operator, size.operands:
        case "number", (int() | float() as value,):
            return number(value)
        case "*", (Size() as left, Size() as right):
            return count(left) * count(right)
        case "+", (Size() as left, Size() as right):
            return count(left) + count(right)
        case "-", (Size() as left, Size() as right):
            return count(left) + number(-1) * count(right)
        case "/", (Size() as left, Size("number", (int() | float() as value,))) if value:
            return count(left) * number(1 / value)
    return Count({(size,): 1})


def _reduced(factors: Factors) -> Factors:
    """The product with a quotient and its divisor taken together (`D/H * H` is D), sorted."""
    for each in factors:
        if each.operator == "/" and each.parts[1] in factors:
            return _reduced((*_without(factors, [each, each.parts[1]]), each.parts[0]))
    return tuple(sorted(factors, key=str))


def _without(factors: Factors, common: list[Size]) -> Factors:
    left = list(factors)
    for each in common:
        left.remove(each)
    return tuple(left)


def _plus(terms: list[tuple[str, float]]) -> str:
    text = terms[0][0] if terms[0][1] > 0 else f"-{terms[0][0]}"
    return text + "".join(f" {'+' if times > 0 else '-'} {shown}" for shown, times in terms[1:])


def _product(factors: Factors, times: float) -> str:
    """The product without its sign."""
    times = abs(times)
    written = str(int(times)) if times == int(times) else f"{times:.6g}"
    shown = [] if times == 1 and factors else [written]
    for each in dict.fromkeys(factors):
        text = f"({each})" if each.operator in ("+", "-", "%", "^", "neg") else str(each)
        power = factors.count(each)
        if power > 1 and each.operator == "/":
            text = f"({text})"
        shown.append(text if power == 1 else f"{text}^{power}")
    return "*".join(shown)
