"""One class: its methods, its state, its `__init__`, its documentation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from recdsl.backends.torch import graphs
from recdsl.backends.torch.bodies import depth_around, is_turn, pathed
from recdsl.backends.torch.depth import body_results, borrowed_names
from recdsl.backends.torch.documentation import Documentation, result_hint
from recdsl.backends.torch.expressions import Printer
from recdsl.backends.torch.init import Init, init_scope
from recdsl.backends.torch.parameters import kept_parameters
from recdsl.backends.torch.public import Public
from recdsl.backends.torch.scope import Class, Scope
from recdsl.backends.torch.stages import statement
from recdsl.backends.torch.state import any_weight, init_state, origin, sorted_updates
from recdsl.backends.torch.statements import remember

from recdsl.emit.environment import render
from recdsl.emit.names import LOCALS, Names, safe_local, safe_parameter
from recdsl.emit.precedence import BATCH, Text
from recdsl.ir.expr import Read
from recdsl.ir.module import Input, Module
from recdsl.lower.plan import Recurrence, Stage, Traits, Whole
from recdsl.rewrite.order import item_reads


def print_class(owner: Class) -> str:
    """The text of one class."""
    return Writer(owner).text()


@dataclass(slots=True)
class Writer:
    owner: Class
    scope: Scope = field(init=False)

    def __post_init__(self) -> None:
        self.scope = Scope(self.owner, Names(LOCALS | {safe_local(axis) for axis in self.module.axes}))

    @property
    def module(self) -> Module:
        return self.owner.module

    @property
    def traits(self) -> Traits:
        return self.owner.plan.traits

    @property
    def documentation(self) -> Documentation:
        return Documentation(self.owner, tuple(self.results))

    @property
    def is_entry(self) -> bool:
        return self.module.key == self.owner.file.plan.program.main

    # ---- the text

    def text(self) -> str:
        body = self._run()
        public = Public(self.owner, self.scope, self.results) if self.is_entry else None
        methods = public.methods(body) if public else self._inner_method(body)
        if self.traits.stateful:
            methods = [*methods, init_state(self.owner, self.scope.pathed)]
        scope = init_scope(self.owner)
        init = Init(self.owner, scope).lines()
        return render(
            "torch",
            "module.py.j2",
            {
                "name": self.owner.file.classes[self.module.key],
                "documentation": self.documentation.of_class(),
                "parameters": ["self", *(["*"] if kept_parameters(self.owner) else []), *self._parameters()],
                "init": init,
                "methods": methods,
            },
        )

    def _inner_method(self, body: list[str]) -> list[str]:
        return [
            render(
                "torch",
                "method.py.j2",
                {
                    "name": "forward",
                    "arguments": self.inner_arguments(),
                    "documentation": self.documentation.shapes(),
                    "body": body,
                    "returns": self.returns,
                },
            )
        ]

    @property
    def returns(self) -> str:
        """What the computing method gives."""
        return result_hint(len(self.results), self.traits.stateful)

    def inner_arguments(self) -> list[str]:
        """What the module around passes: inputs, borrowed sub-layers, the state, the points."""
        found = [f"{safe_local(given.name)}: {self._hint(given)}" for given in self.module.inputs]
        found += [f"{name}: nn.Module" for name in borrowed_names(self.module)]
        if self.traits.stateful:
            found.append("state: State")
        if self.traits.points:
            self.owner.file.helpers.add("Steps")
            found.append("steps: Steps")
        if self.module.domain == "graph":
            self.owner.file.helpers.add("Graph")
            found.append("graph: Graph")
        return found

    def _hint(self, given: Input) -> str:
        return "int" if is_turn(self.owner, given.name) else "Tensor"

    def _parameters(self) -> Iterator[str]:
        for each in kept_parameters(self.owner):
            name, kind = safe_parameter(each.name), "int" if each.is_dim else "float"
            if each.default is None:
                yield f"{name}: {kind}"
            elif each.default.operator == "number":
                value = each.default.operands[0]
                yield f"{name}: {'int' if isinstance(value, int) else 'float'} = {value!r}"
            else:
                yield f"{name}: {kind} | None = None"

    # ---- the method that computes

    @property
    def results(self) -> list[str]:
        """The values that the computing method returns."""
        depth = depth_around(self.owner)
        return body_results(depth) if depth is not None else [output.value for output in self.module.outputs]

    def _run(self) -> list[str]:
        scope = self.scope
        scope.results = tuple(self.results)
        around = depth_around(self.owner)
        scope.until = around.until if around is not None else None
        scope.steps = self.traits.points
        if self.is_entry:
            scope.pathed = pathed(self.module)
        for given in self.module.inputs:
            self._input(given)
        self._surroundings()
        scope.last_use = self._last_uses()
        for given in self.module.inputs:
            if not given.static and self.module.domain == "sequence":
                remember(scope, given.name)
        for index, stage in enumerate(self.owner.plan.stages):
            scope.stage = index
            statement(scope, stage)
        if self.traits.stateful and self.traits.index:
            self.owner.updates["index"] = "steps.end"
        self._return()
        return scope.lines

    def _input(self, given: Input) -> None:
        scope = self.scope
        name = scope.names.new(safe_local(given.name))
        if is_turn(self.owner, given.name):
            scope.values[given.name] = Text(name, (), "int", number=True)
            return
        axes = () if given.static else given.type.axis_names
        batched = () if self.module.domain == "graph" else (BATCH,)
        scope.values[given.name] = Text(name, (*batched, *axes, *given.type.dim_names), given.type.kind)

    def _surroundings(self) -> None:
        """Sizes, dtype and device come from the inputs, or else from a weight."""
        scope, module = self.scope, self.module
        tensors = [each for each in module.inputs if scope.values[each.name].labels or module.domain != "graph"]
        tensors = [each for each in tensors if not scope.values[each.name].number]
        real = [each for each in tensors if each.type.kind == "real"]
        weight = any_weight(self.owner)
        scope.like = scope.values[real[0].name].code if real else weight
        if scope.like is None and tensors:
            scope.like = origin(self.owner)
        if not tensors:
            return
        varying = [each for each in tensors if not each.static] or tensors
        first = varying[0]
        name = scope.values[first.name].code
        if module.domain == "pointwise":
            count = len(first.type.dims)
            scope.batch = f"*{name}.shape[:-{count}]" if count else f"*{name}.shape"
        elif module.domain != "graph":
            scope.batch = f"{name}.shape[0]"
        for given in varying if module.domain != "graph" else ():
            for place, axis in enumerate(given.type.axes):
                scope.measure(axis, f"{scope.values[given.name].code}.shape[{place + 1}]")
        if module.domain == "graph":
            scope.lengths[module.axes[0]] = "graph.nodes"
            scope.lengths["edge"] = "graph.edges"
            scope.graph = graphs.whole_receiver(scope)
        if module.domain == "sequence" and self.traits.points:
            scope.positions[module.axes[0]] = Text("steps.index", (BATCH, module.axes[0]), "int")
            if self.traits.caches and self.traits.stateful:
                key = self.owner.kept["cache", self.traits.caches[0]]
                scope.past = f'state["{key}"].shape[1]'

    def _last_uses(self) -> dict[str, int]:
        """For each value the last stage that reads it."""
        last: dict[str, int] = {}
        for index, stage in enumerate(self.owner.plan.stages):
            for read in stage_reads(stage):
                last[read.value] = index
        return last

    def _return(self) -> None:
        scope = self.scope
        printer = Printer(scope)
        codes = []
        for value in scope.results:
            text, type = scope.values[value], self.module.type_of(value)
            if value == scope.until:
                codes.append(printer.tensor(text, "bool").code)
            elif scope.pointwise and (BATCH in text.labels or not self.is_entry):
                text = printer.with_labels(printer.tensor(text, type.kind), type, type.dim_names)
                codes.append(printer.cast(text, type.kind).code)
            else:
                codes.append(printer.full(text, type).code)
        result = ", ".join(codes)
        if not self.traits.stateful:
            scope.line(f"return {result}")
            return
        entries = ", ".join(f'"{key}": {code}' for key, code in sorted_updates(self.owner))
        result = f"({result})" if len(codes) > 1 else result
        scope.line(f"return {result}, {{{entries}}}")


def stage_reads(stage: Stage) -> Iterator[Read]:
    match stage:
        case Whole(item):
            yield from item_reads(item)
        case Recurrence():
            for each in stage.items:
                yield from item_reads(each)
