"""What a person answered. Only a key, a button, a reply word or an API call is an answer."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Answer(StrEnum):
    ACKNOWLEDGE = "acknowledge"
    CANNOT_COMPLY = "cannot_comply"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer. Append-only; a person's latest for a revision counts.

    `channel`: voice, sms, slack, pagerduty, api, page. `said` is what was pressed or written, as it came.
    `by`: who acted when it was not the person (an API key's name).
    """

    id: str
    event_pk: str
    revision: int
    person: str
    answer: Answer
    channel: str
    received_at: datetime
    attempt_id: str | None = None
    said: str = ""
    by: str = ""
