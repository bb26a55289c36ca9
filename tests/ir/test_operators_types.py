"""Every operator's type rule, on applications that it takes and on some that it refuses."""

from __future__ import annotations

import pytest
from named_values import typed
from operator_cases import BAD, GOOD

from recdsl.ir import operators, sizes
from recdsl.ir.build import apply, const, union
from recdsl.ir.expr import Apply, Expr, Read
from recdsl.ir.operators.table import OPERATORS, TypeRuleError
from recdsl.ir.types import Axis, Dim, ValueType


def reads(words: tuple[str, ...]) -> tuple[Expr, ...]:
    return tuple(Read(f"v{position}", typed(each)) for position, each in enumerate(words))


@pytest.mark.parametrize("name", OPERATORS)
def test_takes(name: str) -> None:
    for case in GOOD[name]:
        built = apply(name, *reads(case.operands), **case.attributes)
        assert built.type.kind == typed(case.result).kind, case
        assert built.type.dim_names == typed(case.result).dim_names, case
        assert built.type.axis_names == typed(case.result).axis_names, case
        for found, wanted in zip(built.type.dims, typed(case.result).dims, strict=True):
            assert sizes.same(found.size, wanted.size), case


@pytest.mark.parametrize("name", OPERATORS)
def test_refuses(name: str) -> None:
    for case in BAD[name]:
        with pytest.raises(TypeRuleError) as caught:
            apply(name, *reads(case.operands), **case.attributes)
        assert case.message in caught.value.message, case
        assert caught.value.operand_index == case.index, case


def test_the_cases_are_those_of_the_table() -> None:
    assert set(GOOD) == set(BAD) == set(OPERATORS)


@pytest.mark.parametrize("name", OPERATORS)
def test_the_catalogue_names_the_operator(name: str) -> None:
    documented = (operators.__doc__ or "").replace("(", " ").replace(",", " ").split()
    assert name in documented


def test_a_result_of_pooling_and_strides() -> None:
    (pooled,) = GOOD["maxpool"]
    built = apply("maxpool", *reads(pooled.operands), **pooled.attributes)
    assert sizes.evaluate(built.type.axis("i").length, {"|i|": 5}) == 2
    conv = dict(GOOD["conv"][0].attributes)
    strided = apply("conv", *reads(GOOD["conv"][0].operands), **{**conv, "stride": (sizes.number(2),)})
    assert sizes.evaluate(strided.type.axis("t").length, {"|t|": 5}) == 3


def test_attributes_are_sorted_and_complete() -> None:
    linear = GOOD["linear"][1]
    built = apply("linear", *reads(linear.operands), **linear.attributes)
    assert [name for name, _ in built.attributes] == ["contract", "into", "per", "transposed"]


def test_one_axis_with_two_lengths() -> None:
    there = ValueType("real", (Axis("i", sizes.apply("/", sizes.axis_length("i"), sizes.number(2))),))
    with pytest.raises(TypeRuleError, match=r"i has the length \|i\|/2 here and \|i\| there"):
        union((typed("A over i"), there))


def test_sizes_that_are_the_same_in_another_form_unite() -> None:
    d, h = sizes.name("D"), sizes.name("H")
    one = ValueType("real", (), (Dim("K", sizes.apply("/", d, h)),))
    other = ValueType(
        "real",
        (),
        (Dim("K", sizes.apply("/", sizes.apply("*", d, sizes.number(2)), sizes.apply("*", h, sizes.number(2)))),),
    )
    assert union((one, other)).dims == one.dims


def test_constants_have_their_kind() -> None:
    assert [const(value).type.kind for value in (True, 1, 1.0)] == ["bool", "int", "real"]


def test_spans_do_not_count() -> None:
    assert isinstance(apply("neg", const(1)), Apply)
    assert apply("neg", const(1)) == apply("neg", const(1), span=None)
