"""Other names for everything that a file names: layers, parameters, dims, axes, values, blocks.

layer ema(D) over t:                    layer n3(N1) over n0:
  in x : D                       →        in n2 : N1
  h = 0.5 * h[t-1] + 0.5 * x              n4 = 0.5 * n4[n0-1] + 0.5 * n2
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace

from recdsl.diagnostics import Span
from recdsl.parse import tree


def renamed(file: tree.File, order: Callable[[list[str]], list[str]]) -> tree.File:
    """The file with fresh names; `order` shuffles the old ones, because names must not decide by their place in the alphabet."""
    old = order(sorted(_given_names(file)))
    taken = {each.name for each in tree.nodes(file.definitions) if isinstance(each, tree.Name)}
    fresh = {name: _fresh(name, place, taken) for place, name in enumerate(old)}
    return _Renaming(fresh, frozenset(_instances(file))).file(file)


def _fresh(name: str, place: int, taken: set[str]) -> str:
    """A dim begins with an upper-case letter."""
    letter = "N" if name[:1].isupper() else "n"
    while f"{letter}{place}" in taken:
        letter += letter[-1]
    return f"{letter}{place}"


def _given_names(file: tree.File) -> set[str]:
    found: set[str] = set()
    for node in tree.nodes(file.definitions):
        match node:
            case tree.Definition(name=name, over=over):
                found |= {name.name, *(axis.name for axis in (over.axes if over else ()))}
            case tree.Parameter(name=name):
                found.add(name.name)
            case tree.Input(names=names) | tree.Output(names=names) | tree.Weight(names=names):
                found |= {each.name for each in names}
            case tree.Equation(names=names):
                found |= {each.name for each in names}
            case tree.Repeat(name=tree.Name(name=name)) | tree.Loop(name=tree.Name(name=name)):
                found.add(name)
            case tree.Extern(name=name):
                found.add(name.name)
            case tree.Rename(new=new):
                found.add(new)
            case tree.Index(base=tree.Name(name="stack"), brackets=(tree.Along(dims=(tree.Name(name=dim),)),)):
                found.add(dim)
    return found


def _instances(file: tree.File) -> set[str]:
    """What the file's own layers are called by: their names, and those of instances of them."""
    own = {each.name.name for each in file.definitions}
    for node in tree.nodes(file.definitions):
        if isinstance(node, tree.Equation) and isinstance(node.value, tree.Call) and _called(node.value) in own:
            own |= {each.name for each in node.names}
    return own


def _called(call: tree.Call) -> str:
    function = call.function.base if isinstance(call.function, tree.Index) else call.function
    return function.name if isinstance(function, tree.Name) else ""


class _Renaming:
    def __init__(self, fresh: dict[str, str], own: frozenset[str]) -> None:
        self.fresh, self.own = fresh, own

    def file(self, file: tree.File) -> tree.File:
        definitions = tuple(self.node(each) for each in file.definitions)
        return replace(file, definitions=definitions, comments=())

    def node(self, node: object) -> object:
        match node:
            case tuple():
                return tuple(self.node(each) for each in node)
            case tree.Name(name=name):
                return replace(node, name=self.fresh.get(name, name))
            case tree.Offset(axis=axis):
                return self._parts(replace(node, axis=self.fresh.get(axis, axis)))
            case tree.Pick(name=name):
                return self._parts(replace(node, name=self.fresh.get(name, name)))
            case tree.Rename(old=old, new=new):
                return replace(node, old=self.fresh.get(old, old), new=self.fresh.get(new, new))
            case tree.Call(arguments=arguments) if _called(node) in self.own:
                keywords = tuple(self._keyword(each) if isinstance(each, tree.Keyword) else each for each in arguments)
                return self._parts(replace(node, arguments=keywords))
        return self._parts(node)

    def _keyword(self, argument: tree.Keyword) -> tree.Keyword:
        """Keywords of a layer of this file are its parameters and inputs."""
        return replace(argument, name=self.fresh.get(argument.name, argument.name))

    def _parts(self, node: object) -> object:
        if not is_dataclass(node) or isinstance(node, Span):
            return node
        changes = {each.name: self.node(getattr(node, each.name)) for each in fields(node) if each.name != "span"}
        return replace(node, **changes)
