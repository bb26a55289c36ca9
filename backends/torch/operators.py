"""How each elementwise operator prints in torch: a table, by the names of the operator tables."""

from __future__ import annotations

from dataclasses import dataclass

from recdsl.emit.precedence import AND, ATOM, BIT_AND, BIT_OR, COMPARE, NOT, OR, POWER, PRODUCT, SUM, UNARY


@dataclass(frozen=True, slots=True)
class Infix:
    """`left symbol right`, with the strength that each operand needs."""

    symbol: str
    strength: int
    left: int
    right: int


@dataclass(frozen=True, slots=True)
class Prefix:
    symbol: str
    strength: int


@dataclass(frozen=True, slots=True)
class Function:
    """`name(operands)`; `tensors` says that Python numbers must become tensors first, `last` are arguments behind."""

    name: str
    tensors: bool = False
    last: str = ""


@dataclass(frozen=True, slots=True)
class Method:
    name: str


Form = Infix | Prefix | Function | Method


def _left(symbol: str, strength: int) -> Infix:
    return Infix(symbol, strength, strength, strength + 1)


def _compare(symbol: str) -> Infix:
    return Infix(symbol, COMPARE, COMPARE + 1, COMPARE + 1)


def _functions(module: str, *names: str) -> dict[str, Form]:
    return {name: Function(f"{module}.{name}") for name in names}


TENSOR_FORMS: dict[str, Form] = {
    "add": _left("+", SUM),
    "sub": _left("-", SUM),
    "mul": _left("*", PRODUCT),
    "div": _left("/", PRODUCT),
    "mod": _left("%", PRODUCT),
    "pow": Infix("**", POWER, ATOM, UNARY),
    "neg": Prefix("-", UNARY),
    "eq": _compare("=="),
    "ne": _compare("!="),
    "lt": _compare("<"),
    "le": _compare("<="),
    "gt": _compare(">"),
    "ge": _compare(">="),
    "and": _left("&", BIT_AND),
    "or": _left("|", BIT_OR),
    "not": Prefix("~", UNARY),
    "maximum": Function("torch.maximum", tensors=True),
    "minimum": Function("torch.minimum", tensors=True),
    "atan2": Function("torch.atan2", tensors=True),
    "stop": Method("detach"),
    **_functions("torch", "abs", "sign", "floor", "ceil", "round", "exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "reciprocal"),
    **_functions("torch", "sin", "cos", "tan", "sinh", "cosh", "atan", "tanh", "sigmoid", "relu", "erf"),
    **_functions("torch", "conj"),
    **_functions("F", "logsigmoid", "silu", "gelu", "softplus", "elu", "mish", "hardtanh"),
}  # fmt: skip

# The same on Python numbers; what is missing here becomes a tensor first.
NUMBER_FORMS: dict[str, Form] = {
    **{name: TENSOR_FORMS[name] for name in ("add", "sub", "mul", "div", "mod", "pow", "neg", "eq", "ne", "lt", "le", "gt", "ge")},
    "and": _left("and", AND),
    "or": _left("or", OR),
    "not": Prefix("not ", NOT),
    "abs": Function("abs"),
    "maximum": Function("max"),
    "minimum": Function("min"),
    **_functions("math", "floor", "ceil", "exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "atan"),
    **_functions("math", "tanh", "erf", "atan2"),
}  # fmt: skip
