"""What the printers of the closed families share: a document begins with a map that has forgotten what was before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from recdsl.backends.torch.expressions import Printer
from recdsl.backends.torch.reads import base_name, outside_text
from recdsl.backends.torch.solve.common import Solving, lined_up

from recdsl.emit.names import safe_local
from recdsl.emit.precedence import PRODUCT, Text


class Family(Solving):
    """Maps as several tensors [batch, T, ...], one call on all of them."""

    def local(self, role: str, code: str) -> str:
        """A local of this call for a part of the maps."""
        name = self.scope.names.new(safe_local(f"{base_name(self.state)}_{role}"))
        self.scope.line(f"{name} = {code}")
        return name

    def start_text(self) -> Text | None:
        """What a document starts from; None for zero, and without documents."""
        text = outside_text(Printer(self.scope), self.state_read(self.state)) if self.documents else None
        return None if text is None or text.code in ("0", "0.0", "False") else text

    def start(self, order: Sequence[str], moved: dict[str, str] | None = None) -> str | None:
        """The same with the dimensions `order`, some of them called otherwise, as a factor."""
        text = self.start_text()
        if text is None:
            return None
        labels = tuple((moved or {}).get(each, each) for each in text.labels)
        return lined_up(replace(text, labels=labels), order).at(PRODUCT + 1)

    def restart(self, fresh: Sequence[tuple[str, str]]) -> None:
        """Replace parts of the maps where a document begins, if one does: pairs of a local and what it is there."""
        for breaks in self.breaks():
            self.scope.line(f"if {breaks} is not None:")
            for name, code in fresh:
                self.scope.line(f"    {name} = steps.restart({self.solve.offset}, {name}, {code})")

    def call(self, helper: str, arguments: Sequence[str], options: Sequence[str] = ()) -> str:
        """The call of a helper."""
        return f"{self.scope.help(helper)}({', '.join([*arguments, *options, *self.direction()])})"
