"""Definitions → modules: one for each way in which a layer is used.

In: the definitions of a program. Out: a checked `Program`. Refuses: everything that cannot be meant (R2xx to R4xx).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from recdsl.check.block import Block
from recdsl.check.causality import causality_of, check_order
from recdsl.check.entities import Entity, InstanceEntity, LayerEntity, SizeEntity, StaticEntity, static_label
from recdsl.check.expressions import Expressions
from recdsl.check.numbers import check_count, names_in, size_of, unknown_name
from recdsl.check.reading import vocabulary_of
from recdsl.check.setting import Made, NeedsAxes, Setting
from recdsl.check.settled import mark_settled
from recdsl.check.starts import check_starts
from recdsl.diagnostics import Diagnostics, Label, Span
from recdsl.ir import sizes
from recdsl.ir.expr import Expr
from recdsl.ir.graph import results_of
from recdsl.ir.module import Depth, Input, Module, Output, Parameter, Program
from recdsl.ir.sizes import Size
from recdsl.parse import tree

Statics = dict[str, StaticEntity | LayerEntity]


@dataclass(frozen=True, slots=True)
class Settings:
    """What `--set` gives the entry point: sizes that become defaults, and booleans, strings and layers."""

    sizes: dict[str, Size]
    statics: Statics


class Elaborator:
    """Holds the definitions of one program and the modules made of them."""

    def __init__(self, definitions: Mapping[str, tree.Definition], report: Diagnostics) -> None:
        self.definitions = definitions
        self.report = report
        self.modules: dict[str, Module | None] = {}
        self.trail: list[tuple[str, tree.Definition]] = []
        self._structural: dict[str, frozenset[str]] = {}

    def program(self, definition: tree.Definition, settings: Settings) -> Program | None:
        """The program whose entry point is `definition`; None after errors."""
        try:
            main = self.specialise(definition, settings.statics, (), None, settings.sizes)
        except NeedsAxes as error:
            help = f"give it axes: {definition.kind} {definition.name.name}(…) over t:"
            labels = [Label(definition.name.span, "has no axes")]
            if error.span is not None:
                labels.append(Label(error.span, "works along axes"))
            self.report.error("R304", f"{definition.name.name} works along axes", *labels, help=help)
            return None
        if main is None or not self._has_points(definition, main):
            return None
        return reachable(Program({key: m for key, m in self.modules.items() if m is not None}, main.key))

    def _has_points(self, definition: tree.Definition, main: Module) -> bool:
        """Whether an input of the entry point says how many points there are; R304 where none does."""
        if any((not each.static or not main.axes) and "edge" not in each.type.axis_names for each in main.inputs):
            return True
        what, one = ("nodes", "node") if main.domain == "graph" else ("points", "point")
        help = f"declare one with a value at each {one}: in x : D"
        self.report.error("R304", f"no input says how many {what} there are", Label(definition.name.span), help=help)
        return False

    # ---- one definition

    def specialise(
        self,
        definition: tree.Definition,
        statics: Statics,
        axes: tuple[str, ...],
        around: Setting | None,
        given: dict[str, Size] | None = None,
    ) -> Module | None:
        """The module of a definition for these booleans, strings and layers; None when it has errors.

        `axes` are those of the caller, which stands in `around`, for a layer that has none of its own and works along some.
        Raises NeedsAxes.
        """
        statics = {**_default_statics(self, definition), **statics}
        setting = _setting(definition, statics, axes, around)
        key = setting.key
        if key in self.modules:
            return self.modules[key]
        if definition.name.name in [name for name, _ in self.trail]:
            return self._circle(definition)
        self.trail.append((definition.name.name, definition))
        try:
            module = self._module(definition, statics, setting, given or {})
        finally:
            self.trail.pop()
        self.modules[key] = module
        return module

    def _circle(self, definition: tree.Definition) -> None:
        names = [name for name, _ in self.trail]
        round_ = [each for _, each in self.trail[names.index(definition.name.name) :]]
        first = min(range(len(round_)), key=lambda place: (round_[place].span.source.path, round_[place].span.start))
        round_ = [*round_[first:], *round_[: first + 1]]
        message = f"layers are made of each other without end: {' → '.join(each.name.name for each in round_)}"
        help = "a loop or repeat ends after its turns"
        self.report.error("R210", message, Label(round_[0].name.span), help=help)

    def _module(
        self, definition: tree.Definition, statics: Statics, setting: Setting, given: dict[str, Size]
    ) -> Module | None:
        report = Diagnostics()
        parameters, entities = self._parameters(definition, statics, given, report)
        setting = replace(setting, parameters=parameters)
        block = Block(self, setting, definition.body, entities)
        made = block.run()
        report.found.extend(block.report.found)
        if not report.errors and not made.outputs:
            help = "say what it gives: out y"
            report.error("R211", f"{definition.name.name} has no out", Label(definition.name.span), help=help)
        if report.errors or block.failed_call:
            self.report.found.extend(report.found)
            return None
        documentation = _documentation(definition)
        backwards = definition.over is not None and definition.over.reversed
        module = _assemble(setting, made, definition.span, documentation, backwards)
        module = self._checked(module, report)
        self.report.found.extend(report.found)
        return None if report.errors else module

    def _checked(self, module: Module, report: Diagnostics) -> Module:
        """Order, starts, settled loops and causality of a module whose equations are fine."""
        program = Program({key: each for key, each in self.modules.items() if each is not None}, module.key)
        program = program.with_module(module)
        if not check_order(module, program, report):
            return module
        check_starts(module, report)
        module = mark_settled(module, program)
        return replace(module, causality=causality_of(module, program.with_module(module)))

    def add_body(self, block: Block, span: Span) -> None:
        """Enter the module of a `repeat` or `loop` body."""
        made, parent = block.made, block.parent
        assert parent is not None
        outputs = [Output(name, made.versions.get(name, name)) for name in block.names.rebound]
        given = {each.name for each in made.inputs}.union(*(results_of(item) for item in made.items))
        if block.report.errors or block.failed_call or any(each.value not in given for each in outputs):
            self.modules[block.setting.key] = None
            parent.failed_call = parent.failed_call or parent.strict
            return
        module = _assemble(block.setting, replace(made, outputs=outputs), span, "", False)
        report = Diagnostics()
        self.modules[module.key] = self._checked(module, report)
        if parent.strict:
            parent.report.found.extend(report.found)

    def operator_module(self, owner: Block, instance: InstanceEntity, operand: Expr, caller: Block) -> Module | None:
        """The module of `f = conv(3 -> C)` for the operand of its first call."""
        key = f"{owner.setting.key}.{instance.name}"
        setting = Setting(key, f"{owner.setting.name}_{instance.name}", "pointwise", (), owner.setting.parameters, True)
        for pointwise in (True, False):
            if not pointwise:
                caller.need_axes()
                cyclic = caller.setting.cyclic_graph
                setting = replace(setting, domain=caller.domain, axes=caller.axes, cyclic_graph=cyclic)
            type_ = replace(operand.type, axes=()) if pointwise else caller.normal(operand.type)
            given = Input("x", type_, vocabulary=vocabulary_of(caller, operand))
            statement = tree.Output((), None, _on_input(instance.call), instance.call.span)
            block = OperatorBlock(self, setting, (statement,), owner.all_entities(), given=(given,))
            block.entities.pop(instance.name, None)
            try:
                made = block.run()
            except NeedsAxes:
                continue
            if caller.strict:
                caller.report.found.extend(block.report.found)
            if block.report.errors:
                return None
            module = _assemble(setting, made, instance.call.span, "", False)
            module = self._checked(module, Diagnostics())
            self.modules[key] = module
            return module
        return None

    # ---- parameters

    def _parameters(
        self, definition: tree.Definition, statics: Statics, given: dict[str, Size], report: Diagnostics
    ) -> tuple[tuple[Parameter, ...], dict[str, Entity]]:
        entities: dict[str, Entity] = {}
        parameters: list[Parameter] = []
        for each in definition.parameters:
            name = each.name.name
            if name in entities:
                report.error("R203", f"the parameter {name} stands twice", Label(each.name.span), help="leave one out")
                continue
            static = statics.get(name)
            if isinstance(static, StaticEntity) and isinstance(static.value, str) and static.value.startswith("="):
                entities[name] = SizeEntity(sizes.number(_number(static.value[1:])))
                continue
            if static is not None:
                entities[name] = static
                continue
            default = given.get(name)
            if default is None and each.default is not None:
                default = size_of(each.default, entities.get)
                if default is None:
                    self._bad_default(each, entities, report)
                elif name[0].isupper():
                    check_count(f"the dim {name}", default, each.span, report)
            parameters.append(Parameter(name, name[0].isupper(), default))
            entities[name] = SizeEntity(sizes.name(name))
        self._check_axes(definition, entities, report)
        return tuple(parameters), entities

    def _check_axes(self, definition: tree.Definition, entities: dict[str, Entity], report: Diagnostics) -> None:
        axes = definition.over.axes if definition.over is not None else ()
        for place, axis in enumerate(axes):
            help = "give the axis another name"
            if axis.name in entities:
                report.error("R203", f"{axis.name} is a parameter already", Label(axis.span), help=help)
            elif definition.over is not None and definition.over.graph and axis.name in ("pred", "edge"):
                message = f"{axis.name} has a meaning in graphs already"
                report.error("R203", message, Label(axis.span), help="call the nodes n: over n in dag")
            elif axis.name in [earlier.name for earlier in axes[:place]]:
                report.error("R203", f"the axis {axis.name} stands twice", Label(axis.span), help=help)

    def _bad_default(self, parameter: tree.Parameter, entities: dict[str, Entity], report: Diagnostics) -> None:
        assert parameter.default is not None
        names = [n for n in names_in(parameter.default) if n.name not in entities]
        if names:
            known = [*entities, *self.definitions]
            unknown_name(names[0].name, names[0].span, known, report, what="earlier parameter")
            return
        help = "a default is a size, a number, yes or no, a string or a layer"
        report.error("R305", "this default is not known when compiling", Label(parameter.default.span), help=help)

    def structural(self, definition: tree.Definition) -> frozenset[str]:
        """Number parameters that stand in a shift, here or in a layer that they are handed to by name: they have to
        be known when compiling."""
        name = definition.name.name
        if name not in self._structural:
            self._structural[name] = frozenset()  # what a circle of layers finds, which is refused elsewhere
            own = {each.name.name for each in definition.parameters}
            found = _names_in_shifts(definition.body) | self._handed_to_shifts(definition.body)
            self._structural[name] = frozenset(own & found)
        return self._structural[name]

    def _handed_to_shifts(self, body: tuple[tree.Statement, ...]) -> set[str]:
        found: set[str] = set()
        for each in tree.nodes(body):
            if isinstance(each, tree.Call) and isinstance(each.function, tree.Name):
                callee = self.definitions.get(each.function.name)
                wanted = self.structural(callee) if callee is not None else frozenset()
                given = [a.value for a in each.arguments if isinstance(a, tree.Keyword) and a.name in wanted]
                found.update(n.name for value in given for n in tree.nodes(value) if isinstance(n, tree.Name))
        return found

    def in_loop(self, block: Block) -> bool:
        """Whether the block is the body of a `loop`."""
        parent = block.parent
        return parent is not None and any(
            isinstance(each, tree.Loop) and each.body is block.statements for each in parent.statements
        )


class OperatorBlock(Block):
    """The one statement of an operator's instance; its parameters stand at the root of the state dict."""

    def builder(self, label: str = "", several: bool = False) -> Expressions:
        return super().builder()


def _on_input(call: tree.Call) -> tree.Call:
    """`conv(3 -> C)` as `conv(x, 3 -> C)`, `linear(D -> H)` as `linear(x -> H)`."""
    x = tree.Name("x", call.span)
    first, *rest = call.arguments
    assert isinstance(call.function, tree.Name)
    if call.function.name == "linear":
        assert isinstance(first, tree.Arrow)
        return replace(call, arguments=(replace(first, source=x), *rest))
    return replace(call, arguments=(tree.Positional(x, call.span), first, *rest))


def _default_statics(elaborator: Elaborator, definition: tree.Definition) -> Statics:
    """Booleans, strings and layers that parameters have by default, and numbers that stand in shifts."""
    found: Statics = {}
    structural = elaborator.structural(definition)
    for each in definition.parameters:
        match each.default:
            case tree.Truth() | tree.Text():
                found[each.name.name] = StaticEntity(each.default.value)
            case tree.Name() as name if name.name in elaborator.definitions and name.name not in [
                p.name.name for p in definition.parameters
            ]:
                found[each.name.name] = LayerEntity(elaborator.definitions[name.name])
            case tree.Number() if each.name.name in structural:
                found[each.name.name] = StaticEntity(f"={each.default.text}")
    return found


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("-").isdigit() else float(text)


def _setting(definition: tree.Definition, statics: Statics, axes: tuple[str, ...], around: Setting | None) -> Setting:
    """Where a layer's block stands; its parameters are not known yet."""
    name, over, rebinds = definition.name.name, definition.over, definition.kind == "model"
    if over is not None:
        own = tuple(each.name for each in over.axes)
        domain = "graph" if over.graph else "sequence" if len(own) == 1 else "grid"
        return Setting(_key(definition, statics), name, domain, own, (), rebinds, over.graph == "graph")
    key = _key(definition, statics)
    if not axes:
        return Setting(key, name, "pointwise", (), (), rebinds)
    key = f"{key} over {', '.join(axes)}"
    if around is not None and around.domain == "graph":
        kind = "graph" if around.cyclic_graph else "dag"
        return Setting(f"{key} in {kind}", name, "graph", axes, (), rebinds, around.cyclic_graph)
    return Setting(key, name, "sequence" if len(axes) == 1 else "grid", axes, (), rebinds)


def _key(definition: tree.Definition, statics: Statics) -> str:
    defaults = {each.name.name: each.default for each in definition.parameters}
    shown = [
        f"{name}={static_label(value)}"
        for name, value in sorted(statics.items())
        if not _is_default(value, defaults.get(name))
    ]
    return definition.name.name + (f"[{', '.join(shown)}]" if shown else "")


def _is_default(value: StaticEntity | LayerEntity, default: tree.Expression | None) -> bool:
    match value, default:
        case StaticEntity(), tree.Truth() | tree.Text():
            return value.value == default.value
        case StaticEntity(), tree.Number():
            return value.value == f"={default.text}"
        case LayerEntity(sizes=(), statics=()), tree.Name():
            return value.definition.name.name == default.name
    return False


def _documentation(definition: tree.Definition) -> str:
    """The comment that stands right above a definition, as it opens a file of one."""
    source = definition.span.source
    lines = source.text[: definition.span.start].split("\n")[:-1]
    found: list[str] = []
    while lines and lines[-1].startswith("#"):
        found.insert(0, lines.pop().lstrip("#").strip())
    return " ".join(found)


def _names_in_shifts(body: tuple[tree.Statement, ...]) -> set[str]:
    shifts = (each.amount for each in tree.nodes(body) if isinstance(each, tree.Offset))
    return {each.name for amount in shifts for each in tree.nodes(amount) if isinstance(each, tree.Name)}


def _assemble(setting: Setting, made: Made, span: Span, documentation: str, backwards: bool) -> Module:
    return Module(
        setting.key,
        setting.name,
        setting.domain,
        setting.axes,
        setting.parameters,
        tuple(made.inputs),
        tuple(made.outputs),
        tuple(made.items),
        tuple(made.weights.values()),
        tuple(made.instances.values()),
        tuple(made.externals),
        backward_graph=backwards,
        cyclic_graph=setting.cyclic_graph,
        documentation=documentation,
        span=span,
    )


def reachable(program: Program) -> Program:
    """The program without modules that nothing calls, callees first."""
    order: dict[str, Module] = {}

    def visit(key: str) -> None:
        if key in order:
            return
        module = program.modules[key]
        for each in module.instances:
            visit(each.module)
        for item in module.items:
            if isinstance(item, Depth):
                visit(item.body)
        order[key] = module

    visit(program.main)
    return Program(order, program.main)
