"""Range rules and linearity by sampling: the value is in the interval, and linear where the table says so."""

from __future__ import annotations

import itertools
import math
import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from named_values import DTYPES, evaluate, shape, typed
from operator_cases import GOOD, Good
from test_operators_derivatives import built
from torch import Tensor

from recdsl.ir.operators import interval as iv
from recdsl.ir.operators.interval import INF, Interval
from recdsl.ir.operators.table import OPERATORS

NOT_EVALUATED = {"noise", "normal", "uniform", "orthogonal", "batchnorm", "extern", "grad"}
EVALUATED = [name for name in OPERATORS if name not in NOT_EVALUATED]
POSITIVE = iv.opened(0, INF)
ENDS = (-INF, -3.0, -1.0, -0.25, 0.0, 0.25, 1.0, 2.0, INF)


def intervals() -> list[Interval]:
    """Intervals with every kind of end."""
    found = [iv.point(value) for value in (-1.0, 0.0, 2.0)]
    for low, high in itertools.combinations(ENDS, 2):
        for low_open, high_open in itertools.product((False, True), repeat=2):
            found.append(Interval(low, high, low_open or low == -INF, high_open or high == INF))
    return found


def sample(within: Interval, draw: random.Random) -> float:
    """A number of the interval, often close to an end or on it."""
    low, high = max(within.low, -40.0), min(within.high, 40.0)
    closed_ends = [end for end, is_open in iv.ends(within) if not is_open]
    middle = [draw.uniform(low, high), low + (high - low) * 1e-3, high - (high - low) * 1e-3]
    value = draw.choice([*closed_ends, *middle])
    return value if value in within else (low + high) / 2


def drawn(words: str, within: Interval, draw: random.Random) -> Tensor:
    of = typed(words)
    count = math.prod(shape(of))
    if of.kind == "bool":
        return torch.tensor([draw.random() > 0.5 for _ in range(count)]).reshape(shape(of))
    if of.kind == "int":
        return torch.tensor([draw.randrange(2) for _ in range(count)]).reshape(shape(of))
    return torch.tensor([sample(within, draw) for _ in range(count)], dtype=torch.float64).reshape(shape(of))


def real_cases(name: str) -> list[Good]:
    return [case for case in GOOD[name] if not any("complex" in each for each in (*case.operands, case.result))]


@pytest.mark.parametrize("name", EVALUATED)
def test_values_are_in_range(name: str) -> None:
    draw = random.Random(name)
    for case in real_cases(name):
        node = built(name, case)
        for _ in range(60):
            bounds = tuple(draw.choice(intervals()) if each.type.kind == "real" else iv.TRUTH for each in node.operands)
            values = {f"v{i}": drawn(words, bounds[i], draw) for i, words in enumerate(case.operands)}
            try:
                result = evaluate(node, values).tensor.to(torch.float64).flatten()
            except RuntimeError:  # a singular matrix, or the remainder of whole numbers by 0
                assert name in ("inverse", "mod")
                continue
            found = OPERATORS[name].range_rule(node, bounds)
            for value in result.tolist():
                assert math.isnan(value) or nearly_in(value, found), (name, bounds, values, value, found)


def nearly_in(value: float, within: Interval) -> bool:
    """In the interval, but for rounding."""
    slack = 1e-9 * max(1.0, abs(value))
    if math.isinf(value):
        return value in (within.low, within.high)
    return within.low - slack <= value <= within.high + slack


def test_bounds_that_analyses_rely_on() -> None:
    def bound(name: str, *operands: Interval) -> Interval:
        (case, *_) = GOOD[name]
        return OPERATORS[name].range_rule(built(name, case), operands)

    assert bound("sigmoid", iv.REAL) == iv.opened(0, 1)
    assert bound("tanh", iv.REAL) == iv.opened(-1, 1)
    assert bound("softplus", iv.REAL) == POSITIVE
    assert bound("exp", bound("neg", POSITIVE)) == iv.opened(0, 1)
    assert bound("pow", iv.opened(0, 1), iv.point(1 / 16)) == iv.opened(0, 1)
    assert bound("pow", iv.REAL, iv.point(2)) == iv.NOT_NEGATIVE
    assert 0 in bound("pow", Interval(0, 1, False, True), POSITIVE)
    assert bound("sub", iv.point(1), iv.opened(0, 1)) == iv.opened(0, 1)
    assert bound("mul", iv.opened(0, 1), iv.opened(0, 1)) == iv.opened(0, 1)
    assert bound("mul", iv.point(0.5), iv.opened(0, 1)) == iv.opened(0, 0.5)
    assert bound("where", iv.TRUTH, iv.point(1), iv.opened(0, 1)) == Interval(0, 1, True, False)
    assert bound("minimum", POSITIVE, iv.point(1)) == Interval(0, 1, True, False)
    assert bound("relu", iv.REAL) == iv.NOT_NEGATIVE
    assert bound("softmax", iv.REAL) == iv.TRUTH
    assert bound("div", iv.point(1), Interval(1, INF, False, True)) == Interval(0, 1, True, False)
    assert bound("uniform", iv.point(-3), iv.point(2)) == iv.closed(-3, 2)
    assert bound("orthogonal", iv.point(2)) == iv.closed(-2, 2)


def test_a_sum_over_a_known_size_is_bounded() -> None:
    node = built("sum", Good(("A B=3",), "A", {"over": ("B",)}))
    assert OPERATORS["sum"].range_rule(node, (iv.opened(0, 1),)) == iv.opened(0, 3)


def test_an_empty_reduction_counts() -> None:
    node = built("max", Good(("A over pred",), "A", {"over": ("pred",)}))
    assert -INF in OPERATORS["max"].range_rule(node, (iv.TRUTH,))


numbers = st.floats(-1e3, 1e3)


@given(numbers, numbers, numbers)
def test_membership_agrees_with_inclusion(x: float, y: float, z: float) -> None:
    low, high = sorted((x, y))
    inner = Interval(low, high)
    assert inner.within(iv.REAL)
    assert (z in inner) == iv.point(z).within(inner)
    assert iv.hull(inner, iv.point(z)).low == min(low, z)


def test_intervals_print() -> None:
    assert str(iv.opened(0, 1)) == "(0, 1)"
    assert str(Interval(0, INF, False, True)) == "[0, inf)"


# ---- linearity


@pytest.mark.parametrize("name", EVALUATED)
def test_linear_where_the_table_says_so(name: str) -> None:
    draw = torch.Generator().manual_seed(3)
    for case in real_cases(name):
        node = built(name, case)
        for group in OPERATORS[name].linear_groups(len(node.operands)):
            if any(node.operands[position].type.kind != "real" for position in group):
                continue
            one, other, both = ({}, {}, {})
            for position, each in enumerate(node.operands):
                if position in group:
                    x, y = (torch.randn(shape(each.type), generator=draw, dtype=torch.float64) for _ in range(2))
                else:
                    x = y = random_constant(each.type.kind, shape(each.type), draw)
                one[f"v{position}"], other[f"v{position}"] = x, y
                both[f"v{position}"] = 2.0 * x - 0.5 * y if position in group else x
            parts = (evaluate(node, values).tensor for values in (one, other, both))
            first, second, together = parts
            assert torch.allclose(together, 2.0 * first - 0.5 * second), (name, case, group)


def random_constant(kind: str, of: tuple[int, ...], draw: torch.Generator) -> Tensor:
    if kind == "real":
        return torch.rand(of, generator=draw, dtype=torch.float64) + 0.5
    return torch.randint(0, 2, of, generator=draw).to(DTYPES[kind])


NONLINEAR = [name for name in EVALUATED if not OPERATORS[name].linear_in]


@pytest.mark.parametrize("name", NONLINEAR)
def test_operators_that_are_linear_say_so(name: str) -> None:
    """An operator of one real operand that doubles with it is either in the list or here for a reason."""
    on_purpose = {"stop", "real", "imag", "conj", "dropout", "quantise"}
    case = next((each for each in real_cases(name) if typed(each.result).kind == "real"), None)
    if name in on_purpose or case is None:
        return
    node = built(name, case)
    values = {
        f"v{i}": random_constant(each.type.kind, shape(each.type), torch.Generator().manual_seed(1)) * 1
        for i, each in enumerate(node.operands)
    }
    negated = {**values, "v0": -1.5 * values["v0"]}
    result, other = (evaluate(node, each).tensor for each in (values, negated))
    assert not torch.allclose(other.nan_to_num(7.0), -1.5 * result), name


@pytest.mark.parametrize("name", EVALUATED)
def test_neutral_elements(name: str) -> None:
    entry = OPERATORS[name]
    if entry.neutral is None or entry.family != "elementwise":
        return
    kind = "bool" if name in ("and", "or") else "real"
    node = built(name, Good((kind, kind), kind))
    for value in (0.0, 1.0) if kind == "bool" else (-2.0, 0.0, 3.0):
        x = torch.tensor(value, dtype=torch.float64).to(DTYPES[kind])
        neutral = torch.tensor(entry.neutral, dtype=torch.float64).to(DTYPES[kind])
        assert evaluate(node, {"v0": x, "v1": neutral}).tensor.item() == x.item()
