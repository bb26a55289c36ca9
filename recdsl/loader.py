"""The text of a compiled file → its module, without a file.

The text is entered in `linecache`, so that tracebacks and `inspect.getsource` show it.
"""

from __future__ import annotations

import hashlib
import linecache
import sys
from importlib.abc import InspectLoader
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from types import CodeType, ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from recdsl.pipeline import Compiled


class _TextLoader(InspectLoader):
    """Loads one module from its text."""

    def __init__(self, text: str, path: str) -> None:
        self.text, self.path = text, path

    def get_source(self, fullname: str) -> str:
        return self.text

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.text, self.path)

    def is_package(self, fullname: str) -> bool:
        return False


def load_module(text: str, name: str) -> ModuleType:
    """The module of a compiled text; the same text gives the same module."""
    full_name, path = _named(text, name)
    if full_name not in sys.modules:
        linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
        _enter(text, full_name, path)
    return sys.modules[full_name]


def load_class(compiled: Compiled) -> type[nn.Module]:
    """The module class of a compiled program."""
    return _class(load_module(compiled.text, compiled.name), compiled.name)


def passing_class(compiled: Compiled) -> type[nn.Module]:
    """The same for one use: nothing of the text outlives its module, however many are loaded."""
    full_name, path = _named(compiled.text, compiled.name)
    known = sys.modules.get(full_name)
    try:
        return _class(known or _enter(compiled.text, full_name, path), compiled.name)
    finally:
        if known is None:
            sys.modules.pop(full_name, None)


def _class(module: ModuleType, name: str) -> type[nn.Module]:
    made: type[nn.Module] = getattr(module, name)
    return made


def _named(text: str, name: str) -> tuple[str, str]:
    """What the module of a text is called, and its path."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return f"recdsl_compiled_{name}_{digest}", f"<{name}.py compiled by recdsl, {digest}>"


def _enter(text: str, full_name: str, path: str) -> ModuleType:
    """Load a text and enter it among the modules."""
    loader = _TextLoader(text, path)
    module = module_from_spec(ModuleSpec(full_name, loader, origin=path))
    module.__file__ = path
    sys.modules[full_name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[full_name]
        raise
    return module
