"""The ledger: what happened when, of every event of a time that asked people for an answer."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, Connection, and_, bindparam, func, select

from model.attempt import ReceiptKind
from model.event import Event, EventStatus
from model.issuer import IssuerAck
from model.ledger import EventLine, PersonLine
from model.plan import AgendaKind, Kind
from model.reply import Answer, Reply
from model.verdict import Verdict
from store import events as events_
from store import issuer_acks, replies, verdicts
from store.partitions import first_id
from store.tables import agenda, attempts, deliveries, events, notifications, receipts, said

_PKS: BindParameter[str] = bindparam("pks", expanding=True)
# A timetable that asks for an answer has a deadline on the agenda, be anybody on call or not. What a silence holds,
# what goes with another event and what calls nobody has none.
_ASKED = (
    select(agenda.c.event_pk, agenda.c.revision)
    .where(agenda.c.event_pk.in_(_PKS), agenda.c.kind == said(AgendaKind.VERDICT))
    .distinct()
)
_ROWS = (
    select(
        notifications.c.event_pk,
        notifications.c.revision,
        notifications.c.person,
        func.min(notifications.c.due_at).label("due_at"),
        func.min(notifications.c.delivered_at).label("delivered_at"),
        func.min(notifications.c.answered_at).label("answered_at"),
    )
    .where(
        notifications.c.event_pk.in_(_PKS),
        notifications.c.kind == said(Kind.ALERT),
        notifications.c.person.is_not(None),
    )
    .group_by(notifications.c.event_pk, notifications.c.revision, notifications.c.person)
    .order_by("due_at", notifications.c.person)
)
_SENDS = (
    select(
        notifications.c.event_pk,
        notifications.c.revision,
        notifications.c.person,
        func.min(attempts.c.started_at).label("started_at"),
        func.min(receipts.c.received_at).label("ringing_at"),
    )
    .select_from(
        # what was told with another's message has the attempts of that one
        notifications.join(
            attempts, attempts.c.notification_id == func.coalesce(notifications.c.carried_by, notifications.c.id)
        ).outerjoin(
            receipts, and_(receipts.c.attempt_id == attempts.c.id, receipts.c.kind == said(ReceiptKind.RINGING))
        )
    )
    .where(notifications.c.event_pk.in_(_PKS), notifications.c.kind == said(Kind.ALERT))
    .group_by(notifications.c.event_pk, notifications.c.revision, notifications.c.person)
)
_DECIDED = (
    select(deliveries.c.event_pk, deliveries.c.revision, func.min(deliveries.c.decided_at).label("decided_at"))
    .where(deliveries.c.event_pk.in_(_PKS))
    .group_by(deliveries.c.event_pk, deliveries.c.revision)
)


class Page(NamedTuple):
    """`after`: the key of the last event looked at, None when all are."""

    lines: Sequence[EventLine]
    after: str | None


def page(
    conn: Connection, since: datetime, until: datetime, *, after: str | None, limit: int, source: str | None = None
) -> Page:
    """Events received from `since` until before `until`, in the order they were decided; of one source, or of all."""
    query = select(events.c.pk).where(events.c.pk >= first_id(since), events.c.pk > (after or ""))
    query = query.where(events.c.received_at >= since, events.c.received_at < until)
    if source:
        query = query.where(events.c.source == source)
    pks = list(conn.scalars(query.order_by(events.c.pk).limit(limit)))
    return Page(_lines(conn, pks), pks[-1] if len(pks) == limit else None)


def _lines(conn: Connection, pks: Sequence[str]) -> list[EventLine]:
    if not pks:
        return []
    found = events_.load(conn, pks)
    people = _people(conn, pks)
    outcomes = verdicts.latest(conn, pks)
    told: dict[str, list[IssuerAck]] = defaultdict(list)
    for ack in issuer_acks.of_events(conn, pks):
        told[ack.event_pk].append(ack)
    decided = {(r.event_pk, r.revision): r.decided_at for r in conn.execute(_DECIDED, {"pks": pks})}
    asked = {(row.event_pk, row.revision) for row in conn.execute(_ASKED, {"pks": pks})}
    lines = []
    for pk in pks:
        event, key = found[pk], (pk, found[pk].answer_revision)
        verdict = outcomes.get(key)
        if key in asked and (verdict or event.status is EventStatus.OPEN):
            lines.append(_line(event, people.get(key, []), verdict, decided.get(key), told[pk]))
    return lines


def _line(
    event: Event,
    people: Sequence[PersonLine],
    verdict: Verdict | None,
    planned_at: datetime | None,
    told: Sequence[IssuerAck],
) -> EventLine:
    revision = event.revision(event.answer_revision)
    return EventLine(
        pk=event.pk,
        source=event.source,
        event_id=event.event_id,
        revision=revision.number,
        mode=revision.content.mode,
        severity=str(event.severity),
        policy=event.policy,
        received_at=revision.received_at,
        planned_at=planned_at,
        deadline_at=event.deadline_at,
        late=event.late,
        outcome=verdict.outcome if verdict else None,
        outcome_at=verdict.at if verdict else None,
        reason=verdict.reason if verdict else "",
        people=people,
        closed_at=event.closed_at,
        issuer_acks=told,
    )


def _people(conn: Connection, pks: Sequence[str]) -> dict[tuple[str, int], list[PersonLine]]:
    """Those who were to be told, by event and revision, in the order in which they were due; then who else answered."""
    rows, sends = ({tuple(r[:3]): r for r in conn.execute(query, {"pks": pks})} for query in (_ROWS, _SENDS))
    answers: dict[tuple[str, int, str], list[Reply]] = defaultdict(list)
    for reply in replies.of_events(conn, pks):
        answers[reply.event_pk, reply.revision, reply.person].append(reply)
    found: dict[tuple[str, int], list[PersonLine]] = defaultdict(list)
    for key in rows | answers:
        found[key[:2]].append(_person(key[2], rows.get(key), sends.get(key), answers.get(key, ())))
    return found


def _person(person: str, row: Any, sends: Any, answers: Sequence[Reply]) -> PersonLine:
    """`row` None: they were on no timetable, and answered."""
    return PersonLine(
        person=person,
        due_at=row.due_at if row else None,
        started_at=sends.started_at if sends else None,
        ringing_at=sends.ringing_at if sends else None,
        delivered_at=row.delivered_at if row else None,
        answered_at=row.answered_at if row else None,
        replied_at=answers[0].received_at if answers else None,
        accepted_at=next((a.received_at for a in answers if a.answer is Answer.ACKNOWLEDGE), None),
        reply=str(answers[-1].answer) if answers else None,
    )
