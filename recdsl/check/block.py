"""The statements of one layer, or of one `repeat` or `loop` body → items, weights and instances.

Types of values that need each other are found by going over the statements until nothing changes: a pass builds all
expressions from the types that the last pass found; the last pass is strict and keeps its errors.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from recdsl.check.entities import (
    AxisEntity,
    Entity,
    ExternEntity,
    InstanceEntity,
    LayerEntity,
    SizeEntity,
    StaticEntity,
    ValueEntity,
    WeightEntity,
)
from recdsl.check.expressions import Expressions
from recdsl.check.layer_calls import instance_of
from recdsl.check.names import find_names
from recdsl.check.numbers import dims_of, size_of
from recdsl.check.setting import EDGE, Made, NeedsAxes, Setting
from recdsl.check.statements import elaborate_statement
from recdsl.diagnostics import Diagnostics, Label, Span
from recdsl.ir import sizes
from recdsl.ir.build import apply
from recdsl.ir.expr import Expr, Read, Weight, reads, walk
from recdsl.ir.module import Equation, Input, Item, WeightSpec
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
        self.seen: dict[str, ValueType] = {}
        self.in_start = False
        self.point_axis = setting.axes[0] if setting.axes else ""
        self.made = Made()
        self.failed: set[str] = set()  # values whose equation has an error, which need no second one
        self.failed_call = False
        self.building = ""  # the value whose equation is being built
        self.bodies: dict[int, dict[str, ValueType]] = {}
        self._declare()

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

    def _declare(self) -> None:
        """Enter every name that the statements define, in any order."""
        names = find_names(self.statements, tuple(each.name for each in self.given), self._outer_values())
        self.names = names
        self.report_once = Diagnostics()
        if not self.setting.rebinds:
            names.report_double_definitions(self.report_once)
        for axis in self.axes:
            self.entities.setdefault(axis, AxisEntity(axis, axis))
        for new, old in names.renames.items():
            entity = self.entities.get(old) or self.lookup(old)
            if isinstance(entity, AxisEntity) and self.lookup(new) is None:
                self.entities[new] = AxisEntity(new, entity.origin)
        for name, span in names.values.items():
            if not self._is_taken(name, span):
                self.entities[name] = ValueEntity(name, span)
        for name, span in names.weights.items():
            if not self._is_taken(name, span):
                self.entities[name] = WeightEntity(name, span)
        for statement in self.statements:
            self._declare_callable(statement)

    def _refuse_second_definition(self, name: str) -> None:
        """R203: an instance is no value that could be rebound."""
        places = self.names.rebound.get(name, [])
        if len(places) > 1:
            labels = Label(places[1], "defined again"), Label(places[0], "defined here")
            help = "give the second one a name of its own"
            message = f"{name} is defined twice"
            if not any(each.message == message for each in self.report_once.found):
                self.report_once.error("R203", message, *labels, help=help)

    def _is_taken(self, name: str, span: Span) -> bool:
        """R203 for a value that is called like a parameter or an axis, whose meaning the name keeps."""
        entity = self.entities.get(name) or (self.parent.lookup(name) if self.parent else None)
        is_parameter = isinstance(entity, (SizeEntity, StaticEntity))
        if is_parameter or (isinstance(entity, AxisEntity) and name in self.axes):
            what = "a parameter" if is_parameter else "an axis"
            help = "give the value another name"
            self.report_once.error("R203", f"{name} is {what} of this layer already", Label(span), help=help)
            return True
        return False

    def _outer_values(self) -> frozenset[str]:
        found: set[str] = set()
        block = self.parent
        while block is not None:
            found.update(name for name, entity in block.entities.items() if isinstance(entity, ValueEntity))
            block = block.parent
        return frozenset(found)

    def _declare_callable(self, statement: tree.Statement) -> None:
        match statement:
            case tree.Equation(names=(tree.Name(name=name),), dims=None, value=tree.Call() as call, accumulate=False):
                if instance_of(self, call):
                    self.entities[name] = InstanceEntity(name, call)
                    self._refuse_second_definition(name)
            case tree.Extern():
                found = self.type_of_words(statement.type, self.report_once)
                self.entities[statement.name.name] = ExternEntity(
                    statement.name.name, len(statement.arguments), found[0] if found else ValueType()
                )

    def lookup(self, name: str) -> Entity | None:
        """What a name stands for here, in the blocks around, or among all definitions."""
        block: Block | None = self
        while block is not None:
            if (entity := block.entities.get(name)) is not None:
                return entity
            block = block.parent
        definition = self.elaborator.definitions.get(name)
        return LayerEntity(definition) if definition is not None else None

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

    # ---- reads

    def read(self, name: str, span: Span) -> Expr | None:
        """The value of a name at the current point."""
        return self._read(name, span)

    def read_shifted(self, name: str, span: Span) -> Read | None:
        """The value of a name that is read at a shift: one that is not rebound."""
        owner = self.owner_of(name)
        if owner is not None and name in owner.names.rebound:
            if self._is_doubled(name, owner):
                return None
            labels = [Label(span, "read at a shift")]
            places = owner.names.rebound[name]
            labels += [Label(each, "rebound here") for each in (places[1:2] or places[:1])]
            help = f"give the value that is meant a name of its own: now = {name}"
            message = f"{name} is rebound and cannot be read at a shift"
            if not any(each.message == message for each in self.report.found):
                self.report.error("R206", message, *labels, help=help)
            return None
        found = self._read(name, span)
        return found if isinstance(found, Read) else None

    def _is_doubled(self, name: str, owner: Block) -> bool:
        """Whether a name is defined twice where that is refused (R203), so that nothing more need be said."""
        if owner.setting.rebinds or name not in owner.names.doubled:
            return False
        self.failed.add(name)
        return True

    def owner_of(self, name: str) -> Block | None:
        block: Block | None = self
        while block is not None and name not in block.entities:
            block = block.parent
        return block

    def _read(self, name: str, span: Span) -> Read | None:
        if name in self.entities and isinstance(self.entities[name], ValueEntity):
            return self._own(name, span)
        if self.parent is None:  # a name that was refused, such as that of a parameter
            self.failed.add(name)
            return None
        if name not in self.made.captured:
            outer = self.parent._read(name, span)
            if outer is None:
                self.guessed = True
                return None
            self._capture(name, outer)
        type_ = self.types[name]
        return Read(name, self._as_seen(type_), via=self._via(type_), span=span)

    def _own(self, name: str, span: Span) -> Read | None:
        version = self.made.versions.get(name, name)
        if name in self.names.rebound and name not in self.made.versions:
            if self.strict and not self._is_doubled(name, self):
                help = "statements that rebind a name are read in the order written"
                self.report.error("R208", f"{name} is read before it has a value", Label(span), help=help)
            return None
        type_ = self.types.get(version)
        if type_ is None:
            self.guessed = True
            if self.strict and version not in self.failed and version != self.building:
                help = "give its equation dims: h : H = …"
                self.report.error("R301", f"the dims of {name} are not known", Label(span), help=help)
            return None
        self.seen.setdefault(version, type_)  # later reads of this pass may find another
        return Read(version, self._as_seen(type_), via=self._via(type_), span=span)

    def _via(self, type_: ValueType) -> str:
        """A node value that an edge reads is read at the node the edge leaves."""
        at_edge = self.domain == "graph" and self.point_axis == "edge"
        return "tail" if at_edge and type_.axis_names == self.axes else ""

    def _as_seen(self, type_: ValueType) -> ValueType:
        return replace(type_, axes=(EDGE,)) if self._via(type_) else type_

    def _capture(self, name: str, outer: Read) -> None:
        type_ = outer.type if self.domain != "pointwise" else replace(outer.type, axes=())
        self.made.captured[name] = outer
        self.types[name] = type_
        self.made.inputs.append(Input(name, type_, vocabulary=self._outer_vocabulary(outer.value)))

    def _outer_vocabulary(self, value: str) -> Size | None:
        assert self.parent is not None
        return self.parent.vocabulary_of(Read(value, ValueType()))

    def read_weight(self, name: str, span: Span) -> Expr | None:
        """A `param` or `const`, here or of a block around."""
        if name in self.entities:
            spec = self.made.weights.get(name)
            return None if spec is None else Weight(name, ValueType(spec.kind, (), spec.dims), span)
        assert self.parent is not None, name
        shared = f"%{name}"
        if shared not in self.made.captured:
            weight = self.parent.read_weight(name, span)
            if weight is None:
                return None
            self._capture(shared, weight if isinstance(weight, Read) else self.parent.nameless(weight, shared))
        return Read(shared, self.types[shared], span=span)

    def reads_value(self, name: str) -> bool:
        """Whether an equation or a body inside this block reads an input."""
        return any(
            isinstance(each, Read) and each.value == name
            for item in self.made.items
            for expr in _expressions_of(item)
            for each in walk(expr)
        )

    def vocabulary_of(self, expr: Expr) -> Size | None:
        """The vocabulary of a token input that an expression reads."""
        for each in walk(expr):
            if isinstance(each, Read):
                for given in self.made.inputs:
                    if given.name == each.value and given.vocabulary is not None:
                        return given.vocabulary
        return None

    # ---- what expressions make

    def nameless(self, value: Expr, name: str | None = None) -> Read:
        """An equation for an expression that has no name in the source."""
        if name is None or (name in self.types and any(isinstance(i, Equation) and i.id == name for i in self.made.items)):  # fmt: skip
            if name is None:
                name = self.unique("%")
            else:
                return Read(name, self.types[name], span=value.span)
        type_ = self.normal(value.type)
        self.made.items.append(Equation(name, name.strip("%"), type_, value, span=value.span))
        self.types[name] = type_
        return Read(name, type_, span=value.span)

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

    def running_sum(self, value: Expr, axis: str) -> Read:
        """`cumsum[t](x)`: a nameless recurrence `s = s[t-1] + x`."""
        name = self.unique("%")
        type_ = self.normal(value.type)
        before = Read(name, type_, offsets=((axis, -1),), span=value.span)
        self.made.items.append(Equation(name, name.strip("%"), type_, apply("add", before, value), span=value.span))
        self.types[name] = type_
        return Read(name, type_, span=value.span)

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

    # ---- types

    def type_of_words(self, node: tree.Type, report: Diagnostics) -> tuple[ValueType, set[str], Size | None] | None:
        """A type, its words `static` and `edge`, and the vocabulary of tokens."""
        kind, words, vocabulary = "real", set[str](), None
        dims: list[tree.Expression] = []
        for word in node.words:
            match word:
                case tree.Token():
                    kind, vocabulary = "int", size_of(word.vocabulary, self.lookup)
                    if vocabulary is None:
                        help = "write token[V], V being a parameter, or a number"
                        report.error("R305", "the vocabulary is not a size", Label(word.vocabulary.span), help=help)
                        return None
                case tree.Name(name=("bool" | "complex" | "real") as name):
                    if kind not in ("real", name):
                        report.error(
                            "R303", f"a value cannot be {kind} and {name}", Label(word.span), help="leave one out"
                        )
                        return None
                    kind = name
                case tree.Name(name=("static" | "edge") as name):
                    words.add(name)
                case tree.Name(name="scalar"):
                    pass
                case _:
                    dims.append(word)
        along = tree.Along(tuple(dims), node.span)
        found = dims_of(along, self.lookup, report, self.renamed_dims(), self.parameter_names())
        if found is None:
            return None
        axes: tuple[Axis, ...] = tuple(Axis(axis, sizes.axis_length(axis)) for axis in self.axes)
        if "edge" in words:
            axes = (EDGE,)
        return ValueType(kind, () if "static" in words else axes, found), words, vocabulary


def _expressions_of(item: Item) -> list[Expr]:
    """What an equation computes and starts from, or a body captures."""
    if isinstance(item, Equation):
        return [item.expr] if item.init is None else [item.expr, item.init]
    return [read for _, read in item.captured]


def count_makers(value: tree.Expression, block: Block) -> int:
    """How many functions that make parameters (`linear`, `conv`, `embed`) an expression calls."""
    return sum(
        isinstance(each, tree.Call)
        and isinstance(each.function, tree.Name)
        and each.function.name in ("linear", "conv", "embed")
        and block.lookup(each.function.name) is None
        for each in tree.nodes(value)
    )
