"""Ids for values that the source gives no name: `%1`, `%2`, … as far as a module has not used them; or after what they are made of."""

from __future__ import annotations

from recdsl.ir.graph import results_of
from recdsl.ir.module import Depth, Equation, Module


class Fresh:
    """Gives one new id at a call."""

    def __init__(self, module: Module) -> None:
        self.taken = {given.name for given in module.inputs}
        for item in module.items:
            match item:
                case Equation():
                    self.taken.add(item.id)
                case Depth():
                    self.taken.update(carry.result for carry in item.carried)
        self.count = 0

    def __call__(self) -> str:
        while (name := f"%{self.count + 1}") in self.taken:
            self.count += 1
        self.taken.add(name)
        return name


class Stems(Fresh):
    """Gives ids that begin with the `stem` that is set."""

    def __init__(self, module: Module) -> None:
        super().__init__(module)
        self.stem = "part"

    def __call__(self) -> str:
        return self.new(self.stem)

    def new(self, wish: str) -> str:
        """A wish, with a number behind it where it is taken."""
        return fresh_name(wish, self.taken)


def names_taken(module: Module) -> set[str]:
    """The names that a new equation must not have."""
    taken = {given.name for given in module.inputs} | {each for item in module.items for each in results_of(item)}
    return taken | {spec.path.split(".")[0] for spec in module.weights} | {each.path for each in module.instances}


def fresh_name(wish: str, taken: set[str]) -> str:
    """A name that is not taken yet; now it is."""
    name, number = wish, 1
    while name in taken:
        number += 1
        name = f"{wish}_{number}"
    taken.add(name)
    return name


def stem_of(name: str) -> str:
    """A name without its version; the values that the source gives no name are parts."""
    plain = name.split("~")[0].lstrip("%")
    return f"part_{plain}" if not plain or plain[0].isdigit() else plain
