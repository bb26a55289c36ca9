"""Bodies of `repeat` and `loop`: which module is one, and which path a caller may choose."""

from __future__ import annotations

from recdsl.backends.torch.scope import Class

from recdsl.emit.names import safe
from recdsl.ir.module import Depth, Module


def chain_call(owner: Class, name: str, batch: str) -> str:
    item = depth_named(owner.module, name)
    default = path_attribute(item) if item.path is not None else "None"
    owner.file.helpers.add("chain")
    return f'chain("{owner.module.name}.{name}", path, {default}, len(self.{safe(name)}), {batch})'


def one_chain(owner: Class, name: str) -> str:
    """The copies that all nodes of a graph go through."""
    default = path_attribute(depth_named(owner.module, name))
    owner.file.helpers.add("check_path")
    return f'check_path("{owner.module.name}.{name}", {default} if path is None else path, len(self.{safe(name)}))'


def depth_named(module: Module, name: str) -> Depth:
    return next(item for item in module.items if isinstance(item, Depth) and item.name == name)


def pathed(module: Module) -> str:
    """The `repeat` that a path given at run time means: the one with a path statement, or the only one."""
    repeats = [item for item in module.items if isinstance(item, Depth) and item.kind == "repeat"]
    chosen = [item for item in repeats if item.path is not None]
    return chosen[0].name if len(chosen) == 1 else ""


def depth_around(owner: Class) -> Depth | None:
    """The depth item whose body this module is."""
    for plan in owner.file.plan.modules.values():
        for item in plan.module.items:
            if isinstance(item, Depth) and item.body == owner.module.key:
                return item
    return None


def is_turn(owner: Class, name: str) -> bool:
    depth = depth_around(owner)
    return depth is not None and depth.turn == name


def path_attribute(item: Depth) -> str:
    """Where the default path of a `repeat` is kept."""
    return f"self.{safe(item.name)}_path"
