"""The authors' functions of given gates, with any number of states for keys, values, transitions, queries and outputs."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

import networkx as nx
import torch
from plstm_case import Case, Function, Leaves, draw
from torch import Tensor

SEQUENCE = """
layer path(J, P, S, Q, O, K, V, N = J) over t:
  in q : Q K
  in k : P K
  in v : S V
  in source : J P S
  in transition : J N
  in mark : O Q J
  in direct : O Q P S
  C : J K V = sum[P S](source * k * v) + sum[N](transition * C[t-1][J->N])
  out o = (sum[Q J K](mark * q * C[t-1]) + sum[Q P S](direct * sum[K](q * k) * v)) / sqrt(K)
"""
SCALAR_SEQUENCE = """
layer path(K, V) over t:
  in q, k : K
  in v : V
  in source, transition, mark, direct : scalar
  C : K V = source * k * v + transition * C[t-1]
  out o = (mark * sum[K](q * C[t-1]) + direct * sum[K](q * k) * v) / sqrt(K)
"""
GRID = """
layer grid(J, P, S, Q, O, K, V, N = J) over x, y:
  in q : Q K
  in k : P K
  in v : S V
  in s_r, s_d : J P S
  in {transitions} : J N
  in m_l, m_u : O Q J
  in direct : O Q P S
  R : J K V = sum[P S](s_r * k * v) + sum[N](t_rl * R[x-1][J->N]){up}
  Dn : J K V = sum[P S](s_d * k * v) + sum[N](t_du * Dn[y-1][J->N]){left}
  seen = sum[Q J K](q * (m_l * R[x-1] + m_u * Dn[y-1]))
  out o = (seen + sum[Q P S](direct * sum[K](q * k) * v)) / sqrt(K)
"""
SCALAR_GRID = """
layer grid(K, V) over x, y:
  in q, k : K
  in v : V
  in s_r, s_d, {transitions}, m_l, m_u, direct : scalar
  R : K V = s_r * k * v + t_rl * R[x-1]{up}
  Dn : K V = s_d * k * v + t_du * Dn[y-1]{left}
  out o = (sum[K](q * (m_l * R[x-1] + m_u * Dn[y-1])) + direct * sum[K](q * k) * v) / sqrt(K)
"""
GRAPH = """
layer graph(H, K, V, E) over n in dag:
  in q, k : H K
  in v : H V
  in source, mark : H edge
  in transition : H E edge
  in slot : token[E] edge
  in kept : bool E edge
  in direct : H
  edge C : H K V = source * k * v + sum[pred](where(gather[E](kept, slot[pred]), gather[E](transition, slot[pred]), 0) * C[pred])
  out o = sum[pred](mark[pred] * sum[K](q * C[pred])) + direct * sum[K](q * k) * v
"""

BATCH = 2
SEVERAL = {"J": 2, "P": 2, "S": 1, "Q": 2, "O": 3, "K": 3, "V": 2, "N": 2}
MODES = {
    "all turns": ("t_rl, t_du, t_dl, t_ru", " + {ru}", " + {dl}"),
    "L": ("t_rl, t_du, t_ru", " + {ru}", ""),
    "R": ("t_rl, t_du, t_dl", "", " + {dl}"),
}


def cases() -> Iterator[Case]:
    yield from sequences()
    yield from grids()
    yield from graphs()


def swapped(x: Tensor) -> Tensor:
    """[…, copies, width], as RDL has it, from or to the authors' [..., width, copies]."""
    return x.transpose(-1, -2)


def sequences() -> Iterator[Case]:
    function = importlib.import_module("plstm.torch.plstm_1d").pLSTM1D_torch
    points = 16
    for levels in (0, 2, 4):
        yield Case(
            f"pLSTM1D_torch, levels {levels}, J 1",
            SCALAR_SEQUENCE,
            scalar_gates((points,), ("q", "k", "v"), ("source", "transition", "mark", "direct")),
            one_state(lambda *given, levels=levels: function(*given, levels=levels)),
            {"K": 3, "V": 2},
            inputs=("q", "k", "v", "source", "transition", "mark", "direct"),
        )
        leaves = several_gates((points,), ("source",), ("transition",), ("mark",))
        yield Case(
            f"pLSTM1D_torch, levels {levels}, J 2",
            SEQUENCE,
            leaves,
            several_states(lambda *given, levels=levels: function(*given, levels=levels)),
            SEVERAL,
            inputs=tuple(leaves),
        )


def scalar_grid(mode: str) -> str:
    """The program of one state with the transitions of a mode."""
    transitions, up, left = MODES[mode]
    turns = {"ru": "t_ru * Dn[y-1]", "dl": "t_dl * R[x-1]"}
    return SCALAR_GRID.format(transitions=transitions, up=up.format(**turns), left=left.format(**turns))


def grids() -> Iterator[Case]:
    function = importlib.import_module("plstm.torch.plstm_2d").pLSTM2D_torch
    for mode, (transitions, up, left) in MODES.items():
        names = tuple(transitions.split(", "))
        for levels in (0, 1, 2, 3):
            call = in_mode(function, names, levels)
            leaves = scalar_gates((8, 8), ("q", "k", "v"), ("s_r", "s_d", *names, "m_l", "m_u", "direct"))
            yield Case(
                f"pLSTM2D_torch, levels {levels}, J 1, {mode}",
                scalar_grid(mode),
                leaves,
                one_state(call),
                {"K": 3, "V": 2},
                inputs=tuple(leaves),
            )
            many = {"ru": "sum[N](t_ru * Dn[y-1][J->N])", "dl": "sum[N](t_dl * R[x-1][J->N])"}
            leaves = several_gates((8, 8), ("s_r", "s_d"), names, ("m_l", "m_u"))
            yield Case(
                f"pLSTM2D_torch, levels {levels}, J 2, {mode}",
                GRID.format(transitions=transitions, up=up.format(**many), left=left.format(**many)),
                leaves,
                several_states(call),
                SEVERAL,
                inputs=tuple(leaves),
            )


def in_mode(function: Function, names: tuple[str, ...], levels: int) -> Function:
    """The function called with the transitions that there are."""

    def call(q: Tensor, k: Tensor, v: Tensor, s_r: Tensor, s_d: Tensor, *rest: Tensor) -> Tensor:
        *transitions, m_l, m_u, direct = rest
        found = dict(zip(names, transitions, strict=True))
        ordered = [found.get(name) for name in ("t_rl", "t_du", "t_dl", "t_ru")]
        return function(q, k, v, s_r, s_d, *ordered, m_l, m_u, direct, levels=levels)

    return call


def scalar_gates(points: tuple[int, ...], vectors: tuple[str, ...], gates: tuple[str, ...]) -> dict[str, Tensor]:
    widths = {"q": 3, "k": 3, "v": 2}
    leaves = {name: draw(BATCH, *points, widths[name]) for name in vectors}
    return leaves | {name: draw(BATCH, *points) / 2 for name in gates}


def several_gates(
    points: tuple[int, ...], sources: tuple[str, ...], transitions: tuple[str, ...], marks: tuple[str, ...]
) -> dict[str, Tensor]:
    j, p, s, q, o = (SEVERAL[name] for name in "JPSQO")
    shapes: dict[str, tuple[int, ...]] = {"q": (q, SEVERAL["K"]), "k": (p, SEVERAL["K"]), "v": (s, SEVERAL["V"])}
    shapes |= dict.fromkeys(sources, (j, p, s)) | dict.fromkeys(transitions, (j, j)) | dict.fromkeys(marks, (o, q, j))
    shapes["direct"] = (o, q, p, s)
    return {name: draw(BATCH, *points, *shape) / 2 for name, shape in shapes.items()}


def one_state(function: Function) -> Function:
    """The authors' function of gates without the dims that count states."""

    def call(leaves: Leaves) -> Tensor:
        given = []
        for name, value in leaves.items():
            count = 1 if name in "qkv" else 2 if name.startswith("t") else 4 if name == "direct" else 3
            given.append(value[(..., *[None] * count)])
        return function(*given).squeeze(-1)

    return call


def several_states(function: Function) -> Function:
    def call(leaves: Leaves) -> Tensor:
        return swapped(function(*(swapped(value) if name in "qkv" else value for name, value in leaves.items())))

    return call


def graphs() -> Iterator[Case]:
    for mode in "PD":
        yield graph_case(mode)


def graph_case(mode: str, heads: int = 2, nodes: int = 12) -> Case:
    """Any graph; in D mode with the pairs that the authors' pruning leaves."""
    made = random_dag(nodes)
    graph = importlib.import_module("plstm.graph").PreparedGraph.create(made, mode=mode)
    function = importlib.import_module("plstm.torch.plstm_graph").plstm_graph
    edges = list(made.edges)
    place = {edge: number for number, edge in enumerate(edges)}
    slot = torch.tensor([list(made.predecessors(v)).index(u) for u, v in edges])
    width = int(slot.max()) + 1
    kept = torch.zeros(len(edges), width, dtype=torch.bool)
    for before, after in graph.ldag.edges:
        kept[place[after], slot[place[before]]] = True
    leaves = {"q": draw(nodes, heads, 3), "k": draw(nodes, heads, 3), "v": draw(nodes, heads, 2)}
    leaves |= {"source": draw(len(edges), heads), "mark": draw(len(edges), heads)}
    leaves |= {"transition": draw(len(edges), heads, width) / 2, "direct": draw(nodes, heads)}
    order = [place[edge] for edge in graph.ldag_idx_map]
    pairs = list(graph.ldag_edge_idx_map)

    def theirs(given: Leaves) -> Tensor:
        q, k, v = (given[name].transpose(0, 1) for name in "qkv")
        turns = [given["transition"][place[after], :, slot[place[before]]] for before, after in pairs]
        gates = [given["source"][order].T, torch.stack(turns, 1), given["mark"][order].T, given["direct"].T]
        maps = (graph.ldag, graph.ldag_idx_map, graph.ldag_edge_idx_map)
        result: Tensor = function(q, k, v, *gates, *maps)
        return result.transpose(0, 1)

    return Case(
        f"plstm_graph, {mode} mode, {len(edges)} edges, {len(pairs)} pairs",
        GRAPH,
        leaves,
        theirs,
        {"H": heads, "K": 3, "V": 2, "E": width},
        inputs=("q", "k", "v", "source", "mark", "transition", "direct"),
        free={"slot": slot, "kept": kept, "edge_index": torch.tensor(edges).T},
    )


def random_dag(nodes: int, density: float = 0.35) -> nx.DiGraph:
    torch.manual_seed(nodes)
    made: nx.DiGraph = nx.DiGraph()
    made.add_nodes_from(range(nodes))
    for u in range(nodes):
        made.add_edges_from((u, v) for v in range(u + 1, nodes) if torch.rand(()) < density)
    return made
