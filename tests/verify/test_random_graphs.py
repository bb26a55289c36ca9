"""Random recurrences along the edges of graphs: every algorithm comes up, and each is the program under every valid schedule."""

from __future__ import annotations

import pytest
from random_programs import SMALL, compare, counts

from recdsl.verify import Limits, programs, recurrent_programs

PART = 60


def test_every_algorithm_and_class_comes_up() -> None:
    classes, algorithms = counts(recurrent_programs(SMALL, "graph"), 150)
    assert {"levels", "line_graph"} <= set(algorithms)
    assert {"lti", "diagonal", "block", "rank-one", "nonlinear"} <= set(classes)


def test_random_graphs_agree_with_the_reference() -> None:
    compare(recurrent_programs(SMALL, "graph"), PART, 0)


@pytest.mark.long
def test_many_random_graphs_agree_with_the_reference() -> None:
    compare(recurrent_programs(Limits(statements=2, nesting=2, helpers=0), "graph"), 8000)
    compare(programs(("graph",), Limits(statements=2, nesting=2, helpers=0, size=2)), 4000)
