"""The arguments of a call, sorted: by position, by name, and the dims behind an arrow."""

from __future__ import annotations

from dataclasses import dataclass

from recdsl.diagnostics import Diagnostics, Label, Span, nearest
from recdsl.parse import tree

Value = tree.Expression | tree.Along


@dataclass(frozen=True, slots=True)
class Arguments:
    """`positional` includes what stands before an arrow; `arrow` are the dims behind it."""

    positional: tuple[Value, ...]
    keywords: dict[str, tree.Keyword]
    arrow: tree.Along | None
    span: Span

    def allow(self, function: str, report: Diagnostics, most: int, keywords: tuple[str, ...] = ()) -> bool:
        """Report arguments that `function` does not take; True when there are none."""
        fine = True
        for name, keyword in self.keywords.items():
            if name not in keywords:
                close = nearest(name, keywords)
                help = f"did you mean {close}?" if close else _takes(function, name, keywords)
                report.error("R204", f"{function} has no argument {name}", Label(keyword.span), help=help)
                fine = False
        if len(self.positional) > most:
            extra = self.positional[most]
            message = f"{function} takes {_count(most)} by position"
            report.error("R204", message, Label(extra.span), help=_usage(function))
            fine = False
        return fine

    def needs(self, function: str, report: Diagnostics, least: int) -> bool:
        """Report a call with too few arguments; True when there are enough."""
        if len(self.positional) >= least:
            return True
        report.error("R205", f"{function} needs {_count(least)}", Label(self.span), help=_usage(function))
        return False


def _count(number: int) -> str:
    return "an argument" if number == 1 else f"{number} arguments"


def _takes(function: str, name: str, keywords: tuple[str, ...]) -> str:
    if name in ("dim", "dims", "axis", "axes"):
        return f"the dims that a function works along stand in brackets: {function}[K](x)"
    return f"{function} takes {', '.join(keywords)}" if keywords else f"a comparison is written {name} == …"


def _usage(function: str) -> str | None:
    return f"write {USAGE[function]}" if function in USAGE else None


USAGE = {
    "where": "where(condition, then, else)",
    "clamp": "clamp(x, low, high)",
    "linear": "linear(x -> H)",
    "conv": "conv(x, 3 -> C)",
    "embed": "embed(ids)",
    "topk": "topk[E](x, n)",
    "slice": "slice[D](x, 0, 4)",
    "gather": "gather[V](table, index)",
    "scatter": "scatter[V](x, index)",
    "grad": "grad(loss, h[t-1])",
    "dropout": "dropout(x, 0.1)",
    "quantise": "quantise(x, 8)",
    "maxpool": "maxpool(x, 2)",
    "avgpool": "avgpool(x, 2)",
    "upsample": "upsample(x, 2)",
    "normal": "normal(mean, std)",
    "uniform": "uniform(low, high)",
    "orthogonal": "orthogonal(gain)",
    "merge": "merge(x, H V -> D)",
    "split": "split(x, D -> H V)",
}


def sort_arguments(call: tree.Call, report: Diagnostics) -> Arguments:
    """Sort the arguments of a call; reports a second arrow, a repeated name, and one by position behind one by name."""
    positional: list[Value] = []
    keywords: dict[str, tree.Keyword] = {}
    arrow: tree.Along | None = None
    misplaced = False
    for argument in call.arguments:
        match argument:
            case tree.Positional():
                if keywords and not misplaced:
                    misplaced = True
                    help = "give the arguments by position first"
                    report.error("R204", "an argument by position follows one by name", Label(argument.span), help=help)
                positional.append(argument.value)
            case tree.Keyword():
                if argument.name in keywords:
                    report.error("R204", f"the argument {argument.name} is given twice", Label(argument.span))
                keywords[argument.name] = argument
            case tree.Arrow():
                if arrow is not None:
                    report.error("R204", "a call has one arrow at most", Label(argument.span))
                positional.append(argument.source)
                arrow = argument.dims
    return Arguments(tuple(positional), keywords, arrow, call.span)
