"""Names of the source that mean something in the target."""

from __future__ import annotations

import keyword
import re
from importlib import resources

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from recdsl.emit.names import CLASSES, LOCALS, MODULE_ATTRIBUTES, Names, camel_case, safe, safe_local, state_dict_path


def test_every_attribute_of_a_module_is_known() -> None:
    public = {name for name in dir(torch.nn.Module()) if not name.startswith("_")}
    assert public <= MODULE_ATTRIBUTES


@pytest.mark.parametrize("name", ["lambda", "in", "train", "forward", "state_dict", "_buffers", "step"])
def test_attributes_step_aside(name: str) -> None:
    assert safe(name) == f"{name}_"
    assert state_dict_path(f"q.{name}.weight") == f"q.{name}_.weight"


@given(st.from_regex(r"[A-Za-z_][A-Za-z_0-9]*", fullmatch=True))
def test_locals_never_collide_with_the_target(name: str) -> None:
    local = safe_local(name)
    assert local.isidentifier()
    assert not keyword.iskeyword(local)
    assert local not in LOCALS
    assert safe_local(name) == local


def test_each_name_once() -> None:
    names = Names(frozenset({"x"}))
    assert [names.new("x"), names.new("x"), names.new("y")] == ["x_2", "x_3", "y"]


def test_camel_case() -> None:
    assert [camel_case(name) for name in ("gla", "short_conv", "plstm2d", "_")] == [
        "Gla",
        "ShortConv",
        "Plstm2d",
        "Layer",
    ]


def defined_in_helpers(pattern: str) -> set[str]:
    folder = resources.files("recdsl.backends.torch") / "helpers"
    texts = [file.read_text(encoding="utf-8") for file in folder.iterdir()]
    return {match[match.lastindex or 0] for text in texts for match in re.finditer(pattern, text, re.M)}


def test_no_value_is_called_like_a_helper() -> None:
    """A helper that a local hides could not be called."""
    defined = defined_in_helpers(r"^(?:def|class) ([a-zA-Z]\w*)")
    assert "diagonal" in defined
    assert defined <= LOCALS


def test_no_layer_is_called_like_a_helper() -> None:
    defined = defined_in_helpers(r"^class ([a-zA-Z]\w*)|^([A-Z]\w*) = ")
    assert "Steps" in defined
    assert defined <= CLASSES
