"""Instants in queries and answers: ISO 8601, aware, UTC."""

from datetime import UTC, datetime
from typing import Annotated, overload

from pydantic import AfterValidator, AwareDatetime

FIRST_YEAR, LAST_YEAR = 2000, 2100


def _in_range(at: datetime) -> datetime:
    if not FIRST_YEAR <= at.year < LAST_YEAR:
        raise ValueError(f"an instant from {FIRST_YEAR} until before {LAST_YEAR} was expected")
    return at.astimezone(UTC)


# An instant somebody asks about. In a query the + of an offset is written %2B; Z needs no care.
Instant = Annotated[AwareDatetime, AfterValidator(_in_range)]


@overload
def iso(at: datetime) -> str: ...
@overload
def iso(at: None) -> None: ...
@overload
def iso(at: datetime | None) -> str | None: ...
def iso(at: datetime | None) -> str | None:
    """As answers say it; None stays None."""
    return None if at is None else at.astimezone(UTC).isoformat()
