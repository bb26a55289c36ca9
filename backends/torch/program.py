"""The whole file: what it imports, the helpers that it uses, one class a module with callees first."""

from __future__ import annotations

from pathlib import PurePath

from recdsl.backends.torch.module import print_class
from recdsl.backends.torch.owners import class_of
from recdsl.backends.torch.scope import File

from recdsl.emit.environment import render
from recdsl.emit.format import format_python
from recdsl.emit.names import class_names
from recdsl.emit.unused import without_unused
from recdsl.lower.plan import ProgramPlan

# Helpers in the order in which they stand in the file.
HELPERS = (
    "whole", "wide", "inverse", "constant", "scaled", "Weights", "expect", "expect_tokens", "bound", "quantise", "largest", "normalise",
    "Steps",
    "two_level", "diagonal", "interleaved", "folded", "flipped", "logarithm", "rank_one_chunks", "rank_one", "rank_one_gated",
    "delta_chunks", "delta", "delta_gated", "block", "powers", "fourier",
    "matrix_messages", "extreme", "extreme_matrix", "logsum", "logsum_matrix", "any_of", "clamped", "mobius", "automaton",
    "stepwise", "newton",
    "convolve", "shift", "Waves", "Graph", "by", "check_path", "chain", "visit", "begin",
)  # fmt: skip
NEEDS = {  # what else a helper needs
    "inverse": ("wide",),
    "chain": ("check_path",),
    "interleaved": ("diagonal",),
    "folded": ("diagonal", "wide"),
    "rank_one": ("rank_one_chunks",),
    "rank_one_gated": ("rank_one_chunks",),
    "delta": ("delta_chunks",),
    "powers": ("two_level",),
    "stepwise": ("two_level",),
    "newton": ("stepwise", "two_level"),
    "fourier": ("two_level",),
    "delta_gated": ("delta_chunks",),
    "extreme": ("two_level",),
    "extreme_matrix": ("two_level", "matrix_messages"),
    "logsum": ("two_level",),
    "logsum_matrix": ("two_level", "matrix_messages"),
    "any_of": ("two_level",),
    "clamped": ("two_level",),
    "mobius": ("two_level",),
    "automaton": ("two_level",),
}
FILES = {"Weights": "weights", "Steps": "steps", "Graph": "graph", "Waves": "waves"}
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
    text = without_unused("\n\n".join([*helpers, *classes]), frozenset(file.classes.values()))
    context: dict[str, object] = {
        "source": _source_name(plan),
        "parts": text,
        "standard": _standard(text),
        "torch": _torch(text),
        "uses_state": "State" in text,
        "ambiguous": _ambiguous(plan),
    }
    return format_python(render("torch", "file.py.j2", context))


def _source_name(plan: ProgramPlan) -> str:
    span = plan.entry.module.span
    return PurePath(span.source.path).name if span is not None else plan.entry.module.name


def _ambiguous(plan: ProgramPlan) -> bool:
    """Whether a parameter has a name that the checker of the text thinks hard to read."""
    return any(each.name in ("l", "O", "I") for plan_ in plan.modules.values() for each in plan_.module.parameters)


def _needed(file: File, name: str, body: str) -> bool:
    if name == "by":
        return any(f"{each}_by" in file.helpers for each in BY)
    return name in file.helpers or (name == "Graph" and "Graph(" in body)


def _helper(file: File, name: str, body: str) -> str:
    context: dict[str, object] = {}
    match name:
        case "Steps":
            context = _steps_parts(file, body)
        case "by":
            context = {f"{each}_by": f"{each}_by" in file.helpers for each in BY}
            context["reduce_by"] = any(f"{each}_by" in file.helpers for each in BY[2:])
        case "Graph":
            context = {"pairs": "pairs" in file.helpers, "levels": "levels" in file.helpers}
    return render("torch", f"helpers/{FILES.get(name, name)}.py.j2", context).strip() + "\n"


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
    parts["end"] = parts["last"] or parts["ages"] or "steps.end" in body
    return parts


def _standard(text: str) -> list[str]:
    """The lines that import what the text needs of the standard library."""
    abstract = [name for name in ("Callable", "Sequence") if f"{name}[" in text]
    lines = {
        "import itertools": "itertools." in text,
        "import math": "math." in text,
        f"from collections.abc import {', '.join(abstract)}": bool(abstract),
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
    return ["import torch", *functional, f"from torch import {', '.join(names)}"]
