"""Which recurrences a program has, of which class each is, how it is computed, what that costs, and whether it can grow."""

from __future__ import annotations

from recdsl.explain.explain import explain
from recdsl.explain.report import Algorithm, Explanation, LayerReport, RecurrenceReport, Refusal

__all__ = ["Algorithm", "Explanation", "LayerReport", "RecurrenceReport", "Refusal", "explain"]
