"""The router's second loop: looks at what falls due in the agenda and changes the timetable. Only it replans."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import groupby

import structlog

from model.clock import Clock, wake_or
from model.errors import Unavailable
from model.ids import Ids
from model.phones import USUAL, Phones, usual
from model.plan import Agenda, AgendaKind, AgendaState
from model.roster import Roster
from model.setbacks import Setbacks
from routing import cases, falling_due, following, planner, revision, to_admins
from store import events, plans, signals, timeline
from store.database import ASK_AGAIN, Connection, Database

log = structlog.get_logger(__name__)

BACKSTOP = timedelta(seconds=1)  # wake-ups carry the load; this is for what a lost one left behind
NEVER = datetime.max.replace(tzinfo=UTC)

_TAKE = {
    AgendaKind.STEP: falling_due.take_step,
    AgendaKind.RAISE: falling_due.take_raise,
    AgendaKind.REMIND: falling_due.take_remind,
    AgendaKind.PAGE_AGAIN: falling_due.take_page_again,
    AgendaKind.ENDS: falling_due.take_ends,
    AgendaKind.VERDICT: falling_due.take_deadline,
    AgendaKind.MEMBER: falling_due.take_member,
}


class Reviser:
    """`turned_at` is when the loop last turned; readiness looks at it. `setbacks`: events that it cannot decide."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: Ids,
        roster: cases.RosterAt,
        phones: cases.PhonesAt = usual,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._roster = roster
        self._phones = phones
        self.turned_at: datetime = clock.now()
        self.setbacks = Setbacks()

    async def run(self) -> None:
        with self._database.signals.agenda() as agenda:
            while True:
                until = await self._turn(agenda)
                await wake_or(self._clock, agenda.wake, until)

    async def _turn(self, agenda: signals.Agenda) -> datetime:
        """Work off everything due. Returns when to look again."""
        now = self._clock.now()
        self.turned_at = now
        agenda.next_at = None
        try:
            due, following = await self._database.read(lambda conn: _look(conn, now))
            while due:
                if not await self._take(due):
                    return now + ASK_AGAIN
                due, following = await self._database.read(lambda conn: _look(conn, now))
        except Unavailable as away:
            log.warning("database away, the agenda waits", error=str(away))
            return now + ASK_AGAIN
        agenda.next_at = following or NEVER
        return min(following or now + BACKSTOP, now + BACKSTOP)

    async def _take(self, due: Sequence[Agenda]) -> bool:
        """One transaction an event, most urgent event first, as many at once as the database likes.

        False when the database was away for one of them: those that come after it wait for the next look.
        """
        by_event = groupby(sorted(due, key=lambda a: a.event_pk), key=lambda a: a.event_pk)
        order = {a.event_pk: n for n, a in reversed(list(enumerate(due)))}
        work = sorted(((pk, list(rows)) for pk, rows in by_event), key=lambda item: order[item[0]])
        hands, away = asyncio.Semaphore(self._database.at_once), asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for event_pk, rows in work:
                await hands.acquire()
                if away.is_set():
                    break
                group.create_task(self._take_event(event_pk, rows, hands, away))
        return not away.is_set()

    async def _take_event(
        self, event_pk: str, rows: Sequence[Agenda], hands: asyncio.Semaphore, away: asyncio.Event
    ) -> None:
        try:
            await self._decide(event_pk, rows)
            self.turned_at = self._clock.now()  # a long look is at work and not stuck
        except Unavailable as error:
            log.warning("database away, the event waits", event_pk=event_pk, error=str(error))
            away.set()
        finally:
            hands.release()

    async def _decide(self, event_pk: str, rows: Sequence[Agenda]) -> None:
        """An event that cannot be decided is put off and told, and keeps no other waiting."""
        now, roster, phones = self._clock.now(), self._roster(), self._phones()
        try:
            await self._database.transact(lambda conn: take(conn, event_pk, rows, roster, self._ids, now, phones))
        except Unavailable:
            raise
        except Exception as error:
            log.exception("event could not be decided", event_pk=event_pk)
            await self._put_off(event_pk, rows, now)
            await self._tell(event_pk, error, roster, now)
        else:
            self.setbacks.over(event_pk)
            log.info("timetable looked at", event_pk=event_pk, causes=[a.cause or str(a.kind) for a in rows])

    async def _put_off(self, event_pk: str, rows: Sequence[Agenda], now: datetime) -> None:
        again_at = self.setbacks.again_at(event_pk, now)
        await self._database.transact(lambda conn: plans.put_off(conn, [row.id for row in rows], again_at))

    async def _tell(self, event_pk: str, error: Exception, roster: Roster, now: datetime) -> None:
        """When even telling fails, it is tried again all the same."""
        try:
            await self._database.transact(lambda conn: tell_undecided(conn, event_pk, error, roster, self._ids, now))
        except Unavailable:
            raise
        except Exception:
            log.exception("admins could not be told of an event that cannot be decided", event_pk=event_pk)


def _look(conn: Connection, now: datetime) -> tuple[Sequence[Agenda], datetime | None]:
    """What is due, and when the next row falls due."""
    return plans.due_agenda(conn, now), plans.next_agenda_at(conn)


def take(
    conn: Connection,
    event_pk: str,
    rows: Sequence[Agenda],
    roster: Roster,
    ids: Ids,
    now: datetime,
    phones: Phones = USUAL,
) -> None:
    """Claim the rows and act on them; a row that somebody else claimed meanwhile is left to them."""
    facts_of = partial(cases.facts, conn, roster=roster, ids=ids, now=now, phones=phones)
    locked = following.lock(conn, event_pk, roster, ids, now)
    for row in sorted(rows, key=lambda a: a.kind is not AgendaKind.REVISE):
        if plans.finish_agenda(conn, [row.id], AgendaState.DONE, now) == 0:
            continue
        facts = facts_of(event_pk)
        if row.kind is AgendaKind.REVISE:
            facts = following.settled(conn, facts, locked, facts_of)
            facts = cases.in_time(conn, facts, facts_of)
        change = revision.revise(facts) if row.kind is AgendaKind.REVISE else _TAKE[row.kind](facts, row)
        to_admins.tell(facts, change)
        cases.save_change(conn, facts, change, row.cause or str(row.kind))
        following.tell_of_change(conn, facts, change)
        following.tell_all_over(conn, facts)


def tell_undecided(conn: Connection, event_pk: str, error: Exception, roster: Roster, ids: Ids, now: datetime) -> None:
    """To the admins and in the timeline, once for each kind of error."""
    case = cases.case(events.load(conn, [event_pk])[event_pk], roster, ids, now)
    note, known = to_admins.undecided(error), {n.details.get("note") for n in plans.of_event(conn, event_pk)}
    if note not in known:
        plans.add_notifications(conn, list(planner.admin_rows(case, note)))
        timeline.append(conn, ids, event_pk, now, "broken", {"note": note})
