"""A world for stories: the real service and the real stand-ins over real sockets; only the clock is moved by hand."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from contextvars import copy_context
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from math import ceil
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import select

from app import http, serve, standins, vendors
from app.rosters import load_rosters
from app.service import Service
from app.stores import Stores, open_stores
from app.ticks import Tick
from config.roster_file import RosterFile
from config.settings import Settings
from intake.examples import example
from model.attempt import Attempt, AttemptState
from model.event import Event
from model.ids import SystemIds
from model.plan import ChannelName, Kind, Notification, State
from model.reply import Reply
from model.tracing import UNTRACED, Tracer
from model.verdict import Verdict
from notifiers.channels.voice import NOBODY
from sandbox import build as build_standins
from store import attempts, events, plans, replies, seal, tables, timeline, verdicts
from store.database import Connection
from tests.app_fixture import OFF, read_roster, settings_of
from tests.contract.wire import Recorder
from tests.databases import put_migrated
from tests.scenario.clock import ManualClock
from tests.scenario.people import Phone, story_time
from tests.scenario.quiet import LOOKING, CountedChannel, CountedDatabase, Front, LifesClock, Work, until_quiet
from tests.serving import Server

_OPEN = (State.PENDING, State.SENDING, State.UNKNOWN)
_OPEN_ATTEMPTS = (AttemptState.SENDING, AttemptState.UNKNOWN)
REAL_SECONDS = 10.0  # how long one step may take before it is called stuck
# Nobody speaks TLS here, and each client would read the list of those it trusts: 30 ms of a story.
OF_PLAIN_HTTP: dict[str, Any] = {"trust_env": False, "verify": False}
LOOKS_EVERY = timedelta(seconds=10)  # ticks, while nothing happens: shorter than any lease


@dataclass(frozen=True)
class Record:
    """Everything kept about one event."""

    event: Event
    rows: Sequence[Notification]
    attempts: Sequence[Attempt]
    replies: Sequence[Reply]
    verdicts: Sequence[Verdict]
    timeline: Sequence[timeline.Entry]
    breaks: Sequence[seal.Break]

    def row(
        self, person: str | None, channel: ChannelName = ChannelName.VOICE, kind: Kind = Kind.ALERT
    ) -> Notification:
        """The person's newest row of that channel."""
        return [n for n in self.rows if (n.person, n.channel, n.kind) == (person, channel, kind)][-1]

    def verdict(self, person: str | None = None) -> Verdict:
        """The latest outcome, of the event or of a person."""
        return [v for v in self.verdicts if v.person == person][-1]

    def outcomes(self) -> list[str]:
        """How the event's outcome went, in order."""
        return [str(v.outcome) for v in self.verdicts if v.person is None]


@dataclass(frozen=True)
class Post:
    """One message in a Slack channel. `thread` names its first message when it stands in one."""

    at: str
    text: str
    ts: str
    thread: str | None
    blocks: Sequence[dict[str, Any]]

    def shows(self) -> str:
        """All that is to be read in it."""
        return f"{self.text} {json.dumps(self.blocks, ensure_ascii=False)}"


@dataclass(frozen=True)
class Ping:
    """One thing PagerDuty was told. `key` without the event: "g1"."""

    at: str
    action: str
    key: str
    severity: str | None
    dedup_key: str


@dataclass
class _Life:
    """The service between two starts."""

    service: Service
    work: Work
    loops: asyncio.Task[None]
    ticks: list[tuple[Tick, datetime]]
    ticked_at: datetime
    ending: bool = False


class World:
    """`start` is the story's 0:00. Use `open_world`; advance, then say what is expected.

    `every_tick`: each happens at its time. Otherwise those that would look at what has not changed wait, for up to
    LOOKS_EVERY: a minute in which nothing happens costs a sixth of what it does otherwise.
    """

    def __init__(
        self,
        folder: Path,
        start: datetime,
        roster: RosterFile,
        tracer: Tracer = UNTRACED,
        every_tick: bool = False,
        **settings: Any,
    ) -> None:
        self.clock = ManualClock(start)
        self.moment = story_time(start)
        self.start = start
        self.roster = roster
        self.front = Front()
        self._every_tick = every_tick
        self._tracer = tracer
        self._folder = folder
        self._api = serve.listen("127.0.0.1", 0, next_free=False)
        self._standins = serve.listen("127.0.0.1", 0, next_free=False)
        self.standins = standins.world(self.clock, self._api.url, httpx2.AsyncHTTPTransport(**OF_PLAIN_HTTP))
        self.settings = _demo_settings(settings_of(folder, **OFF | settings), self._api.url, self._standins.url)
        self.wire = Recorder(build_standins(self.standins))
        self._servers = [(Server(Recorder(self.front)), self._api.socket), (Server(self.wire), self._standins.socket)]
        self._serving: list[asyncio.Task[None]] = []
        self._ticking: list[asyncio.Task[object]] = []
        self._life: _Life | None = None
        self.ticked: Counter[str] = Counter()
        self._seen = 0
        self.evidence_is_broken_on_purpose = False
        self.queue_waits = False
        self.http = httpx2.AsyncClient(base_url=self._api.url, **OF_PLAIN_HTTP, timeout=REAL_SECONDS)
        self._control = httpx2.AsyncClient(base_url=self._standins.url, **OF_PLAIN_HTTP, timeout=REAL_SECONDS)
        self._phones = {
            person.id: Phone(
                person.id,
                person.address(ChannelName.VOICE) or "",
                person.address(ChannelName.SLACK_DM),
                self.standins,
                self._control,
            )
            for person in roster.roster.people.values()
        }
        self._strangers: dict[str, Phone] = {}

    # --- the life of the service ------------------------------------------------------------------------------------

    @property
    def service(self) -> Service:
        assert self._life is not None, "the service does not run"
        return self._life.service

    async def open(self) -> None:
        self._serving = [asyncio.create_task(s.serve(sockets=[sock])) for s, sock in self._servers]
        await self.start_service()
        await self.quiet()

    async def start_service(self) -> None:
        """A new process on what the last one left."""
        work = Work()
        clock = LifesClock(self.clock, work)
        if self.settings.database_url is None:
            put_migrated(self._folder / "gridcall.db")
        stores = open_stores(self.settings, self.clock)
        counted = Stores(
            CountedDatabase(stores.database, work), stores.broker, stores.installation_key, stores.process_id
        )
        rosters = await load_rosters(counted.database, self.roster, self.clock.now(), demo=True)
        connected = vendors.connect(self.settings, clock)
        channels = {name: CountedChannel(channel, work) for name, channel in connected.channels.items()}
        service = Service(
            self.settings,
            counted,
            rosters,
            replace(connected, channels=channels),
            clock,
            SystemIds(),
            tracer=self._tracer,
        )
        ticks = [(t, self.clock.now() + timedelta(seconds=t.every_seconds)) for t in service.ticks()]
        self._life = _Life(service, work, asyncio.create_task(service.run()), ticks, self.clock.now())
        self.front.app = http.build(service)

    async def stop_service(self) -> None:
        """As SIGTERM does: the door closes, what is being sent is finished, everything is let go."""
        life = self._closed_door()
        ended = self._cancelled(life)
        try:
            while not ended.done():
                await until_quiet(self.busy, self._begun, REAL_SECONDS)
                if not ended.done() and (at := self.clock.next_at()) is not None:
                    self.clock.move_to(at)
            _raise_errors(await ended)
        finally:
            self._life = None
            await life.service.close()

    async def kill_service(self) -> None:
        """As SIGKILL does: from now on nothing that it tries has an effect."""
        life = self._closed_door()
        life.work.dead = True
        _raise_errors(await self._cancelled(life))
        self._life = None
        await life.service.vendors.close()
        await life.service.broker.close()
        await life.service.database.close()

    def _closed_door(self) -> _Life:
        self.front.app = None
        assert self._life is not None, "the service does not run"
        self._life.ending = True
        return self._life

    def _cancelled(self, life: _Life) -> asyncio.Future[list[object]]:
        tasks = [life.loops, *self._ticking]
        self._ticking = []
        for task in tasks:
            task.cancel()
        return asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        try:
            if self._life is not None:
                await self.stop_service()
        finally:
            await self.standins.stop()
            await self.http.aclose()
            await self._control.aclose()
            for server, _ in self._servers:
                server.end()
            await asyncio.gather(*self._serving)

    # --- time -------------------------------------------------------------------------------------------------------

    def busy(self) -> dict[str, int]:
        """Who is at work and does not wait for the clock."""
        found = {"requests": self.front.running, "stand-ins": self.standins.busy()}
        found["ticks"] = sum(not task.done() for task in self._ticking)
        if self._life is not None:
            running = self._life.work.running
            found |= {name: running[name] for name in ("transactions", "reads")}
            # A request that a fault keeps hanging waits for the clock at both ends.
            found["vendors"] = running["vendors"] - self.standins.hanging()
            # What is left in the queue at the end is for the next one; without a database it waits for the clock.
            if not self._life.ending and not self.queue_waits:
                found["queue"] = self._life.service.broker.depth()
        return {name: count for name, count in found.items() if count}

    def _begun(self) -> int:
        return self._life.work.begun if self._life is not None else 0

    async def quiet(self) -> None:
        """Return when everything that can happen at this instant has happened."""
        await until_quiet(self.busy, self._begun, REAL_SECONDS)
        self._look_for_failures()
        self._read_feed()

    async def advance(self, *, minutes: float = 0, seconds: float = 0) -> None:
        await self.advance_to(self.clock.now() + timedelta(minutes=minutes, seconds=seconds))

    async def advance_until(self, moment: str) -> None:
        """To "m:ss" of the story."""
        await self.advance_to(self.instant(moment))

    async def advance_to(self, end: datetime) -> None:
        await self.quiet()
        while (at := self._next_at()) is not None and at <= end:
            self.clock.move_to(at)
            self._tick(at)
            await self.quiet()
        self.clock.move_to(end)

    def _next_at(self) -> datetime | None:
        times = [at for at in (self.clock.next_at(), *self._tick_times()) if at is not None]
        return min(times, default=None)

    def _tick_times(self) -> Iterator[datetime]:
        if (life := self._life) is not None:
            calm = not (self._every_tick or life.work.stirred)
            first = max(life.ticked_at + LOOKS_EVERY if calm else self.start, self.clock.now())
            for tick, at in life.ticks:
                left_out = max(0, ceil((first - at).total_seconds() / tick.every_seconds))
                yield at + left_out * timedelta(seconds=tick.every_seconds)

    def _tick(self, now: datetime) -> None:
        self._ticking = [task for task in self._ticking if not task.done()]
        if (life := self._life) is None or not (due := [tick for tick, at in life.ticks if at <= now]):
            return
        life.ticks = [
            (tick, at if at > now else now + timedelta(seconds=tick.every_seconds)) for tick, at in life.ticks
        ]
        life.ticked_at = now
        life.work.stirred = False
        self.ticked.update(tick.name for tick in due)
        looking = copy_context()
        looking.run(LOOKING.set, True)
        self._ticking += [asyncio.get_running_loop().create_task(tick.tick(), context=looking) for tick in due]

    def _look_for_failures(self) -> None:
        """A loop that ended or a tick that failed ends the process in production; here it ends the story."""
        tasks = [*self._ticking, *([self._life.loops] if self._life is not None else [])]
        for task in tasks:
            if task.done():
                task.result()
        assert not self.standins.errors, "the stand-ins failed: see the log"

    # --- what the story does ----------------------------------------------------------------------------------------

    async def post(
        self, kind: str, name: str = "E-1", *, key: str = "demo-upstream", prefer: str | None = None, **changes: Any
    ) -> httpx2.Response:
        """POST one of the examples, counted from now, with `changes`."""
        return await self.post_raw(json.dumps(self.example(kind, name) | changes), key=key, prefer=prefer)

    def example(self, kind: str, event_id: str = "E-1") -> dict[str, Any]:
        return example(kind, self.clock.now(), event_id)

    async def post_raw(
        self, body: str | bytes, *, key: str = "demo-upstream", path: str = "/v1/events", prefer: str | None = None
    ) -> httpx2.Response:
        headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
        return await self.http.post(path, content=body, headers=headers | ({"prefer": prefer} if prefer else {}))

    async def hears(self, source: str = "miso", key: str = "demo-upstream") -> None:
        """The source sends a heartbeat."""
        answer = await self.post_raw(b"", key=key, path=f"/v1/sources/{source}/heartbeat")
        assert answer.status_code == 200, answer.text

    async def entry(self, path: str) -> tuple[dict[str, Any], dict[str, str]]:
        """What the roster has there, and the headers with which an admin changes it."""
        admin = {"authorization": "Bearer demo-admin"}
        got = await self.http.get(path, headers=admin)
        return got.json()["entry"], admin | {"if-match": got.headers["etag"]}

    async def edit(self, path: str, **fields: Any) -> None:
        """An admin changes these fields of an entry of the roster."""
        entry, headers = await self.entry(path)
        answer = await self.http.put(path, json=entry | fields, headers=headers)
        assert answer.status_code == 200, answer.text

    async def scene(self, scene: str) -> None:
        await self._tell("PUT", "/scene", {"scene": scene})

    async def breaks(self, vendor: str, **fault: Any) -> None:
        """See sandbox.faults.Fault: status, count, delay_seconds, path, callbacks."""
        await self._tell("PUT", f"/faults/{vendor}", fault)

    async def mends(self, vendor: str) -> None:
        await self._tell("DELETE", f"/faults/{vendor}", None)

    async def presses_button(
        self, post: Post, label: str, *, by: str, channel: str = "C0OPS", value: str | None = None
    ) -> None:
        """`by`: a person of the roster, or a Slack user id. `value`: of the button, where there are several."""
        user = self._phones[by].slack if by in self._phones else by
        body = {"channel": channel, "ts": post.ts, "action_id": label, "user": user, "value": value}
        answer = await self._tell("POST", "/slack/press", body)
        assert answer["status"] == 200, answer
        await self.quiet()  # over a socket it is acknowledged first, and taken then

    async def types_in_slack(self, text: str, *, by: str) -> str:
        """`/gridcall TEXT`; what is answered."""
        answer = await self._tell("POST", "/slack/command", {"text": text, "user": self._phones[by].slack or by})
        assert answer["status"] == 200, answer
        return str(json.loads(answer["body"])["text"])

    async def gives_a_reason(self, text: str, *, by: str) -> None:
        """In the form that was shown last."""
        answer = await self._tell("POST", "/slack/submit", {"text": text, "user": self._phones[by].slack or by})
        assert answer["status"] == 200, answer

    def whispers(self) -> list[tuple[str, str]]:
        """(user, text) of what only one person sees in a channel."""
        posted = [e.raw for e in self.standins.feed.after(0) if e.channel == "slack" and e.event == "posted"]
        return [(raw["user"], raw["message"]["text"]) for raw in posted if raw["message"].get("is_ephemeral")]

    async def acknowledges_in_pagerduty(self, ping: Ping, user: str) -> None:
        """`user`: an id of PagerDuty's."""
        answer = await self._tell("POST", "/pagerduty/press", {"dedup_key": ping.dedup_key, "user": user})
        assert answer["status"] == 202, answer

    async def _tell(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        answer = await self._control.request(method, path, json=body)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found

    # --- what the story sees ----------------------------------------------------------------------------------------

    def phone(self, name: str) -> Phone:
        """Of a person of the roster, or of a stranger's number."""
        if not name.startswith("+"):
            return self._phones[name]
        return self._strangers.setdefault(name, Phone(name, name, None, self.standins, self._control))

    def everybody(self) -> Sequence[Phone]:
        """Of the roster."""
        return list(self._phones.values())

    def instant(self, moment: str) -> datetime:
        """When "m:ss" of the story is."""
        minutes, seconds = moment.split(":")
        return self.start + timedelta(minutes=int(minutes), seconds=float(seconds))

    def slack(self, channel: str = "C0OPS") -> list[Post]:
        """What stands in a channel, or in the direct messages of a user id, oldest first."""
        return [self._posted(message) for message in self.standins.workspace.channel(channel).messages]

    def _posted(self, message: dict[str, Any]) -> Post:
        at = datetime.fromtimestamp(0, self.start.tzinfo) + timedelta(microseconds=int(message["ts"].replace(".", "")))
        return Post(
            self.moment(at),
            message["text"],
            message["ts"],
            message.get("thread_ts"),
            message.get("blocks", []),
        )

    def pagerduty(self) -> list[Ping]:
        """What PagerDuty was told, in order."""
        return [
            Ping(
                self.moment(e.at),
                e.event,
                e.raw["dedup_key"].rpartition(":")[2],
                e.raw.get("payload", {}).get("severity") if e.event == "trigger" else None,
                e.raw["dedup_key"],
            )
            for e in self.standins.feed.after(0)
            if e.channel == "pagerduty"
        ]

    async def event(self, event_id: str = "E-1", source: str = "miso") -> Record:
        def load(conn: Connection) -> Record:
            event = events.find(conn, source, event_id)
            assert event is not None, f"there is no event {source}/{event_id}"
            return Record(
                event,
                plans.of_event(conn, event.pk),
                attempts.of_event(conn, event.pk),
                replies.of_event(conn, event.pk),
                verdicts.of_event(conn, event.pk),
                timeline.of_event(conn, event.pk),
                seal.check(conn, event.pk),
            )

        return await self.service.database.read(load)

    async def broken_chains(self) -> list[seal.Break | str]:
        """Every place where the evidence of any event does not hold, and rows not sealed yet."""

        def look(conn: Connection) -> list[seal.Break | str]:
            pks = [event.pk for event in events.page(conn, 1000, None)]
            unsealed = conn.execute(select(tables.timeline.c.kind).where(tables.timeline.c.seal_no.is_(None)))
            found = [f"not sealed: {row.kind}" for row in unsealed]
            return [*found, *(broken for pk in pks for broken in seal.check(conn, pk))]

        return await self.service.database.read(look)

    async def sealed_kinds(self, event_pk: str) -> list[str]:
        """What of an event's timeline has its place in the chain, in that order."""
        columns = tables.timeline.c
        query = select(columns.kind).where(columns.event_pk == event_pk, columns.seal_no.is_not(None))
        return await self.service.database.read(lambda conn: list(conn.scalars(query.order_by(columns.seal_no))))

    def settled(self, kept: Record) -> list[str]:
        """Rows and attempts that are still open though nothing is in the air any more: there should be none."""
        open_rows = [f"{n.channel} to {n.person or n.team}: {n.state}" for n in kept.rows if n.state in _OPEN]
        return open_rows + [f"attempt {a.id}: {a.state}" for a in kept.attempts if a.state in _OPEN_ATTEMPTS]

    def surprises(self) -> list[str]:
        """Calls, texts and direct messages that the story did not expect."""
        phones = [*self._phones.values(), *self._strangers.values()]
        return [found for phone in phones for found in phone.surprises()]

    def _read_feed(self) -> None:
        by_number = {phone.number: phone for phone in self._phones.values()}
        for entry in self.standins.feed.after(self._seen):
            self._seen = entry.n
            at = self.moment(entry.at)
            if entry.channel in ("voice", "sms") and entry.to != NOBODY:
                phone = by_number.get(entry.to) or self.phone(entry.to)
                phone.take(entry, at)
            elif entry.channel == "slack" and entry.event == "posted" and entry.to.startswith("D"):
                self._owner(entry.to).take_direct_message(entry.text, at)

    def _owner(self, direct: str) -> Phone:
        user = self.standins.workspace.channels[direct].person
        return next(phone for phone in self._phones.values() if phone.slack == user)


# Where they are in the settings that are made once, for all worlds that are given the same.
API, STANDINS = "http://127.0.0.1:1", "http://127.0.0.1:2"


@cache
def _demo(settings: Settings, _given: frozenset[str]) -> Settings:
    """`_given`: which of them were, since the demo has other defaults, and settings are equal by their values."""
    return standins.demo_settings(settings, API, STANDINS)


def _demo_settings(settings: Settings, api_url: str, standins_url: str) -> Settings:
    """As `standins.demo_settings` says, which takes longer than many a minute of a story."""
    placed = settings.model_copy(update={"data_dir": Path("of-each-its-own")})
    found = _demo(placed, frozenset(placed.model_fields_set))
    moved = {name: v.replace(API, api_url).replace(STANDINS, standins_url) for name, v in found if isinstance(v, str)}
    return found.model_copy(update=moved | {"data_dir": settings.data_dir})


def _raise_errors(ended: Sequence[object]) -> None:
    """Cancelled is how loops end; whatever else they ended by is told."""
    for error in ended:
        if isinstance(error, Exception):
            raise error


def patient(roster: str) -> str:
    """The demo's people, by a policy that lets phones ring until the next step is due and calls nobody again.

    So stories about something else have one call each; those about re-dials take the roster as it is.
    """
    usual = "    ring_seconds: 25\n"
    assert usual in roster
    return roster.replace(usual, "    ring_seconds: 160\n    redials: 0\n")


@asynccontextmanager
async def open_world(
    folder: Path,
    start: datetime,
    roster: str | None = None,
    minds_silence_of: Collection[str] = (),
    every_tick: bool = False,
    **settings: Any,
) -> AsyncIterator[World]:
    """A running world; `roster` is YAML, else the demo's with patient phones.

    `settings` as in config/settings.py, and `tracer`.
    At the end nothing may have come that was not expected, and the evidence must hold.
    Sources are silent in most stories: only the silence of those in `minds_silence_of` is an alarm.
    """
    text = roster if roster is not None else patient(serve.DEMO_ROSTER.read_text())
    roster_file = _minding(read_roster(text, "roster.yaml"), minds_silence_of)
    world = World(folder, start, roster_file, every_tick=every_tick or bool(minds_silence_of), **settings)
    await world.open()
    try:
        yield world
        await world.advance(seconds=3)  # what is under way arrives, what was written is sealed
        assert not world.surprises(), "\n".join(world.surprises())
        broken = await world.broken_chains()
        assert world.evidence_is_broken_on_purpose or broken == [], broken
    finally:
        await world.close()


def _minding(file: RosterFile, names: Collection[str]) -> RosterFile:
    sources = {
        name: source if name in names else replace(source, heartbeat=None)
        for name, source in file.roster.sources.items()
    }
    return replace(file, roster=replace(file.roster, sources=sources))
