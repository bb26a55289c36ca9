"""The methods that a user calls: `forward` with its checks, and `step`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from recdsl.backends.torch.bodies import chain_call, one_chain
from recdsl.backends.torch.documentation import result_hint, shape_text
from recdsl.backends.torch.scope import Class, Scope

from recdsl.emit.environment import render
from recdsl.emit.names import safe_local
from recdsl.ir.module import Depth, Input, Module
from recdsl.lower.plan import Traits


@dataclass(slots=True)
class Public:
    """The public methods of the entry point."""

    owner: Class
    scope: Scope
    results: list[str]

    @property
    def module(self) -> Module:
        return self.owner.module

    @property
    def traits(self) -> Traits:
        return self.owner.plan.traits

    @property
    def causal(self) -> bool:
        return self.module.causality.axis is not None

    def methods(self, body: list[str]) -> list[str]:
        if self.module.domain != "sequence":
            return [self._direct(body)]
        methods = [self._forward()]
        if self.causal:
            methods.append(self._step())
        methods.append(self._run(body))
        if self.causal and not self.traits.stateful:
            methods.append(self._stateless_start())
        return methods

    # ---- layers without documents and state

    def _direct(self, body: list[str]) -> str:
        """Pointwise layers, grids and graphs compute in `forward` itself."""
        arguments = self._inputs()
        inputs = self.module.inputs
        checks = self._checks([each for each in inputs if "edge" not in each.type.axis_names])
        if self.module.domain == "graph":
            self.owner.file.helpers.add("Graph")
            arguments.append("edge_index: Tensor | Graph")
            back = ", back=True" if self.module.backward_graph else ""
            checks.append(f"graph = Graph.of(edge_index, {self._first()}.shape[0]{back})")
            checks += self._checks([each for each in inputs if "edge" in each.type.axis_names])
        if self.scope.pathed:
            kind = "Sequence[int]" if self.module.domain == "graph" else "Path"
            arguments += ["*", f"path: {kind} | None = None"]
            checks.append(self._chain())
        return self._method("forward", arguments, self._shapes(), [*checks, *body], self._hint(False))

    # ---- sequences

    def _forward(self) -> str:
        arguments = [*self._inputs(), "*"]
        if self.causal:
            arguments += ["state: State | None = None", "return_state: bool = False"]
        arguments += ["lengths: Tensor | None = None", "reset: Tensor | None = None"]
        if self.scope.pathed:
            arguments.append("path: Path | None = None")
        lines = [*self._checks(self.module.inputs), *self._refusals()]
        x = self._first()
        batch = f"{x}.shape[0]"
        if self.traits.stateful:
            start = "batch, path" if self._path_in_state() else "batch"
            lines += ["if state is None:", f"    state = self.init_state({start.replace('batch', batch, 1)})"]
        if self.scope.pathed:
            lines.append(self._chain())
        lines += self._steps(batch, x)
        call = f"self.run({', '.join(self._run_arguments())})"
        names = ", ".join(safe_local(f"y_{i}") for i in range(len(self.results))) if len(self.results) > 1 else "y"
        left = f"({names})" if len(self.results) > 1 and self.traits.stateful else names
        lines.append(f"{left}, state = {call}" if self.traits.stateful else f"{names} = {call}")
        cut = [self._cut(name, value) for name, value in zip(names.split(", "), self.results, strict=True)]
        lines += [each for each in cut if each]
        together = f"({names})" if len(self.results) > 1 else names
        if self.causal:
            kept = "state" if self.traits.stateful else "state or {}"
            lines.append(f"return ({together}, {kept}) if return_state else {together}")
        else:
            lines.append(f"return {names}")
        plain = self._hint(False)
        returns = f"{plain} | {self._hint(True)}" if self.causal else plain
        return self._method("forward", arguments, self._forward_documentation(), lines, returns)

    def _forward_documentation(self) -> list[str]:
        lines = self._shapes()
        lines += [
            "",
            "``lengths`` [batch] ends rows early, ``reset`` [batch, T] starts a new document where it is true.",
        ]
        if self.causal:
            lines.append(
                "``state`` continues an earlier call; with ``return_state`` a pair of the result and the state."
            )
        return lines

    def _steps(self, batch: str, x: str) -> list[str]:
        self.owner.file.helpers.add("Steps")
        start = ', state["index"]' if self.traits.stateful and self.traits.index else ", None"
        keep = ", keep=return_state" if self.causal and self._keeps_turns() else ""
        lines = [f"steps = Steps({batch}, {x}.shape[1], {x}.device{start}, lengths, reset{keep})"]
        for given in self.module.inputs:
            if not given.static:
                name = safe_local(given.name)
                lines.append(f"{name} = steps.cut({name})")
        return lines

    def _keeps_turns(self) -> bool:
        """Whether a loop that may end early has to run all its turns for the state."""
        plans = self.owner.file.plan.modules
        return any(
            isinstance(item, Depth) and item.until is not None and plans[item.body].traits.stateful
            for plan in plans.values()
            for item in plan.module.items
        )

    def _run_arguments(self) -> list[str]:
        arguments = [safe_local(given.name) for given in self.module.inputs]
        if self.traits.stateful:
            arguments.append("state")
        if self.traits.points:
            arguments.append("steps")
        if self.scope.pathed:
            arguments.append("path")
        return arguments

    def _cut(self, name: str, value: str) -> str:
        axes = self.module.type_of(value).axis_names
        return f"{name} = steps.cut({name})" if axes and axes[0] == self.module.axes[0] else ""

    def _refusals(self) -> list[str]:
        lines = []
        for word, reason in self.traits.unmeant:
            lines += [f"if {word} is not None:", f'    raise ValueError("{word} has no meaning here: {reason}")']
        return lines

    def _step(self) -> str:
        arguments = [*self._inputs(), "state: State"]
        lines = self._checks(self.module.inputs, step=True)
        x = self._first()
        moved = [safe_local(given.name) for given in self.module.inputs if not given.static]
        start = ', state["index"]' if self.traits.stateful and self.traits.index else ""
        keep = ", keep=True" if self._keeps_turns() else ""
        lines += [f"{name} = {name}.unsqueeze(1)" for name in moved]
        if self.scope.pathed:
            arguments += ["*", "path: Path | None = None"]
            lines.append(self._chain())
        if self.traits.points:
            self.owner.file.helpers.add("Steps")
            lines.append(f"steps = Steps({x}.shape[0], 1, {x}.device{start}{keep})")
        call = f"self.run({', '.join(self._run_arguments())})"
        names = [f"y_{i}" for i in range(len(self.results))] if len(self.results) > 1 else ["y"]
        joined = ", ".join(names)
        left = f"({joined})" if len(names) > 1 and self.traits.stateful else joined
        lines.append(f"{left}, state = {call}" if self.traits.stateful else f"{joined} = {call}")
        squeezed = ", ".join(
            f"{name}.squeeze(1)" if self.module.type_of(value).axes else name
            for name, value in zip(names, self.results, strict=True)
        )
        lines.append(f"return {f'({squeezed})' if len(names) > 1 else squeezed}, state")
        return self._method("step", arguments, [self._step_text()], lines, self._hint(True))

    def _step_text(self) -> str:
        return "One point: the inputs without their axis, and the state before it; the outputs and the state after it."

    def _run(self, body: list[str]) -> str:
        arguments = [f"{safe_local(given.name)}: Tensor" for given in self.module.inputs]
        arguments += ["state: State"] if self.traits.stateful else []
        arguments += ["steps: Steps"] if self.traits.points else []
        arguments += ["path: list[Any]"] if self.scope.pathed else []
        text = "The results, and the state after the last point." if self.traits.stateful else "The results."
        return self._method("run", arguments, [text], body, self._hint(self.traits.stateful))

    def _stateless_start(self) -> str:
        return self._method(
            "init_state", ["batch: int"], ["Nothing is kept from point to point."], ["return {}"], "State"
        )

    # ---- parts

    def _hint(self, stateful: bool) -> str:
        return result_hint(len(self.results), stateful)

    def _inputs(self) -> list[str]:
        return [f"{safe_local(given.name)}: Tensor" for given in self.module.inputs]

    def _first(self) -> str:
        """An input that has all axes of the layer, if any has."""
        inputs = [given for given in self.module.inputs if "edge" not in given.type.axis_names]
        varying = [given for given in inputs if not given.static] or inputs
        return safe_local(varying[0].name)

    def _shapes(self) -> list[str]:
        module = self.module
        inputs = ", ".join(f"{safe_local(g.name)} {shape_text(g.type, module, g.static)}" for g in module.inputs)
        results = []
        for output in module.outputs:
            name = output.name or output.value.split("~")[0].lstrip("%")
            results.append(f"{name} {shape_text(module.type_of(output.value), module, False)}")
        if module.domain == "graph":
            inputs += ", edge_index [2, edges]"
        return [f"{inputs} -> {', '.join(results)}"]

    def _checks(self, inputs: Sequence[Input], step: bool = False) -> list[str]:
        lines = []
        for given in inputs:
            name = safe_local(given.name)
            shape = ", ".join(self._expected(given, step))
            lines.append(f'{self.scope.help("expect")}("{given.name}", {name}, {shape})')
            if given.vocabulary is not None:
                size = self.scope.whole(given.vocabulary).code
                lines.append(f'{self.scope.help("expect_tokens")}("{given.name}", {name}, {size})')
        return lines

    def _expected(self, given: Input, step: bool) -> list[str]:
        """The shape of an input: sizes, and words for what may have any."""
        module = self.module
        first = self._first()
        axes = [] if given.static or step else list(given.type.axis_names)
        lead = {"pointwise": ["..."], "graph": []}.get(module.domain, ["batch"])
        is_first = safe_local(given.name) == first
        words = []
        for place, word in enumerate([*lead, *axes]):
            if is_first or module.domain == "pointwise":
                words.append(f'"{word}"')
            elif word == "edge":
                words.append("graph.edges")
            else:
                words.append(f"{first}.shape[{place}]")
        return [*words, *(self.scope.whole(dim.size).code for dim in given.type.dims)]

    def _chain(self) -> str:
        name = self.scope.pathed
        if self.module.domain == "graph":
            return f"path = {one_chain(self.owner, name)}"
        return f"path = {chain_call(self.owner, name, self._first() + '.shape[0]')}"

    def _path_in_state(self) -> bool:
        return self.scope.pathed in self.owner.begins

    def _method(self, name: str, arguments: list[str], documentation: list[str], body: list[str], returns: str) -> str:
        context = {
            "name": name,
            "arguments": arguments,
            "documentation": documentation,
            "body": body,
            "returns": returns,
        }
        return render("torch", "method.py.j2", context)
