"""The formatter: meaning and comments kept, one layout, idempotent."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recdsl.diagnostics import RecdslError, Source
from recdsl.parse import tree
from recdsl.parse.format import WIDTH, format_source
from recdsl.parse.reader import parse
from recdsl.parse.text import to_text
from recdsl.verify import trees

ROOT = Path(__file__).parents[2]
SLOW_TO_DRAW = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def formatted(text: str) -> str:
    result = format_source(Source("x.rdl", text))
    assert format_source(Source("x.rdl", result)) == result
    return result


def body(*lines: str) -> str:
    return "layer f(D, N) over t:\n" + "".join(f"  {line}\n" for line in lines)


@SLOW_TO_DRAW
@given(trees.files())
def test_any_tree_reads_back(file: tree.File) -> None:
    assert parse(Source("x.rdl", to_text(file) + "\n")) == file


@SLOW_TO_DRAW
@given(trees.files())
def test_the_text_of_a_tree_has_a_layout_that_stays(file: tree.File) -> None:
    assert parse(Source("x.rdl", formatted(to_text(file) + "\n"))) == file


@SLOW_TO_DRAW
@given(trees.files(), st.data())
def test_comments_anywhere_survive(file: tree.File, data: st.DataObject) -> None:
    lines = to_text(file).split("\n")
    for number in range(len(lines)):
        match data.draw(st.sampled_from(("none", "none", "behind", "before", "blank"))):
            case "behind":
                lines[number] += f"# behind {number}"
            case "before":
                column = data.draw(st.integers(0, 6))
                lines[number] = f"{' ' * column}# before {number}\n{lines[number]}"
            case "blank":
                lines[number] = f"\n \n{lines[number]}"
    formatted("\n".join(lines) + "\n# end")


@pytest.mark.parametrize(
    "path",
    sorted([*ROOT.glob("specs/*.rdl"), *ROOT.glob("examples/*.rdl"), *ROOT.glob("recdsl/library/*.rdl")]),
    ids=lambda path: path.name,
)
def test_the_programs_of_this_repository_are_formatted(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert formatted(text) == text


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("y=a+b*c", "y = a + b * c"),
        ("y=(a+b)*c", "y = (a + b) * c"),
        ("y=(a*b)+((c))", "y = a * b + c"),
        ("y=a-(b-c)-(d)", "y = a - (b - c) - d"),
        ("y=a/(b*c)/d", "y = a / (b * c) / d"),
        ("y=-(a^2)", "y = -a ^ 2"),
        ("y=(-a)^-b", "y = (-a) ^ -b"),
        ("y=(a^b)^(c^d)", "y = (a ^ b) ^ c ^ d"),
        ("y=not(a==b)and(c or d)", "y = not a == b and (c or d)"),
        ("y=(not a)==b", "y = (not a) == b"),
        ("y=a^( 1 / 16 )", "y = a ^ (1/16)"),
        ("y=f(x->2 * N,per=N  D , bias=no)", "y = f(x -> 2*N, per = N D, bias = no)"),
        ("y=f(4 * N, s * N)", "y = f(4*N, s * N)"),
        ("y:N   (D + 1)  2 *D=sum[ N  D ](x)", "y : N (D + 1) 2*D = sum[N D](x)"),
        ("y=h[ t - 1 ,i+2][N -> D] [t = - 1]", "y = h[t-1, i+2][N->D][t=-1]"),
        ("y:N*(2*D) N*(0.5*2)/3=x", "y : N*(2*D) N*(0.5*2)/3 = x"),
        ("y=h[t-1+2]", "y = h[t-(1 + 2)]"),
        ("y=h[t-2 * N]", "y = h[t-2*N]"),
        ("y=(a*b)[t-1]", "y = (a * b)[t-1]"),
        ("x+=1.50e-3", "x += 1.50e-3"),
        ("in  x:D static", "in x : D static"),
        ("in ids:token[ N ]", "in ids : token[N]"),
        ("param w,v:D~normal( 0,.02 )", "param w, v : D ~ normal(0, .02)"),
        ("const A : N", "const A : N"),
        ("init h=0", "init h = 0"),
        ("edge c:D=x", "edge c : D = x"),
        ("path b=0 .. 3,skip 4,loop 3(5..6)", "path b = 0..3, skip 4, loop 3 (5..6)"),
        ("extern f( x,y ):D", "extern f(x, y) : D"),
        ("until all( h>=1 )", "until all(h >= 1)"),
        ("loop 3:h=f( h )", "loop 3: h = f(h)"),
        ("in=in+out", "in = in + out"),
        ('y = f("a  b # c")', 'y = f("a  b # c")'),
    ],
)
def test_one_line(written: str, wanted: str) -> None:
    assert formatted(body(written)) == body(wanted)


def test_layout_and_comments() -> None:
    written = """\

# about the file
use   "a.rdl" # for a
# about f
layer f( D=2 * 3,N = max(D / 16,1) ) over i,j :   # head

      # first
      in x:D     # the input


      y = x   # y
   #  odd column
      repeat   N as block :
         # inside
         y = y+1

         # end of block
      # after the block
      out y
# about g
model g(D) over n in dag reversed:
    in x : D
    out x
    # last in g

# end
"""
    assert (
        formatted(written)
        == """\
# about the file
use "a.rdl"  # for a
# about f
layer f(D = 2*3, N = max(D/16, 1)) over i, j:  # head
  # first
  in x : D  # the input

  y = x  # y
  #  odd column
  repeat N as block:
    # inside
    y = y + 1

    # end of block
  # after the block
  out y

# about g
model g(D) over n in dag reversed:
  in x : D
  out x
  # last in g

# end
"""
    )


@pytest.mark.parametrize("kind", ["dag", "graph", "graph reversed"])
def test_layers_over_graphs(kind: str) -> None:
    assert formatted(f"layer graph ( dag )over  n   in  {kind} :\n  in graph:D\n  out dag\n") == (
        f"layer graph(dag) over n in {kind}:\n  in graph : D\n  out dag\n"
    )


def test_a_statement_with_comments_inside_is_left_as_it_is_written() -> None:
    written = "layer f(D,  # width\n        N):  # depth\n    y = g(x,  # first\n          z )  # second\n    out y\n"
    wanted = "layer f(D,  # width\n        N):  # depth\n  y = g(x,  # first\n        z )  # second\n  out y\n"
    assert formatted(written) == wanted


def test_long_lines_break_inside_brackets() -> None:
    terms = [f"sigmoid(linear(value_{number} -> D))" for number in range(8)]
    result = formatted(body(f"y = mix({', '.join(terms)})", f"z = ({' + '.join(terms)}) * x"))
    assert all(len(line) <= WIDTH for line in result.splitlines())
    assert result == body(
        "y = mix(sigmoid(linear(value_0 -> D)), sigmoid(linear(value_1 -> D)), sigmoid(linear(value_2 -> D)),",
        "    sigmoid(linear(value_3 -> D)), sigmoid(linear(value_4 -> D)), sigmoid(linear(value_5 -> D)),",
        "    sigmoid(linear(value_6 -> D)), sigmoid(linear(value_7 -> D)))",
        "z = (sigmoid(linear(value_0 -> D)) + sigmoid(linear(value_1 -> D)) + sigmoid(linear(value_2 -> D))",
        "    + sigmoid(linear(value_3 -> D)) + sigmoid(linear(value_4 -> D)) + sigmoid(linear(value_5 -> D))",
        "    + sigmoid(linear(value_6 -> D)) + sigmoid(linear(value_7 -> D))) * x",
    )


def test_other_line_ends_and_tabs() -> None:
    assert formatted("layer f(D):\r\n\tin x:D\r\n\tout x") == "layer f(D):\n  in x : D\n  out x\n"


@pytest.mark.parametrize(("written", "wanted"), [("", ""), ("# only a comment", "# only a comment\n"), ("\n\n", "")])
def test_files_without_definitions(written: str, wanted: str) -> None:
    assert formatted(written) == wanted


def test_what_does_not_parse_is_refused() -> None:
    with pytest.raises(RecdslError, match="R102"):
        format_source(Source("x.rdl", "layer f(D)\n"))
