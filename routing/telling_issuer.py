"""The issuer waits for an answer of its own: that it was given is noted, and whoever accepted is reminded once."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from model.errors import Refused
from model.event import lane
from model.ids import Ids
from model.issuer import How, IssuerAck, first
from model.plan import AgendaKind, AgendaState, Kind, Notification
from model.reply import Answer
from model.roster import Person
from routing import planner
from routing.facts import Facts
from routing.handoffs import quiet_ways
from store import events, issuer_acks, plans, timeline
from store.database import Connection


def reminders(facts: Facts) -> Iterator[Notification]:
    """A text and a direct message, from half of the time on. None before somebody has accepted: `revise` asks then."""
    if not facts.case.issuer_waits or first(facts.issuer_acks, facts.revision) or not _half_is_over(facts):
        return
    person = _who_accepted(facts)
    told = facts.rows(revision=facts.revision, kind=Kind.REMINDER)
    if person is None or any(row.details.get("of") is None for row in told):
        return
    note = _words(facts, person)
    for channel, address in quiet_ways(person):
        yield planner.row(facts.case, Kind.REMINDER, channel, address, person=person.id, details={"note": note})


def _half_is_over(facts: Facts) -> bool:
    """Its time has come: by then the row of the agenda was taken."""
    rows = [a for a in facts.agenda if a.kind is AgendaKind.REMIND and a.revision == facts.revision]
    return any(a.due_at <= facts.case.now and a.state is not AgendaState.SUPERSEDED for a in rows)


def _who_accepted(facts: Facts) -> Person | None:
    """The first of those who have, and are still in the roster."""
    people = facts.case.roster.people
    accepted = [r for r in facts.latest_replies().values() if r.answer is Answer.ACKNOWLEDGE and r.person in people]
    return people[min(accepted, key=lambda r: r.received_at).person] if accepted else None


def _words(facts: Facts, person: Person) -> str:
    event = facts.case.event
    source = facts.case.roster.sources[event.source]
    where = f" in {source.also_confirm}" if source.also_confirm else ""
    by = event.deadline_at.astimezone(ZoneInfo(person.timezone))
    return (
        f"You accepted “{event.content.headline}”. {event.content.issuer or source.name} has no answer yet that is "
        f"noted here: give it{where} by {by:%H:%M %Z}, and have it noted."
    )


# --- noted ----------------------------------------------------------------------------------------------------------


class Told(NamedTuple):
    """What somebody says of it. `revision` None: the one that needs an answer."""

    person: str
    at: datetime
    how: How
    evidence: str
    revision: int | None = None


def note(
    conn: Connection, ids: Ids, source: str, event_id: str, told: Told, *, by: str, now: datetime
) -> tuple[IssuerAck, bool] | None:
    """What is noted, and whether it is new; None for an unknown event. Raises Refused for an unknown revision."""
    event = events.find(conn, source, event_id, lock=True)
    if event is None:
        return None
    number = told.revision or event.answer_revision
    if not any(r.number == number for r in event.revisions):
        raise Refused(f"event {event_id} has no revision {number}")
    ack = IssuerAck(
        id=ids.new(),
        event_pk=event.pk,
        revision=number,
        person=told.person,
        at=told.at,
        how=told.how,
        evidence=told.evidence,
        received_at=now,
        by=by,
    )
    if known := next((a for a in issuer_acks.of_event(conn, event.pk) if _same(a, ack)), None):
        return known, False
    issuer_acks.add(conn, ack)
    body = {"person": ack.person, "told_at": ack.at, "how": ack.how, "evidence": ack.evidence, "by": by}
    timeline.append(conn, ids, event.pk, now, "issuer_ack", body | {"revision": number})
    urgency = lane(event.content, event.severity)
    plans.ask_revise(conn, ids, event.pk, urgency, f"{ack.person} told the issuer", now, urgent=False)
    return ack, True


def _same(a: IssuerAck, b: IssuerAck) -> bool:
    return (a.revision, a.person, a.at, a.how, a.evidence) == (b.revision, b.person, b.at, b.how, b.evidence)
