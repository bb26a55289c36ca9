"""Files that the command line writes: whole or not at all, and never over something that it did not write."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from recdsl.diagnostics import Diagnostic, RecdslError

COMPILED = "# Compiled by recdsl"
DRAWN = "<!-- Drawn by recdsl"


def write(path: Path, text: str) -> None:
    """Write a file in one step: a reader sees the old text or the new one. Raises `RecdslError` (R001)."""
    try:
        mode = path.stat().st_mode & 0o777 if path.exists() else None
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        temporary = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            temporary.chmod(mode if mode is not None else 0o666 & ~_umask())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise refusal(f"cannot write {str(path)!r}: {error.strerror or error}") from None


def write_own(path: Path, text: str, marker: str) -> None:
    """Write a file unless another one stands there whose first line does not begin with `marker`.

    Raises `RecdslError` (R001).
    """
    if path.is_dir():
        raise refusal(f"cannot write {str(path)!r}: it is a directory")
    if path.exists() and not _begins_with(path, marker):
        raise refusal(f"{str(path)!r} is not a file that recdsl wrote, so it stays", "give another path with -o")
    write(path, text)


def write_new(path: Path, text: str) -> None:
    """Write a file that does not exist yet. Raises `RecdslError` (R001)."""
    if path.exists():
        raise refusal(f"{str(path)!r} exists already, so it stays", "choose another name")
    write(path, text)


def refusal(message: str, help: str | None = None) -> RecdslError:
    """What a user is told when a file cannot be written."""
    return RecdslError([Diagnostic("R001", message, help=help)])


def _begins_with(path: Path, marker: str) -> bool:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.readline().startswith(marker)
    except OSError as error:
        raise refusal(f"cannot read {str(path)!r}: {error.strerror or error}") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
