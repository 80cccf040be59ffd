"""Amounts of power as systems write them, in megawatts."""

import math
import re
from typing import Any

from intake.statement import TARGET_MW_MAX

_NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d{1,12})(?:\.\d{1,9})?", re.ASCII)
_MEGAWATTS = {"MW": 1.0, "KW": 0.001, "W": 0.000001, "GW": 1000.0}


def number(value: Any) -> float | None:
    """A finite number, also as text and with commas for thousands ("19,226"); None for anything else."""
    if isinstance(value, str):
        return float(value.replace(",", "")) if _NUMBER.fullmatch(value := value.strip()) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e18 or not math.isfinite(value):
        return None
    return float(value)


def megawatts(value: Any, unit: str = "MW") -> float | None:
    """`value` of `unit` (MW, kW, W, GW) in megawatts, with its sign; None when it is no amount of power."""
    amount, factor = number(value), _MEGAWATTS.get(unit.upper())
    if amount is None or factor is None:
        return None
    found = round(amount * factor, 6)
    return found if abs(found) <= TARGET_MW_MAX else None
