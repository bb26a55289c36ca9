"""Takes shifts of captured values out of the bodies of `repeat` and `loop`.

    loop 3:                               v_before = v[t-1]
      y += v[t-1]                   →     loop 3:
                                            y += v_before

A body's input knows nothing of the start that the value has in the module around, and would keep a past of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from recdsl.ir.expr import Expr, Read, rebuild
from recdsl.ir.module import Carry, Depth, Equation, Input, Item, Module, Program
from recdsl.lower.traits import callees_first
from recdsl.rewrite.fresh import fresh_name
from recdsl.rewrite.order import item_reads

Key = tuple[str, tuple[tuple[str, int], ...]]


def shift_outside(program: Program) -> Program:
    """The program in which no body reads a captured value at a shift; innermost bodies first."""
    for each in callees_first(program):
        module = program.modules[each.key]
        items: list[Item] = []
        for item in module.items:
            if isinstance(item, Depth):
                body = _Body(item, program.modules[item.body])
                item, changed = body.changed()
                program = program.with_module(changed)
            items.append(item)
        program = program.with_module(replace(module, items=tuple(items)))
    return program


@dataclass(slots=True)
class _Body:
    """One depth item and its body; `moved` are the inputs that take the place of shifted reads."""

    item: Depth
    body: Module
    moved: dict[Key, Input] = field(default_factory=dict)

    def changed(self) -> tuple[Depth, Module]:
        items = tuple(self._item(each) for each in self.body.items)
        if not self.moved:
            return self.item, self.body
        sources = dict(self.item.captured)
        added = tuple(
            (given.name, replace(sources[value], offsets=offsets, type=given.type))
            for (value, offsets), given in self.moved.items()
        )
        body = replace(self.body, inputs=(*self.body.inputs, *self.moved.values()), items=items)
        captured = (*self.item.captured, *added)
        read = {each.value for item in items for each in item_reads(item)} | {out.value for out in body.outputs}
        idle = {name for name, _ in captured if name not in read}
        body = replace(body, inputs=tuple(given for given in body.inputs if given.name not in idle))
        return replace(self.item, captured=tuple(pair for pair in captured if pair[0] not in idle)), body

    def _item(self, item: Item) -> Item:
        match item:
            case Equation():
                init = None if item.init is None else self._expr(item.init)
                return replace(item, expr=self._expr(item.expr), init=init)
            case Depth():
                captured = tuple((name, self._read(read)) for name, read in item.captured)
                return replace(item, captured=captured, carried=tuple(self._carry(each) for each in item.carried))

    def _carry(self, carry: Carry) -> Carry:
        return replace(carry, start=self._read(carry.start))

    def _expr(self, expr: Expr) -> Expr:
        return rebuild(expr, lambda each: self._read(each) if isinstance(each, Read) else each)

    def _read(self, read: Read) -> Read:
        source = dict(self.item.captured).get(read.value)
        if source is None or source.offsets or source.via or read.via or not any(n for _, n in read.offsets):
            return read
        key = (read.value, read.offsets)
        if key not in self.moved:
            self.moved[key] = Input(self._name(read), read.type, span=read.span)
        return Read(self.moved[key].name, read.type, span=read.span)

    def _name(self, read: Read) -> str:
        taken = {given.name for given in (*self.body.inputs, *self.moved.values())}
        taken |= {each.id for each in self.body.equations()}
        wish = f"{read.value.split('~')[0].lstrip('%')}_shifted"
        return fresh_name(wish, taken)
