"""Ids for values that the source gives no name: `%1`, `%2`, … as far as a module has not used them."""

from __future__ import annotations

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
