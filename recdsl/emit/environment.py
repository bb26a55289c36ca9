"""All policy about templates, in one place."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def environment(target: str) -> Environment:
    """The templates of a backend: an unknown name is an error, and lines of logic leave nothing behind."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader(f"recdsl.backends.{target}", "."),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )


def render(target: str, template: str, context: Mapping[str, object]) -> str:
    return environment(target).get_template(template).render(context)
