"""The authors' layers and image model, with the parameters of specs/plstm_*.rdl put where they have them."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import networkx as nx
import torch
from plstm_case import Case, Leaves, draw
from plstm_functions import random_dag
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

import recdsl

SPECS = Path(__file__).parents[1] / "specs"
PRECISION = {"dtype": "float64", "param_dtype": "float64"}
BATCH, WIDTH, HEADS = 2, 12, 3

Parameters = dict[str, Tensor]


def cases() -> Iterator[Case]:
    yield nodes()
    yield edges()
    for mode, size in (("P", 8), ("D", 8), ("P", 6), ("D", 6)):
        yield covers(mode, size)
    yield vision()


def parameters(spec: Path, layer: str | None, **sizes: int) -> Parameters:
    """The parameters of a layer, drawn so that every gate is in its middle range."""
    module = recdsl.compile(spec, "torch", layer=layer)(**sizes).double()
    return {name: draw(*value.shape) * (0.05 if value.dim() > 1 else 0.3) for name, value in module.named_parameters()}


def run(module: nn.Module, found: Parameters, *given: object) -> Tensor:
    """A module of theirs with other parameters, each given."""
    names = {name for name, _ in module.named_parameters()}
    assert names == set(found), f"parameters that do not meet: {names ^ set(found)}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # autocast says that it leaves float64 alone
        result: Tensor = functional_call(module, found, given)
    return result


# ---- graphs


def slots(made: nx.DiGraph) -> tuple[Tensor, Tensor]:
    """The number of each edge among those that enter its head, and among those that leave its tail."""
    enters = torch.tensor([list(made.predecessors(v)).index(u) for u, v in made.edges])
    leaves = torch.tensor([list(made.successors(u)).index(v) for u, v in made.edges])
    return enters, leaves


def nodes(count: int = 12) -> Case:
    """Gates of the nodes through `plstm_graph_nodewise`, which takes the numbering of edges as an argument."""
    made = random_dag(count)
    graph = importlib.import_module("plstm.graph").PreparedGraph.create(made, mode="P")
    function = importlib.import_module("plstm.torch.plstm_graph").plstm_graph_nodewise
    enters, leaves = slots(made)
    width = int(max(enters.max(), leaves.max())) + 1
    numbers = [dict(zip(made.edges, each.tolist(), strict=True)) for each in (enters, leaves)]
    spec = SPECS / "plstm_nodes.rdl"
    sizes = {"D": WIDTH, "H": HEADS, "E": width}

    def theirs(given: Leaves) -> Tensor:
        def linear(name: str, *shape: int) -> Tensor:
            y = functional.linear(given["x"], given[f"{name}.weight"], given[f"{name}.bias"])
            return y.reshape(count, HEADS, *shape).transpose(0, 1)

        q, k, v = (linear(name, WIDTH // HEADS) for name in "qkv")
        source, mark = (torch.sigmoid(linear(name, width)) for name in ("source", "mark"))
        free = linear("free", width, width)
        split = free / (0.5 + free.abs().sum(-1, keepdim=True))
        direct = torch.sigmoid(linear("direct"))
        o = function(q, k, v, source, split, mark, direct, *numbers, graph.ldag, graph.ldag_idx_map)
        h = functional.rms_norm(o.transpose(0, 1), (WIDTH // HEADS,), given["rmsnorm.weight"], 1e-5)
        return functional.linear(h.flatten(1), given["y.weight"], given["y.bias"])

    drawn = {"x": draw(count, WIDTH)} | parameters(spec, None, **sizes)
    free_inputs = {"enters": enters, "leaves": leaves, "edge_index": torch.tensor(list(made.edges)).T}
    return Case("plstm_graph_nodewise, P mode", spec, drawn, theirs, sizes, inputs=("x",), free=free_inputs)


def edges(count: int = 12, features: int = 5) -> Case:
    made = random_dag(count)
    graph = importlib.import_module("plstm.graph").PreparedGraph.create(made, mode="P")
    config = importlib.import_module("plstm.config.plstm_graph_layer").pLSTMGraphEdgeLayerConfig
    layer = importlib.import_module("plstm.torch.plstm_graph_layer").pLSTMGraphEdgeLayer
    module = layer(config(mode="P", input_dim=WIDTH, edge_input_dim=features, num_heads=HEADS, **PRECISION)).double()
    spec = SPECS / "plstm_edges.rdl"
    sizes = {"D": WIDTH, "F": features, "H": HEADS}

    def theirs(given: Leaves) -> Tensor:
        def joined(name: str, parts: tuple[str, ...]) -> Parameters:
            weight = torch.cat([given[f"{part}.weight"] for part in parts], 1)
            return {f"{name}.weight": weight, f"{name}.bias": sum(given[f"{part}.bias"] for part in parts)}

        found = {
            f"{name}.{kind}": given[f"{own}.{kind}"]
            for name, own in (("query", "q"), ("key", "k"), ("value_", "v"), ("direct", "direct"), ("out", "y"))
            for kind in ("weight", "bias")
        }
        found |= joined("source", ("source.x", "source.e"))
        found |= joined("mark", ("seen.x", "seen.e"))
        found |= joined("transition", ("came.e", "goes", "came.x"))
        found["mhnorm.scale"] = given["rmsnorm.weight"].expand(HEADS, -1)
        return run(module, found, given["x"], given["e"], graph)

    drawn = {"x": draw(count, WIDTH), "e": draw(made.number_of_edges(), features)} | parameters(spec, None, **sizes)
    free = {"edge_index": torch.tensor(list(made.edges)).T}
    return Case("pLSTMGraphEdgeLayer, P mode", spec, drawn, theirs, sizes, inputs=("x", "e"), free=free)


# ---- images


def covers(mode: str, size: int) -> Case:
    spec, name = SPECS / "plstm_covers.rdl", f"{mode.lower()}_cover"
    sizes = {"D": WIDTH, "H": HEADS}
    module = importlib.import_module("plstm.torch.plstm_2d_layer_fused").pLSTM2DLayerFused(fused(mode)).double()
    place: Callable[[Leaves], Parameters] = PLACES[mode]

    def theirs(given: Leaves) -> Tensor:
        return run(module, place(given), given["x"])

    drawn = {"x": draw(BATCH, size, size, WIDTH)} | parameters(spec, name, **sizes)
    title = f"pLSTM2DLayerFused, {mode} mode, {size} x {size}"
    return Case(title, spec, drawn, theirs, sizes, layer=name, inputs=("x",))


def fused(mode: str, width: int = WIDTH, heads: int = HEADS, weights: bool = True) -> object:
    """Their configuration of a layer; source, mark and direct gates with weights, or with biases alone as by default."""
    gates = importlib.import_module("plstm.config.source_mark_layer")
    config = importlib.import_module("plstm.config.plstm_2d_layer_fused").pLSTM2DLayerFusedConfig
    common = {"input_dim": width, "weight": weights, **PRECISION}
    return config(
        mode=mode,
        input_dim=width,
        num_heads=heads,
        source=gates.SourceLayerConfig(num_heads=4 * heads, **common),
        mark=gates.MarkLayerConfig(num_heads=4 * heads, **common),
        direct=gates.DirectLayerConfig(num_heads=heads, **common),
        **PRECISION,
    )


def shared(given: Leaves) -> Parameters:
    """What the layers of both modes have."""
    found = {"outprojection.weight": given["y.weight"], "mhnorm.scale": given["gain"]}
    for name, own in (("query", "q"), ("key", "k"), ("value_", "v")):
        found[f"{name}.weight"] = given[f"{own}.weight"].transpose(0, 1)[None, :, None]
        found[f"{name}.bias"] = given[f"{own}.bias"][..., None]
    found["direct.weight"] = given["direct.weight"][:, None, None, None, None, None]
    found["direct.bias"] = given["direct.bias"][:, None, None, None, None]
    return found


def by_head(x: Tensor) -> Tensor:
    """[covers, heads, …] → [heads * covers, …], the order in which they read gates."""
    return x.transpose(0, 1).flatten(0, 1)


def gate(given: Leaves, name: str, own: str) -> Parameters:
    weight, bias = by_head(given[f"{own}.weight"]), by_head(given[f"{own}.bias"])
    return {f"{name}.weight": weight[:, None, None, None, None], f"{name}.bias": bias[:, None, None, None]}


def transition(given: Leaves, name: str, own: str) -> Parameters:
    weight, bias = by_head(given[f"{own}.weight"]), by_head(given[f"{own}.bias"])
    return {f"{name}.eigenvalues_weight": weight[:, None, None], f"{name}.eigenvalues_bias": bias[:, None]}


def p_mode(given: Leaves) -> Parameters:
    found = shared(given) | gate(given, "source", "source") | gate(given, "mark", "mark")
    found |= transition(given, "transition", "gamma")
    for kind in ("weight", "bias"):
        alpha = given[f"alpha.{kind}"]
        found[f"orientation_{kind}"] = by_head(alpha).reshape(alpha.shape)
    return found


def d_mode(given: Leaves) -> Parameters:
    found = shared(given) | gate(given, "source_r", "s_r") | gate(given, "source_d", "s_d")
    found |= gate(given, "mark_l", "m_r") | gate(given, "mark_u", "m_d")
    for name, own in (("transition_r", "t_rr"), ("transition_d", "t_dd"), ("transition_rd", "turn")):
        found |= transition(given, name, own)
    return found


PLACES = {"P": p_mode, "D": d_mode}


def vision(patch: int = 2, places: int = 4, classes: int = 5) -> Case:
    spec = SPECS / "plstm_vision.rdl"
    sizes = {"D": WIDTH, "H": HEADS, "depth": 2, "Classes": classes, "Rows": places, "Columns": places}
    sizes |= {"patch": patch, "Channels": 3}
    module = vision_model(patch, places, classes, 2).double()

    def theirs(given: Leaves) -> Tensor:
        found = {
            "patch_embed.proj.weight": given["x.weight"],
            "patch_embed.proj.bias": given["x.bias"],
            "pos_embed.embed": given["placed.place"][None],
            "norm.scale": given["rmsnorm.weight"],
            "head.weight": given["scores.weight"],
            "head.bias": given["scores.bias"],
        }
        for number in range(2):
            found |= block(given, f"block.{number}.vision_block.", f"block_stack.blocks.{number}.")
        return run(module, found, given["img"])

    side = patch * places
    drawn = {"img": draw(BATCH, side, side, 3)} | parameters(spec, "plstm_vision", **sizes)
    return Case("pLSTMVisionModel", spec, drawn, theirs, sizes, layer="plstm_vision", inputs=("img",))


def counts() -> Iterator[tuple[str, int, int, int]]:
    """The parameters of the published sizes: here, theirs with weights in every gate, theirs as configured by default."""
    for name, width, heads in (("plstm_t", 192, 3), ("plstm_s", 384, 6), ("plstm_b", 768, 12)):
        ours = recdsl.compile(SPECS / "plstm_vision.rdl", "torch", layer=name)()
        theirs = [vision_model(16, 14, 1000, 6, width, heads, weights) for weights in (True, False)]
        full, plain = (sum(each.numel() for each in model.parameters()) for model in theirs)
        yield name, sum(each.numel() for each in ours.parameters()), full, plain


def vision_model(
    patch: int, places: int, classes: int, depth: int, width: int = WIDTH, heads: int = HEADS, weights: bool = True
) -> nn.Module:
    configs = {
        name: importlib.import_module(f"plstm.config.{name}") for name in ("vision_model", "vision_blocks", "blocks")
    }
    stack = importlib.import_module("plstm.config.block_stack").BlockStackConfig
    halves = {
        f"block{number}": configs["blocks"].PostUpProjectionBlockConfig(
            input_dim=width,
            interaction_module_name="pLSTM2DFused",
            interaction_module=fused(mode, width, heads, weights),
            gated=False,
            **PRECISION,
        )
        for number, mode in enumerate("PD")
    }
    pair = configs["vision_blocks"].pLSTMVisionBlockConfig1(input_dim=width, num_heads=heads, **halves, **PRECISION)
    config = configs["vision_model"].pLSTMVisionModelConfig(
        dim=width,
        num_heads=heads,
        patch_size=patch,
        resolution=(patch * places, patch * places),
        output_shape=(classes,),
        block_stack=stack(block=pair, input_dim=width, num_blocks=depth, **PRECISION),
        **PRECISION,
    )
    model: nn.Module = importlib.import_module("plstm.torch.vision_model").pLSTMVisionModel(config)
    return model


def block(given: Leaves, own: str, name: str) -> Parameters:
    """A P layer and a D layer with their networks."""
    found = {}
    for number, (place, layer, after) in enumerate(((p_mode, "p_cover", ""), (d_mode, "d_cover", "_2"))):
        norms = ("rmsnorm", "rmsnorm_2") if number == 0 else ("rmsnorm_3", "rmsnorm_4")
        half = f"{name}block{number}."
        found |= {
            f"{half}norm.scale": given[f"{own}{norms[0]}.weight"],
            f"{half}norm2.scale": given[f"{own}{norms[1]}.weight"],
        }
        for kind in ("weight", "bias"):
            found[f"{half}upproj.{kind}"] = given[f"{own}mlp{after}.y.x.{kind}"]
            found[f"{half}downproj.{kind}"] = given[f"{own}mlp{after}.y.x_2.{kind}"]
        prefix = f"{own}{layer}."
        inside = {key.removeprefix(prefix): value for key, value in given.items() if key.startswith(prefix)}
        found |= {f"{half}interaction_module.{key}": value for key, value in place(inside).items()}
    return found
