"""Printed expressions: text that knows how strongly it binds, and what stands in memory behind it."""

from __future__ import annotations

from dataclasses import dataclass

# Labels beside the names of axes and dims: the batch, which in a pointwise module stands for any number of leading
# dimensions, and the points of one wave of a grid.
BATCH = "batch"
WAVE = "wave of points"

# How strongly operators bind in Python and C alike, loosest first.
CHOICE, OR, AND, NOT, COMPARE, BIT_OR, BIT_AND, SUM, PRODUCT, UNARY, POWER, ATOM = range(12)


@dataclass(frozen=True, slots=True)
class Text:
    """`code` and how strongly it binds; `labels` name the dimensions in memory: `BATCH`, axes and dims. A `number` is
    one of the host language, not a tensor; what is computed from states is `wide`, in float32 at least."""

    code: str
    labels: tuple[str, ...] = ()
    kind: str = "real"
    strength: int = ATOM
    number: bool = False
    wide: bool = False

    def at(self, strength: int) -> str:
        """The code as an operand of something that binds this strongly."""
        return f"({self.code})" if self.strength < strength else self.code
