"""Values given from outside for the parameters of a program: `--set D=256`, `settings={"norm": "rms"}`."""

from __future__ import annotations

Setting = bool | int | float | str

_WORDS = {"yes": True, "no": False}


def parse_setting(text: str) -> Setting:
    """A value as it would stand in a program: a number, `yes` or `no`; otherwise the name of a layer or a string."""
    if text in _WORDS:
        return _WORDS[text]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text.strip('"')
