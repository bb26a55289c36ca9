"""Modules from text: sources, tracebacks, and one module a text."""

from __future__ import annotations

import inspect
import linecache
import sys
import traceback

import pytest

from recdsl.loader import load_module, passing_class
from recdsl.pipeline import Compiled

TEXT = """\
class Net:
    def fail(self):
        raise ValueError("no")
"""


def test_the_source_can_be_read() -> None:
    module = load_module(TEXT, "net")
    assert inspect.getsource(module.Net) == TEXT
    assert module.Net.__module__ == module.__name__


def test_tracebacks_show_the_line() -> None:
    module = load_module(TEXT, "net")
    try:
        module.Net().fail()
    except ValueError:
        shown = traceback.format_exc()
    assert 'raise ValueError("no")' in shown
    assert "net.py compiled by recdsl" in shown


def test_the_same_text_is_loaded_once() -> None:
    assert load_module(TEXT, "net") is load_module(TEXT, "net")
    assert load_module(TEXT + "\n", "net") is not load_module(TEXT, "net")


def test_a_text_that_fails_leaves_no_module() -> None:
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            load_module("1 / 0\n", "net")


def test_a_passing_class_leaves_nothing_behind() -> None:
    before, lines = set(sys.modules), set(linecache.cache)
    made = passing_class(Compiled("class Net:\n    pass\n", "Net"))
    assert made.__name__ == "Net"
    assert set(sys.modules) == before and set(linecache.cache) == lines


def test_a_passing_class_leaves_a_module_that_was_loaded() -> None:
    text = "class Kept:\n    pass\n"
    module = load_module(text, "Kept")
    assert passing_class(Compiled(text, "Kept")) is module.Kept
    assert load_module(text, "Kept") is module
