"""The table of all operators, by name: `OPERATORS`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from recdsl.ir.operators.arithmetic import ARITHMETIC
from recdsl.ir.operators.contraction import CONTRACTION
from recdsl.ir.operators.functions import FUNCTIONS
from recdsl.ir.operators.operator import NoAdjointError, Operator, TypeRuleError
from recdsl.ir.operators.reduction import ALONG, REDUCTION
from recdsl.ir.operators.shape import SHAPE
from recdsl.ir.operators.source import SOURCE, WHOLE

__all__ = ["OPERATORS", "NoAdjointError", "Operator", "TypeRuleError"]

OPERATORS: Mapping[str, Operator] = MappingProxyType(
    {
        operator.name: operator
        for family in (FUNCTIONS, ARITHMETIC, REDUCTION, ALONG, CONTRACTION, SHAPE, SOURCE, WHOLE)
        for operator in family
    }
)
