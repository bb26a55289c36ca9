"""The whole file: what it imports, the helpers that it uses, one class a module with callees first."""

from __future__ import annotations

from pathlib import PurePath

from recdsl.backends.torch import convolutions
from recdsl.backends.torch.module import print_class
from recdsl.backends.torch.owners import class_of
from recdsl.backends.torch.scope import File

from recdsl.emit.environment import render
from recdsl.emit.format import format_python
from recdsl.emit.names import class_names
from recdsl.emit.unused import without_unused
from recdsl.ir.operators.table import OPERATORS
from recdsl.lower.beside import operators
from recdsl.lower.plan import ProgramPlan, Recurrence

# Helpers in the order in which they stand in the file.
HELPERS = (
    "whole", "wide", "inverse", "constant", "scaled", "Weights", "expect", "expect_tokens", "bound", "quantise", "logaddexp", "logsumexp", "largest", "normalise",
    "Steps",
    "two_level", "diagonal", "interleaved", "folded", "flipped", "logarithm", "contained", "rank_one_chunks", "rank_one", "rank_one_gated",
    "delta_chunks", "delta", "delta_gated", "block", "powers", "fourier",
    "matrix_messages", "extreme", "extreme_matrix", "logsum", "logsum_matrix", "any_of", "clamped", "mobius", "automaton",
    "tensors", "stepwise", "newton", "quasi_newton", "in_segments",
    "border", "grid", "wavefront", "rows", "divide", "gated_tiles", "gated_states", "gated_reads", "gated_product",
    "convolve", "convolve_points", "shift", "at_index", "SlantedWaves", "Waves", "wavewise", "Graph", "levels", "line_graph", "level_by_level", "by", "check_path", "chain", "visit", "begin",
)  # fmt: skip
NEEDS = {  # what else a helper needs
    "inverse": ("wide",),
    "chain": ("check_path",),
    "interleaved": ("diagonal",),
    "folded": ("diagonal", "wide"),
    "rank_one": ("contained", "rank_one_chunks"),
    "rank_one_gated": ("contained", "rank_one_chunks"),
    "delta": ("contained", "delta_chunks"),
    "powers": ("two_level",),
    "stepwise": ("two_level", "tensors"),
    "newton": ("stepwise", "two_level", "tensors"),
    "quasi_newton": ("stepwise", "newton", "two_level", "tensors"),
    "fourier": ("two_level",),
    "line_graph": ("levels",),
    "delta_gated": ("contained", "delta_chunks"),
    "extreme": ("two_level",),
    "extreme_matrix": ("two_level", "matrix_messages"),
    "logsum": ("two_level",),
    "logsum_matrix": ("two_level", "matrix_messages"),
    "any_of": ("two_level",),
    "clamped": ("two_level",),
    "mobius": ("two_level",),
    "automaton": ("two_level",),
    "wavefront": ("grid",),
    "wavewise": ("grid", "wavefront", "shift", "tensors"),
    "gated_product": ("grid", "wavefront", "shift", "gated_tiles", "gated_states", "gated_reads"),
    "rows": ("grid",),
    "divide": ("grid",),
}
FILES = {"Weights": "weights", "Steps": "steps", "Graph": "graph", "Waves": "waves", "SlantedWaves": "slanted_waves"}
BY = ("sum", "mean", "max", "min", "prod", "logsumexp", "softmax")


def print_program(plan: ProgramPlan) -> str:
    """The formatted text of one standalone file."""
    modules = [each.module for each in plan.modules.values()]
    file = File(plan, class_names(modules))
    classes = [print_class(class_of(file, each)) for each in plan.modules.values()]
    body = "\n\n".join(classes)
    for name in tuple(file.helpers):
        file.helpers.update(NEEDS.get(name, ()))
    helpers = [_helper(file, name, body) for name in HELPERS if _needed(file, name, body)]
    text = without_unused([*helpers, *classes], frozenset(file.classes.values()))
    context: dict[str, object] = {
        "source": _source_name(plan),
        "parts": text,
        "standard": _standard(text),
        "torch": _torch(text),
        "uses_state": "State" in text,
    }
    return format_python(render("torch", "file.py.j2", context))


def _source_name(plan: ProgramPlan) -> str:
    span = plan.entry.module.span
    return PurePath(span.source.path).name if span is not None else plan.entry.module.name


def _needed(file: File, name: str, body: str) -> bool:
    if name == "by":
        return any(f"{each}_by" in file.helpers for each in BY)
    return name in file.helpers or (name == "Graph" and "Graph(" in body)


def _helper(file: File, name: str, body: str) -> str:
    context: dict[str, object] = {}
    match name:
        case "Steps":
            context = _steps_parts(file, body)
        case "in_segments":
            context = {"backwards": "backwards=True" in body, "draws": _draws_in_segments(file)}
        case "folded" | "rank_one_chunks" | "delta_chunks":
            context = {"chunk": _constant(file, name.removesuffix("_chunks"), "chunk")}
        case "stepwise":
            context = {"apart": " Points(" in body}
        case "convolve_points":
            context = {
                "many_axes": any(len(each.axes) > convolutions.LARGEST for each in file.plan.program.modules.values())
            }
        case "by":
            context = {f"{each}_by": f"{each}_by" in file.helpers for each in BY}
            context["reduce_by"] = any(f"{each}_by" in file.helpers for each in BY[2:])
        case "rows":
            context = {"single": "diagonal" in file.helpers, "far": "interleaved" in file.helpers}
            context["coupled"] = "block" in file.helpers
        case "Graph":
            parts = ("pairs", "levels", "leaving", "plans")
            context = {part: f"Graph.{part}" in file.helpers for part in parts}
            context["leaving"] = context["leaving"] or context["pairs"]
            context["ordered"] = not file.plan.entry.module.cyclic_graph
    return render("torch", f"helpers/{FILES.get(name, name)}.py.j2", context).strip() + "\n"


def _constant(file: File, algorithm: str, name: str) -> int:
    """The number that an algorithm has chosen, the same wherever it computes."""
    stages = (stage for plan in file.plan.modules.values() for stage in plan.stages if isinstance(stage, Recurrence))
    solves = (each.solve for each in stages if each.solve is not None and each.algorithm == algorithm)
    (number,) = {each.constant(name) for each in solves}
    return number


def _draws_in_segments(file: File) -> bool:
    """Whether a point of a loop in segments draws random numbers."""
    program = file.plan.program
    return any(
        not OPERATORS[name].pure
        for plan in file.plan.modules.values()
        for stage in plan.stages
        if isinstance(stage, Recurrence) and stage.segmented
        for item in stage.items
        for name in operators(item, plan.module, program)
    )


def _steps_parts(file: File, body: str) -> dict[str, object]:
    """The methods of `Steps` that are called."""
    called = (
        "cut",
        "behind",
        "some",
        "counts",
        "pick",
        "shift",
        "at",
        "breaks",
        "restart",
        "final",
        "last",
        "ages",
        "reach",
        "only",
        "so_far",
        "any_of",
        "partners",
        "repeated",
    )
    parts: dict[str, object] = {name: f"steps.{name}(" in body for name in called}
    parts["cut"] = parts["cut"] or parts["some"]
    parts["rows"] = "visit" in file.helpers
    parts["inside"] = "convolve" in file.helpers
    parts["around"] = parts["shift"] or parts["at"] or parts["inside"] or parts["breaks"] or parts["restart"]
    parts["together"] = parts["only"] or parts["so_far"] or parts["partners"]
    parts["history"] = parts["reach"] or parts["together"]
    parts["keep"] = "steps.keep" in body
    parts["part"] = "steps.part(" in body
    parts["last"] = parts["last"] or parts["part"]
    parts["ages"] = parts["ages"] or "segment.ages(" in body
    parts["end"] = parts["last"] or parts["ages"] or "steps.end" in body
    return parts


def _standard(text: str) -> list[str]:
    """The lines that import what the text needs of the standard library."""
    abstract = [name for name in ("Callable", "Iterator", "Sequence") if f"{name}[" in text]
    lines = {
        "import functools": "functools." in text,
        "import itertools": "itertools." in text,
        "import math": "math." in text,
        f"from collections.abc import {', '.join(abstract)}": bool(abstract),
        "from contextlib import contextmanager": "@contextmanager" in text,
        "from copy import copy": " copy(" in text,
        "from dataclasses import dataclass": "@dataclass" in text,
        "from functools import cached_property": "@cached_property" in text,
        "from typing import Any": "Any" in text or "State" in text,
    }
    return [line for line, needed in lines.items() if needed]


def _torch(text: str) -> list[str]:
    """The lines that import what the text needs of torch."""
    names = [name for name in ("Tensor", "nn") if name in text]
    functional = ["import torch.nn.functional as F"] if "F." in text else []
    states = "from torch.utils.checkpoint import get_device_states, set_device_states"
    again = [states] if "get_device_states" in text else []
    weak = ["from torch.utils.weak import WeakTensorKeyDictionary"] if "WeakTensorKeyDictionary" in text else []
    return ["import torch", *functional, f"from torch import {', '.join(names)}", *again, *weak]
