"""Points in time as RFC 3339 writes them."""

import re
from datetime import UTC, datetime
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
