"""Programs built by hand against plain torch loops."""

from __future__ import annotations

import torch
from cells import along, dim, draw, equation, program, shifted, type_of

from recdsl.ir.build import apply, const
from recdsl.ir.expr import Position, Read, Weight
from recdsl.ir.module import WeightSpec
from recdsl.ir.sizes import number
from recdsl.ir.types import Dim, ValueType
from recdsl.reference import Reference

D = type_of("D")
X = Read("x", D)


def average() -> Reference:
    """s = 0.5 * s[t-1] + x, with init s = 2."""
    halved = apply("mul", const(0.5), shifted("s", D, t=-1))
    return Reference(program({"x": D}, [equation("s", apply("add", halved, X), D, const(2))], ["s"], "D"), D=3)


def test_recurrence_with_init() -> None:
    x = draw(2, 5, 3)
    s, expected = torch.full((2, 3), 2.0, dtype=torch.float64), []
    for t in range(5):
        s = 0.5 * s + x[:, t]
        expected.append(s)
    torch.testing.assert_close(average()(x), torch.stack(expected, 1))


def test_no_points_and_no_rows() -> None:
    assert average()(draw(2, 0, 3)).shape == (2, 0, 3)
    assert average()(draw(0, 4, 3)).shape == (0, 4, 3)


def test_pieces_agree_with_the_whole() -> None:
    x = draw(2, 6, 3)
    whole = average()(x)
    first, state = average()(x[:, :2], return_state=True)
    second = average()(x[:, 2:], state=state)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(state.final_state("s"), first[:, -1])


def test_lengths_and_reset() -> None:
    x = draw(2, 6, 3)
    reset = torch.zeros(2, 6, dtype=torch.bool)
    reset[0, 4] = True
    y = average()(x, lengths=torch.tensor([6, 3]), reset=reset)
    torch.testing.assert_close(y[0, :4], average()(x[:1, :4])[0])
    torch.testing.assert_close(y[0, 4:], average()(x[:1, 4:])[0])
    torch.testing.assert_close(y[1, :3], average()(x[1:, :3])[0])
    assert not y[1, 3:].any()


def test_reset_at_the_first_point_drops_the_state() -> None:
    x = draw(1, 4, 3)
    _, state = average()(x[:, :2], return_state=True)
    y = average()(x[:, 2:], state=state, reset=torch.tensor([[True, False]]))
    torch.testing.assert_close(y, average()(x[:, 2:]))


def test_initial_is_differentiable() -> None:
    x, start = draw(2, 3, 3), draw(2, 3)
    y = average()(x, initial={"s": start})
    torch.testing.assert_close(y[:, 0], 0.5 * start + x[:, 0])
    (gradient,) = torch.autograd.grad(y[:, -1].sum(), start)
    torch.testing.assert_close(gradient, torch.full_like(start, 0.125))


def test_reverse_recurrence_is_deep() -> None:
    total = apply("add", shifted("s", D, t=1), X)
    reference = Reference(program({"x": D}, [equation("s", total, D)], ["s"], "D"), D=1)
    x = draw(1, 1500, 1)
    torch.testing.assert_close(reference(x), x.flip(1).cumsum(1).flip(1))


def test_attention_by_rename() -> None:
    q, k, v = (Read(each, D) for each in "qkv")
    pair = [apply("rename", each, old="t", new="s") for each in (k, v)]
    t = Position("t", type_of("", "t", "int"))
    before = apply("le", apply("rename", t, old="t", new="s"), t)
    scores = apply("where", before, along(apply("mul", q, pair[0]), "D"), const(float("-inf")))
    out = along(apply("mul", along(scores, "s", operator="softmax"), pair[1]), "s")
    reference = Reference(program({"q": D, "k": D, "v": D}, [equation("o", out, D)], ["o"], "D"), D=2)
    inputs = draw(2, 4, 6).chunk(3, -1)
    expected = torch.nn.functional.scaled_dot_product_attention(*inputs, is_causal=True, scale=1.0)
    torch.testing.assert_close(reference(*inputs), expected)


def test_linear_with_weights_of_its_own() -> None:
    layout = ((dim("H"), dim("K")), (dim("D"),))
    specs = (
        WeightSpec("q.weight", layout, "linear", fan_in=dim("D").size),
        WeightSpec("q.bias", layout[:1], "linear", fan_in=dim("D").size),
    )
    weights = [Weight(each.path, ValueType("real", (), each.dims)) for each in specs]
    q = apply("linear", X, *weights, contract=(dim("D"),), into=(dim("H"), dim("K")), per=())
    reference = Reference(program({"x": D}, [equation("q", q)], ["q"], "D H K", weights=specs), D=3, H=2, K=5)
    x, weight = draw(2, 4, 3), reference.parameters["q.weight"]
    assert weight.shape == (10, 3)
    expected = torch.nn.functional.linear(x, weight, reference.parameters["q.bias"]).unflatten(-1, (2, 5))
    torch.testing.assert_close(reference(x), expected)


def test_causal_conv_per_channel() -> None:
    taps = Dim("W", number(3))
    spec = WeightSpec("u.weight", ((dim("D"),), (), (taps,)), "linear", fan_in=number(3))
    u = apply(
        "conv",
        X,
        Weight(spec.path, ValueType("real", (), spec.dims)),
        axes=("t",),
        window=(number(3),),
        stride=(number(1),),
        dilation=(number(2),),
        causal=True,
        contract=(),
        into=(),
        per=(dim("D"),),
    )
    reference = Reference(program({"x": D}, [equation("u", u)], ["u"], "D", weights=(spec,)), D=4)
    x, weight = draw(2, 7, 4), reference.parameters["u.weight"]
    padded = torch.nn.functional.pad(x.mT, (4, 0))
    torch.testing.assert_close(reference(x), torch.nn.functional.conv1d(padded, weight, dilation=2, groups=4).mT)


def test_gradient_of_an_objective() -> None:
    """M = M[t-1] - grad(0.5 * sum((M[t-1] * k - v)²), M[t-1]) is a delta rule; only this point is followed."""
    before = shifted("M", D, t=-1)
    k, v = Read("k", D), Read("v", D)
    error = apply("sub", apply("mul", before, k), v)
    loss = equation("loss", apply("mul", const(0.5), along(apply("mul", error, error), "D")))
    m = equation("M", apply("sub", before, apply("grad", Read("loss", loss.type), before)), D)
    reference = Reference(program({"k": D, "v": D}, [loss, m], ["M"], "D"), D=3)
    k_in, v_in = draw(2, 5, 6).chunk(2, -1)
    state, expected = torch.zeros(2, 3, dtype=torch.float64), []
    for t in range(5):
        state = state - (state * k_in[:, t] - v_in[:, t]) * k_in[:, t]
        expected.append(state)
    torch.testing.assert_close(reference(k_in, v_in), torch.stack(expected, 1))


def test_recurrence_along_a_graph() -> None:
    node, pred = type_of("D", "n"), type_of("D", "pred")
    h = equation("h", apply("add", Read("x", node), along(Read("h", pred, via="pred"), "pred")), node)
    reference = Reference(program({"x": node}, [h], ["h"], "D", domain="graph", axes=("n",)), D=2)
    x = draw(4, 2)
    y = reference(x, edge_index=torch.tensor([[3, 3, 0, 1], [0, 1, 2, 2]]))
    first, second = x[0] + x[3], x[1] + x[3]
    torch.testing.assert_close(y, torch.stack([first, second, x[2] + first + second, x[3]]))
