"""Words and characters that other languages and papers use, and what RDL writes for them."""

from __future__ import annotations

_LAYER = "a layer begins with: layer f(D) over t:"
_OUT = "a result is given with: out y = …"
_USE = 'definitions of another file come with: use "file.rdl"'
_WHERE = "a choice is written where(condition, then, else)"
_LOOP = "turns of a block are written: loop 3 as turn: (or repeat, where each has its own weights)"
_NAME = "an equation begins with its name: h = …"
_PARAM = "a weight is declared with: param w : D ~ normal(0, 0.02)"

STATEMENT_WORDS = {
    **dict.fromkeys(("def", "class", "function", "fn", "func", "module", "struct", "cell"), _LAYER),
    **dict.fromkeys(("return", "yield", "output", "print"), _OUT),
    **dict.fromkeys(("import", "from", "include", "require", "using"), _USE),
    **dict.fromkeys(("if", "elif", "else", "switch", "match"), _WHERE),
    **dict.fromkeys(("for", "while", "do", "scan"), _LOOP),
    **dict.fromkeys(("let", "var", "val", "local", "state"), _NAME),
    **dict.fromkeys(("weight", "weights", "parameter", "parameters"), _PARAM),
    "input": "an input is declared with: in x : D",
    "inputs": "an input is declared with: in x : D",
}

_POINT = "an earlier point is read with square brackets: h[t-1]"
_QUOTES = "strings stand in double quotes"

CHARACTERS = {
    **dict.fromkeys("×·∗⋅⊙", "a product is written with *"),
    **dict.fromkeys("÷", "a quotient is written with /"),
    **dict.fromkeys("−–—", "a difference is written with -"),
    **dict.fromkeys("→⟶", "write ->"),
    **dict.fromkeys("≤⩽", "write <="),
    **dict.fromkeys("≥⩾", "write >="),
    **dict.fromkeys("'‘’“”", _QUOTES),
    **dict.fromkeys("{}", _POINT),
    **dict.fromkeys("σ∑Σ∏", "functions are called by name: sigmoid(x), sum[D](x), prod[D](x)"),
    "≠": "write !=",
    "@": "sum[D](x * w) contracts the dim D; linear(x) has a weight of its own",
    ";": "every statement stands on a line of its own",
    ".": "values have no attributes, dims have names: A[N->M] renames one, sum[D](x) takes one away",
    "&": "write and",
    "|": "write or",
    "!": "write not",
    "?": "a choice is written where(condition, then, else)",
    "\\": "inside brackets a line runs on by itself",
    "\t": "use spaces",
}
