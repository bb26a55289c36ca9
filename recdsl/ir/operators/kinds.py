"""Kind rules: from the kinds of the operands to the kinds they are brought to and the kind of the result."""

from __future__ import annotations

from recdsl.ir.operators.operator import KindRule, TypeRuleError
from recdsl.ir.types import join_kinds

Kinds = tuple[str, ...]
Ruled = tuple[Kinds, str]


def _refuse(kinds: Kinds, *refused: str) -> None:
    for index, kind in enumerate(kinds):
        if kind in refused:
            raise TypeRuleError(f"{_noun(kind)} cannot stand here", index, _hint(kind))


def _noun(kind: str) -> str:
    return {"bool": "a truth value", "complex": "a complex value"}.get(kind, f"a value of kind {kind}")


def _hint(kind: str) -> str | None:
    return {"bool": "where(c, 1, 0) makes a number of it", "complex": "real(z), imag(z) and abs(z) are real"}.get(kind)


def arithmetic(kinds: Kinds) -> Ruled:
    """Kinds join; truth values count as 0 and 1."""
    joined = join_kinds("int", *kinds)
    return (joined,) * len(kinds), joined


def ordered(kinds: Kinds) -> Ruled:
    """As arithmetic, without complex values."""
    _refuse(kinds, "complex")
    return arithmetic(kinds)


def fractional(kinds: Kinds) -> Ruled:
    """Division and powers: at least real."""
    joined = join_kinds("real", *kinds)
    return (joined,) * len(kinds), joined


def analytic(kinds: Kinds) -> Ruled:
    """exp and its kin: real or complex, of numbers only."""
    _refuse(kinds, "bool")
    return fractional(kinds)


def real_function(kinds: Kinds) -> Ruled:
    """Functions of real numbers only."""
    _refuse(kinds, "bool", "complex")
    return fractional(kinds)


def magnitude(kinds: Kinds) -> Ruled:
    """abs: real for complex values, else as arithmetic."""
    brought, joined = arithmetic(kinds)
    return brought, "real" if joined == "complex" else joined


def part(kinds: Kinds) -> Ruled:
    """real, imag and angle: real for all values."""
    brought, _ = fractional(kinds)
    return brought, "real"


def pair(kinds: Kinds) -> Ruled:
    """complex(re, im)."""
    _refuse(kinds, "complex")
    return ("real",) * len(kinds), "complex"


def equality(kinds: Kinds) -> Ruled:
    return (join_kinds(*kinds),) * len(kinds), "bool"


def comparison(kinds: Kinds) -> Ruled:
    _refuse(kinds, "complex")
    return (join_kinds("int", *kinds),) * len(kinds), "bool"


def logic(kinds: Kinds) -> Ruled:
    for index, kind in enumerate(kinds):
        if kind != "bool":
            raise TypeRuleError("a truth value is expected here", index, "a comparison such as x > 0 makes one")
    return kinds, "bool"


def branches(kinds: Kinds) -> Ruled:
    """where: a condition, and two branches that join."""
    logic(kinds[:1])
    joined = join_kinds(*kinds[1:])
    return ("bool", joined, joined), joined


def joined(kinds: Kinds) -> Ruled:
    """The smallest kind that all can be used as."""
    kind = join_kinds(*kinds)
    return (kind,) * len(kinds), kind


def same(kinds: Kinds) -> Ruled:
    """The kind of the first operand, unchanged."""
    return kinds, kinds[0]


def first(rule: KindRule, *others: str) -> KindRule:
    """`rule` for the first operand, and fixed kinds for the others, of which no more than these are accepted."""

    def ruled(kinds: Kinds) -> Ruled:
        brought, result = rule(kinds[:1])
        for index, (kind, wanted) in enumerate(zip(kinds[1:], others, strict=True), 1):
            if join_kinds(kind, wanted) != wanted:
                raise TypeRuleError(f"{_noun(kind)} cannot stand here", index, _hint(kind))
        return (*brought, *others), result

    return ruled


def giving(kind: str, rule: KindRule) -> KindRule:
    """`rule` for the operands, with a result of a fixed kind."""

    def ruled(kinds: Kinds) -> Ruled:
        return rule(kinds)[0], kind

    return ruled
