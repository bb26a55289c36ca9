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
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    full_name, path = f"recdsl_compiled_{name}_{digest}", f"<{name}.py compiled by recdsl, {digest}>"
    if full_name in sys.modules:
        return sys.modules[full_name]
    linecache.cache[path] = (len(text), None, text.splitlines(keepends=True), path)
    loader = _TextLoader(text, path)
    spec = ModuleSpec(full_name, loader, origin=path)
    module = module_from_spec(spec)
    module.__file__ = path
    sys.modules[full_name] = module
    try:
        loader.exec_module(module)
    except BaseException:
        del sys.modules[full_name]
        raise
    return module
