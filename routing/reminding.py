"""Reminds people before they come on call and go off, if they wish it, by rows of the ordinary timetable.

What is due is decided by the rota of this moment, not planned before: a cover made meanwhile counts. Each reminder is
an event of our own that is over from the beginning; its id names handoff and person, so nobody is reminded twice, by
however many processes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from broker.own import own_message
from model.clock import Clock, breathe
from model.errors import Unavailable
from model.event import Action, Content, Event, EventStatus, Instruction, Phase, Severity
from model.ids import Ids
from model.plan import Kind, Plan
from model.reading import Reading
from model.roster import OWN_SOURCE, Person, Roster
from routing import cases, planner
from routing.accept import Member, note_received
from routing.event_after import event_after
from routing.handoffs import Handoff, handoffs, way, words
from routing.placing import place
from store import deliveries, events
from store.database import Connection, Database
from store.deliveries import Delivery, DeliveryState

log = structlog.get_logger(__name__)

AGAIN = timedelta(hours=1)  # the handoffs to come are worked out anew, at the latest
_HEADLINE_CHARS = 100


@dataclass(frozen=True, slots=True)
class Coming:
    """The handoffs of one roster that somebody wants to be reminded of, as far as `until`."""

    roster: Roster
    at: datetime
    handoffs: tuple[tuple[datetime, Handoff], ...]  # with when the reminder is due, soonest first


class Reminders:
    """`tick` is harmless when several processes do it at once."""

    def __init__(self, database: Database, clock: Clock, ids: Ids, roster: Callable[[], Roster]) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._roster = roster
        self._coming: Coming | None = None
        self._reminded: set[Handoff] = set()  # so that the database is not asked again and again

    async def tick(self) -> None:
        """Remind of what is due by now. While the database is away it waits for the next tick."""
        roster, now = self._roster(), self._clock.now()
        coming = self._coming
        if coming is None or coming.roster is not roster or now >= coming.at + AGAIN:
            coming = self._coming = await coming_handoffs(roster, now)
            self._reminded = {handoff for handoff in self._reminded if handoff.at > now}
        try:
            for due_at, handoff in coming.handoffs:
                if due_at <= now < handoff.at and handoff not in self._reminded:
                    await self._remind(handoff, roster, now)
                    self._reminded.add(handoff)
        except Unavailable as away:
            log.warning("database away, reminders wait", error=str(away))

    async def _remind(self, handoff: Handoff, roster: Roster, now: datetime) -> None:
        if await self._database.transact(lambda conn: remind(conn, handoff, roster, self._ids, now)):
            log.info("reminded of a handoff", person=handoff.person, rotation=handoff.rotation, coming=handoff.coming)


async def coming_handoffs(roster: Roster, now: datetime) -> Coming:
    """Those of which the next reminders tell."""
    minutes = {p.id: timedelta(minutes=p.handoff_reminder) for p in roster.people.values() if p.handoff_reminder}
    found: list[tuple[datetime, Handoff]] = []
    if minutes:
        until = now + max(minutes.values()) + 2 * AGAIN
        for rota in roster.rotas.values():
            if wanted := sorted(rota.people & minutes.keys()):
                found += [(h.at - minutes[h.person], h) for h in handoffs(rota, wanted, now, until)]
                await breathe()
    return Coming(roster, now, tuple(sorted(found, key=lambda due: (due[0], due[1].rotation, due[1].person))))


def remind(conn: Connection, handoff: Handoff, roster: Roster, ids: Ids, now: datetime) -> bool:
    """Write the reminder down, to be sent at once. False: it was before, or there is no quiet way to the person."""
    person, rota = roster.people[handoff.person], roster.rotas[handoff.rotation]
    event_id = f"handoff/{handoff.rotation}/{handoff.person}/{handoff.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    found = way(person)
    events.lock_key(conn, OWN_SOURCE, event_id)
    if found is None or events.find(conn, OWN_SOURCE, event_id) is not None:
        return False
    text = words(handoff, rota, person, lambda p: roster.people[p].name if p in roster.people else p, now)
    headline = f"{person.name} {'comes on' if handoff.coming else 'goes off'} call for {rota.rotation.name}"
    event = _event(conn, _statement(event_id, headline, text, now), rota.rotation.team, roster, ids, now)
    case = cases.case(event, roster, ids, now)
    channel, address = found
    row = planner.row(
        case,
        Kind.REMINDER,
        channel,
        address,
        person=person.id,
        group=_group(person, handoff),
        until=handoff.at,
        details={"note": text},
    )
    cases.save_plan(conn, case, Plan(notifications=(row,), rings=False))
    return True


def _group(person: Person, handoff: Handoff) -> str:
    return f"{person.timezone} {handoff.rotation}"


def _event(conn: Connection, statement: Mapping[str, Any], team: str, roster: Roster, ids: Ids, now: datetime) -> Event:
    """Kept with its evidence as an accepted message is. Nothing is asked and nobody else is told, so it is over."""
    event_id, message = str(statement["event_id"]), own_message(statement, "reminders", ids, now)
    content = Content(
        issuer="Gridcall",
        program="GRIDCALL",
        phase=Phase.INFO,
        severity=Severity.INFO,
        issued_at=now,
        instruction=Instruction(action=Action.INFORMATIONAL),
        headline=statement["headline"],
        text=statement["text"],
    )
    reading = Reading(event_id=event_id, revision=1, content=content, key=event_id, parsed=statement)
    placement = place(reading, None, message.id, now)
    assert placement.revision is not None
    new = event_after(placement, None, OWN_SOURCE, roster, ids)
    event = replace(new, status=EventStatus.TERMINATED, closed_at=now, team=team)
    deliveries.save_body(conn, message)
    events.save(conn, event)
    events.add_revision(conn, event.pk, placement.revision, statement)
    note_received(conn, Member(message, 0), reading, placement, event, ids)
    deliveries.save(
        conn,
        Delivery(
            id=message.id,
            body_id=message.id,
            member=0,
            source=OWN_SOURCE,
            received_at=now,
            decided_at=now,
            state=DeliveryState.PLANNED,
            detail="a reminder",
            event_pk=event.pk,
            event_id=event_id,
            revision=1,
            rings=False,
            digest=reading.digest,
        ),
    )
    return event


def _statement(event_id: str, headline: str, text: str, now: datetime) -> Mapping[str, Any]:
    return {
        "event_id": event_id,
        "revision": 1,
        "issuer": "Gridcall",
        "program": "GRIDCALL",
        "phase": Phase.INFO,
        "severity": Severity.INFO,
        "issued_at": now.isoformat(),
        "instruction": {"action": Action.INFORMATIONAL},
        "headline": headline[:_HEADLINE_CHARS],
        "text": text,
    }
