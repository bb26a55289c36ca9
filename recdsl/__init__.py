"""A compiler for recurrences: equations over named-dimension tensors in, one readable PyTorch file out."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recdsl.api import check, compile, explain, format, reference, verify
    from recdsl.diagnostics import Diagnostic, RecdslError

__all__ = ["Diagnostic", "RecdslError", "check", "compile", "explain", "format", "reference", "verify"]


class _Package(ModuleType):
    """Some functions share their name with a package below. Importing such a package sets it on its parent, which
    would hide the function; here the function stays, and `from recdsl.check import …` finds the package as ever."""

    def __getattr__(self, name: str) -> object:
        """Loads what is asked for and nothing else: the command line starts without the whole compiler."""
        if name not in __all__:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        home = "recdsl.diagnostics" if name in ("Diagnostic", "RecdslError") else "recdsl.api"
        return getattr(import_module(home), name)

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *__all__})


sys.modules[__name__].__class__ = _Package
