"""The ledger: what happened when, of every event of a time that asked people for an answer."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, ColumnElement, Connection, Select, and_, bindparam, func, select

from model.attempt import ReceiptKind
from model.event import Event, EventStatus, Revision
from model.issuer import IssuerAck
from model.ledger import EventLine, Paged, PersonLine
from model.plan import AgendaKind, AgendaState, ChannelName, Kind
from model.reply import Answer, Reply
from model.verdict import Verdict
from store import events as events_
from store import issuer_acks, replies, verdicts
from store.codec import mapping
from store.deliveries import DeliveryState
from store.partitions import first_id
from store.tables import agenda, attempts, deliveries, events, notifications, receipts, said

_PKS: BindParameter[str] = bindparam("pks", expanding=True)
# A timetable that asks for an answer has a deadline on the agenda, be anybody on call or not. What a silence holds,
# what goes with another event and what calls nobody has none.
_ASKED = (
    select(agenda.c.event_pk, agenda.c.revision, func.min(agenda.c.due_at).label("due_at"))
    .where(agenda.c.event_pk.in_(_PKS), agenda.c.kind == said(AgendaKind.VERDICT))
    .group_by(agenda.c.event_pk, agenda.c.revision)
)
_LOOKS = (
    select(agenda.c.event_pk, agenda.c.done_at)
    .where(
        agenda.c.event_pk.in_(_PKS),
        agenda.c.kind == said(AgendaKind.REVISE),
        agenda.c.state == said(AgendaState.DONE),
    )
    .order_by(agenda.c.done_at)
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


def _sends(told_by: ColumnElement[str]) -> Select[Any]:
    """When each person was first tried, and rung, by the attempts of `told_by`."""
    rang = and_(receipts.c.attempt_id == attempts.c.id, receipts.c.kind == said(ReceiptKind.RINGING))
    return (
        select(
            notifications.c.event_pk,
            notifications.c.revision,
            notifications.c.person,
            func.min(attempts.c.started_at).label("started_at"),
            func.min(receipts.c.received_at).label("ringing_at"),
        )
        .select_from(notifications.join(attempts, attempts.c.notification_id == told_by).outerjoin(receipts, rang))
        .where(notifications.c.event_pk.in_(_PKS), notifications.c.kind == said(Kind.ALERT))
        .group_by(notifications.c.event_pk, notifications.c.revision, notifications.c.person)
    )


# What was told with another's message has the attempts of that one. Asked in one statement, all attempts would be read.
_SENDS = (
    _sends(notifications.c.id).where(notifications.c.carried_by.is_(None)),
    _sends(notifications.c.carried_by).where(notifications.c.carried_by.is_not(None)),
)
# What PagerDuty was asked, each with its tries.
_PAGES = (
    select(
        notifications.c.event_pk,
        notifications.c.revision,
        notifications.c.due_at,
        notifications.c.details,
        attempts.c.started_at,
    )
    .select_from(notifications.outerjoin(attempts, attempts.c.notification_id == notifications.c.id))
    .where(notifications.c.event_pk.in_(_PKS), notifications.c.channel == said(ChannelName.PAGERDUTY))
)
_DECIDED = select(
    deliveries.c.event_pk, deliveries.c.revision, deliveries.c.decided_at, deliveries.c.deadline_at
).where(deliveries.c.event_pk.in_(_PKS), deliveries.c.state == said(DeliveryState.PLANNED))

_Key = tuple[str, int]  # of an event and its revision


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


@dataclass(frozen=True, slots=True)
class _Known:
    """Of some events. `asked`: when the deadline of a timetable falls due; `looks`: when they were looked at again."""

    people: Mapping[_Key, Sequence[PersonLine]]
    paged: Mapping[_Key, Paged]
    outcomes: Mapping[_Key, Verdict]
    decided: Mapping[_Key, Any]
    asked: Mapping[_Key, datetime]
    looks: Mapping[str, Sequence[datetime]]
    told: Mapping[str, Sequence[IssuerAck]]

    def lines(self, event: Event) -> Iterator[EventLine]:
        """One for each revision that asked for an answer and has an outcome, and for the one that is open."""
        asked = [r for r in event.revisions if (event.pk, r.number) in self.asked or r.number == event.answer_revision]
        for revision, later in zip_longest(asked, asked[1:]):
            key, is_open = (event.pk, revision.number), event.status is EventStatus.OPEN and later is None
            if key in self.asked and (is_open or key in self.outcomes):
                yield self._line(event, revision, later)

    def _line(self, event: Event, revision: Revision, later: Revision | None) -> EventLine:
        key = (event.pk, revision.number)
        verdict, people, told = self.outcomes.get(key), self.people.get(key, ()), self.told.get(event.pk, ())
        return EventLine(
            pk=event.pk,
            source=event.source,
            event_id=event.event_id,
            revision=revision.number,
            mode=revision.content.mode,
            severity=str(event.severity),
            policy=event.policy,
            received_at=revision.received_at,
            planned_at=self._planned_at(event, revision, people),
            deadline_at=self._deadline_at(key) if later else event.deadline_at,
            outcome=verdict.outcome if verdict else None,
            outcome_at=verdict.at if verdict else None,
            reason=verdict.reason if verdict else "",
            people=people,
            closed_at=later.received_at if later else event.closed_at,
            issuer_acks=[ack for ack in told if later is None or ack.revision < later.number],
            paged=self.paged.get(key, Paged()),
        )

    def _planned_at(self, event: Event, revision: Revision, people: Sequence[PersonLine]) -> datetime | None:
        """A new event is planned with the decision, what changes it at the next look."""
        decided = self.decided.get((event.pk, revision.number))
        if decided is None or revision.received_at == event.received_at:
            return decided and decided.decided_at
        looks = [at for at in self.looks.get(event.pk, ()) if at >= decided.decided_at]
        return min([*looks[:1], *(p.due_at for p in people if p.due_at)], default=decided.decided_at)

    def _deadline_at(self, key: _Key) -> datetime:
        """Of a revision that a later one has replaced."""
        decided = self.decided.get(key)
        return decided.deadline_at if decided and decided.deadline_at else self.asked[key]


def _lines(conn: Connection, pks: Sequence[str]) -> list[EventLine]:
    if not pks:
        return []
    given = {"pks": pks}
    looks: dict[str, list[datetime]] = defaultdict(list)
    for row in conn.execute(_LOOKS, given):
        looks[row.event_pk].append(row.done_at)
    told: dict[str, list[IssuerAck]] = defaultdict(list)
    for ack in issuer_acks.of_events(conn, pks):
        told[ack.event_pk].append(ack)
    known = _Known(
        people=_people(conn, pks),
        paged=_paged(conn, pks),
        outcomes=verdicts.latest(conn, pks),
        decided={(row.event_pk, row.revision): row for row in conn.execute(_DECIDED, given)},
        asked={(row.event_pk, row.revision): row.due_at for row in conn.execute(_ASKED, given)},
        looks=looks,
        told=told,
    )
    found = events_.load(conn, pks)
    return [line for pk in pks for line in known.lines(found[pk])]


def _paged(conn: Connection, pks: Sequence[str]) -> dict[_Key, Paged]:
    found: dict[_Key, list[Any]] = defaultdict(list)
    for row in conn.execute(_PAGES, {"pks": pks}):
        if mapping(row.details).get("calls"):
            found[row.event_pk, row.revision].append(row)
    return {
        key: Paged(min(r.due_at for r in rows), min((r.started_at for r in rows if r.started_at), default=None))
        for key, rows in found.items()
    }


def _people(conn: Connection, pks: Sequence[str]) -> dict[_Key, list[PersonLine]]:
    """Those who were to be told, by event and revision, in the order in which they were due; then who else answered."""
    rows = {tuple(r[:3]): r for r in conn.execute(_ROWS, {"pks": pks})}
    sends: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for query in _SENDS:
        for row in conn.execute(query, {"pks": pks}):
            sends[tuple(row[:3])].append(row)
    answers: dict[tuple[str, int, str], list[Reply]] = defaultdict(list)
    for reply in replies.of_events(conn, pks):
        answers[reply.event_pk, reply.revision, reply.person].append(reply)
    found: dict[_Key, list[PersonLine]] = defaultdict(list)
    for key in rows | answers:
        found[key[:2]].append(_person(key[2], rows.get(key), sends.get(key, ()), answers.get(key, ())))
    return found


def _person(person: str, row: Any, sends: Sequence[Any], answers: Sequence[Reply]) -> PersonLine:
    """`row` None: they were on no timetable, and answered."""
    return PersonLine(
        person=person,
        due_at=row.due_at if row else None,
        started_at=min((s.started_at for s in sends), default=None),
        ringing_at=min((s.ringing_at for s in sends if s.ringing_at), default=None),
        delivered_at=row.delivered_at if row else None,
        answered_at=row.answered_at if row else None,
        replied_at=answers[0].received_at if answers else None,
        accepted_at=next((a.received_at for a in answers if a.answer is Answer.ACKNOWLEDGE), None),
        reply=str(answers[-1].answer) if answers else None,
    )
