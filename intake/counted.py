"""The number that a source gave its message, so that one that is missing is found. Pure."""

from dataclasses import replace
from typing import Any

from intake.problem import shown
from model.hole import LARGEST, CountedBy
from model.reading import Reading, Unreadable

_DIGITS = len(str(LARGEST))


def counted(result: Reading | Unreadable, by: CountedBy) -> Reading | Unreadable:
    """The reading with its number; one without gets a warning. A mapping has found its own."""
    if isinstance(result, Unreadable) or result.sequence is not None:
        return result
    found = _found(result.parsed, by)
    sequence = whole(found)
    if sequence is None:
        said = "nothing" if found is None else shown(found)
        return replace(result, warnings=(*result.warnings, f"sequence: expected a whole number, found {said}"))
    return replace(result, sequence=sequence)


def whole(value: Any) -> int | None:
    """0 and more, as a number or in digits."""
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdecimal() and len(value) <= _DIGITS else None
    elif isinstance(value, float) and value.is_integer():
        value = int(value)
    fits = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST
    return value if fits else None


def _found(parsed: Any, by: CountedBy) -> Any:
    """Beside the data of a CloudEvent, or in the event."""
    if not isinstance(parsed, dict) or by is CountedBy.MAPPING:
        return None
    event = parsed.get("data") if "specversion" in parsed else parsed
    holder = parsed if by is CountedBy.CLOUDEVENTS else event
    return holder.get("sequence") if isinstance(holder, dict) else None
