"""Helpers stand side by side in one file: no two templates define the same name."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import recdsl.backends.torch as target

FOLDER = Path(target.__file__).parent / "helpers"
DEFINED = re.compile(r"^(?:def|class) (\w+)|^([A-Za-z_]\w*)(?:: \w+)? = ", re.MULTILINE)


def test_names_are_defined_once() -> None:
    templates = sorted(FOLDER.glob("*.j2"))
    assert len(templates) > 50
    names = Counter(
        name for path in templates for name in {one or other for one, other in DEFINED.findall(path.read_text())}
    )
    assert "diagonal" in names
    assert [name for name, count in names.items() if count > 1] == []
