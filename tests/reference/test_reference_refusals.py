"""What the reference refuses: sizes and inputs that do not fit, each with its message."""

from __future__ import annotations

import pytest
import torch
from cells import along, equation, interpreted, program, type_of

from recdsl.ir.build import apply
from recdsl.ir.expr import Read
from recdsl.ir.module import Module, Parameter, Program
from recdsl.ir.sizes import apply as size
from recdsl.ir.sizes import name
from recdsl.reference import Reference
from recdsl.reference.graph import find_cycle, graph
from recdsl.reference.scope import solve_parameters

NODE = type_of("D", "n")


def module(*parameters: Parameter) -> Module:
    return Module("main", "gla", "sequence", ("t",), parameters, (), (), ())


GLA = module(
    Parameter("D", True, None),
    Parameter("H", True, None),
    Parameter("K", True, size("/", size("/", name("D"), name("H")), size("+", name("H"), name("H")))),
    Parameter("eps", False, None),
)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"D": 64, "H": 4}, "gla needs a value for eps"),
        ({"H": 4}, "gla needs a value for D, eps"),
        ({"D": 64, "H": 3, "eps": 0.1}, "K = D/H/(H + H) is 3.556, not a whole number; choose D and H so that it is"),
        ({"D": -8, "H": 1, "eps": 0.1}, "D is -8, not a positive whole number"),
        ({"D": 2.5, "H": 1, "eps": 0.1}, "D is 2.5, not a whole number"),
        ({"D": 8, "H": 1, "eps": 0.1, "Q": 2}, "gla has no parameter Q"),
    ],
)
def test_sizes(sizes: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match="^" + "".join(f"\\{c}" if c in "()+." else c for c in message) + "$"):
        solve_parameters(GLA, sizes)


def test_defaults_are_computed_in_order() -> None:
    assert solve_parameters(GLA, {"D": 64, "H": 4, "eps": 0.1})["K"] == 2


def summed() -> Program:
    h = equation("h", apply("add", Read("x", NODE), along(Read("h", type_of("D", "pred"), via="pred"), "pred")), NODE)
    return program({"x": NODE}, [h], ["h"], "D", domain="graph", axes=("n",))


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([[0, 3, 5], [1, 5, 3]], "edge_index has a cycle: 3 -> 5 -> 3"),
        ([[0, 6], [1, 2]], "edge_index names the node 6, but the nodes are 0 … 5"),
        ([0, 1], r"edge_index has the shape \[2\]"),
    ],
)
def test_edges(edges: list[object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Reference(summed(), D=2)(torch.zeros(6, 2), edge_index=torch.tensor(edges))


def test_edges_may_form_cycles_in_a_graph() -> None:
    source = "layer f(D) over n in graph:\n  in x : D\n  y = x + sum[pred](x[pred])\n  out y + sum[pred](y[pred])\n"
    x = torch.tensor([[1.0], [10.0], [100.0]], dtype=torch.float64)
    edges = torch.tensor([[0, 1, 1, 1], [1, 0, 1, 1]])
    y = x + torch.tensor([[10.0], [21.0], [0.0]], dtype=torch.float64)
    found = interpreted(source, D=1)(x, edge_index=edges)
    assert torch.equal(found, y + torch.stack((y[1], y[0] + 2 * y[1], 0 * y[2])))
    with pytest.raises(ValueError, match="names the node 3"):
        interpreted(source, D=1)(x, edge_index=edges + 2)


def test_a_graph_needs_its_edges() -> None:
    with pytest.raises(ValueError, match="edge_index is missing"):
        Reference(summed(), D=2)(torch.zeros(6, 2))


def test_shapes_name_both() -> None:
    with pytest.raises(ValueError, match=r"x has the shape \[6, 3\], expected is \[n, D=2\]"):
        Reference(summed(), D=2)(torch.zeros(6, 3), edge_index=torch.zeros(2, 0, dtype=torch.int64))


def test_inputs_by_name() -> None:
    with pytest.raises(ValueError, match="main: there is no input y, the input x is missing"):
        Reference(summed(), D=2)(y=torch.zeros(6, 2))


def test_find_cycle_follows_the_edges() -> None:
    assert find_cycle(graph(torch.tensor([[0, 1, 2, 3], [1, 2, 0, 0]]), 4)) in (
        [0, 1, 2, 0],
        [1, 2, 0, 1],
        [2, 0, 1, 2],
    )
    assert find_cycle(graph(torch.tensor([[0, 1], [1, 2]]), 3)) == []


SUM = "layer total(D) over t:\n  in x : D\n  in c : D static\n  s = s[t-1] + x * c\n  out s\n"


@pytest.mark.parametrize(
    ("x", "c", "options", "message"),
    [
        ((2, 3, 4), (2, 4), {}, r"x has the shape \[2, 3, 4\], expected is \[batch, t, D=2\]"),
        ((2, 3), (2, 2), {}, r"x has the shape \[2, 3\], expected is \[batch, t, D=2\]"),
        ((2, 3, 2), (1, 2), {}, "the inputs do not agree on the size of batch: x has 2, c has 1"),
        ((1, 3, 2), (1, 2), {"lengths": [4]}, "lengths has 4 for row 0, but there are 3 points along t"),
        ((1, 3, 2), (1, 2), {"path": [0]}, "total has 0 repeats that a path could mean"),
        ((1, 3, 2), (1, 2), {"initial": {"q": torch.zeros(1, 2)}}, "total has no equation q"),
        (
            (1, 3, 2),
            (1, 2),
            {"initial": {"s": torch.zeros(1, 3)}},
            r"initial s has the shape \[batch, 3\], expected is \[batch, 2\]",
        ),
    ],
)
def test_inputs(x: tuple[int, ...], c: tuple[int, ...], options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        interpreted(SUM, D=2)(torch.zeros(x), torch.zeros(c), **options)


def test_load_wants_the_same_parameters() -> None:
    reference = interpreted("layer l(D) over t:\n  in x : D\n  out y : D = linear(x)\n", D=2)
    with pytest.raises(ValueError, match=r"other parameters than the program: y\.bias"):
        reference.load({"y.weight": torch.zeros(2, 2)})
    reference.load({"y.weight": torch.ones(2, 2), "y.bias": torch.zeros(2)})
    assert reference(torch.ones(1, 1, 2)).tolist() == [[[2, 2]]]
    assert all(each.requires_grad and each.dtype == torch.float64 for each in reference.parameters.values())
