"""Was the deadline kept, and by whom."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Outcome(StrEnum):
    MET = "met"
    MISSED = "missed"
    NOT_NEEDED = "not_needed"
    REOPENED = "reopened"  # somebody accepted and then could not: the objective is open again


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The outcome for one revision: of the event (`person` None) or of one person. The latest counts."""

    event_pk: str
    revision: int
    outcome: Outcome
    reason: str
    at: datetime
    person: str | None = None
