"""Small sizes for a program: the parameters that it leaves open, and those whose default is large, tried until all
that is computed from them comes out whole and every copy that a path names exists."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

from recdsl.diagnostics import Diagnostic, RecdslError
from recdsl.ir import sizes
from recdsl.ir.module import Depth, Equation, Parameter, Program
from recdsl.ir.sizes import Value
from recdsl.reference.scope import Scope, solve_parameters

LARGE = 4  # a default above this is replaced by a smaller size where possible
_SMALL = (2, 3, 4, 6, 8, 1)
_MOST_TRIED = 20_000

Sizes = dict[str, int | float]


def choose_sizes(program: Program, given: Mapping[str, int | float] | None = None) -> Sizes:
    """Values for the parameters of the entry point that have no default, or a large one; `given` ones are kept.
    Raises `RecdslError` (R306) where none of the small sizes fits."""
    fixed = dict(given or {})
    open_ = [each for each in program.entry.parameters if each.name not in fixed and _candidates(each) is not None]
    candidates = [_candidates(each) or () for each in open_]
    tried = itertools.islice(itertools.product(*candidates), _MOST_TRIED)
    choices = [{**fixed, **dict(zip((each.name for each in open_), values, strict=True))} for values in tried]
    ranked = sorted(
        (cost, place) for place, choice in enumerate(choices) if (cost := _cost(program, choice)) < math.inf
    )
    for _, place in ranked:
        if fits(program, choices[place]):
            return choices[place]
    names = ", ".join(each.name for each in open_) or "its parameters"
    message = f"no small sizes fit {program.entry.name}: {names} were tried up to {max(_SMALL)}"
    raise RecdslError([Diagnostic("R306", message, help="give some of them: --set NAME=VALUE")])


def _candidates(parameter: Parameter) -> tuple[int | float, ...] | None:
    """What to try for a parameter; None where its default is taken."""
    if parameter.default is None:
        return _SMALL if parameter.is_dim else (2,)
    if not parameter.is_dim or parameter.default.operator != "number":
        return None
    default = int(sizes.evaluate(parameter.default, {}))
    if default > LARGE:
        return (*_SMALL, default)
    return (default, *(size for size in (2, 1) if size < default))


def _cost(program: Program, choice: Mapping[str, int | float]) -> float:
    """The defaults that are small, otherwise small sizes first, but rather not 1, and not the same twice, which would
    hide two dims that change places."""
    defaults = {each.name: each.default for each in program.entry.parameters}
    try:
        values = solve_parameters(program.entry, choice)
    except (ValueError, ArithmeticError):
        return math.inf
    dims = [int(values[each.name]) for each in program.entry.parameters if each.is_dim]
    others = [size for name, size in choice.items() if size > LARGE or sizes.number(size) != defaults.get(name)]
    return sum(others) + 8 * dims.count(1) + 3 * (len(dims) - len(set(dims)))


def fits(program: Program, choice: Mapping[str, Value]) -> bool:
    """Whether every size in the program is whole and every copy that a path names exists."""
    try:
        scope = Scope(program, program.entry, solve_parameters(program.entry, choice))
        return all(_fits(each) for each in scope.walk())
    except (ValueError, ArithmeticError):
        return False


def _fits(scope: Scope) -> bool:
    for spec in scope.module.weights:
        scope.shape(spec.dims)
    for item in scope.module.items:
        if isinstance(item, Equation):
            scope.shape(item.type.dims)
        elif not _path_exists(item, scope):
            return False
    return True


def _path_exists(depth: Depth, scope: Scope) -> bool:
    return depth.path is None or max(depth.path, default=-1) < scope.count(depth)
