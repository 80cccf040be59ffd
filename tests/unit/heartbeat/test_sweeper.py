"""Silence is told once, its end once, whatever crashes and restarts come between."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from heartbeat.hearing import Hearing
from heartbeat.sweeper import Sweeper
from intake.read import read
from model.errors import Unavailable
from model.ids import SystemIds
from model.monitor import Listening, Maintenance, MonitorStatus
from model.reading import Feed
from model.roster import Heartbeat, Roster, Source
from store import listening, maintenance, monitors, rosters
from tests.databases import POSTGRESQL, open_database

START = datetime(2026, 7, 14, 2, 14, 5, 250_000, tzinfo=UTC)
ROSTER = Roster(
    sources={
        "miso": Source(id="miso", name="MISO"),
        "quick": Source(id="quick", name="Quick", heartbeat=Heartbeat(period_seconds=86_400, grace_seconds=1)),
        "alertmanager": Source(id="alertmanager", name="Alertmanager", heartbeat=None),
    }
)
LATE, SILENCE = "late/miso/2026-07-14T02:14:05Z", "silence/miso/2026-07-14T02:14:05Z"


class ManualClock:
    def __init__(self):
        self.at = START

    def now(self):
        return self.at


class Published:
    """Keeps what is published; `fail_at` raises after so many were taken, as a crash would come after them."""

    def __init__(self):
        self.messages = []
        self.fail_at = None

    async def publish(self, message):
        if self.fail_at is not None and len(self.messages) >= self.fail_at:
            raise Unavailable("the queue is away")
        self.messages.append(message)

    def said(self):
        return [(s["event_id"], s["revision"]) for s in map(statement, self.messages)]


def statement(message):
    assert message.source == "gridcall"
    return json.loads(message.body)


def digest(message):
    (found,) = read(message.body, message.headers, Feed(source=message.source), message.received_at)
    return found.digest


class Crash(BaseException):
    """The process ends here."""


class World:
    """One database that survives, and a sweeper that does not."""

    def __init__(self, database):
        self.database = database
        self.clock = ManualClock()
        self.published = Published()
        self.read = Roster()
        self.runs = 0
        self.restart()

    def restart(self):
        """What was in memory is gone; a clean stop had flushed the notes."""
        self.last_seen = {}
        self.runs += 1
        self.began = self.clock.at
        self.hearing = Hearing(self.database, self.clock, self.roster, lambda: self.last_seen, self.own)
        self.sweeper = Sweeper(self.database, self.published, self.clock, SystemIds(), self.roster, self.hearing)

    def roster(self):
        """Another object when ROSTER was patched, as after a change of the real one."""
        if self.read.sources != ROSTER.sources:
            self.read = Roster(sources=dict(ROSTER.sources))
        return self.read

    async def keep_roster(self):
        """As whoever changes it does: a version of its own."""
        roster, now = self.roster(), self.clock.at
        self.read = await self.database.transact(lambda conn: rosters.save(conn, roster, "test", now))

    def own(self):
        return Listening(process=f"run-{self.runs}", since=self.began, until=self.clock.at)

    async def flush(self):
        own = self.own()
        await self.database.transact(lambda conn: listening.note(conn, own.process, own.since, own.until))

    async def hear(self, source="miso"):
        self.last_seen[source] = self.clock.at
        seen = {source: self.clock.at}
        await self.database.transact(lambda conn: monitors.note_seen(conn, seen, self.clock.at))

    async def at(self, seconds, every=5):
        """Tick at each fifth second and at `seconds` after the start; the order of what was published."""
        end = START + timedelta(seconds=seconds)
        while self.clock.at < end:
            passed = int((self.clock.at - START).total_seconds())
            self.clock.at = min(START + timedelta(seconds=passed - passed % every + every), end)
            await self.each_tick()
            await self.sweeper.tick()
        await self.flush()
        return self.published.said()

    async def each_tick(self):
        """The one process knows what it heard: what is written down matters to its successor."""

    def status(self):
        return self.hearing.statuses()["miso"].status

    async def crash_on(self, monkeypatch, name):
        """The next call of this store function is never made: the process died before it."""

        def die(*_):
            raise Crash

        with monkeypatch.context() as patch:
            patch.setattr(monitors, name, die)
            with pytest.raises(Crash):
                await self.sweeper.tick()


@pytest.fixture
async def world(request, tmp_path):
    database = open_database(request, getattr(request, "param", "inline"), tmp_path)
    yield World(database)
    await database.close()


@pytest.mark.parametrize("world", ["inline", "file", POSTGRESQL], indirect=True)
async def test_late_at_five_minutes_silent_at_six_told_once(world):
    await world.hear()
    assert await world.at(299) == []
    assert await world.at(300) == [(LATE, 1)]
    assert await world.at(359) == [(LATE, 1)]
    assert await world.at(360) == [(LATE, 1), (SILENCE, 1), (LATE, 2)]
    assert len(await world.at(900)) == 3


async def test_the_alarm_is_critical_and_first_in_line_the_notice_is_not(world):
    await world.hear()
    await world.at(360)
    late, silence, quiet = world.published.messages
    assert [m.lane for m in (late, silence, quiet)] == [2, 0, 0]
    assert [statement(m)["severity"] for m in (late, silence, quiet)] == ["notice", "critical", "info"]
    assert statement(silence)["headline"] == "MISO has been silent since 02:14 UTC"


async def test_a_source_never_heard_is_no_silence(world):
    """It may not be set up yet; from its first word on its silence is one."""
    assert await world.at(1000) == []
    assert world.status() is MonitorStatus.NEW
    await world.hear()
    assert len(await world.at(1360)) == 3


async def test_whoever_is_heard_in_time_is_never_mentioned(world):
    for minute in range(0, 40, 4):
        assert await world.at(minute * 60) == []
        await world.hear()


async def test_heard_after_late_only_the_notice_ends(world):
    await world.hear()
    await world.at(320)
    await world.hear()
    assert await world.at(321) == [(LATE, 1), (LATE, 2)]
    assert statement(world.published.messages[1])["headline"] == "MISO is heard again after 5 minutes"
    assert len(await world.at(321 + 290)) == 2


async def test_heard_after_silence_the_next_tick_gives_the_all_clear(world):
    await world.hear()
    await world.at(725)
    assert world.status() is MonitorStatus.SILENT
    world.last_seen["miso"] = world.clock.at  # heard, not written down yet
    assert world.status() is MonitorStatus.UP
    assert (await world.at(726))[3:] == [(SILENCE, 2)]
    over = statement(world.published.messages[3])
    assert (over["message_type"], over["headline"]) == ("terminate", "MISO is heard again after 12 minutes")
    assert world.status() is MonitorStatus.UP


async def test_the_next_silence_is_another_event(world):
    await world.hear()
    await world.at(400)
    await world.hear()
    assert (await world.at(400 + 360))[4:] == [
        ("late/miso/2026-07-14T02:20:45Z", 1),
        ("silence/miso/2026-07-14T02:20:45Z", 1),
        ("late/miso/2026-07-14T02:20:45Z", 2),
    ]


async def test_both_due_at_once_only_the_alarm_is_told(world):
    """The clock jumped over the notice, which has nothing to add."""
    await world.hear()
    world.clock.at += timedelta(seconds=500)
    await world.sweeper.tick()
    assert world.published.said() == [(SILENCE, 1)]
    await world.hear()
    await world.sweeper.tick()
    assert world.published.said() == [(SILENCE, 1), (SILENCE, 2)]


@pytest.mark.parametrize("downtime", [2, 7200])
async def test_a_restart_while_silent_neither_repeats_the_alarm_nor_loses_the_all_clear(world, downtime):
    await world.hear()
    await world.at(400)
    world.clock.at += timedelta(seconds=downtime)
    world.restart()
    await world.hearing.load()
    assert world.status() is MonitorStatus.SILENT
    told = len(await world.at(400 + downtime + 1000))
    assert told == 3 + (downtime > 60)  # and our own outage
    await world.hear()
    assert (await world.at(400 + downtime + 1001))[told:] == [(SILENCE, 2)]


async def test_a_restart_gives_a_new_period_and_the_notice_is_not_repeated(world):
    await world.hear()
    await world.at(310)
    world.clock.at += timedelta(seconds=2)
    world.restart()
    assert await world.at(312 + 349) == [(LATE, 1)]
    assert world.status() is MonitorStatus.LATE
    assert (await world.at(312 + 350))[1:] == [(SILENCE, 1), (LATE, 2)]  # two periods of listening, and the grace


async def test_who_restarts_again_and_again_tells_a_silence_all_the_same(world):
    """Every four minutes, back after two seconds: a whole new period each time would never end."""
    await world.hear()
    for n in range(1, 5):
        await world.at(240 * n)
        world.clock.at += timedelta(seconds=2)
        world.restart()
    assert await world.at(970) == [(LATE, 1), (SILENCE, 1), (LATE, 2)]


async def test_what_was_decided_and_not_published_is_told_at_once_after_a_restart(world):
    await world.hear()
    await world.at(299)
    world.published.fail_at = 0
    await world.at(310)
    world.published.fail_at = None
    world.restart()
    assert await world.at(311) == [(LATE, 1)]
    await world.hear()
    assert (await world.at(670))[1:] == [(LATE, 2), ("late/miso/2026-07-14T02:19:16Z", 1)]
    world.published.fail_at = 3
    await world.at(675)
    world.published.fail_at = None
    world.clock.at += timedelta(seconds=3)
    world.restart()
    told = (await world.at(679))[3:]
    assert told == [("silence/miso/2026-07-14T02:19:16Z", 1), ("late/miso/2026-07-14T02:19:16Z", 2)]


async def test_a_clock_that_was_ahead_keeps_no_silence_back(world):
    """An hour, before the host knew the time; after the restart it is right."""
    await world.hear()
    real = world.clock.at
    world.clock.at += timedelta(hours=1)
    await world.hear()
    await world.flush()
    world.clock.at = real + timedelta(seconds=10)
    world.restart()
    while world.clock.at < real + timedelta(seconds=375):
        world.clock.at += timedelta(seconds=1)
        await world.sweeper.tick()
    assert [event_id.partition("/")[0] for event_id, _ in world.published.said()] == ["late", "silence", "late"]


@pytest.mark.parametrize("gone", ["out of the roster", "not minded"])
@pytest.mark.parametrize(("seconds", "ended"), [(320, (LATE, 2)), (400, (SILENCE, 2))])
async def test_an_alarm_of_which_nobody_expects_the_end_is_ended(world, monkeypatch, gone, seconds, ended):
    await world.hear()
    before = len(await world.at(seconds))
    if gone == "not minded":
        monkeypatch.setitem(ROSTER.sources, "miso", Source(id="miso", name="MISO", heartbeat=None))
    else:
        monkeypatch.delitem(ROSTER.sources, "miso")
    assert (await world.at(seconds + 1))[before:] == [ended]
    name = "MISO" if gone == "not minded" else "miso"
    assert statement(world.published.messages[-1])["headline"] == f"{name} is no longer expected to be heard"
    assert len(await world.at(seconds + 10)) == before + 1


async def test_due_while_the_process_was_down(world):
    await world.hear()
    await world.at(10)
    world.clock.at += timedelta(hours=2)
    world.restart()
    ours = [("outage/2026-07-14T02:14:15Z", 1)]
    assert await world.at(7210 + 299) == ours
    assert (await world.at(7210 + 300))[1:] == [(LATE, 1)]
    assert (await world.at(7210 + 360))[2] == (SILENCE, 1)


@pytest.mark.parametrize(("second", "name"), [(300, "set_status"), (360, "set_status")])
async def test_a_crash_between_publishing_and_marking_repeats_harmlessly(world, monkeypatch, second, name):
    """What comes again has the same id and digest: the router knows it as a duplicate and calls nobody."""
    await world.hear()
    before = len(await world.at(second - 1))
    world.clock.at += timedelta(seconds=1)
    await world.crash_on(monkeypatch, name)
    first = world.published.messages[before:]
    world.clock.at += timedelta(seconds=7)
    world.restart()
    await world.at(second + 400)
    repeated = [m for m in world.published.messages[before + len(first) :] if statement(m) in map(statement, first)]
    assert [digest(m) for m in repeated] == [digest(m) for m in first]
    unlike = {(*key, digest(m)) for key, m in zip(world.published.said(), world.published.messages, strict=True)}
    assert len(unlike) == len(set(world.published.said())), "the same revision said two things"


async def test_a_crash_after_the_alarm_and_then_a_message_gives_the_all_clear(world, monkeypatch):
    """The alarm may have gone out though nothing says so: it is ended all the same."""
    await world.hear()
    await world.at(359)
    world.clock.at += timedelta(seconds=1)
    await world.crash_on(monkeypatch, "set_status")
    world.restart()
    await world.hear()
    assert (await world.at(361))[3:] == [(SILENCE, 2), (LATE, 2)]


async def test_a_crash_after_the_all_clear_repeats_it_word_for_word(world, monkeypatch):
    await world.hear()
    await world.at(400)
    await world.hear()
    world.clock.at += timedelta(seconds=1)
    await world.crash_on(monkeypatch, "settle")
    world.clock.at += timedelta(seconds=3)
    world.restart()
    await world.hear()  # a later message decides nothing any more
    assert (await world.at(405))[3:] == [(SILENCE, 2), (SILENCE, 2)]
    assert len({digest(m) for m in world.published.messages[3:]}) == 1
    assert len(await world.at(420)) == 5


async def test_while_the_queue_is_away_it_is_tried_again_each_tick(world):
    await world.hear()
    await world.at(359)
    world.published.fail_at = 1
    assert await world.at(370) == [(LATE, 1)]
    assert world.status() is MonitorStatus.SILENT  # by the clock; nobody was told yet
    world.published.fail_at = None
    assert (await world.at(371))[1:] == [(SILENCE, 1), (LATE, 2)]


async def test_our_own_events_are_nobodys_sign_of_life(world):
    await world.hear()
    await world.at(400)
    assert list(await world.database.read(monitors.every)) == ["miso"]
    assert world.hearing.statuses()["miso"].last_seen_at == START


async def test_a_source_that_joins_the_roster_later_gets_a_whole_period(world, monkeypatch):
    later = Source(id="nyiso", name="NYISO")
    await world.at(100)
    monkeypatch.setitem(ROSTER.sources, "nyiso", later)
    await world.hear()
    await world.hear("nyiso")
    await world.at(101)
    await world.at(399)
    assert world.hearing.statuses()["nyiso"].late_at == START + timedelta(seconds=101 + 300)
    assert (await world.at(401))[-1][0].startswith("late/nyiso/")


def minded(monkeypatch, heartbeat):
    monkeypatch.setitem(ROSTER.sources, "miso", Source(id="miso", name="MISO", heartbeat=heartbeat))


async def test_whose_heartbeat_is_turned_on_gets_a_whole_period(world, monkeypatch):
    """It spoke when it had something to say, for as long as nobody minded it."""
    minded(monkeypatch, None)
    world.restart()
    await world.hear()
    await world.at(7200)
    minded(monkeypatch, Heartbeat())
    await world.at(7201)
    assert await world.at(7201 + 299) == []
    assert world.status() is MonitorStatus.UP
    from_then_on = "2026-07-14T04:14:06Z"
    assert await world.at(7201 + 300) == [(f"late/miso/{from_then_on}", 1)]
    assert (await world.at(7201 + 360))[1] == (f"silence/miso/{from_then_on}", 1)
    await world.hear()
    assert (await world.at(7201 + 361))[-1] == (f"silence/miso/{from_then_on}", 2)


async def test_whose_heartbeat_is_turned_on_by_the_file_that_a_start_loads_gets_a_whole_period_too(world, monkeypatch):
    minded(monkeypatch, None)
    await world.keep_roster()
    world.restart()
    await world.hear()
    await world.at(7200)
    minded(monkeypatch, Heartbeat())
    await world.keep_roster()
    world.restart()
    assert await world.at(7200 + 299) == []
    assert world.status() is MonitorStatus.UP
    late, silent = "late/miso/2026-07-14T04:14:05Z", "silence/miso/2026-07-14T04:14:05Z"
    assert await world.at(7200 + 360) == [(late, 1), (silent, 1), (late, 2)]


async def test_a_start_within_that_period_forgets_nothing_of_it(world, monkeypatch):
    """Not even when it was turned on while it was off after an alarm: that one's id would be taken for a repetition."""
    await world.keep_roster()
    await world.hear()
    await world.at(400)
    minded(monkeypatch, None)
    await world.keep_roster()
    told = len(await world.at(7200))
    minded(monkeypatch, Heartbeat())
    await world.keep_roster()
    await world.at(7200 + 100)
    world.restart()
    assert len(await world.at(7200 + 299)) == told
    assert world.status() is MonitorStatus.UP
    late, silent = "late/miso/2026-07-14T04:14:05Z", "silence/miso/2026-07-14T04:14:05Z"
    assert (await world.at(7200 + 310))[told:] == [(late, 1)]
    world.restart()
    assert (await world.at(7200 + 359))[told:] == [(late, 1)]
    assert (await world.at(7200 + 360))[told:] == [(late, 1), (silent, 1), (late, 2)]


async def test_whose_heartbeat_is_off_for_a_while_gets_a_whole_period_and_another_alarm(world, monkeypatch):
    """An alarm of the id of the first one would be taken for its repetition."""
    await world.hear()
    await world.at(400)
    minded(monkeypatch, None)
    told = await world.at(7200)
    minded(monkeypatch, Heartbeat())
    await world.at(7201)
    assert await world.at(7201 + 299) == told
    late_and_silent = [event_id for event_id, revision in (await world.at(7201 + 360))[len(told) :] if revision == 1]
    assert late_and_silent == ["late/miso/2026-07-14T04:14:06Z", "silence/miso/2026-07-14T04:14:06Z"]


async def test_whoever_takes_over_knows_since_when_a_source_is_expected(world, monkeypatch):
    minded(monkeypatch, None)
    world.restart()
    await world.hear()
    await world.at(7200)
    minded(monkeypatch, Heartbeat())
    world.clock.at += timedelta(seconds=1)
    await world.hearing.listen()
    world.clock.at += timedelta(seconds=200)
    assert await world.at(7201 + 299) == []
    assert await world.at(7201 + 300) == [("late/miso/2026-07-14T04:14:06Z", 1)]


async def test_statuses_say_when_what_happens(world):
    assert set(world.hearing.statuses()) == {"miso", "quick"}
    await world.hear()
    miso = world.hearing.statuses()["miso"]
    assert miso == (MonitorStatus.UP, START, START + timedelta(seconds=300), START + timedelta(seconds=360))
    await world.at(900)
    world.restart()
    await world.hearing.load()
    miso = world.hearing.statuses()["miso"]
    assert miso == (MonitorStatus.SILENT, START, START + timedelta(seconds=300), START + timedelta(seconds=360))


# --- several processes take messages in, and a third one looks ------------------------------------------------------


class Apis(World):
    """Each process has its own notes, written down each second while it reaches the database."""

    def __init__(self, database):
        self.alive, self.notes = {}, {}
        super().__init__(database)

    def own(self):
        return None

    def restart(self):
        super().restart()
        self.hearing._own = None

    async def each_tick(self):
        await self.flush()

    def starts(self, *names):
        for name in names:
            self.alive[name], self.notes[name] = self.clock.at, {}

    def hears(self, name, source="miso"):
        self.notes[name][source] = self.clock.at

    async def flush(self, *names):
        for name in names or tuple(self.alive):
            since, notes, self.notes[name] = self.alive[name], self.notes[name], {}

            def work(conn, name=name, since=since, notes=notes):
                monitors.note_seen(conn, notes, self.clock.at)
                listening.note(conn, name, since, self.clock.at)

            await self.database.transact(work)

    async def away(self, seconds, every=120):
        """Nobody reaches the database; both are heard all the same."""
        for second in range(seconds):
            self.clock.at += timedelta(seconds=1)
            if second % every == 0:
                for name in self.alive:
                    self.hears(name)


@pytest.fixture
async def apis(request, tmp_path, monkeypatch):
    database = open_database(request, "inline", tmp_path)
    monkeypatch.setattr(listening, "lockable", lambda conn: True)  # as on a database of several processes
    world = Apis(database)
    world.starts("a", "b")
    yield world
    await database.close()


async def test_the_database_was_away_and_sources_were_heard_meanwhile(apis):
    """Whoever looks first after seven minutes must not take notes that are still to be written for silence."""
    await apis.flush()
    apis.hears("b")
    assert await apis.at(30) == []
    await apis.away(420)
    await apis.sweeper.tick()  # nobody has written down anything yet
    apis.clock.at += timedelta(seconds=1)
    await apis.flush("a")
    await apis.sweeper.tick()  # b is not that far
    apis.clock.at += timedelta(seconds=2)
    assert await apis.at(30 + 420 + 60) == []
    assert await apis.at(900) != []  # from then on nobody was heard: that is a silence


async def test_one_of_two_dies_with_its_last_note_and_silence_is_told_all_the_same(apis):
    apis.hears("a")
    assert await apis.at(100) == []
    del apis.alive["b"]
    assert await apis.at(299) == []
    assert (await apis.at(301))[0][0].startswith("late/")


async def test_who_is_behind_is_waited_for(apis):
    apis.hears("a")
    await apis.at(295)
    late = apis.alive.pop("b")
    assert await apis.at(303) == []  # b may have heard the source at 0:04:59
    apis.alive["b"] = late
    apis.hears("b")
    assert await apis.at(330) == []


async def test_looks_that_are_six_seconds_apart_see_silence_too(apis):
    """A run that crashed leaves its record open; the database is slow."""
    apis.hears("a")
    await apis.at(5)
    del apis.alive["b"]
    while apis.clock.at < START + timedelta(seconds=400):
        apis.clock.at += timedelta(seconds=6)
        await apis.flush()
        await apis.sweeper.tick()
    assert [event_id.partition("/")[0] for event_id, _ in apis.published.said()] == ["late", "silence", "late"]


async def test_when_nobody_listens_nobody_is_silent_and_the_outage_is_told_once(apis):
    apis.hears("a")
    await apis.at(10)
    apis.alive.clear()
    assert await apis.at(600) == []
    apis.starts("c")
    told = await apis.at(640)
    assert [(pk.partition("/")[0], revision) for pk, revision in told] == [("outage", 1)]
    (outage,) = map(statement, apis.published.messages)
    assert outage["headline"] == "Nothing could come in for 9 minutes, from 02:14 UTC"
    assert outage["severity"] == "notice"
    first = digest(apis.published.messages[0])
    apis.restart()  # whoever looks now says the same, which is known as a duplicate
    await apis.at(680)
    assert {digest(message) for message in apis.published.messages} == {first}
    assert (await apis.at(600 + 301))[-1][0].startswith("late/miso"), "a fresh period from the end of the outage"


async def test_whoever_looks_may_be_restarted_without_a_new_period(apis):
    apis.hears("a")
    await apis.at(200)
    apis.restart()
    assert (await apis.at(301))[0][0].startswith("late/")


# --- most sources at once -------------------------------------------------------------------------------------------

ALL = "all-silent/2026-07-14T02:14:05Z"
SOURCES = {name: Source(id=name, name=name.upper()) for name in ("caiso", "ercot", "miso")}


@pytest.fixture
async def three(request, tmp_path, monkeypatch):
    """Three sources, all of them heard at the start."""
    for name in tuple(ROSTER.sources):
        monkeypatch.delitem(ROSTER.sources, name)
    for name, source in SOURCES.items():
        monkeypatch.setitem(ROSTER.sources, name, source)
    database = open_database(request, "inline", tmp_path)
    world = World(database)
    for name in SOURCES:
        await world.hear(name)
    yield world
    await database.close()


async def test_all_silent_is_one_alarm(three):
    assert {event_id.partition("/")[0] for event_id, _ in await three.at(359)} == {"late"}
    assert (await three.at(360))[3:] == [(ALL, 1)]
    said = statement(three.published.messages[-1])
    assert said["headline"] == "3 of 3 sources are silent since 02:14 UTC: our link?"
    assert said["text"].endswith("Not heard: CAISO, ERCOT, MISO.")
    assert three.published.messages[-1].lane == 0
    assert len(await three.at(2000)) == 4
    assert {standing.status for standing in three.hearing.statuses().values()} == {MonitorStatus.SILENT}


async def test_a_source_that_leaves_the_roster_in_the_middle_of_a_sweep_ends_nothing(three, monkeypatch):
    tell_outage = three.sweeper._tell_outage

    async def leaves():
        await tell_outage()
        if three.clock.now() >= START + timedelta(seconds=360):
            monkeypatch.delitem(ROSTER.sources, "miso", raising=False)

    monkeypatch.setattr(three.sweeper, "_tell_outage", leaves)
    await three.at(360)
    assert statement(three.published.messages[3])["text"].endswith("Not heard: CAISO, ERCOT, miso.")


async def test_who_is_silent_still_when_most_are_heard_again_has_an_alarm_of_its_own(three):
    await three.at(400)
    await three.hear("caiso")
    assert (await three.at(410))[4:] == [("late/caiso/2026-07-14T02:14:05Z", 2)], "one of three"
    await three.hear("ercot")
    assert (await three.at(420))[5:] == [
        (ALL, 2),
        ("late/ercot/2026-07-14T02:14:05Z", 2),
        (SILENCE, 1),
        (LATE, 2),
    ]
    assert statement(three.published.messages[5])["headline"] == "Most sources are heard again after 6 minutes"
    await three.hear("miso")
    assert (await three.at(430))[9:] == [(SILENCE, 2)]


async def test_a_source_that_falls_silent_alone_has_its_own_alarm(three):
    for minute in (2, 4, 6, 8):
        await three.at(minute * 60)
        await three.hear("caiso")
        await three.hear("ercot")
    assert three.published.said() == [(LATE, 1), (SILENCE, 1), (LATE, 2)]
    told = await three.at(480 + 360)
    assert told[-1] == ("all-silent/2026-07-14T02:22:05Z", 1)
    said = statement(three.published.messages[-1])
    assert said["headline"].startswith("3 of 3"), "it fell silent within ten minutes of the others"


async def test_who_has_been_silent_for_long_is_no_sign_of_our_link(three):
    for minute in range(2, 40, 2):
        await three.at(minute * 60)
        await three.hear("caiso")
        await three.hear("ercot")
    await three.hear("caiso")
    assert len(three.published.said()) == 3
    for minute in range(40, 60, 2):
        await three.at(minute * 60)
        await three.hear("caiso")
    assert [event_id.partition("/")[:3:2] for event_id, _ in three.published.said()[3:]] == [
        ("late", "ercot/2026-07-14T02:52:05Z"),
        ("silence", "ercot/2026-07-14T02:52:05Z"),
        ("late", "ercot/2026-07-14T02:52:05Z"),
    ], "one of two that were heard lately"


async def test_those_silent_for_long_do_not_keep_the_alarm_about_all_standing(three, monkeypatch):
    """While it stands nobody has an alarm of its own: who falls silent next would not be told."""
    for name in ("pjm", "spp"):
        monkeypatch.setitem(ROSTER.sources, name, Source(id=name, name=name.upper()))
    leaves = {"miso": 2, "ercot": 20, "caiso": 40, "pjm": 60, "spp": 60}
    for minute in range(2, 70, 2):
        for name, until in leaves.items():
            if minute <= until:
                await three.hear(name)
        await three.at(minute * 60)
    assert three.published.said()[-1][0].startswith("all-silent/"), "two of two that were heard lately"
    for minute in range(70, 76, 2):
        await three.hear("pjm")
        await three.hear("spp")
        await three.at(minute * 60)
    assert ("all-silent/2026-07-14T03:12:05Z", 2) in three.published.said()
    for minute in range(76, 90, 2):
        await three.hear("spp")
        await three.at(minute * 60)
    assert [event_id for event_id, _ in three.published.said() if event_id.startswith("silence/pjm")] != []


@pytest.mark.parametrize("name", ["set_status", "hold_back", "hear_most_again"])
async def test_a_crash_repeats_the_alarm_about_all_word_for_word(three, monkeypatch, name):
    await three.at(400 if name == "hear_most_again" else 359)
    if name == "hear_most_again":
        for source in SOURCES:
            await three.hear(source)
    three.clock.at += timedelta(seconds=1)
    await three.crash_on(monkeypatch, name)
    three.clock.at += timedelta(seconds=3)
    before = three.last_seen
    three.restart()
    three.last_seen = before if name == "hear_most_again" else {}
    await three.at(420)
    of_all = [m for m in three.published.messages if statement(m)["event_id"] == ALL]
    assert len({(statement(m)["revision"], digest(m)) for m in of_all}) == len(
        {statement(m)["revision"] for m in of_all}
    )
    assert not any(statement(m)["event_id"].startswith("silence/") for m in three.published.messages)


async def test_after_our_restart_the_alarm_about_all_stands(three):
    await three.at(400)
    three.clock.at += timedelta(seconds=30)
    three.restart()
    assert len(await three.at(800)) == 4


# --- maintenance ----------------------------------------------------------------------------------------------------


async def maintain(world, since, until):
    begin, end = (START + timedelta(seconds=seconds) for seconds in (since, until))
    window = Maintenance(f"{since} {until}", "miso", begin, end, "firewall", "ana")
    await world.database.transact(lambda conn: maintenance.begin(conn, window))


async def test_nobody_is_called_during_maintenance_and_after_it_a_whole_period_later(world):
    await world.hear()
    await world.at(100)
    await maintain(world, 200, 900)
    assert await world.at(899) == []
    assert world.status() is MonitorStatus.PAUSED
    assert await world.at(900 + 299) == []
    assert world.status() is MonitorStatus.UP
    assert await world.at(900 + 300) == [(LATE, 1)]
    assert (await world.at(900 + 360))[1:] == [(SILENCE, 1), (LATE, 2)]


@pytest.mark.parametrize("world", ["inline", POSTGRESQL], indirect=True)
async def test_maintenance_of_days_ago_excuses_the_run_that_fell_into_it(world, monkeypatch):
    """Heard on Thursday; Friday's run fell into the maintenance, and the next one is Monday's."""

    async def look(when):
        world.clock.at = datetime.fromisoformat(when)
        await world.sweeper.tick()
        return world.published.said()

    minded(monkeypatch, Heartbeat(cron="30 2 * * 1-5", timezone="UTC", grace_seconds=900))
    world.restart()
    world.clock.at = datetime.fromisoformat("2026-07-16T02:31:00Z")
    await world.hear()
    begin, end = (datetime.fromisoformat(f"2026-07-{at}Z") - START for at in ("16T20:00:00", "17T12:00:00"))
    await maintain(world, begin.total_seconds(), end.total_seconds())
    for when in ("2026-07-17T02:45:01Z", "2026-07-19T11:59:59Z", "2026-07-19T12:00:01Z", "2026-07-20T02:44:59Z"):
        assert await look(when) == []
    assert await look("2026-07-20T02:45:01Z") == [("late/miso/2026-07-16T02:31:00Z", 1)]


async def test_windows_of_maintenance_add_up(world):
    """One within another, one that overlaps, one that is to come: nobody is called until a period after the last."""
    await world.hear()
    for since, until in ((0, 300), (50, 100), (250, 400), (3000, 4000)):
        await maintain(world, since, until)
    assert await world.at(400 + 299) == []
    assert await world.at(400 + 300) == [(LATE, 1)]


async def test_maintenance_that_is_ended_early_gives_a_period_from_then_on(world):
    await world.hear()
    await maintain(world, 0, 7200)
    await world.at(400)
    assert await world.database.transact(lambda conn: maintenance.end(conn, "miso", world.clock.at))
    assert not await world.database.transact(lambda conn: maintenance.end(conn, "miso", world.clock.at))
    assert await world.at(699) == []
    assert await world.at(700) == [(LATE, 1)]


async def test_an_alarm_that_stands_goes_on_and_its_end_is_told(world):
    await world.hear()
    told = len(await world.at(400))
    await maintain(world, 400, 7200)
    assert len(await world.at(800)) == told
    assert world.status() is MonitorStatus.SILENT
    await world.hear()
    assert (await world.at(801))[told:] == [(SILENCE, 2)]
    assert world.status() is MonitorStatus.PAUSED


async def test_who_is_in_maintenance_does_not_count_among_all(three):
    await maintain(three, 0, 7200)
    for minute in range(2, 10, 2):
        await three.at(minute * 60)
        await three.hear("caiso")
    assert [event_id.partition("/")[0] for event_id, _ in three.published.said()] == ["late", "silence", "late"]
