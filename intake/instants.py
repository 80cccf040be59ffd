"""Points in time as RFC 3339 writes them."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

EXPECTED = "a timestamp with offset, e.g. 2026-07-14T18:30:00Z"
FIRST_YEAR = 1970
LAST_YEAR = 9998  # so that every instant can still be said in every timezone

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)


def instant(value: Any) -> datetime:
    """An RFC 3339 timestamp as aware UTC. Raises PydanticCustomError with the words for its sender."""
    if not isinstance(value, str) or not _RFC_3339.fullmatch(value):
        raise PydanticCustomError("instant", EXPECTED)
    try:
        at = datetime.fromisoformat(value.upper())
        at = at if at.tzinfo is UTC else at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise PydanticCustomError("instant", EXPECTED) from None
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise PydanticCustomError("instant", f"a time between the years {FIRST_YEAR} and {LAST_YEAR}")
    return at


def open_end(value: Any) -> datetime | None:
    """The same for an end: null, and the year 9999 that many systems write for "never", are no end."""
    if value is None or (isinstance(value, str) and value.startswith("9999-")):
        return None
    return instant(value)


_SCHEMA = {"type": "string", "format": "date-time"}
Instant = Annotated[datetime, PlainValidator(instant), WithJsonSchema(_SCHEMA)]
OpenEnd = Annotated[
    datetime | None, PlainValidator(open_end), WithJsonSchema({"anyOf": [_SCHEMA, {"type": "null"}], "default": None})
]

_SECONDS_END = 100_000_000_000  # epoch numbers from here on are milliseconds (in seconds: the year 5138)
_LOOSE = re.compile(
    r"(\d{4}-\d\d-\d\d|\d{8})[Tt ](\d\d)(:?\d\d(?::?\d\d(?:\.\d{1,9})?)?) ?([Zz]|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)


def lenient(value: Any, zone: tzinfo) -> datetime:
    """A point in time as systems write it beside RFC 3339, as aware UTC.

    Without seconds, without an offset (then by the clock of `zone`), at hour 24, in epoch seconds or milliseconds.
    Raises PydanticCustomError.
    """
    try:
        at = _from_epoch(value) if _is_number(value) else _from_text(value, zone)
        at = at.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise PydanticCustomError("instant", EXPECTED) from None
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise PydanticCustomError("instant", f"a time between the years {FIRST_YEAR} and {LAST_YEAR}")
    return at


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) in (10, 13) and value.isascii() and value.isdigit()
    return isinstance(value, int | float) and not isinstance(value, bool)


def _from_epoch(value: Any) -> datetime:
    number = float(value)
    return datetime.fromtimestamp(number if abs(number) < _SECONDS_END else number / 1000, UTC)


def _from_text(value: Any, zone: tzinfo) -> datetime:
    match = _LOOSE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError
    day, hour, rest, offset = match.groups()
    midnight_after = hour == "24" and not rest.strip(":0.")
    compact = len(day) == 8
    written = f"{day}T{'00' if midnight_after else hour}{rest.replace(':', '') if compact else rest}"
    at = datetime.fromisoformat(written + (offset or "").upper().replace("Z", "+00:00"))
    at = at if at.tzinfo else at.replace(tzinfo=zone)
    return at + timedelta(days=1) if midnight_after else at
