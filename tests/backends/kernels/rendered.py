"""What helper templates define together. It stands in a module, because torch.compile looks for globals there."""

from __future__ import annotations

import functools
import itertools
import math
import sys
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recdsl.emit.environment import render

IMPORTED = {
    "Any": Any,
    "Callable": Callable,
    "F": F,
    "Sequence": Sequence,
    "Tensor": Tensor,
    "functools": functools,
    "itertools": itertools,
    "math": math,
    "nn": nn,
    "torch": torch,
}


def rendered(*names: str, **context: object) -> dict[str, Any]:
    """The names that templates define, by their files' names; `context` is what they are rendered with."""
    module = ModuleType("_".join(("rendered", *names)))
    sys.modules[module.__name__] = module
    module.__dict__.update(IMPORTED)
    source = "\n\n".join(render("torch", f"helpers/{name}.py.j2", context) for name in names)
    exec(compile("from __future__ import annotations\n" + source, f"{names[-1]}.py", "exec"), module.__dict__)
    return module.__dict__
