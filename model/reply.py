"""What a person answered. Only a key, a button, a reply word or an API call is an answer."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

REPEATED_BACK, NOT_REPEATED_BACK = "repeated back", "not repeated back"  # how what was `said` by phone ends
PASSED_ON = "passed on"  # the same, of a cannot_comply: whoever passes says nothing of whether the site can


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

    @property
    def verb(self) -> str:
        """What the person has done, after their name."""
        if self.answer is Answer.ACKNOWLEDGE:
            return "accepted"
        return "passed it on" if self.said.endswith(f", {PASSED_ON}") else "cannot comply"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """An answer as it came in, before anybody looked up what it is about: nothing of it needs the database.

    What it is about is named by one of: `attempt_id` (a key, a button; `vendor_id` is the vendor's name of it; with
    `event_pk` where it tells several events), `number` with `code` or `all_codes` (a text; neither: the only open one),
    `alert` (PagerDuty's key of it), `event_pk` (the operator's page) or `several` (all of its list: each event with the
    revision that was read), `source` with `event_id` (the API). `person` None: whom the attempt was for; of an
    `alert`: nobody of the roster, `by` is what the vendor calls them.
    `vendor_body`, `vendor_at`: what the vendor sent, and when it says it was.
    """

    id: str
    channel: str
    answer: Answer
    received_at: datetime
    person: str | None = None
    revision: int | None = None
    said: str = ""
    by: str = ""
    attempt_id: str | None = None
    vendor_id: str | None = None
    number: str | None = None
    code: str | None = None
    all_codes: bool = False
    alert: str | None = None
    vendor_body: str = ""
    vendor_at: datetime | None = None
    event_pk: str | None = None
    several: tuple[tuple[str, int], ...] = ()
    source: str | None = None
    event_id: str | None = None
