"""Reminders of handoffs over each database: once each, whoever looks and however often."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from config.roster_file import load_roster
from model.event import Event, EventStatus
from model.ids import SystemIds
from model.plan import ChannelName, Kind, Notification
from model.roster import OWN_SOURCE, Roster
from model.rota import Override, OverrideAction
from routing.reminding import Reminders, remind
from store import deliveries, events, plans
from store.database import Connection, Database
from tests.app_fixture import ROSTER
from tests.scenario.clock import ManualClock

HANDOFF = datetime(2026, 11, 9, 15, 0, tzinfo=UTC)  # dee to eli in ops-backup, Monday 09:00 in Chicago
MINUTES = 30


class Week:
    """A monitor, and whom its reminders went to."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = ManualClock(HANDOFF - timedelta(hours=2))
        self.roster = reminded(load_roster(ROSTER.read_text(), ROSTER.name).roster, dee=MINUTES, eli=MINUTES)
        self.monitor = self.another()

    def another(self) -> Reminders:
        return Reminders(self.database, self.clock, SystemIds(), lambda: self.roster)

    async def before(self, minutes: float) -> list[tuple[str, str]]:
        """Look so many minutes before the handoff; who has been told by then, and which way."""
        self.clock.move_to(HANDOFF - timedelta(minutes=minutes))
        await self.monitor.tick()
        return await self.told()

    async def told(self) -> list[tuple[str, str]]:
        return [(row.person or "", str(row.channel)) for row in await self.rows()]

    async def rows(self) -> list[Notification]:
        def read(conn: Connection) -> list[Notification]:
            return [row for event in events.page(conn, 100, None) for row in plans.of_event(conn, event.pk)]

        found: list[Notification] = await self.database.read(read)
        return sorted(found, key=lambda row: (row.due_at, row.person or ""))

    async def events(self) -> list[Event]:
        found: list[Event] = await self.database.read(lambda conn: events.page(conn, 100, None))
        return found


def reminded(roster: Roster, **minutes: int) -> Roster:
    people = {name: replace(roster.people[name], handoff_reminder=count) for name, count in minutes.items()}
    return replace(roster, people={**roster.people, **people})


@pytest.fixture
def week(database: Database) -> Week:
    return Week(database)


async def test_both_hear_it_so_many_minutes_before(week: Week) -> None:
    assert await week.before(90) == []
    assert await week.before(31) == []
    assert await week.before(30) == [("dee", "slack_dm"), ("eli", "slack_dm")]
    off, on = await week.rows()
    assert off.details["note"] == (
        "You go off call for Operations backup Mon 9 Nov 09:00 CST. Eli Novak is on call then."
    )
    assert on.details["note"] == (
        "You come on call for Operations backup Mon 9 Nov 09:00 CST, until Mon 16 Nov 09:00. Dee Larsen goes off."
    )
    assert {(row.kind, row.until, row.lane) for row in (off, on)} == {(Kind.REMINDER, HANDOFF, 2)}


async def test_nobody_hears_it_twice(week: Week) -> None:
    for minutes in (30, 29, 10, 0, -1):
        assert len(await week.before(minutes)) == 2
    assert len(await week.events()) == 2


async def test_other_processes_and_restarts_tell_nobody_again(week: Week) -> None:
    week.clock.move_to(HANDOFF - timedelta(minutes=20))
    await asyncio.gather(*(week.another().tick() for _ in range(4)))
    await week.another().tick()
    assert await week.told() == [("dee", "slack_dm"), ("eli", "slack_dm")]


async def test_who_was_away_meanwhile_is_told_late_but_not_after(week: Week) -> None:
    assert await week.before(2) == [("dee", "slack_dm"), ("eli", "slack_dm")]


async def test_after_the_handoff_it_is_too_late(week: Week) -> None:
    assert await week.before(0) == []


async def test_who_does_not_wish_it_hears_nothing(week: Week) -> None:
    week.roster = reminded(load_roster(ROSTER.read_text(), ROSTER.name).roster, eli=120)
    assert await week.before(119) == [("eli", "slack_dm")]
    week.roster = load_roster(ROSTER.read_text(), ROSTER.name).roster
    assert await week.before(20) == [("eli", "slack_dm")]


async def test_a_cover_made_at_the_last_moment_counts(week: Week) -> None:
    """Eli's turn is Ana's, who wishes no reminder: Eli hears nothing."""
    assert await week.before(40) == []
    cover = Override(
        rotation="ops-backup",
        action=OverrideAction.REPLACE,
        person="ana",
        start=HANDOFF,
        end=HANDOFF + timedelta(days=7),
    )
    week.roster = replace(week.roster, overrides=(cover,))
    assert await week.before(30) == [("dee", "slack_dm")]
    [row] = await week.rows()
    assert str(row.details["note"]).endswith("Ana Reyes is on call then.")


async def test_a_handoff_that_comes_up_within_the_time_is_told_at_once(week: Week) -> None:
    await week.before(60)
    cover = Override(
        rotation="ops-backup",
        action=OverrideAction.ADD,
        person="eli",
        start=HANDOFF - timedelta(minutes=50),
        end=HANDOFF,
    )
    week.roster = replace(week.roster, overrides=(cover,))
    assert await week.before(59) == [("eli", "slack_dm")]


async def test_without_slack_it_is_a_text(week: Week) -> None:
    eli = week.roster.people["eli"]
    texted = replace(eli, methods=tuple(m for m in eli.methods if m.channel is not ChannelName.SLACK_DM))
    week.roster = replace(week.roster, people={**week.roster.people, "eli": texted})
    assert await week.before(30) == [("dee", "slack_dm"), ("eli", "sms")]


async def test_the_event_is_over_from_the_beginning_and_has_its_evidence(week: Week) -> None:
    await week.before(30)
    found = await week.events()
    assert {event.event_id for event in found} == {
        "handoff/ops-backup/dee/2026-11-09T15:00:00Z",
        "handoff/ops-backup/eli/2026-11-09T15:00:00Z",
    }
    for event in found:
        assert (event.source, event.status, event.team) == (OWN_SOURCE, EventStatus.TERMINATED, "ops")
        assert not event.rings
    assert sorted(event.content.headline for event in found) == [
        "Dee Larsen goes off call for Operations backup",
        "Eli Novak comes on call for Operations backup",
    ]
    for event in found:
        [known] = await week.database.read(partial(deliveries.known, ids=(event.latest.delivery_id,)))
        assert known == event.latest.delivery_id


async def test_a_crash_before_the_commit_loses_nothing(week: Week, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(work: Callable[..., bool], *given: object) -> bool:
        work(*given)
        raise RuntimeError("killed")

    with monkeypatch.context() as killed:
        killed.setattr("routing.reminding.remind", partial(dies, remind))
        with pytest.raises(RuntimeError):
            await week.before(30)
    assert await week.told() == []
    week.monitor = week.another()
    assert len(await week.before(29)) == 2
