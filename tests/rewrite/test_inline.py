"""Sub-layers put in place of their calls, against the reference interpreter running the calls."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from recdsl.diagnostics import RecdslError
from recdsl.ir.expr import Call, Expr, rebuild, walk
from recdsl.ir.module import Equation, Item, Program
from recdsl.pipeline import check, load
from recdsl.reference import Reference
from recdsl.rewrite.fresh import Fresh
from recdsl.rewrite.inline import inline_call


def inlined(program: Program) -> Program:
    """The program with every call of its entry point taken apart."""
    module = program.entry
    fresh = Fresh(module)
    items: list[Item] = []

    def change(node: Expr) -> Expr:
        if not isinstance(node, Call):
            return node
        made = inline_call(program, module, node, fresh)
        assert made.result.type.dim_names == node.type.dim_names or set(made.result.type.dims) == set(node.type.dims)
        items.extend(made.equations)
        return made.result

    for item in module.items:
        assert isinstance(item, Equation)
        expr = rebuild(item.expr, change)
        items.append(replace(item, expr=expr))
    return program.with_module(replace(module, items=tuple(items)))


LAYERS = """
layer scaled(D, factor = 2):
  in x : D
  param w : D ~ normal(0, 1)
  out factor * w * x / D

layer outer(D, E):
  in a : D
  in b : E
  H = D + E
  out y : D E = a * b + index[D]
  out sum[D](a) * b * H

layer nested(D, F = 2*D):
  in x : D
  h : F = gelu(linear(x))
  s = scaled(h, factor = 3)
  out linear(rmsnorm(s) -> D) + scaled(x)

layer main(D, H = 2, K = 3, F = 4) over t:
  in x : D
  q : H K = linear(x)
  f : F K = linear(x)
"""

BODIES = {
    "one dim": "  out scaled(x)",
    "several dims merged": "  out scaled(q)",
    "along one of two dims": "  out scaled[K](q)",
    "two inputs": "  out sum[H](outer(x, q[K=1]))",
    "the same dim for both": "  p, r = outer(x, sum[H](q))\n  out p + r",
    "nested, with a dim of its own name carried": "  out nested[K](f)",
    "nested, merged": "  out nested(q)",
    "norms": "  out layernorm(q) + l2norm[H](q) + rmsnorm[K](q) + softmax[K](q)",
    "an instance called twice": "  g = scaled(D = D, factor = 5)\n  out g(x) + g(x * x)",
    "feed forward": "  out swiglu(x) + mlp(x, 7)",
}


@pytest.mark.parametrize("name", BODIES)
def test_means_the_same(name: str) -> None:
    before = check(load(LAYERS + BODIES[name] + "\n"), layer="main").program
    after = inlined(before)
    assert any(isinstance(node, Call) for each in before.entry.equations() for node in walk(each.expr))
    assert not any(isinstance(node, Call) for each in after.entry.equations() for node in walk(each.expr))
    torch.manual_seed(1)
    x = torch.randn(2, 3, 5, dtype=torch.float64)
    first, second = Reference(before, D=5), Reference(after, D=5)
    second.load({path: value.detach() for path, value in first.parameters.items()})
    y, z = first(x), second(x)
    assert isinstance(y, torch.Tensor)
    assert isinstance(z, torch.Tensor)
    assert y.detach().abs().max() > 1e-3
    assert torch.allclose(y, z, rtol=1e-10, atol=1e-12)


def test_a_layer_with_axes_is_refused() -> None:
    source = "layer ema(D) over t:\n  in x : D\n  s = 0.5 * s[t-1] + x\n  out s\nlayer main(D) over t:\n  in x : D\n  out ema(x)\n"
    with pytest.raises(RecdslError, match=r"R507.*ema runs along t"):
        inlined(check(load(source)).program)
