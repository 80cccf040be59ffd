"""Edits of the roster by several processes at once: none is lost, none is made on what is no longer in force."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import pytest

from app.editing import Editor, Why
from app.problems import Problem
from app.rosters import Rosters, Snapshot, load_rosters
from app.security import Caller
from app.serve import DEMO_ROSTER, read_roster
from config.keys import Role
from model.ids import SystemIds
from store import audit
from store.database import Database
from tests.scenario.clock import ManualClock

NOW = datetime(2026, 11, 3, 15, tzinfo=UTC)
ADMIN = Caller("root", Role.ADMIN, None, None)
PEOPLE = ("ana", "ben", "chie", "dee")


async def process(database: Database) -> Rosters:
    return await load_rosters(database, None, NOW, demo=True)


@pytest.fixture
async def processes(database: Database) -> list[Rosters]:
    await load_rosters(database, read_roster(DEMO_ROSTER), NOW, demo=True)
    return [await process(database) for _ in PEOPLE]


def renamed(person: str, name: str, before: Snapshot) -> Snapshot:
    people = {**before.roster.people, person: replace(before.roster.people[person], name=name)}
    return replace(before, roster=replace(before.roster, people=people))


async def edit(database: Database, rosters: Rosters, person: str, name: str) -> int:
    editor = Editor(database, rosters, ManualClock(NOW), SystemIds())
    done = await editor.edit(lambda before: renamed(person, name, before), ADMIN, Why())
    return done.after.roster.version


async def test_of_processes_that_change_different_entries_all_are_kept(
    database: Database, processes: list[Rosters]
) -> None:
    pairs = list(zip(processes, PEOPLE, strict=True))
    versions = await asyncio.gather(*(edit(database, rosters, p, "New") for rosters, p in pairs))
    assert sorted(versions) == [2, 3, 4, 5]
    for rosters, person in pairs:
        assert rosters.roster.people[person].name == "New"  # the one that made it uses it at once
        await rosters.refresh(database)
        assert [rosters.roster.people[p].name for p in PEOPLE] == ["New"] * 4
    rows = await database.read(lambda conn: audit.newest(conn, 100))
    assert [row.roster_version for row in rows] == [5, 4, 3, 2, 1]


async def test_who_sees_that_it_changed_may_refuse(database: Database, processes: list[Rosters]) -> None:
    """As If-Match does: the decision is asked again on what is in force when it is kept."""
    one, other, *_ = processes
    first = Editor(database, one, ManualClock(NOW), SystemIds())

    def only_if_unchanged(before: Snapshot) -> Snapshot:
        if before.roster.people["ana"].name != "Ana Reyes":
            raise Problem(412, "Changed meanwhile")
        return renamed("ana", "A.", before)

    await edit(database, other, "ana", "Ana R.")
    with pytest.raises(Problem):
        await first.edit(only_if_unchanged, ADMIN, Why())
    assert one.roster.people["ana"].name == "Ana R."


@pytest.mark.parametrize("seed", range(3))
async def test_a_roster_is_always_the_sum_of_the_edits_in_order(
    database: Database, processes: list[Rosters], seed: int
) -> None:
    random = Random(seed)
    edits = [(random.choice(processes), random.choice(PEOPLE), f"Name {n}") for n in range(12)]
    for n in range(0, 12, 3):
        await asyncio.gather(*(edit(database, *one) for one in edits[n : n + 3]))
    rows = await database.read(lambda conn: audit.newest(conn, 100))
    told: dict[str, str] = {}
    for row in reversed(rows[:-1]):
        told[row.changed.what.removeprefix("people/")] = row.changed.after["name"]
    now = (await process(database)).roster
    assert {person: now.people[person].name for person in told} == told
