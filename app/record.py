"""Everything that is known of one event, read in one snapshot."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from model.attempt import Attempt
from model.event import Event, EventStatus
from model.ids import Ids
from model.issuer import IssuerAck
from model.plan import Agenda, AgendaState, Notification
from model.reply import Reply
from model.roster import Roster
from model.upstream import OutcomeCall
from model.verdict import Verdict
from routing.cases import case
from routing.facts import case_for
from routing.following import ALONE, Together, together
from routing.forecast import Forecast, forecast
from store import attempts, deliveries, events, issuer_acks, outcome_calls, plans, replies, timeline, verdicts
from store.attempts import ReceiptRow
from store.database import Connection
from store.deliveries import Delivery, Evidence
from store.timeline import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """`parsed` by revision number, `evidence` by body id. `agenda`: what is pending of it."""

    event: Event
    parsed: Mapping[int, Any]
    notifications: Sequence[Notification]
    agenda: Sequence[Agenda]
    forecasts: Sequence[Forecast]
    attempts: Sequence[Attempt]
    receipts: Sequence[ReceiptRow]
    replies: Sequence[Reply]
    verdicts: Sequence[Verdict]
    issuer_acks: Sequence[IssuerAck]
    outcome_calls: Sequence[OutcomeCall]
    timeline: Sequence[Entry]
    deliveries: Sequence[Delivery]
    evidence: Mapping[str, Evidence]
    together: Together = ALONE

    @property
    def verdict(self) -> Verdict | None:
        """The event's outcome as it stands, None while it is open."""
        number = self.event.answer_revision
        return next((v for v in reversed(self.verdicts) if v.person is None and v.revision == number), None)


def load(conn: Connection, source: str, event_id: str, roster: Roster, ids: Ids, now: datetime) -> Record | None:
    event = events.find(conn, source, event_id)
    if event is None:
        return None
    rows, agenda = plans.of_event(conn, event.pk), plans.agenda_of_event(conn, event.pk)
    tries = attempts.of_event(conn, event.pk)
    posted = deliveries.of_event(conn, event.pk)
    return Record(
        event=event,
        parsed=events.parsed(conn, event.pk),
        notifications=rows,
        agenda=[a for a in agenda if a.state is AgendaState.PENDING],
        forecasts=_forecasts(event, rows, agenda, roster, ids, now),
        attempts=tries,
        receipts=attempts.receipts_of(conn, [a.id for a in tries]),
        replies=replies.of_event(conn, event.pk),
        verdicts=verdicts.of_event(conn, event.pk),
        issuer_acks=issuer_acks.of_event(conn, event.pk),
        outcome_calls=outcome_calls.of_event(conn, event.pk),
        timeline=timeline.of_event(conn, event.pk),
        deliveries=posted,
        evidence=deliveries.evidence(conn, {d.body_id for d in posted}),
        together=together(conn, [event])[event.pk],
    )


def _forecasts(
    event: Event, rows: Sequence[Notification], agenda: Sequence[Agenda], roster: Roster, ids: Ids, now: datetime
) -> list[Forecast]:
    """Nothing once the event is over."""
    if event.status is not EventStatus.OPEN:
        return []
    return list(forecast(case_for(case(event, roster, ids, now), rows, agenda, now), agenda))
