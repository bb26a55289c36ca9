"""For every operator of the tables: applications that its type rule takes, with the result, and some that it refuses."""

from __future__ import annotations

from dataclasses import dataclass, field

from named_values import dim

from recdsl.ir import sizes
from recdsl.ir.expr import Attribute

two = sizes.number(2)


@dataclass(frozen=True)
class Good:
    """Operands and attributes, and the type of the result; all types as text."""

    operands: tuple[str, ...]
    result: str
    attributes: dict[str, Attribute] = field(default_factory=dict)


@dataclass(frozen=True)
class Bad:
    """Operands and attributes that are refused, with a part of the message and the operand to blame."""

    operands: tuple[str, ...]
    message: str
    attributes: dict[str, Attribute] = field(default_factory=dict)
    index: int | None = None


ANALYTIC = ("exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "sin", "cos", "tan", "sinh", "cosh", "atan", "tanh", "sigmoid")  # fmt: skip
REAL = ("logsigmoid", "softplus", "silu", "gelu", "elu", "mish", "erf", "hardsigmoid", "hardtanh")
KEEPING = ("sign", "floor", "ceil", "round", "relu")

_over = {"over": ("B",)}
_both = {"over": ("B", "A")}
_linear = {"contract": (dim("A"), dim("B")), "into": (dim("C"),), "per": ()}
_per = {"contract": (dim("B"),), "into": (dim("C"),), "per": (dim("A"),)}
_matrix = {"rows": (dim("A"),), "columns": (dim("B"),), "per": ()}
_same_name = {"contract": (dim("B"),), "into": (dim("B"),), "per": ()}
_conv = {
    "axes": ("t",),
    "window": (sizes.number(3),),
    "stride": (sizes.number(1),),
    "dilation": (two,),
    "causal": True,
    "contract": (dim("B"),),
    "into": (dim("C"),),
    "per": (),
}

GOOD: dict[str, tuple[Good, ...]] = {
    **{
        name: (Good(("A B",), "A B"), Good(("A int over t",), "A over t"), Good(("A complex",), "A complex"))
        for name in ANALYTIC
    },
    **{name: (Good(("A B",), "A B"), Good(("A int",), "A")) for name in REAL},
    **{name: (Good(("A B",), "A B"), Good(("A bool",), "A int")) for name in KEEPING},
    "neg": (Good(("A",), "A"), Good(("A complex",), "A complex"), Good(("bool",), "int")),
    "abs": (Good(("A",), "A"), Good(("A complex",), "A"), Good(("int",), "int")),
    "reciprocal": (Good(("A",), "A"), Good(("A int",), "A"), Good(("A complex",), "A complex")),
    "real": (Good(("A",), "A"), Good(("A complex",), "A")),
    "imag": (Good(("A",), "A"), Good(("A complex",), "A")),
    "conj": (Good(("A",), "A"), Good(("A complex",), "A complex")),
    "angle": (Good(("A",), "A"), Good(("A complex",), "A")),
    "not": (Good(("A bool",), "A bool"),),
    "add": (
        Good(("A B", "B C"), "A B C"),
        Good(("A", "A"), "A"),
        Good(("bool", "A int"), "A int"),
        Good(("A over t", "B over s t"), "A B over t s"),
        Good(("A complex", "B"), "A B complex"),
    ),
    "sub": (Good(("A B", "C"), "A B C"), Good(("scalar", "A complex"), "A complex")),
    "mul": (
        Good(("A B", "B C"), "A B C"),
        Good(("A complex", "A B complex"), "A B complex"),
        Good(("A B", "A"), "A B"),
    ),
    "div": (Good(("A", "A B"), "A B"), Good(("A int", "int"), "A"), Good(("A complex", "A"), "A complex")),
    "mod": (Good(("A B", "A"), "A B"), Good(("A int", "int"), "A int")),
    "pow": (Good(("A", "A B"), "A B"), Good(("A int", "int"), "A")),
    "maximum": (Good(("A", "B"), "A B"), Good(("int", "A int"), "A int")),
    "minimum": (Good(("A", "B"), "A B"),),
    "logaddexp": (Good(("A", "B"), "A B"),),
    "atan2": (Good(("A", "B"), "A B"),),
    "complex": (Good(("A", "B"), "A B complex"),),
    **{
        name: (Good(("A", "B int"), "A B bool"), Good(("A complex", "A"), "A bool"), Good(("A bool", "bool"), "A bool"))
        for name in ("eq", "ne")
    },
    **{name: (Good(("A", "B int"), "A B bool"),) for name in ("lt", "le", "gt", "ge")},
    **{name: (Good(("A bool", "B bool"), "A B bool"),) for name in ("and", "or")},
    "where": (
        Good(("A bool", "B", "B C"), "A B C"),
        Good(("A bool", "int", "A"), "A"),
        Good(("A bool", "bool", "bool"), "A bool"),
    ),
    "clamp": (Good(("A B", "B", "scalar"), "A B"), Good(("A", "int", "A int"), "A")),
    "stop": (Good(("A bool",), "A bool"), Good(("A B",), "A B")),
    "quantise": (Good(("A", "int"), "A"),),
    "dropout": (Good(("A B", "scalar"), "A B"),),
    "sum": (
        Good(("A B",), "A", _over),
        Good(("A B C",), "C", _both),
        Good(("A bool",), "int", {"over": ("A",)}),
        Good(("A over t",), "A", {"over": ("t",)}),
        Good(("A over t pred",), "A over t", {"over": ("pred",)}),
        Good(("A over t",), "A over t", {"over": ("pred",)}),
        Good(("A over t",), "scalar", {"over": ("*",)}),
        Good(("A B complex",), "A complex", _over),
    ),
    "mean": (Good(("A B int",), "A", _over), Good(("A B C",), "C", _both)),
    "max": (Good(("A B",), "A", _over), Good(("A B C",), "C", _both), Good(("A B int",), "A int", _over)),
    "min": (Good(("A B",), "A", _over), Good(("A B",), "scalar", _both)),
    "prod": (Good(("A B",), "A", _over), Good(("A B C",), "C", _both), Good(("A B bool",), "A int", _over)),
    "logsumexp": (Good(("A B",), "A", _over), Good(("A B C",), "C", _both)),
    "norm": (Good(("A B",), "A", _over), Good(("A B C",), "C", _both)),
    "argmax": (Good(("A B",), "A int", _over),),
    "all": (Good(("A B bool",), "A bool", _over), Good(("A bool over t",), "bool", {"over": ("*",)})),
    "any": (Good(("A B bool",), "A bool", _over),),
    "softmax": (Good(("A B",), "A B", _over), Good(("A B C",), "A B C", _both)),
    "cumsum": (Good(("A B",), "A B", _over), Good(("A B bool",), "A B int", _over)),
    "topk": (Good(("A B", "int"), "A B bool", _over),),
    "linear": (
        Good(("A B", "C A B", "C"), "C", _linear),
        Good(("A B", "C A B"), "C", _linear),
        Good(("A B", "A C B", "A C"), "A C", _per),
        Good(("A B over t", "B B=B", "B"), "A B over t", _same_name),
        Good(("A B int", "A B C"), "C", {**_linear, "transposed": True}),
    ),
    "matrix": (
        Good(("A B",), "A B", _matrix),
        Good(("B A",), "A B", {**_matrix, "transposed": True}),
        Good(("A",), "A", {**_matrix, "columns": (), "bias": True}),
    ),
    "conv": (
        Good(("A B over t", "C B N", "C"), "A C over t", _conv),
        Good(("A B over t", "B N"), "A B over t", {**_conv, "contract": (), "into": (), "per": (dim("B"),)}),
        Good(("B over t", "C B N"), "C over t", {**_conv, "causal": False}),
    ),
    "rename": (
        Good(("A B over t",), "A C=B over t", {"old": "B", "new": "C"}),
        Good(("A over t",), "A over s=t", {"old": "t", "new": "s"}),
    ),
    "pick": (Good(("A B", "int"), "A", {"name": "B"}), Good(("A over t", "int"), "A", {"name": "t"})),
    "merge": (
        Good(("A B C over t",), "N=A*C B over t", {"names": ("A", "C"), "into": dim("N=A*C")}),
        Good(("C A",), "N=A*C", {"names": ("A", "C"), "into": dim("N=A*C")}),
    ),
    "split": (Good(("A N=B*C over t",), "A B C over t", {"name": "N", "into": (dim("B"), dim("C"))}),),
    "concat": (
        Good(("A B", "B=C A"), "A B=B+C", {"dim": dim("B=B+C")}),
        Good(("B=2 over t", "B=1"), "B=3 over t", {"dim": dim("B=3")}),
    ),
    "stack": (Good(("A B", "B A"), "A B S=2", {"dim": dim("S=2")}), Good(("scalar",), "S=1", {"dim": dim("S=1")})),
    "slice": (
        Good(("A C",), "A C=2", {"name": "C", "start": sizes.number(1), "stop": sizes.number(3)}),
        Good(("C",), "C=C-2", {"name": "C", "start": two, "stop": sizes.name("C")}),
        Good(("A C",), "A C=2", {"name": "C", "start": sizes.number(0), "stop": two}),
    ),
    "flip": (Good(("A B over t",), "A B over t", {"names": ("B", "t")}), Good(("A B",), "A B", {"names": ("A",)})),
    "gather": (
        Good(("A B", "C int"), "A C", {"name": "B"}),
        Good(("A B", "A int"), "A", {"name": "B"}),
        Good(("A B", "A B int"), "A B", {"name": "B"}),
        Good(("A over t", "A int"), "A", {"name": "t"}),
    ),
    "scatter": (Good(("A", "A int"), "A C", {"dim": dim("C")}), Good(("A", "B int"), "A B C", {"dim": dim("C")})),
    "maxpool": (Good(("A over i j",), "A over i=i/2 j=j/2", {"axes": ("i", "j"), "window": two}),),
    "avgpool": (Good(("A over i j",), "A over i=i/2 j=j/2", {"axes": ("i", "j"), "window": two}),),
    "upsample": (Good(("A over i j",), "A over i=i*2 j=j*2", {"axes": ("i", "j"), "factor": two}),),
    "broadcast": (Good(("A over t",), "B C A over t", {"dims": (dim("B"), dim("C"))}),),
    "diagonal": (
        Good(("A N M=N",), "A N", {"kept": "N", "taken": "M"}),
        Good(("M=N N A over t",), "N A over t", {"kept": "N", "taken": "M"}),
    ),
    "inverse": (Good(("A N M=N",), "A N M=N", {"rows": "N", "columns": "M"}),),
    "noise": (Good(("A",), "A B over t", {"dims": (dim("B"),), "axes": ("t",)}),),
    "normal": (Good(("scalar", "int"), "scalar"),),
    "uniform": (Good(("scalar", "scalar"), "scalar"),),
    "orthogonal": (Good(("scalar",), "scalar"),),
    "batchnorm": (Good(("A B over t", "B", "B", "B", "B"), "A B over t", {"eps": 1e-5, "momentum": 0.1}),),
    "extern": (
        Good(("A over t", "B"), "C over t", {"name": "f", "dims": (dim("C"),)}),
        Good((), "C int", {"name": "f", "dims": (dim("C"),), "kind": "int"}),
    ),
    "grad": (Good(("A over t", "B C over t"), "B C over t"),),
}

_clash = Bad(("A", "A=2*C"), "A has the size 2*C here and A there", index=1)
_truth = Bad(("bool",), "a truth value cannot stand here", index=0)
_complex = Bad(("complex",), "a complex value cannot stand here", index=0)
_count = Bad(("A", "A"), "takes 1 value, and 2 are given")


def _missing(**attributes: Attribute) -> Bad:
    return Bad(("A C",), "the value has no B", attributes, 0)


BAD: dict[str, tuple[Bad, ...]] = {
    **dict.fromkeys(ANALYTIC, (_truth, _count)),
    **dict.fromkeys(REAL, (_truth, _complex)),
    **dict.fromkeys(KEEPING, (_complex,)),
    **dict.fromkeys(("neg", "abs", "reciprocal", "real", "imag", "conj", "angle", "stop"), (_count,)),
    "not": (Bad(("A",), "a truth value is expected here", index=0),),
    **dict.fromkeys(("add", "sub", "mul", "div", "mod", "pow", "maximum", "minimum", "atan2"), (_clash,)),
    **dict.fromkeys(("eq", "ne", "lt", "le", "gt", "ge"), (_clash,)),
    "logaddexp": (_clash, Bad(("A", "bool"), "a truth value", index=1)),
    "complex": (Bad(("A complex", "A"), "a complex value", index=0),),
    **{name: (Bad(("A bool", "A int"), "a truth value is expected", index=1),) for name in ("and", "or")},
    "where": (Bad(("A", "A", "A"), "a truth value is expected", index=0), Bad(("A bool", "A"), "takes 3 values")),
    "clamp": (Bad(("A", "A=C", "A"), "A has the size C here", index=1),),
    "quantise": (Bad(("A bool", "int"), "a truth value", index=0),),
    "dropout": (Bad(("A", "complex"), "a complex value", index=1),),
    **{name: (_missing(over=("B",)),) for name in ("sum", "mean", "prod", "max", "min", "logsumexp", "norm")},
    "argmax": (Bad(("A B",), "one dim only", _both, 0), _missing(over=("B",))),
    **{name: (Bad(("A B",), "a truth value is expected", _over, 0),) for name in ("all", "any")},
    **{name: (_missing(over=("B",)),) for name in ("softmax", "cumsum")},
    "topk": (Bad(("A B", "A int"), "a plain number", _over, 1), Bad(("A B", "int"), "one dim only", _both, 0)),
    "linear": (
        Bad(("A", "C A B"), "the value has no B", _linear, 0),
        Bad(("A=C B", "C A B"), "A has the size C here", _linear, 0),
        Bad(("A C B", "C A B"), "C twice", {**_linear, "contract": (dim("B"),)}, 0),
    ),
    "matrix": (Bad(("A C",), "not A, B", _matrix, 0),),
    "conv": (Bad(("A B", "C B N"), "does not vary along t", _conv, 0),),
    "rename": (
        Bad(("A",), "the value has no B", {"old": "B", "new": "C"}, 0),
        Bad(("A B",), "the value has A already", {"old": "B", "new": "A"}, 0),
    ),
    "pick": (Bad(("A B", "scalar"), "an index is a whole number", {"name": "B"}, 1),),
    "merge": (
        Bad(("A B",), "A has the size", {"names": ("A", "B"), "into": dim("A=C")}, 0),
        Bad(("A B over t",), "dims are merged with dims", {"names": ("A", "t"), "into": dim("N=A*B")}, 0),
    ),
    "split": (Bad(("A",), "A has the size", {"name": "A", "into": (dim("B"), dim("C"))}, 0),),
    "concat": (
        Bad(("A B", "C B"), "beside B", {"dim": dim("B=2*B")}, 1),
        Bad(("A B", "A"), "the value has no B", {"dim": dim("B=2*B")}, 1),
        Bad(("A B", "A B"), "B has the size", {"dim": dim("B=3*B")}),
    ),
    "stack": (
        Bad(("A", "B"), "the first one A", {"dim": dim("S=2")}, 1),
        Bad(("S", "S"), "has S already", {"dim": dim("S=2")}, 0),
    ),
    "slice": (_missing(name="B", start=two, stop=two),),
    "flip": (_missing(names=("B",)),),
    "gather": (Bad(("A B", "A"), "an index is a whole number", {"name": "B"}, 1),),
    "scatter": (Bad(("A C", "A int"), "the value has C already", {"dim": dim("C")}, 0),),
    **{name: (Bad(("A",), "vary along i", {"axes": ("i",), "window": two}, 0),) for name in ("maxpool", "avgpool")},
    "upsample": (Bad(("A",), "vary along i", {"axes": ("i",), "factor": two}, 0),),
    "broadcast": (Bad(("A",), "the value has A already", {"dims": (dim("A"),)}, 0),),
    "diagonal": (
        Bad(("N A",), "A has the size", {"kept": "N", "taken": "A"}, 0),
        Bad(("N",), "the value has no M", {"kept": "N", "taken": "M"}, 0),
    ),
    "inverse": (Bad(("N A",), "only a square matrix", {"rows": "N", "columns": "A"}, 0),),
    "noise": (Bad(("bool",), "a truth value", {"dims": (), "axes": ()}, 0),),
    "normal": (Bad(("A", "scalar"), "plain numbers", index=0),),
    "uniform": (Bad(("scalar", "A"), "plain numbers", index=1),),
    "orthogonal": (Bad(("A",), "plain numbers", index=0),),
    "batchnorm": (Bad(("A", "C", "A", "A", "A"), "the value has no C", {"eps": 1e-5, "momentum": 0.1}, 1),),
    "extern": (Bad(("A", "A=C"), "A has the size", {"name": "f", "dims": ()}, 1),),
    "grad": (Bad(("A complex", "A"), "a derivative is of a real value", index=0),),
}
