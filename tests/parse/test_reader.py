"""The reader: what it accepts, what it refuses and how it says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from recdsl.diagnostics import RecdslError, Source
from recdsl.parse import tree
from recdsl.parse.reader import build_parser, parse, read_source
from recdsl.parse.text import to_text


def read(text: str) -> tree.File:
    return parse(Source("x.rdl", text))


def statements(*lines: str) -> tuple[tree.Statement, ...]:
    return read("layer f(D) over t:\n" + "".join(f"  {line}\n" for line in lines)).definitions[0].body


def expression(text: str) -> tree.Expression:
    (statement,) = statements(f"out {text}")
    assert isinstance(statement, tree.Output)
    return statement.value


def test_the_grammar_has_no_hidden_conflicts() -> None:
    build_parser(strict=True)


@pytest.mark.parametrize("word", ["lambda", "self", "class", "beta", "forward", "state", "None", "_"])
def test_words_of_other_languages_are_names(word: str) -> None:
    (equation,) = statements(f"{word} : {word} = {word}[t-1] + {word}({word} = {word})")
    assert isinstance(equation, tree.Equation)
    assert equation.names[0].name == word


@pytest.mark.parametrize("word", ["in", "out", "init", "path", "until"])
def test_keywords_are_names_where_no_statement_begins_with_them(word: str) -> None:
    plain, rebound, given, initial = statements(
        f"{word} = a * {word} + g({word})", f"{word} += {word}[t-1]", f"in {word}, x : D", "init init = 0"
    )
    assert isinstance(plain, tree.Equation)
    assert plain.names[0].name == word
    assert isinstance(rebound, tree.Equation)
    assert rebound.accumulate
    assert isinstance(given, tree.Input)
    assert given.names[0].name == word
    assert isinstance(initial, tree.Init)


@pytest.mark.parametrize(
    ("text", "grouped"),
    [
        ("a + b * c ^ d", "a + (b * (c ^ d))"),
        ("a - b - c", "(a - b) - c"),
        ("a / b * c % d", "((a / b) * c) % d"),
        ("a ^ b ^ c", "a ^ (b ^ c)"),
        ("-a ^ b", "-(a ^ b)"),
        ("-a * b", "(-a) * b"),
        ("a ^ -b", "a ^ (-b)"),
        ("a or b and not c == d", "a or (b and (not (c == d)))"),
        ("a + b <= c * d", "(a + b) <= (c * d)"),
        ("-h[t-1]", "-(h[t-1])"),
        ("f(H = 3)(x)[t-1]", "((f(H = 3))(x))[t-1]"),
    ],
)
def test_precedence(text: str, grouped: str) -> None:
    assert expression(text) == expression(grouped)


def test_brackets() -> None:
    found = expression("h[t-1, i+2][N->M][t=-1][H 2*K]")
    brackets = []
    while isinstance(found, tree.Index):
        brackets[:0] = found.brackets
        found = found.base
    assert [type(each) for each in brackets] == [tree.Offset, tree.Offset, tree.Rename, tree.Pick, tree.Along]
    assert isinstance(brackets[0], tree.Offset)
    assert (brackets[0].axis, brackets[0].sign) == ("t", -1)


def test_arguments() -> None:
    found = expression("f(x, H K -> D, per = H K, bias = no, 3 -> 2*C)")
    assert isinstance(found, tree.Call)
    assert [type(each) for each in found.arguments] == [
        tree.Positional, tree.Arrow, tree.Keyword, tree.Keyword, tree.Arrow
    ]  # fmt: skip


def test_depth() -> None:
    block, path = statements(
        "repeat N as b:", "  loop 3: y += x", "  until y > 3", "path b = 0..3, skip 4, loop 3 (5, 6..7)"
    )
    assert isinstance(block, tree.Repeat)
    assert [type(each) for each in block.body] == [tree.Loop, tree.Until]
    assert isinstance(path, tree.Path)
    assert [to_text(hop) for hop in path.hops] == ["0..3", "skip 4", "loop 3 (5, 6..7)"]


def test_lines_run_on_inside_brackets() -> None:
    assert statements("y = f(a,", "       b", "  )", "out y") == statements("y = f(a, b)", "out y")


def test_a_file_may_end_without_a_line_end_and_use_other_line_ends() -> None:
    assert read("layer f(D):\r\n  out D") == read("layer f(D):\n  out D\n")


def test_a_file_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "f.rdl"
    path.write_text("layer f(D):\r\n  out D\r\n", encoding="utf-8-sig", newline="")
    assert parse(read_source(path)) == read("layer f(D):\n  out D\n")


def test_comments_are_kept_beside_the_tree() -> None:
    file = read('# a\nlayer f(D):  # b\n  out g("no # comment")  #c\n')
    assert [(comment.text, comment.own_line) for comment in file.comments] == [
        ("# a", True),
        ("# b", False),
        ("#c", False),
    ]


def test_spans_point_at_what_was_written() -> None:
    (equation,) = statements("y : D = linear(x) + h[t-1]  # sum")
    assert isinstance(equation, tree.Equation)
    assert equation.span.text == "y : D = linear(x) + h[t-1]"
    assert isinstance(equation.value, tree.Binary)
    assert equation.value.right.span.text == "h[t-1]"
    assert equation.span.place == (2, 3)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("layer f(D)\n  in x : D\n", "R102"),  # a head without a colon
        ("layer f(D) over t:\nin x : D\n", "R102"),  # a body that is not indented
        ("layer f(D) over t:\n    in x : D\n  y = x\n", "R104"),  # an indentation between two blocks
        ("layer f(D):\n", "R103"),  # a file that ends in a head
        ("lyer f(D):\n  out x\n", "R102"),  # a mistyped keyword
        ("layer f(D):\n  y = x $ 3\n", "R102"),  # a character outside the language
        ('layer f(D):\n  y = g("abc)\n', "R105"),  # a string without an end
        ("layer f(D):\n  path b = 3..1\n", "R106"),  # a range that runs backwards
        ("layer f(D):\n  y = a < b < c\n", "R102"),  # a chain of comparisons
        ("use gla.rdl\n", "R102"),  # a path without quotes
        ("y = 3\n", "R102"),  # a statement outside a definition
        ("layer f(D):\n  y = x)\n", "R109"),  # a bracket too many
    ],
)
def test_refused(text: str, code: str) -> None:
    """The whole messages stand in `tests/bad`."""
    with pytest.raises(RecdslError) as caught:
        read(text)
    assert [each.code for each in caught.value.diagnostics] == [code]


def test_every_line_with_a_mistake_is_reported() -> None:
    with pytest.raises(RecdslError) as caught:
        read("layer f(D) over t:\n  x : D\n  in y ; D\n  z = y\n  out x **\n\nlayer g(D):\n  in x = D\n")
    places = [each.labels[0].span.place[0] for each in caught.value.diagnostics]
    assert places == [2, 3, 5, 8]


@pytest.mark.parametrize(
    "text",
    ["layer f(D):\n  y = (x +\n", "layer f(D):\n  y = x[t-1\n  out y\n", "layer f(D):\n  repeat 3:\n", "layer f(D):\n  out x +\n",
     "layer f(D):\n  in x : D\n    y = x\n", "layer f(d = ):\n  out d\n", "layer f(D) over t in tree:\n  out x\n", "\t", " x", "layer",
     "layer f(D):\n\n# c\n", "é", "layer f(D):\n  out \x00\n", "]", "layer f(D):\n  out x]\n  out y\n"],
)  # fmt: skip
def test_refused_without_a_crash(text: str) -> None:
    try:
        read(text)
    except RecdslError as error:
        (diagnostic,) = error.diagnostics
        assert diagnostic.code.startswith("R1")
        assert diagnostic.labels
    else:
        assert not text.strip()


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(RecdslError, match=r"R101.*No such file"):
        read_source(tmp_path / "none.rdl")
    with pytest.raises(RecdslError, match="R101"):
        read_source(tmp_path)
    (tmp_path / "latin.rdl").write_bytes(b"# \xe9\n")
    with pytest.raises(RecdslError, match="not UTF-8"):
        read_source(tmp_path / "latin.rdl")
