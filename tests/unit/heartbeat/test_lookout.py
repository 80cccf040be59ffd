"""Looking at the sources that are due finds what looking at every source each second finds."""

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from heartbeat.lookout import BACKSTOP
from model.monitor import Maintenance
from model.roster import Heartbeat, Roster, Source
from store import maintenance, monitors
from tests.databases import POSTGRESQL, in_memory, open_database
from tests.unit.heartbeat.test_sweeper import START, World

SECONDS = 180


class Drawn(World):
    """Sources with periods of seconds; what happens to them is drawn."""

    def __init__(self, database, roster, *, every_source):
        self.sources = roster
        self.every_source = every_source
        self.ever = set()
        super().__init__(database)

    def roster(self):
        return self.sources

    async def tick(self):
        if self.every_source:
            self.sweeper.look_at_all()
        await self.sweeper.tick()

    async def note(self, source):
        """Heard, and written down at the next flush; the first word of all at once, as nobody looks before it is."""
        self.last_seen[source] = self.clock.at
        if source not in self.ever:
            self.ever.add(source)
            await self.flush()

    async def flush(self):
        await super().flush()
        seen, now = dict(self.last_seen), self.clock.at
        await self.database.transact(lambda conn: monitors.note_seen(conn, seen, now))

    async def maintain(self, source, seconds):
        until = self.clock.at + timedelta(seconds=seconds)
        window = Maintenance(f"{source} {self.clock.at:%H:%M:%S}", source, self.clock.at, until, "", "ana")
        await self.database.transact(lambda conn: maintenance.begin(conn, window))

    async def end(self, source):
        await self.database.transact(lambda conn: maintenance.end(conn, source, self.clock.at))

    async def leave(self, source):
        left = {name: found for name, found in self.sources.sources.items() if name != source}
        self.sources = replace(self.sources, sources=left)

    async def shorten(self, source):
        found = replace(self.sources.sources[source], heartbeat=Heartbeat(period_seconds=4, grace_seconds=1))
        self.sources = replace(self.sources, sources=self.sources.sources | {source: found})


def drawn(random):
    """A roster, and for each second what happens in it."""
    names = [f"s{n}" for n in range(random.choice((3, 6)))]
    beats = {name: random.choice((4, 6, 9)) for name in names}
    sources = {
        name: Source(
            id=name,
            name=name,
            heartbeat=Heartbeat(period_seconds=random.choice((8, 12)), grace_seconds=random.choice((0, 5))),
        )
        for name in names
    }
    if random.random() < 0.4:
        by_cron = Heartbeat(cron="* * * * *", grace_seconds=5)
        sources[names[-1]] = replace(sources[names[-1]], heartbeat=by_cron)
    story = {second: [] for second in range(1, SECONDS + 1)}
    outages = [(random.randrange(SECONDS), random.choice((3, 20, 40))) for _ in range(2)]
    for name in names:
        quiet = [(random.randrange(SECONDS), random.randrange(5, 50)) for _ in range(2)]
        for second in range(random.randrange(1, 20), SECONDS, beats[name]):
            if not any(begin <= second < begin + length for begin, length in (*quiet, *outages)):
                story[second].append(("note", name))
        if random.random() < 0.3:
            at = random.randrange(1, SECONDS - 60)
            story[at].append(("maintain", name, random.choice((10, 50))))
            if random.random() < 0.5:
                story[at + 5].append(("maintain", name, random.choice((10, 50))))
            if random.random() < 0.5:
                story[at + 30].append(("end", name))
    if random.random() < 0.3:
        story[random.randrange(1, SECONDS)].append(("leave", names[-1]))
    if random.random() < 0.5:
        story[random.randrange(1, SECONDS)].append(("shorten", names[0]))
    restarts = {random.randrange(1, SECONDS): random.choice((1, 7, 70)) for _ in range(random.choice((0, 1, 2)))}
    away = random.randrange(SECONDS)
    return Roster(sources=sources), story, restarts, range(away, away + random.choice((0, 10)))


async def lived(seed, database, *, every_source):
    roster, story, restarts, queue_away = drawn(Random(seed))
    world = Drawn(database, roster, every_source=every_source)
    said = []
    for second, happens in story.items():
        world.clock.at += timedelta(seconds=1)
        for what, *arguments in happens:
            if what != "shorten" or arguments[0] in world.sources.sources:
                await getattr(world, what)(*arguments)
        if second in restarts:
            await world.flush()
            world.clock.at += timedelta(seconds=restarts[second])
            world.restart()
        if second % 2:
            await world.flush()
        world.published.fail_at = len(world.published.messages) if second in queue_away else None
        before = len(world.published.messages)
        await world.tick()
        said += [(second, *one) for one in sorted(world.published.said()[before:])]
    return said


@pytest.mark.parametrize("seed", range(8))
async def test_whoever_is_due_is_enough(seed):
    found = [await lived(seed, in_memory(), every_source=every_source) for every_source in (False, True)]
    assert found[0] == found[1]
    assert found[0], "a story in which nothing happens proves nothing"


@pytest.mark.parametrize("kind", ["file", POSTGRESQL])
async def test_nobody_is_read_before_somebody_is_due(request, tmp_path, kind):
    database = open_database(request, kind, tmp_path)
    roster = Roster(sources={f"s{n}": Source(id=f"s{n}", name=f"S{n}") for n in range(20)})
    world = Drawn(database, roster, every_source=False)
    for name in roster.sources:
        await world.note(name)
    for _ in range(3):
        world.clock.at += timedelta(seconds=1)
        await world.flush()
        await world.sweeper.tick()

    def looked():
        return [look.source.id for look in world.sweeper._lookout._looks]

    assert looked() == []
    written = await database.read(monitors.every)
    assert {known.due_at for known in written.values()} == {START + timedelta(seconds=300)}
    world.clock.at = START + timedelta(seconds=299)
    for name in tuple(roster.sources)[:17]:
        await world.note(name)
    world.clock.at += timedelta(seconds=2)
    await world.flush()
    await world.sweeper.tick()
    assert len(looked()) == 20, "whose instant came too early is looked at once"
    world.clock.at += timedelta(seconds=1)
    await world.sweeper.tick()
    assert looked() == ["s17", "s18", "s19"], "of whom something was said"
    world.clock.at += timedelta(seconds=1)
    await world.sweeper.tick()
    assert looked() == []
    await database.close()


async def test_what_is_written_down_wrongly_is_mended():
    """By an older version that knows no due instants, say."""
    database = in_memory()
    world = Drawn(database, Roster(sources={"s0": Source(id="s0", name="S0")}), every_source=False)
    await world.note("s0")
    await world.flush()
    await world.sweeper.tick()
    await world.sweeper.tick()
    await database.transact(lambda conn: conn.execute(monitors.monitors.update().values(due_at=None)))
    world.clock.at = START + timedelta(seconds=400)
    await world.sweeper.tick()
    assert world.published.said() == []
    world.clock.at = START + BACKSTOP
    await world.sweeper.tick()
    assert [event_id.partition("/")[0] for event_id, _ in world.published.said()] == ["silence"]
