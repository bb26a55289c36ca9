"""Names in the emitted file: every name of the source becomes one that Python and `nn.Module` accept.

In: names of RDL. Out: the same name, with a trailing underscore where it means something in the target.
"""

from __future__ import annotations

import builtins
import keyword

from recdsl.ir.module import Module

# What `nn.Module` defines, and what every emitted class defines beside it.
MODULE_ATTRIBUTES = frozenset([
    "T_destination", "add_module", "apply", "bfloat16", "buffers", "call_super_init", "children", "compile", "cpu",
    "cuda", "double", "dump_patches", "eval", "extra_repr", "float", "forward", "get_buffer", "get_extra_state",
    "get_parameter", "get_submodule", "half", "ipu", "load_state_dict", "modules", "mtia", "named_buffers",
    "named_children", "named_modules", "named_parameters", "parameters", "register_backward_hook", "register_buffer",
    "register_forward_hook", "register_forward_pre_hook", "register_full_backward_hook",
    "register_full_backward_pre_hook", "register_load_state_dict_post_hook", "register_load_state_dict_pre_hook",
    "register_module", "register_parameter", "register_state_dict_post_hook", "register_state_dict_pre_hook",
    "requires_grad_", "set_extra_state", "set_submodule", "share_memory", "state_dict", "to", "to_empty", "train",
    "training", "type", "xpu", "zero_grad", "init_state", "run", "solves", "step",
])  # fmt: skip

# Names with an upper-case letter that the emitted file may import or define beside the classes of the program.
CLASSES = frozenset([
    "F", "Tensor", "State", "Any", "Callable", "Sequence", "Steps", "Waves", "SlantedWaves", "Segment", "Held",
    "Again", "Graph", "Level", "Weights", "Path", "Points", "Tensors", "JoinedPoints", "Flow", "Rule", "Order",
    "Passing", "Route", "Parts", "Readings", "WeakTensorKeyDictionary", "GridLinks", "GridBlocks", "GridPoints",
    "GatedTiles", "GatedLinks", "GatedReads", "GatedWave", "Places", "Map", "ChunkRule", "Iterator",
])  # fmt: skip

# Names that the emitted code uses for itself: arguments, loops, imports and helpers.
LOCALS = CLASSES | frozenset([
    "self", "state", "steps", "graph", "path", "lengths", "reset", "return_state", "batch", "at_index", "before",
    "after", "done", "wave", "waves", "level", "layer", "layers", "part", "torch", "nn", "math", "itertools", "copy",
    "dataclass", "cached_property", "whole", "constant", "scaled", "expect", "expect_tokens", "bound", "quantise",
    "logaddexp", "logsumexp", "largest", "normalise", "convolve", "convolve_points", "convolve_slices", "shift", "check_path",
    "chain", "visit", "begin", "sum_by", "mean_by", "max_by", "min_by", "prod_by", "logsumexp_by", "softmax_by",
    "stepwise", "folded", "diagonal", "newton", "affine",
    "any_of", "at_start", "automaton", "block", "clamped", "delta", "delta_gated", "extreme", "extreme_matrix",
    "folded_before", "folded_put", "fourier", "interleaved", "inverse", "logsum", "logsum_matrix", "matrix_chunk",
    "matrix_messages", "messages", "mobius", "place", "flipped", "contained", "levels", "level_by_level",
    "line_graph", "in_segments", "places", "segment", "logarithm", "powers", "rank_one",
    "rank_one_gated", "rank_one_gated_values", "two_level", "wide", "functools", "grid", "wavefront", "rows",
    "divide", "wavewise", "gated_product", "border", "edge_index",
])  # fmt: skip

# Names that `__init__` uses.
_MAKERS = frozenset({"self", "torch", "nn", "math", "whole", "constant", "scaled", "check_path", "Weights"})

_AMBIGUOUS = frozenset({"l", "I", "O"})  # hard to tell from digits


def safe(name: str) -> str:
    """A name as an attribute of a module and as a part of a path in the state dict."""
    taken = keyword.iskeyword(name) or name in MODULE_ATTRIBUTES or name.startswith("_")
    return f"{name}_" if taken else name


def safe_local(name: str) -> str:
    """A name as an argument or a local variable; the weight `w` that a body reads has the id `%w`."""
    name = name.lstrip("%")
    taken = keyword.iskeyword(name) or name in LOCALS or name in _AMBIGUOUS or hasattr(builtins, name)
    return f"{name}_" if taken else name


def safe_parameter(name: str) -> str:
    """The name of a dim or number as a keyword argument of `__init__`."""
    return f"{name}_" if keyword.iskeyword(name) or name in _MAKERS else name


def state_dict_path(path: str) -> str:
    """A path of a weight as it stands in the state dict of the emitted module."""
    return ".".join(safe(part) for part in path.split("."))


def camel_case(name: str) -> str:
    """`short_conv` → `ShortConv`."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_") if part) or "Layer"


class Names:
    """Hands out names, each once; a name that is taken gets `_2`, `_3`, …"""

    def __init__(self, taken: frozenset[str] = frozenset()) -> None:
        self._taken = set(taken)

    def new(self, wish: str) -> str:
        name, number = wish, 1
        while name in self._taken:
            number += 1
            name = f"{wish.rstrip('_')}_{number}"
        self._taken.add(name)
        return name


def class_names(modules: list[Module]) -> dict[str, str]:
    """The class of each module, by key: unique, and none that the file imports. The last one, the entry point, has the
    first choice."""
    taken = CLASSES | {each.name for module in modules for each in module.parameters}
    names: dict[str, str] = {}
    for module in (modules[-1], *modules[:-1]):
        name, number = camel_case(module.name), 1
        while name in taken or keyword.iskeyword(name):
            number += 1
            name = f"{camel_case(module.name)}{number}"
        taken |= {name}
        names[module.key] = name
    return names
