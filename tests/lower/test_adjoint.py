"""The adjoint of a recurrence, evaluated by the reference interpreter, against torch's gradients through the points one after another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from recdsl import pipeline
from recdsl.ir.build import simplified
from recdsl.ir.expr import Read, reads
from recdsl.ir.graph import node_of
from recdsl.ir.module import Equation, Input, Item, Module, Output
from recdsl.ir.types import ValueType
from recdsl.lower.adjoint import Adjoint, NoAdjoint, adjoint
from recdsl.lower.lower import lower
from recdsl.lower.plan import ProgramPlan, Recurrence
from recdsl.reference import Reference
from recdsl.rewrite.differentiate import expand_gradients
from recdsl.verify.examples import Example

SPECS = Path(__file__).parents[2] / "specs"
EDGES = ((0, 2), (1, 2), (2, 3), (0, 3), (2, 4))

SOURCES = {
    "affine": "layer f(D) over t:\n  in x, a : D\n  h = sigmoid(a) * h[t-1] + x\n  out h\n",
    "back, started, two points away": "layer f(D) over t:\n  in x, a : D\n  init h = 2\n  h = sigmoid(a) * h[t+1] + x * h[t+2]\n  out h\n",
    "matrix": "layer f(D, V = 3) over t:\n  in x, a : D\n  y : V = linear(x)\n  S : D V = a * S[t-1] + x * y\n  o = sum[D](x * S[t-1])\n  out z = o + sum[D](S)\n",
    "nonlinear": "layer f(D) over t:\n  in x : D\n  z = sigmoid(linear(x -> D) + linear(h[t-1]))\n  c = z * tanh(h[t-1]) + x\n  h : D = (1 - z) * c + softmax[D](c)\n  out y = h + c\n",
    "several": "layer f(D) over t:\n  in x : D\n  c = a[t-2] * x + c[t-1] * a[t-1]\n  a = tanh(c + x)\n  out c\n",
    "mean": "layer f(D) over t:\n  in x : D\n  m = 0.5 * m[t-1] + mean[D](x * h[t-1])\n  h : D = x * m + 0.3 * h[t-1]\n  out h\n",
    "complex": "layer f(D) over t:\n  in x, a : D\n  s = complex(cos(a), sin(a)) * s[t-1] + x * complex(h[t-1], 1)\n  h = real(s * s) + imag(s) * h[t-1]\n  out h\n",
    "grid": "layer f(D) over i, j:\n  in x, a : D\n  h = sigmoid(a) * h[i-1] + 0.3 * h[j-1] + a * h[i-1, j-1] + x\n  out h\n",
    "grid, nonlinear": "layer f(D) over i, j:\n  in x : D\n  r = tanh(x + linear(d[i-1]) + r[j-1])\n  d = x * sin(r[i-1, j+1]) + d[j-1]\n  out y = r + d\n",
    "graph": "layer f(D) over n in dag:\n  in x, a : D\n  in e : D edge\n  h = x + sum[pred](sigmoid(e[pred] + a) * h[pred] * a[pred])\n  out h\n",
    "graph, nonlinear": "layer f(D) over n in dag:\n  in x : D\n  h = tanh(linear(x) + sum[pred](sin(h[pred]) * x) + linear(sum[pred](h[pred])))\n  out h\n",
    "edges": "layer f(D) over n in dag:\n  in x : D\n  in e : D edge\n  edge C = e * x + sum[pred](tanh(e[pred] + e) * sin(C[pred]))\n  o = sum[pred](e[pred] * x * C[pred])\n  out o\n",
    "edges with a factor of the node": "layer f(D) over n in dag:\n  in x : D\n  in e : D edge\n  edge C = e + x * sum[pred](sin(C[pred]))\n  o = sum[pred](C[pred])\n  out o\n",
    "nodes and edges": "layer f(D) over n in dag:\n  in x : D\n  in e : D edge\n  edge C = e * sin(h) + sum[pred](0.3 * C[pred])\n  h = x + sum[pred](tanh(C[pred]))\n  out h\n",
    "against the edges": "layer f(D) over n in dag reversed:\n  in x : D\n  h = x + sum[pred](tanh(x[pred]) * h[pred])\n  out h\n",
}  # fmt: skip


def planned(source: str | Path) -> ProgramPlan:
    return lower(expand_gradients(pipeline.check(pipeline.load(source)).program))


def the_adjoint(plan: ProgramPlan) -> tuple[Recurrence, Adjoint]:
    """Of the first recurrence of the entry point."""
    stage = next(each for each in plan.entry.stages if isinstance(each, Recurrence))
    found = adjoint(stage, plan.entry.module, plan.program)
    assert isinstance(found, Adjoint), found
    return stage, found


def sizes(module: Module) -> dict[str, int]:
    return {each.name: 8 if each.name == "D" else 2 for each in module.parameters if each.default is None}


def evaluated(
    plan: ProgramPlan, module: Module, given: dict[str, Tensor], like: Reference | None
) -> tuple[Reference, dict[str, Tensor]]:
    """The outputs of a module in the place of the entry point, by name."""
    reference = Reference(plan.program.with_module(module), **sizes(module))
    if like is not None:
        reference.parameters = like.parameters
    graph = {"edge_index": torch.tensor(EDGES).T} if module.domain == "graph" else {}
    found = reference(**given, **graph)
    found = found if isinstance(found, tuple) else (found,)
    return reference, dict(zip((each.value for each in module.outputs), found, strict=True))


def with_outputs(module: Module, values: list[str], items: tuple[Item, ...], inputs: tuple[Input, ...]) -> Module:
    return replace(
        module, items=items, inputs=(*module.inputs, *inputs), outputs=tuple(Output(each, each) for each in values)
    )


def both(plan: ProgramPlan) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The gradients of all values of the recurrence: what the adjoint gives, and what torch does."""
    module = plan.entry.module
    stage, found = the_adjoint(plan)
    example = Example(points=(5,) if len(module.axes) == 1 else (3, 4), edges=EDGES)
    drawn = with_outputs(module, [], (), tuple(Input(read.value, read.type) for _, read in found.given))
    tensors = example.tensors(drawn, Reference(plan.program, **sizes(module)).sizes)
    given = {read.value: tensors.pop(read.value).detach() for _, read in found.given}
    reference, expected = by_torch(plan, stage, found, tensors, given)
    inside = {node_of(each) for each in stage.items}
    others = tuple(item for item in module.items if node_of(item) not in inside)
    outputs = [read.value for _, read in found.gradients]
    if module.domain != "graph":
        inputs = tuple(Input(read.value, read.type) for _, read in found.given)
        whole = with_outputs(module, outputs, (*others, *found.values, *found.equations), inputs)
        _, ours = evaluated(plan, whole, {**tensors, **given}, reference)
        return ours, expected
    held = needed_of(found, module)
    forward = with_outputs(module, list(held), (*others, *found.values), ())
    _, values = evaluated(plan, forward, tensors, reference)
    inputs = tuple(
        Input(name, type) for name, type in (*held.items(), *((read.value, read.type) for _, read in found.given))
    )
    turned = replace(module, backward_graph=not module.backward_graph)
    turned = with_outputs(turned, outputs, found.equations, inputs)
    _, ours = evaluated(plan, turned, {**tensors, **values, **given}, reference)
    return ours, expected


def needed_of(found: Adjoint, module: Module) -> dict[str, ValueType]:
    """What the gradients read of the way forward."""
    own = {each.id for each in found.equations} | {read.value for _, read in found.given}
    own |= {each.name for each in module.inputs}
    types = {each.id: each.type for each in (*module.equations(), *found.values)}
    return {
        read.value: types[read.value] for each in found.equations for read in reads(each.expr) if read.value not in own
    }


def by_torch(
    plan: ProgramPlan, stage: Recurrence, found: Adjoint, tensors: dict[str, Tensor], given: dict[str, Tensor]
) -> tuple[Reference, dict[str, Tensor]]:
    """Something that is 0 is added to every value; the gradients of these are those of the values."""
    module, graded = plan.entry.module, dict(found.gradients)
    inside = {node_of(each) for each in stage.items}

    def probed(item: Item) -> Item:
        if not isinstance(item, Equation) or item.id not in graded or item.id not in inside:
            return item
        return replace(item, expr=simplified("add", item.expr, Read(f"probe_{item.id}", item.type)))

    inputs = tuple(Input(f"probe_{value}", read.type) for value, read in graded.items())
    kept = [value for value, _ in found.given]
    whole = with_outputs(module, kept, tuple(map(probed, module.items)), inputs)
    sized = Example(points=(5,) if len(module.axes) == 1 else (3, 4), edges=EDGES).tensors(
        replace(module, inputs=inputs), Reference(plan.program, **sizes(module)).sizes
    )
    probes = {name: torch.zeros_like(each).requires_grad_() for name, each in sized.items()}
    reference, values = evaluated(plan, whole, {**tensors, **probes}, None)
    loss = sum(((given[read.value].conj() * values[value]).real.sum() for value, read in found.given), torch.zeros(()))
    gradients = torch.autograd.grad(loss, list(probes.values()))
    return reference, {read.value: each for (_, read), each in zip(found.gradients, gradients, strict=True)}


@pytest.mark.parametrize("name", SOURCES)
def test_adjoints_are_the_gradients_of_torch(name: str) -> None:
    ours, expected = both(planned(SOURCES[name]))
    assert ours.keys() == expected.keys() and ours
    for each, gradient in expected.items():
        torch.testing.assert_close(
            ours[each], gradient, rtol=1e-10, atol=1e-10, msg=lambda text, each=each: f"{each}: {text}"
        )
    assert any(each.abs().max() > 1e-3 for each in expected.values())


@pytest.mark.parametrize(
    "spec", ["gla", "deltanet", "gru_d", "mdlstm", "tree_lstm", "plstm_dag", "plstm_edges", "dag_rnn"]
)
def test_adjoints_of_specs(spec: str) -> None:
    ours, expected = both(planned(SPECS / f"{spec}.rdl"))
    for each, gradient in expected.items():
        torch.testing.assert_close(ours[each], gradient, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("layer f(D) over n in dag:\n  in x : D\n  edge C = h + x\n  h = sum[pred](C[pred] * x[pred])\n  out h\n", "the gradient needs x at the other end of an edge: which cannot be named from there"),
        ("layer f(D) over n in dag:\n  in x : D\n  h = x + sum[pred](softmax[pred](h[pred]) * x[pred])\n  out h\n", "its gradient sums over edges: more than once on the way"),
        (SPECS / "parity.rdl", "its values are int"),
        (SPECS / "ltc.rdl", "the loop unfold stands in it"),
    ],
)  # fmt: skip
def test_what_has_no_adjoint_says_why(source: str | Path, reason: str) -> None:
    plan = planned(source)
    stage = next(each for each in plan.entry.stages if isinstance(each, Recurrence))
    found = adjoint(stage, plan.entry.module, plan.program)
    assert isinstance(found, NoAdjoint) and found.reason == reason


def test_it_runs_the_other_way_under_every_schedule() -> None:
    for name in ("back, started, two points away", "grid", "grid, nonlinear"):
        stage, found = the_adjoint(planned(SOURCES[name]))
        assert found.vector == tuple(-each for each in stage.vector)
