"""Partials and adjoints of every operator against autograd, on random values and where they are not smooth."""

from __future__ import annotations

import pytest
import torch
from named_values import DTYPES, Values, evaluate, shape, typed
from operator_cases import GOOD, Good
from torch import Tensor

from recdsl.ir.build import apply, const, local_derivative
from recdsl.ir.expr import Apply, Expr, Read
from recdsl.ir.operators.operator import NoAdjointError
from recdsl.ir.operators.table import OPERATORS
from recdsl.rewrite.adjoint import axes_worked, operand_gradients

CONSTANT = {"eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not", "all", "any", "argmax", "topk"}
FLAT = {"sign", "floor", "ceil", "round", "stop"}
POSITIVE = {"log", "log1p", "sqrt", "rsqrt", "pow", "angle"}


def drawn(words: str, seed: int, positive: bool) -> Tensor:
    of = typed(words)
    generator = torch.Generator().manual_seed(seed)
    if of.kind == "int":
        return torch.randint(0, 2, shape(of), generator=generator)
    if of.kind == "bool":
        return torch.rand(shape(of), generator=generator) > 0.5
    values = torch.randn(shape(of), generator=generator, dtype=DTYPES[of.kind])
    return values.abs() + 0.1 if positive and of.kind == "real" else values


def differentiable(name: str) -> list[Good]:
    """The cases with a gradient that is taken at one point."""
    found = []
    for case in GOOD[name]:
        node = built(name, case)
        kinds = {each.type.kind for each in node.operands}
        at_one_point = all(set(node.type.axis_names) - {"pred"} <= set(each.type.axis_names) for each in node.operands)
        if not at_one_point:
            continue
        if node.type.kind in ("real", "complex") and kinds & {"real", "complex"} and not axes_worked(node) - {"pred"}:
            found.append(case)
    return found


def built(name: str, case: Good) -> Apply:
    reads = tuple(Read(f"v{position}", typed(each)) for position, each in enumerate(case.operands))
    return apply(name, *reads, **case.attributes)


def values_of(name: str, case: Good) -> dict[str, Tensor]:
    return {f"v{i}": drawn(words, 7 * i + len(name), name in POSITIVE) for i, words in enumerate(case.operands)}


def check(node: Apply, values: Values, constant: bool) -> None:
    """The gradients of the operands against autograd's; `constant`: the upstream gradient is 1 everywhere."""
    trained = [position for position, each in enumerate(node.operands) if each.type.kind in ("real", "complex")]
    given = {
        name: value.clone().requires_grad_(value.is_floating_point() or value.is_complex())
        for name, value in values.items()
    }
    result = evaluate(node, given).spread(node.type)
    upstream = torch.ones_like(result) if constant else torch.randn_like(result)
    leaves = [given[f"v{position}"] for position in trained]
    wanted: tuple[Tensor | None, ...] = (None,) * len(leaves)
    if result.requires_grad:
        wanted = torch.autograd.grad(result, leaves, upstream.detach(), allow_unused=True)
    gradient: Expr = const(1.0) if constant else Read("up", node.type)
    weights = OPERATORS[node.operator].family == "contraction"
    found = dict(operand_gradients(node, gradient, tuple(trained)))
    for position, expected in zip(trained, wanted, strict=True):
        if weights and position > 0:
            continue
        of = node.operands[position].type
        if position not in found:
            assert expected is None or not expected.any()
            continue
        mine = evaluate(found[position], {**values, "up": upstream.detach()})
        assert set(found[position].type.dim_names) <= set(of.dim_names)
        if mine.tensor.is_complex() and of.kind == "real":
            raise AssertionError("a real value has a complex gradient")
        expected = torch.zeros(shape(of), dtype=torch.float64) if expected is None else expected
        assert torch.allclose(mine.spread(of).to(expected.dtype), expected, rtol=1e-9, atol=1e-11), (node, position)


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("name", OPERATORS)
def test_gradients(name: str, constant: bool) -> None:
    entry = OPERATORS[name]
    if entry.adjoint is None and entry.partials is None:
        assert entry.no_adjoint
        with pytest.raises(NoAdjointError):
            list(operand_gradients(built(name, GOOD[name][0]), const(1.0), (0,)))
        return
    cases = differentiable(name)
    assert cases or name in CONSTANT, f"{name} has no case to take the gradient of"
    for case in cases:
        check(built(name, case), values_of(name, case), constant)


KINKS = torch.tensor([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0], dtype=torch.float64)


@pytest.mark.parametrize("name", ["abs", "relu", "hardtanh", "hardsigmoid", "elu", "silu", "sign", "floor", "softplus"])
def test_kinks(name: str) -> None:
    node = apply(name, Read("v0", typed("K=7")))
    check(node, {"v0": KINKS}, constant=False)


@pytest.mark.parametrize("name", ["maximum", "minimum", "atan2", "logaddexp"])
def test_ties_split_evenly(name: str) -> None:
    node = apply(name, Read("v0", typed("K=7")), Read("v1", typed("K=7")))
    check(node, {"v0": KINKS + 0.0, "v1": torch.where(KINKS.abs() == 1, KINKS, -KINKS - 0.25)}, constant=False)


@pytest.mark.parametrize("name", ["max", "min", "prod", "norm"])
def test_reductions_with_equal_elements(name: str) -> None:
    node = apply(name, Read("v0", typed("A B")), over=("B",))
    for row in ([2.0, 2.0, 1.0], [0.0, 2.0, 3.0], [0.0, 0.0, 3.0], [0.0, 0.0, 0.0]):
        check(node, {"v0": torch.tensor([row, [1.0, -1.0, 0.5]], dtype=torch.float64)}, constant=False)


def test_clamp_at_its_ends() -> None:
    node = apply("clamp", *(Read(f"v{i}", typed("K=7")) for i in range(3)))
    low, high = torch.full_like(KINKS, -1.0), torch.full_like(KINKS, 0.5)
    check(node, {"v0": KINKS, "v1": low, "v2": high}, constant=False)


def test_quantise_is_straight_through_inside() -> None:
    node = apply("quantise", Read("v0", typed("K=7")), const(3))
    check(node, {"v0": KINKS}, constant=False)
    assert evaluate(node, {"v0": KINKS}).tensor.tolist() == [
        -1,
        -1,
        pytest.approx(-2 / 3),
        0,
        pytest.approx(2 / 3),
        1,
        1,
    ]


def test_powers_of_zero_have_finite_gradients() -> None:
    x = Read("v0", typed("K=7"))
    for exponent in (0, 1, 2, 3):
        check(apply("pow", x, const(exponent)), {"v0": KINKS}, constant=False)


def test_a_square_is_simplified() -> None:
    x = Read("x", typed("A"))
    derivative = local_derivative(apply("pow", x, const(2)), 0)
    assert derivative == apply("mul", const(2), x)


def test_flat_operators_pass_no_gradient() -> None:
    for name in FLAT:
        assert local_derivative(apply(name, Read("x", typed("A"))), 0) is None


def test_local_derivatives_are_for_elementwise_operators() -> None:
    with pytest.raises(KeyError):
        local_derivative(apply("sum", Read("x", typed("A")), over=("A",)), 0)
