"""What holds of pLSTM whatever its gates are: on grids, graphs and paths, for single states and for whole layers.

The equations of the states are those of the specs; what drives them (keys, values, gates) is given here directly.
"""

from __future__ import annotations

import math
from functools import cache, partial
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import recdsl

SPECS = Path(__file__).parents[2] / "specs"
close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)

GRID = """
layer grid(K, V) over i, j:
  in q, k : K
  in v : V
  in s_r, s_d, t_rr, t_dr, t_rd, t_dd, m_r, m_d, direct : scalar
  R : K V = s_r * k * v + t_rr * R[j-1] + t_dr * Dn[i-1]
  Dn : K V = s_d * k * v + t_rd * R[j-1] + t_dd * Dn[i-1]
  out o = sum[K](q * (m_r * R[j-1] + m_d * Dn[i-1])) + direct * sum[K](q * k) * v
"""
GATES = ("s_r", "s_d", "t_rr", "t_dr", "t_rd", "t_dd", "m_r", "m_d", "direct")
SWAPPED = ("s_d", "s_r", "t_dd", "t_rd", "t_dr", "t_rr", "m_d", "m_r", "direct")

GRAPH = """
layer graph(K, V, W, A = 2, B = 2) over n in dag:
  in q, k : K
  in v : V
  in turn : A B
  in direct : scalar
  in source, mark : W edge
  in kind : token[W] edge
  edge onto : A = gather[B](turn, kind)
  edge C : K V = gather[W](source, kind) * k * v + sum[pred](gather[A](onto, kind[pred]) * C[pred])
  out o = sum[pred](gather[W](mark[pred], kind[pred]) * sum[K](q * C[pred])) + direct * sum[K](q * k) * v
"""

PATH = """
layer path(K, V) over t:
  in q, k : K
  in v : V
  in source, transition, mark, direct : scalar
  C : K V = source * k * v + transition * C[t-1]
  out o = mark * sum[K](q * C[t-1]) + direct * sum[K](q * k) * v
"""

PATH_GRAPH = """
layer path(K, V) over n in dag:
  in q, k : K
  in v : V
  in source, transition, mark, direct : scalar
  edge C : K V = source * k * v + sum[pred](transition * C[pred])
  out o = mark * sum[K](q * sum[pred](C[pred])) + direct * sum[K](q * k) * v
"""

SIZES = st.integers(1, 5)
SEEDS = st.integers(0, 10_000)


@cache
def compiled(program: str | Path, layer: str | None = None, **sizes: int) -> nn.Module:
    return recdsl.compile(program, "torch", layer=layer)(**sizes).double()


def numbers(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def on_grid(rows: int, columns: int) -> dict[str, Tensor]:
    """Everything that the grid program reads, for one image."""
    values = {"q": numbers(1, rows, columns, 3), "k": numbers(1, rows, columns, 3), "v": numbers(1, rows, columns, 2)}
    return values | {name: numbers(1, rows, columns) for name in GATES}


def grid(values: dict[str, Tensor]) -> Tensor:
    result: Tensor = compiled(GRID, K=3, V=2)(**values)
    return result


# ---- grids, graphs, paths


@settings(max_examples=15, deadline=None)
@given(SIZES, SIZES, SEEDS)
def test_a_grid_is_a_graph(rows: int, columns: int, seed: int) -> None:
    """In any order of the nodes: edges to the right are of kind 0, edges down of kind 1."""
    torch.manual_seed(seed)
    image = on_grid(rows, columns)
    place = torch.randperm(rows * columns).reshape(rows, columns)
    ends = [(place[i, j], place[i, j + 1], 0) for i in range(rows) for j in range(columns - 1)]
    ends += [(place[i, j], place[i + 1, j], 1) for i in range(rows - 1) for j in range(columns)]
    ends = [ends[int(each)] for each in torch.randperm(len(ends))]
    edges = torch.tensor([[int(u), int(v), kind] for u, v, kind in ends], dtype=torch.long).reshape(-1, 3)
    order = torch.argsort(place.flatten())

    def at_nodes(*names: str) -> Tensor:
        return torch.stack([image[name][0].flatten(0, 1)[order] for name in names], -1)

    q, k, v, direct = (at_nodes(name).squeeze(-1) for name in ("q", "k", "v", "direct"))
    turn = at_nodes("t_rr", "t_rd", "t_dr", "t_dd").reshape(-1, 2, 2)
    source, mark = at_nodes("s_r", "s_d")[edges[:, 0]], at_nodes("m_r", "m_d")[edges[:, 1]]
    module = compiled(GRAPH, K=3, V=2, W=2)
    found = module(q, k, v, turn, direct, source, mark, edges[:, 2], edges[:, :2].T)
    expected = grid(image)[0].flatten(0, 1)
    close(found[place.flatten()], expected)


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 12), SEEDS)
def test_a_path_is_linear_attention_with_a_gate(points: int, seed: int) -> None:
    torch.manual_seed(seed)
    q, k, v = numbers(points, 3), numbers(points, 3), numbers(points, 2)
    source, transition, mark, direct = numbers(4, points)
    gate = torch.zeros(points, points, dtype=torch.float64)
    for t in range(points):
        for s in range(t):
            gate[t, s] = mark[t] * transition[s + 1 : t].prod() * source[s]
    expected = ((gate + torch.diag(direct)) * (q @ k.T)) @ v
    values = (q, k, v, source, transition, mark, direct)
    along = compiled(PATH, K=3, V=2)(*(each[None] for each in values))[0]
    edges = torch.stack([torch.arange(points - 1), torch.arange(1, points)])
    close(along, expected)
    close(compiled(PATH_GRAPH, K=3, V=2)(*values, edges), expected)


@settings(max_examples=15, deadline=None)
@given(SIZES, SIZES, SEEDS)
def test_transposing_an_image_swaps_the_gates(rows: int, columns: int, seed: int) -> None:
    torch.manual_seed(seed)
    image = on_grid(rows, columns)
    turned = {name: image[other].transpose(1, 2) for name, other in zip(GATES, SWAPPED, strict=True)}
    turned |= {name: image[name].transpose(1, 2) for name in "qkv"}
    close(grid(turned).transpose(1, 2), grid(image))


@settings(max_examples=15, deadline=None)
@given(SIZES, SIZES, st.integers(0, 3), st.integers(0, 3), SEEDS)
def test_cells_to_the_right_and_below_change_nothing(
    rows: int, columns: int, below: int, right: int, seed: int
) -> None:
    torch.manual_seed(seed)
    image = on_grid(rows, columns)
    padded = {name: on_grid(rows + below, columns + right)[name] for name in image}
    for name, value in image.items():
        padded[name][:, :rows, :columns] = value
    close(grid(padded)[:, :rows, :columns], grid(image))


# ---- covers


@pytest.mark.parametrize(
    ("spec", "layer"),
    [("plstm", "p_layer"), ("plstm", "d_layer"), ("plstm_covers", "p_cover"), ("plstm_covers", "d_cover")],
)
@settings(max_examples=6, deadline=None)
@given(SIZES, SIZES, st.sampled_from([((1,), (1, 0, 3, 2)), ((2,), (2, 3, 0, 1)), ((1, 2), (3, 2, 1, 0))]), SEEDS)
def test_flipping_an_image_flips_the_result(
    spec: str, layer: str, rows: int, columns: int, flip: tuple[tuple[int, ...], tuple[int, ...]], seed: int
) -> None:
    """As long as the covers go along: what comes first at one corner comes first at another."""
    torch.manual_seed(seed)
    axes, order = flip
    module = compiled(SPECS / f"{spec}.rdl", layer, D=6, H=2)
    with torch.no_grad():
        for value in module.parameters():
            value.copy_(numbers(*value.shape) / 3)
    x = numbers(1, rows, columns, 6)
    moved = {
        name: value[list(order)] if value.dim() > 1 and len(value) == 4 else value
        for name, value in module.named_parameters()
    }
    assert len([name for name, value in moved.items() if value is not dict(module.named_parameters())[name]]) >= 8
    flipped = torch.func.functional_call(module, moved, (x.flip(axes),))
    close(flipped.flip(axes), module(x))


# ---- modes


@cache
def states(spec: str, gates: str, left: bool = True) -> nn.Module:
    """The equations of R and Dn in a spec, with their gates given, one head, one key and one value."""
    lines = [line for line in (SPECS / f"{spec}.rdl").read_text().split("\n") if line.startswith(("  R :", "  Dn :"))]
    assert len(lines) == 2
    head = f"layer states(H, K, V, left = {'yes' if left else 'no'}) over i, j:\n  in k : H K\n  in v : H V\n  in {gates} : H\n"
    return compiled(head + "\n".join(lines) + "\n  out R\n  out Dn\n", H=1, K=1, V=1)


def spread(spec: str, values: dict[str, Tensor], left: bool = True) -> tuple[Tensor, Tensor]:
    """R and Dn over an image, `[rows, columns]`, where the gates are `values` at every cell."""
    ones = torch.ones(1, *next(iter(values.values())).shape, 1, 1, dtype=torch.float64)
    values = {name: value[None, ..., None] for name, value in values.items()}
    right, down = states(spec, ", ".join(values), left)(ones, ones, **values)
    return right[0, ..., 0, 0, 0], down[0, ..., 0, 0, 0]


def everywhere(side: int, **values: float) -> dict[str, Tensor]:
    return {name: torch.full((side, side), value, dtype=torch.float64) for name, value in values.items()}


def at_corner(side: int, value: float) -> Tensor:
    source = torch.zeros(side, side, dtype=torch.float64)
    source[0, 0] = value
    return source


def diagonals(x: Tensor) -> Tensor:
    """The sums over the antidiagonals of a square that lie in it as a whole."""
    side = len(x)
    return torch.stack([x.flip(1).diagonal(side - 1 - number).sum() for number in range(side)])


def impulse(side: int, alpha: float, gamma: float = 1.0) -> tuple[Tensor, Tensor]:
    """The answer of the P mode to 1 at the corner, split like everything else."""
    sources = {"s_r": at_corner(side, alpha), "s_d": at_corner(side, 1 - alpha)}
    return spread("plstm_p", {**sources, **everywhere(side, gamma=gamma, alpha=alpha)})


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 12), SEEDS)
def test_in_p_mode_nothing_is_lost(side: int, seed: int) -> None:
    """With gamma 1 and any alpha, every antidiagonal carries what came in at the corner."""
    torch.manual_seed(seed)
    values = {"s_r": at_corner(side, 0.25), "s_d": at_corner(side, 0.75), "gamma": torch.ones(side, side).double()}
    right, down = spread("plstm_p", {**values, "alpha": torch.rand(side, side).double()})
    close(diagonals(right + down), torch.ones(side, dtype=torch.float64))


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 12), SEEDS)
def test_in_p_mode_a_cut_holds_no_more_than_its_sources(side: int, seed: int) -> None:
    torch.manual_seed(seed)
    sources = {"s_r": numbers(side, side), "s_d": numbers(side, side)}
    gates = {"gamma": torch.rand(side, side).double() * 2 - 1, "alpha": torch.rand(side, side).double()}
    right, down = spread("plstm_p", {**sources, **gates})
    fed = diagonals(sources["s_r"].abs() + sources["s_d"].abs()).cumsum(0)
    assert (diagonals(right.abs() + down.abs()) <= fed + 1e-12).all()


@pytest.mark.parametrize("alpha", [0.3, 0.5, 0.6])
def test_in_p_mode_an_impulse_falls_with_the_root_of_the_distance(alpha: float) -> None:
    side = 81
    right, down = impulse(side, alpha)
    for far in (20, 40, 80):
        across = torch.stack([right[i, far - 1 - i] + down[i, far - 1 - i] for i in range(far)])
        peak = 1 / math.sqrt(2 * math.pi * alpha * (1 - alpha) * far)
        assert abs(float(across.max()) / peak - 1) < 0.05
        assert abs((far - 1 - int(across.argmax())) / far - alpha) < 0.05


def test_the_published_p_mode_can_grow_without_bound() -> None:
    """The same gates that cannot make the paper's exceed its source."""
    side = 40
    gates = everywhere(side, alpha=0.5, gamma=-0.6)
    right, down = spread("plstm_p_code", {"source": at_corner(side, 1.0), **gates})
    assert max(right.abs().max(), down.abs().max()) > 1e9
    kept = impulse(side, 0.5, -0.6)
    assert max(each.abs().max() for each in kept) <= 1


@pytest.mark.parametrize("left", [True, False])
def test_in_d_mode_every_cell_is_reached_once(left: bool) -> None:
    side = 9
    sources = {"s_r": at_corner(side, 1.0), "s_d": at_corner(side, 1.0)}
    right, down = spread("plstm_d", {**sources, **everywhere(side, t_rr=1.0, t_dd=1.0, turn=1.0)}, left)
    came = torch.zeros(side, side, dtype=torch.float64)
    came[:, 1:] += right[:, :-1]
    came[1:] += down[:-1]
    expected = torch.ones_like(came)
    expected[0, 0] = 0
    assert torch.equal(came, expected)


@pytest.mark.parametrize("left", [True, False])
@settings(max_examples=10, deadline=None)
@given(SEEDS)
def test_in_d_mode_no_more_than_the_source_arrives(left: bool, seed: int) -> None:
    side = 8
    torch.manual_seed(seed)
    source, mark = 0.7, 1.3
    sources = {"s_r": at_corner(side, source), "s_d": at_corner(side, -source)}
    turns = {name: torch.rand(side, side).double() * 2 - 1 for name in ("t_rr", "t_dd", "turn")}
    right, down = spread("plstm_d", {**sources, **turns}, left)
    seen = torch.zeros(side, side, dtype=torch.float64)
    seen[:, 1:] += mark * right[:, :-1]
    seen[1:] -= mark * down[:-1]
    assert (seen.abs() <= mark * source + 1e-12).all()


def test_all_turns_together_grow() -> None:
    """Without either mode's condition there are as many paths as ways to go round the corners."""
    side = 5
    image = {name: torch.ones_like(value) for name, value in on_grid(side, side).items()}
    image |= {"s_r": at_corner(side, 1.0)[None]} | dict.fromkeys(("s_d", "direct"), torch.zeros(1, side, side).double())
    ways = grid(image)[0, -1, -1] / 3  # the product of q and k
    assert (ways == math.comb(2 * side - 3, side - 2)).all()
