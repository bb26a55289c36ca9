"""Derivatives that a program asks for, expanded, against the reference interpreter, which takes them by autograd."""

from __future__ import annotations

import pytest
import torch

from recdsl.diagnostics import RecdslError
from recdsl.ir.expr import Apply, walk
from recdsl.ir.module import Equation, Program
from recdsl.pipeline import check, load
from recdsl.reference import Reference
from recdsl.rewrite.differentiate import expand_gradients

HEAD = """
layer memory(D, K = D, V = D, H = 4) over t:
  in x : D
  k : K = linear(x)
  v : V = linear(x)
  g = sigmoid(linear(x -> V))
"""
UPDATE = """
  M : K V = 0.9 * M[t-1] - 0.5 * grad(loss, M[t-1])
  init M = sin(1 + index[K] + 2 * index[V])
  out y : V = sum[K](k * M)
"""


def program(text: str) -> Program:
    return check(load(text)).program


def has_grad(of: Program) -> bool:
    return any(
        isinstance(node, Apply) and node.operator == "grad"
        for module in of.modules.values()
        for equation in module.equations()
        for node in walk(equation.expr)
    )


def agree(text: str, *, points: int = 3, size: int = 3) -> Program:
    """Check that the outputs, and their gradients by the parameters, are the same before and after."""
    before = program(text)
    after = expand_gradients(before)
    assert has_grad(before)
    assert not has_grad(after)
    torch.manual_seed(5)
    x = torch.randn(2, points, size, dtype=torch.float64)
    first, second = Reference(before, D=size), Reference(after, D=size)
    second.load({name: value.detach() for name, value in first.parameters.items()})
    results = []
    for each in (first, second):
        y = each(x)
        assert isinstance(y, torch.Tensor)
        (y * torch.arange(1.0, y.numel() + 1).reshape(y.shape)).sum().backward()
        results.append((y, {name: value.grad for name, value in each.parameters.items()}))
    (y, gradients), (z, others) = results
    assert y.detach().abs().max() > 1e-4
    assert torch.allclose(y, z, rtol=1e-9, atol=1e-11)
    for name, gradient in gradients.items():
        if gradient is not None:
            other = others[name]
            assert other is not None or not gradient.any(), name
            assert other is None or torch.allclose(gradient, other, rtol=1e-8, atol=1e-10), name
    return after


LOSSES = {
    "squares": "  loss = 0.5 * sum[V]((sum[K](k * M[t-1]) - v) ^ 2)",
    "through equations": """
  guess = sum[K](k * M[t-1])
  error : V = guess - v
  loss = sum[V](error * error * g) + 0.1 * sum(guess)""",
    "one value used twice": """
  guess = tanh(sum[K](k * M[t-1]))
  loss = sum[V]((guess - v) ^ 2) + mean[V](guess * g)""",
    "not summed": "  loss = (sum[K](k * M[t-1]) - v) ^ 2",
    "spread over more dims": "  loss = (M[t-1] - 1) * x * v",
    "absolute and relu": "  loss = sum[V](abs(sum[K](k * M[t-1]) - v) + relu(sum[K](k * M[t-1])))",
    "huber": """
  e = sum[K](k * M[t-1]) - v
  loss = sum[V](where(abs(e) < 0.1, 0.5 * e * e, 0.1 * (abs(e) - 0.05)))""",
    "softmax": "  loss = -sum[V](softmax[V](v) * log(softmax[V](sum[K](k * M[t-1]))))",
    "logsumexp": "  loss = logsumexp[V](sum[K](k * M[t-1])) - sum[V](v * sum[K](k * M[t-1]))",
    "greatest": "  loss = max[V](sum[K](k * M[t-1]) * v) + norm[K V](M[t-1])",
    "products": "  loss = prod[V](1 + 0.3 * sum[K](k * M[t-1])) + mean[K V](M[t-1] ^ 3)",
    "exponents": "  loss = sum[V](2 ^ sum[K](k * M[t-1])) + sum((M[t-1] ^ 2 + 1) ^ 0.5)",
    "division": "  loss = sum[V](v / (1 + sum[K](k * M[t-1]) ^ 2))",
    "activations": "  loss = sum[V](gelu(sum[K](k * M[t-1])) + silu(sum[K](k * M[t-1])) * v + softplus(g * M[t-1]))",
    "renamed and picked": "  loss = sum[J](M[t-1][K->J] * g) * 2 + M[t-1][K=1] * v + M[t-1][V=-1][K=0]",
    "merged and split": """
  flat = merge(M[t-1], K V -> K*V)
  loss = sum(cumsum[K](flat) ^ 2) + sum(split(flat, K -> K V) * k * flat[K=0])""",
    "parts": """
  joined = concat[K](M[t-1], 2 * M[t-1] * g)
  loss = sum(slice[K](joined, 1, 4) ^ 2) + sum(stack[H](M[t-1], v * M[t-1] ^ 2, M[t-1] * k, M[t-1])[H=1])""",
    "turned": "  loss = sum(flip[K](M[t-1]) * M[t-1] * k)",
    "clamped": "  loss = sum(clamp(M[t-1], -0.1, 0.2) * v) + sum(max(M[t-1], k)) + sum(min(M[t-1], g * M[t-1]))",
    "stopped": "  loss = sum(stop(sum[K](k * M[t-1])) * sum[K](k * M[t-1]) * v)",
    "earlier values held fixed": """
  guess = sum[K](k * M[t-1])
  loss = sum((guess - guess[t-1] - v) ^ 2) + sum(M[t-1] * M[t-2])""",
    "a layer in between": "  loss = sum[V]((rmsnorm(sum[K](k * M[t-1])) - v) ^ 2)",
    "a layer over two dims": "  loss = sum(layernorm(M[t-1]) * k * v)",
    "a layer along one dim": "  loss = sum(l2norm[K](M[t-1]) * k * v) + sum(rmsnorm[V](M[t-1]) ^ 2 * k)",
    "linear maps": """
  f = linear(V -> H)
  loss = sum((linear(M[t-1] -> H) - 1) ^ 2) + sum(linear(tanh(M[t-1]) -> V, per = K) * v) + sum(tanh(f(M[t-1])))""",
    "a running sum": "  loss = sum(cumsum[t](sum[K](k * M[t-1])) ^ 2)",
    "nothing to find": "  loss = sum[V](v)",
    "gathered": "  loss = sum(gather[K](M[t-1], 2 - index[K]) * k)",
    "inverted": "  A = M[t-1][V->J] * 0.1 + where(index[K] == index[V], 1, 0)[V->J]\n  loss = sum(inverse[K J](A) * k)",
}


@pytest.mark.parametrize("name", LOSSES)
def test_losses(name: str) -> None:
    agree(HEAD + LOSSES[name] + UPDATE)


def test_titans_is_a_delta_rule() -> None:
    after = agree(HEAD + LOSSES["squares"] + UPDATE)
    gradient = next(each for each in after.entry.equations() if each.id == "%2")
    assert isinstance(gradient.expr, Apply)
    assert gradient.expr.operator == "mul"
    assert {str(each.value) for each in gradient.expr.operands if hasattr(each, "value")} == {"%1", "k"}
    assert gradient.type == after.entry.type_of("M")


TWO_LAYERS = (
    HEAD
    + """
  hidden : H = tanh(sum[K](k * A[t-1]))
  loss = 0.5 * sum[V]((sum[H](hidden * B[t-1]) - v) ^ 2)
  A : K H = A[t-1] - 0.3 * grad(loss, A[t-1])
  B : H V = B[t-1] - 0.3 * grad(loss, B[t-1])
  init A = sin(1 + index[K] + 2 * index[H])
  init B = cos(index[H] + 3 * index[V])
  out y : V = sum[H](tanh(sum[K](k * A)) * B)
"""
)


def test_two_layers_of_memory() -> None:
    after = agree(TWO_LAYERS)
    expressions = [equation.expr for equation in after.entry.equations()]
    assert len(set(expressions)) == len(expressions), "something is computed twice"


def test_momentum_and_a_gradient_by_a_value_at_the_point() -> None:
    agree(
        HEAD
        + """
  guess = sum[K](k * M[t-1])
  loss = sum((guess - v) ^ 2)
  M : K V = 0.5 * M[t-1] - 0.2 * k * grad(loss, guess)
  out y : V = sum[K](k * M)
"""
    )


def test_a_derivative_of_a_derivative() -> None:
    agree(
        HEAD
        + """
  loss = sum((tanh(sum[K](k * M[t-1])) - v) ^ 2)
  slope = grad(loss, M[t-1])
  M : K V = 0.9 * M[t-1] - 0.2 * grad(sum(slope * slope), M[t-1]) - 0.1 * slope
  out y : V = sum[K](k * M)
"""
    )


def test_a_loss_written_in_place() -> None:
    agree(
        HEAD
        + """
  M : K V = 0.9 * M[t-1] - 0.2 * grad(sum[V]((sum[K](k * M[t-1]) - v) ^ 2), M[t-1])
  out y : V = sum[K](k * M)
"""
    )


def test_complex_states() -> None:
    after = agree(
        HEAD
        + """
  loss = sum(abs(S[t-1] * exp(complex(0, k)) - v) ^ 2) + sum(real(S[t-1]) * k + imag(S[t-1] ^ 2))
  S : K V = 0.5 * exp(complex(0, 0.3)) * S[t-1] - 0.2 * grad(loss, S[t-1])
  init S = complex(0.3, index[K] + index[V])
  out y : V = sum[K](real(S) + imag(S))
"""
    )
    assert after.entry.type_of("S").kind == "complex"


GRAPHS = {
    "by a node's value": """
  s = sum[pred](h[pred])
  loss = sum((tanh(s) * k - 1) ^ 2)
  h : H = linear(x) - 0.3 * grad(loss, s)""",
    "along each edge": """
  h : H = linear(x) - 0.3 * sum[pred](grad(sum((rmsnorm(h[pred]) * k - 1) ^ 2), h[pred]))""",
    "through a reduction over edges": """
  loss = sum(max[pred](k[pred] * tanh(k)) ^ 2) + sum(mean[pred](k[pred]) * k)
  h : H = linear(x) - 0.3 * grad(loss, k)""",
}


@pytest.mark.parametrize("name", GRAPHS)
def test_graphs(name: str) -> None:
    head = "layer g(D, H = 3) over n in dag:\n  in x : D\n  k : H = linear(x)"
    before = program(head + GRAPHS[name] + "\n  out h\n")
    after = expand_gradients(before)
    assert not has_grad(after)
    torch.manual_seed(2)
    x = torch.randn(5, 4, dtype=torch.float64)
    edges = torch.tensor([[0, 0, 1, 2, 3], [1, 2, 3, 3, 4]])
    first, second = Reference(before, D=4), Reference(after, D=4)
    second.load({path: value.detach() for path, value in first.parameters.items()})
    y, z = first(x, edge_index=edges), second(x, edge_index=edges)
    assert isinstance(y, torch.Tensor)
    assert isinstance(z, torch.Tensor)
    assert torch.allclose(y, z, rtol=1e-10, atol=1e-12)


def test_equations_stay_in_order() -> None:
    module = expand_gradients(program(TWO_LAYERS)).entry
    placed = {each.name for each in module.inputs}
    ids = {each.id for each in module.equations()}
    for item in module.items:
        assert isinstance(item, Equation)
        for read in (each for each in walk(item.expr) if hasattr(each, "offsets")):
            assert read.offsets or read.value not in ids or read.value in placed, (item.id, read.value)
        placed.add(item.id)


def test_a_program_without_gradients_is_unchanged() -> None:
    before = program(HEAD + "  out v\n")
    assert expand_gradients(before) == before


REFUSED = {
    "R507 a loop": (
        "  z = sum[K](k * M[t-1])\n  loop 3: z = tanh(z)\n  loss = sum(z)",
        "",
        "goes through a loop",
    ),
    "R508 a window": ("  loss = sum(conv(k, 3, per = K))", "", "it works along t"),
    "R508 the whole axis": ("  loss = sum(max[t](k)) + 0 * v", "", "it works along t"),
    "R508 a draw": ("  loss = sum(dropout(k, 0.1) * v)", "", "its draw cannot be repeated"),
    "R508 opaque": ("  extern f(k) : K\n  loss = sum(f(k))", "", "what the host binds is opaque"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    loss, other, message = REFUSED[name]
    ending = UPDATE if "M[t-1]" in loss else "\n  out y = grad(loss, k)\n"
    source = load(other + HEAD + loss + ending)
    before = check(source, layer="memory").program
    with pytest.raises(RecdslError) as caught:
        expand_gradients(before)
    assert [each.code for each in caught.value.diagnostics] == [name.split()[0]]
    assert message in str(caught.value)


def test_messages() -> None:
    cell = "layer slow(D) over t:\n  in x : D\n  s : D = 0.5 * s[t-1] + x\n  out s\n"
    loop = "layer main(D) over t:\n  in x : D\n  k = 2 * x\n  loss = sum(slow(k))\n  out grad(loss, k)\n"
    with pytest.raises(RecdslError) as caught:
        expand_gradients(program(cell + loop))
    assert (
        str(caught.value)
        == """\
error[R507]: the layer cannot be taken apart: slow runs along t
 --> program.rdl:8:14
  |
8 |   loss = sum(slow(k))
  |              ^^^^^^^ slow is called here
9 |   out grad(loss, k)
  |       ------------- the derivative goes through it"""
    )
    window = "layer main(D) over t:\n  in x : D\n  k = 2 * x\n  out grad(sum(conv(k, 3, per = D)), k)\n"
    with pytest.raises(RecdslError) as caught:
        expand_gradients(program(window))
    assert (
        str(caught.value)
        == """\
error[R508]: conv has no derivative that can be written here
 --> program.rdl:4:16
  |
4 |   out grad(sum(conv(k, 3, per = D)), k)
  |                ^^^^^^^^^^^^^^^^^^^ it works along t, and the derivative is taken at one point"""
    )
