"""An event that calls 10,000 people in one step: planning it, looking at its plan again, and reading and writing both.

The decisions are pure and measured alone; then the plan is written to each database and read from it, as the router and
the reviser do it in one transaction.
"""

import asyncio
import gc
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, TypeVar

from bench.issued import issued
from model.event import Event
from model.ids import SystemIds
from model.phones import USUAL
from model.plan import ChannelName, Notification, Plan, State
from model.reply import Answer, Reply
from model.roster import ContactMethod, Person, Policy, Roster, Step, Team
from model.route import Route
from routing import cases, fitting, planner, revision
from routing.capacity import Lines
from routing.facts import Facts, case_for
from routing.planner import Case
from store import events, plans
from store.database import Connection, Database
from store.places import Place, Postgres, SqliteFile
from tests import postgres

T = TypeVar("T")

PEOPLE = 10_000
ROUNDS, DATABASE_ROUNDS = 7, 3
ASKED_MS = 1000
IDS = SystemIds()
POLICY = Policy(
    id="all",
    steps=(Step(after_seconds=0, people=tuple(f"p{n}" for n in range(PEOPLE))),),
    sla_seconds=600,
)


@dataclass
class Times:
    """Milliseconds by what took them."""

    of: dict[str, list[float]] = field(default_factory=dict)

    def take(self, what: str, work: Callable[[], T]) -> T:
        gc.collect()  # what the round before has left is not this one's
        began = perf_counter()
        made = work()
        self.of.setdefault(what, []).append(1000 * (perf_counter() - began))
        return made

    def show(self, where: str, asked: Sequence[str] = ()) -> None:
        for what, took in self.of.items():
            over = "" if what not in asked or median(took) < ASKED_MS else f"  (more than the {ASKED_MS} asked for)"
            print(f"{where:12}{what:62}{median(took):9.0f} ({min(took):.0f}-{max(took):.0f}){over}")


async def run(postgres_url: str | None) -> None:
    print(f"\nplanning: {PEOPLE:,} people in one step, by phone and text: median ms (fastest-slowest) of {ROUNDS}")
    roster = _roster()
    times = Times()
    for _ in range(ROUNDS):
        _decide(roster, times)
    times.show("", asked=tuple(times.of))
    with tempfile.TemporaryDirectory(prefix="gridcall-bench-") as folder:
        await _kept("SQLite", SqliteFile(Path(folder) / "bench.db"), roster)
    if postgres_url:
        with postgres.database(postgres_url) as url:
            await _kept("PostgreSQL", Postgres(url), roster)


def _decide(roster: Roster, times: Times) -> None:
    """Without a database."""
    case = _case(issued(datetime.now(UTC), policy=POLICY.id), roster)
    times.take("the plan without a look at the lines", lambda: planner.plan(case))
    plan = times.take("the plan", lambda: fitting.plan(case))
    told = _told(plan.notifications, case.now)
    facts = _facts(case, told, plan)
    times.take("looked at again, nothing is new", lambda: revision.revise(facts))
    times.take("looked at again, somebody has accepted", lambda: revision.revise(_accepted(facts)))
    again = _case(_revised(case.event), roster)
    times.take(
        "looked at again, a new revision asks everybody anew", lambda: revision.revise(_facts(again, told, plan))
    )


async def _kept(name: str, place: Place, roster: Roster) -> None:
    await asyncio.to_thread(place.upgrade)
    database = place.open()
    times = Times()
    for _ in range(DATABASE_ROUNDS):
        await _write_and_read(database, roster, times)
    await database.close()
    times.show(name)


async def _write_and_read(database: Database, roster: Roster, times: Times) -> None:
    case = _case(issued(datetime.now(UTC), policy=POLICY.id), roster)
    plan = fitting.plan(case)

    def keep(conn: Connection) -> None:
        events.save(conn, case.event)
        events.add_revision(conn, case.event.pk, case.event.latest, {})
        cases.save_plan(conn, case, plan)

    await _timed(database, times, "the plan is written", keep)
    facts = await _timed(
        database, times, "all that is known of it is read", lambda conn: _read(conn, case.event.pk, roster)
    )
    change = revision.revise(_accepted(facts))
    await _timed(
        database,
        times,
        "what follows from somebody's answer is written",
        lambda conn: cases.save_change(conn, facts, change, "bench"),
    )


def _read(conn: Connection, event_pk: str, roster: Roster) -> Facts:
    plans.lock(conn, event_pk)
    return cases.facts(conn, event_pk, roster, IDS, datetime.now(UTC), USUAL)


async def _timed(database: Database, times: Times, what: str, work: Callable[[Connection], T]) -> T:
    gc.collect()
    began = perf_counter()
    made = await database.transact(work)
    times.of.setdefault(what, []).append(1000 * (perf_counter() - began))
    return made


def _case(event: Event, roster: Roster) -> Case:
    now = datetime.now(UTC)
    return replace(cases.case(event, roster, IDS, now), lines=Lines(phones=USUAL))


def _told(rows: Sequence[Notification], now: datetime) -> list[Notification]:
    """As they are half a minute later: everybody has the text, and the calls wait for a line."""
    sent: dict[str, Any] = {"state": State.SENT, "sent_at": now}
    return [replace(row, **sent) if row.channel is ChannelName.SMS else row for row in rows]


def _facts(case: Case, rows: Sequence[Notification], plan: Plan) -> Facts:
    known = replace(case_for(case, rows, plan.agenda, case.now + timedelta(seconds=30)), lines=case.lines)
    return Facts(case=known, notifications=rows, agenda=plan.agenda, replies=(), verdicts=())


def _accepted(facts: Facts) -> Facts:
    reply = Reply(
        id=IDS.new(),
        event_pk=facts.case.event.pk,
        revision=facts.revision,
        person="p7",
        answer=Answer.ACKNOWLEDGE,
        channel="sms",
        received_at=facts.case.now,
    )
    return replace(facts, replies=(reply,))


def _revised(event: Event) -> Event:
    second = replace(event.latest, number=2, delivery_id=IDS.new())
    return replace(event, revisions=(*event.revisions, second), answer_revision=2)


def _roster() -> Roster:
    return Roster(
        people={f"p{n}": _person(n) for n in range(PEOPLE)},
        teams={"ops": Team(id="ops", name="Bench")},
        policies={POLICY.id: POLICY},
        routes=(Route(id="all", team="ops", policy=POLICY.id),),
    )


def _person(n: int) -> Person:
    methods = {
        ChannelName.VOICE: f"+1555{n:07}",
        ChannelName.SMS: f"+1555{n:07}",
        ChannelName.SLACK_DM: f"U{n:05}",
    }
    return Person(
        id=f"p{n}",
        name=f"Person {n}",
        timezone="UTC",
        methods=tuple(ContactMethod(channel=channel, address=address) for channel, address in methods.items()),
    )
