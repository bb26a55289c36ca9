"""Writing files: whole or not at all, and never over what somebody else wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from recdsl import files
from recdsl.diagnostics import RecdslError


def test_a_file_keeps_its_mode_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.rdl"
    path.write_text("old")
    path.chmod(0o640)
    files.write(path, "new\n")
    assert path.read_text() == "new\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.py"
    path.write_text("old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(RecdslError, match="No space left on device"):
        files.write(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_only_own_files_are_written_over(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    files.write_own(path, "# Compiled by recdsl from a.rdl\n1\n", files.COMPILED)
    files.write_own(path, "# Compiled by recdsl from a.rdl\n2\n", files.COMPILED)
    assert path.read_text().endswith("2\n")
    path.write_text("import os\n")
    with pytest.raises(RecdslError, match="not a file that recdsl wrote"):
        files.write_own(path, "# Compiled by recdsl from a.rdl\n3\n", files.COMPILED)
    assert path.read_text() == "import os\n"


def test_directories_and_missing_directories(tmp_path: Path) -> None:
    with pytest.raises(RecdslError, match="is a directory"):
        files.write_own(tmp_path, "", files.COMPILED)
    with pytest.raises(RecdslError, match="No such file"):
        files.write_own(tmp_path / "none" / "a.py", "", files.COMPILED)


def test_a_new_file_replaces_nothing(tmp_path: Path) -> None:
    files.write_new(tmp_path / "a.rdl", "1")
    with pytest.raises(RecdslError, match="exists already"):
        files.write_new(tmp_path / "a.rdl", "2")
    assert (tmp_path / "a.rdl").read_text() == "1"
