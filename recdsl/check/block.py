"""The statements of one layer, or of one `repeat` or `loop` body → items, weights and instances.

Types of values that need each other are found by going over the statements until nothing changes: a pass builds all
expressions from the types that the last pass found; the last pass is strict and keeps its errors.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from recdsl.check.declare import declare_names, names_of_block
from recdsl.check.entities import (
    Entity,
    ExternEntity,
    InstanceEntity,
    LayerEntity,
    SizeEntity,
    ValueEntity,
    WeightEntity,
)
from recdsl.check.expressions import Expressions
from recdsl.check.setting import Made, NeedsAxes, Setting
from recdsl.check.statements import elaborate_statement
from recdsl.diagnostics import Diagnostics, Label, Span
from recdsl.ir import sizes
from recdsl.ir.build import apply
from recdsl.ir.expr import Expr, Read, Weight, reads
from recdsl.ir.module import Equation, Input, WeightSpec
from recdsl.ir.sizes import Size
from recdsl.ir.types import Axis, Dim, ValueType
from recdsl.parse import tree

if TYPE_CHECKING:
    from recdsl.check.elaborate import Elaborator

MOST_PASSES = 12


class Block:
    """Elaborates statements; `parent` is the block around a body."""

    def __init__(
        self,
        elaborator: Elaborator,
        setting: Setting,
        statements: tuple[tree.Statement, ...],
        entities: dict[str, Entity],
        parent: Block | None = None,
        given: tuple[Input, ...] = (),
    ) -> None:
        self.elaborator = elaborator
        self.setting = setting
        self.statements = statements
        self.parent = parent
        self.given = given
        self.entities = dict(entities)
        self.types: dict[str, ValueType] = {each.name: each.type for each in given}
        self.report = Diagnostics()
        self.strict = False
        self.guessed = False  # whether a type was needed before it was known
        self.guesses: dict[str, list[tuple[Axis, ...]]] = {}  # axes tried for values with declared dims, by id
        self.seen: dict[str, ValueType] = {}
        self.in_start = False
        self.point_axis = setting.axes[0] if setting.axes else ""
        self.made = Made()
        self.failed: set[str] = set()  # values whose equation has an error, which need no second one
        self.failed_call = False
        self.building = ""  # the value whose equation is being built
        self.bodies: dict[int, dict[str, ValueType]] = {}
        self.names = names_of_block(self)
        self.report_once = Diagnostics()  # what no later pass would find again
        declare_names(self)

    # ---- what stands around

    @property
    def axes(self) -> tuple[str, ...]:
        return self.setting.axes

    @property
    def domain(self) -> str:
        return self.setting.domain

    def need_axes(self, span: Span | None = None) -> None:
        """Raise NeedsAxes in a pointwise layer; `span` is what works along them."""
        if self.domain == "pointwise":
            raise NeedsAxes(span)

    def lookup(self, name: str) -> Entity | None:
        """What a name stands for here, in the blocks around, or among all definitions."""
        block: Block | None = self
        while block is not None:
            if (entity := block.entities.get(name)) is not None:
                return entity
            block = block.parent
        definition = self.elaborator.definitions.get(name)
        return LayerEntity(definition) if definition is not None else None

    def owner_of(self, name: str) -> Block | None:
        """The block, this one or one around, that gives a name its meaning."""
        block: Block | None = self
        while block is not None and name not in block.entities:
            block = block.parent
        return block

    def parameter_names(self) -> list[str]:
        return [each.name for each in self.setting.parameters]

    def all_entities(self) -> dict[str, Entity]:
        """What names stand for here and in the blocks around."""
        around = self.parent.all_entities() if self.parent is not None else {}
        return {**around, **self.entities}

    def is_value(self, name: str) -> bool:
        return isinstance(self.lookup(name), (ValueEntity, WeightEntity))

    def known_names(self) -> list[str]:
        return list(self.entities) + (self.parent.known_names() if self.parent else [])

    def callable_names(self) -> list[str]:
        kinds = (InstanceEntity, LayerEntity, ExternEntity)
        return [n for n in self.known_names() if isinstance(self.lookup(n), kinds)] + list(self.elaborator.definitions)

    def inner_names(self) -> dict[str, Span]:
        """Names that only bodies inside this block define."""
        return self.names.inner

    def renamed_dims(self) -> dict[str, Dim]:
        """Dims that renames in this block make, with the size of what they rename."""
        found: dict[str, Dim] = {}
        for new, old in self.names.renames.items():
            entity = self.lookup(old)
            if isinstance(entity, SizeEntity) and not isinstance(self.lookup(new), SizeEntity):
                found[new] = Dim(new, entity.size)
        return found

    def defaults(self) -> dict[str, Size]:
        """The defaults of the parameters, written out in terms of those that have none."""
        found: dict[str, Size] = {}
        for parameter in self.setting.parameters:
            if parameter.default is not None:
                found[parameter.name] = sizes.substitute(parameter.default, found)
        return found

    # ---- what expressions make

    def nameless(self, value: Expr, name: str | None = None, span: Span | None = None) -> Read:
        """An equation for an expression that has no name in the source; `span` is all of it, where its own is a part."""
        if name is None:
            name = self.unique("%")
        elif name in self.types and any(isinstance(each, Equation) and each.id == name for each in self.made.items):
            return Read(name, self.types[name], span=value.span)
        type_ = self.normal(value.type)
        self.made.items.append(Equation(name, name.strip("%"), type_, value, span=span or value.span))
        self.types[name] = type_
        return Read(name, type_, span=span or value.span)

    def unique(self, stem: str) -> str:
        """`%1`, `%2`, … or `gla`, `gla_2`, … — names that no pass has given yet."""
        self.made.counts[stem] = self.made.counts.get(stem, 0) + 1
        count = self.made.counts[stem]
        if stem == "%":
            return f"%{count}"
        return stem if count == 1 else f"{stem}_{count}"

    def parameter_label(self, name: str) -> str:
        """What the parameters of an equation are named after: `h`, then `h_2`, … where a name is rebound."""
        label, count = name, 1
        while any(path.startswith(f"{label}.") for path in self.made.weights):
            count += 1
            label = f"{name}_{count}"
        return label

    def new_version(self, name: str) -> str:
        """The id of the next value of a name that is rebound."""
        key = f"~{name}"
        self.made.counts[key] = self.made.counts.get(key, 0) + 1
        return f"{name}~{self.made.counts[key]}"

    def make_weight(self, spec: WeightSpec) -> Weight:
        self.made.weights[spec.path] = spec
        return Weight(spec.path, ValueType(spec.kind, (), spec.dims), spec.span)

    def running_sum(self, value: Expr, axis: str, span: Span) -> Read:
        """`cumsum[t](x)`, which stands at `span`: a nameless recurrence `s = s[t-1] + x`."""
        name = self.unique("%")
        type_ = self.normal(value.type)
        before = Read(name, type_, offsets=((axis, -1),), span=span)
        self.made.items.append(Equation(name, name.strip("%"), type_, apply("add", before, value), span=span))
        self.types[name] = type_
        return Read(name, type_, span=span)

    def start_value(self, node: tree.Expression | tree.Along, dims: tuple[Dim, ...]) -> Expr | None:
        """An expression that gives the start of a weight."""
        before, self.in_start = self.in_start, True
        try:
            value = self.builder("start").value(node, dims)
        finally:
            self.in_start = before
        if value is not None and (read := next(reads(value), None)) is not None:
            help = "a start is made of sizes, index, constants and draws"
            label = Label(read.span or node.span)
            self.report.error("R305", f"a parameter cannot start at {read.value}", label, help=help)
            return None
        return value

    def normal(self, type_: ValueType) -> ValueType:
        """The type with axes in the layer's order."""
        place = {axis: index for index, axis in enumerate(self.axes)}
        ordered = tuple(sorted(type_.axes, key=lambda axis: place.get(axis.name, len(place))))
        return replace(type_, axes=ordered)

    def builder(self, label: str = "", several: bool = False) -> Expressions:
        """Builds expressions here; `label` names the parameters that they make."""
        return Expressions(self, label, several)

    def body(self, setting: Setting, statements: tuple[tree.Statement, ...], given: tuple[Input, ...]) -> Block:
        """The block of a `repeat` or `loop` inside this one."""
        return Block(self.elaborator, setting, statements, {}, parent=self, given=given)

    def expressions(self, label: str, value: tree.Expression) -> Expressions:
        return self.builder(label, several=count_makers(value, self) > 1)

    # ---- passes

    def run(self) -> Made:
        """Go over the statements; where types were read before they were known, until they are settled and once more."""
        self._pass(strict=True)
        if not self._settled():
            for _ in range(MOST_PASSES):
                before = dict(self.types)
                self._pass(strict=False)
                if self._settled() or before == self.types:
                    break
            self._pass(strict=True)
        self.report.found = [*self.report_once.found, *self.report.found]
        return self.made

    def _settled(self) -> bool:
        """Whether every type that the last pass read is what it found in the end."""
        return not self.guessed and all(self.types.get(value) == type_ for value, type_ in self.seen.items())

    def _pass(self, strict: bool) -> None:
        self.strict = strict
        self.guessed = False
        self.seen = {}
        self.report = Diagnostics()
        self.failed = set()
        self.failed_call = False
        self.made = Made(inputs=list(self.given))
        for given in self.given:
            if given.name in self.names.rebound:
                self.made.versions[given.name] = given.name
        for statement in self._weights_first():
            elaborate_statement(self, statement)

    def _weights_first(self) -> list[tree.Statement]:
        """Inputs and parameters before what reads them, otherwise the order written."""
        early = [s for s in self.statements if isinstance(s, (tree.Input, tree.Weight))]
        return [*early, *(s for s in self.statements if not isinstance(s, (tree.Input, tree.Weight)))]


def count_makers(value: tree.Expression, block: Block) -> int:
    """How many functions that make parameters (`linear`, `conv`, `embed`) an expression calls."""
    return sum(
        isinstance(each, tree.Call)
        and isinstance(each.function, tree.Name)
        and each.function.name in ("linear", "conv", "embed")
        and block.lookup(each.function.name) is None
        for each in tree.nodes(value)
    )
