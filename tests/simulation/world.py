"""A world in one thread: production's service on a simulated database, queue, vendors, people and clock, from one seed.

    outcome = run(4127)

The same seed gives the same run, to the last id; `Outcome.hash` says so.
"""

import asyncio
import gc
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

import structlog
from sqlalchemy import func, select

from app import live
from app.rosters import Rosters, Snapshot
from app.service import Service
from app.stores import Stores
from app.ticks import Tick
from app.vendors import Vendors as Connected
from config.roster_file import load_roster
from config.settings import Settings, load_settings
from model.call_lengths import Learned
from model.plan import ChannelName, State
from model.roster import (
    ContactMethod,
    Heartbeat,
    Level,
    Objective,
    PagerDutyMode,
    PagerDutyService,
    Person,
    Policy,
    Roster,
    Source,
    Step,
    Team,
)
from model.route import Match, Route
from notifiers import dispatcher, reconciler
from notifiers.limits import Limits
from routing import reviser
from store.tables import notifications
from tests.simulation import checker, promises
from tests.simulation.chance import Fence, Killed, ProcessClock, SeededIds
from tests.simulation.channels import Outside, SimulatedChannel
from tests.simulation.database import Memory, Note, SimulatedDatabase
from tests.simulation.faults import Faults
from tests.simulation.invariants import Broken, Watch
from tests.simulation.loop import SimulatedLoop
from tests.simulation.mix import Mix, mix
from tests.simulation.people import LOST, People
from tests.simulation.queue import SimulatedQueue, Stored
from tests.simulation.trace import Trace
from tests.simulation.upstream import Upstream
from tests.simulation.vendors import Record, Vendors

LOOPS = (live, dispatcher, reviser)
ROSTER = Path("config/demo_roster.yaml")
# After the last deadline: the longest call, the slack of its line, what is looked up at the vendor.
SETTLING_SECONDS = 330.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a seed went. `broken` None: every invariant held."""

    seed: int
    shuffled: bool
    hash: str
    broken: str | None
    faults: Counter[str]
    seconds: float
    lines: Sequence[str] = ()


class Life:
    """One process, from its start to its end."""

    def __init__(self, world: "World", number: int) -> None:
        random = Random(f"{world.seed}/life {number}")
        off = random.uniform(-world.mix.clock_off, world.mix.clock_off)
        self.fence = Fence()
        self.clock = ProcessClock(world.loop, self.fence, off, world.mix.drift)
        ids = SeededIds(self.clock, random)
        mine = (self.fence, world.mix, random, world.faults)
        database = SimulatedDatabase(world.memory, *mine)
        queue = SimulatedQueue(world.stored, *mine)
        channels = {
            name: SimulatedChannel(name, world.outside, self.fence, self.clock, world.mix, random, world.faults)
            for name in ChannelName
        }
        self.service = Service(
            world.settings,
            Stores(database, queue, b"simulated", "simulated"),
            Rosters(Snapshot(roster=world.roster, keys=())),
            Connected(channels),
            self.clock,
            ids,
        )
        if world.mix.learned_seconds:
            # Until the first look: few runs last long enough for twenty calls of their own.
            learned = {"default": Learned(world.mix.learned_seconds, 20)}
            self.service.call_lengths.phones = replace(world.settings.phones, learned=learned)
        self.service.feeder.run = asyncio.Event().wait  # nobody watches: reading the feed would only cost
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.ending = False

    def spawn(self, coro: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """A task that ends with the process."""
        task = asyncio.get_running_loop().create_task(coro, name=name)
        self.tasks[task] = None
        task.add_done_callback(lambda done: self.tasks.pop(done, None))
        return task

    async def tick(self, tick: Tick, factor: float) -> None:
        """As the scheduler does: not before the last one has ended, and late if need be."""
        while True:
            await self.clock.sleep_until(self.clock.now() + timedelta(seconds=tick.every_seconds * factor))
            await tick.tick()


class World:
    """Everything of one seed."""

    def __init__(self, seed: int, loop: SimulatedLoop, *, kept: bool = False, quick: bool = True) -> None:
        self.seed = seed
        self.loop = loop
        self.mix = mix(seed)
        self.trace = Trace(loop.time, kept=kept)
        self.faults = Faults(self.mix, seed, loop, self._crash)
        self.faults.noted = lambda name: self.trace.add("FAULT", name)
        self.roster = _roster(self.mix, Random(f"{seed}/roster"))
        self.settings = _settings(self.mix)
        self.vendors = Vendors(loop, self.mix.vendor_clock, self._accepted)
        limits = Limits(lines=self.mix.lines, calls_per_second=self.mix.calls_per_second)
        self.watch = Watch(loop.time, self.vendors, self.roster.policies, limits)
        self.memory = Memory(self._committed, quick=quick)
        self.stored = Stored()
        self.people = People(
            self.roster, self.vendors, self.mix, Random(f"{seed}/people"), self.faults, self._spawn, self.call_us
        )
        self.outside = Outside(self.vendors, self.people.begins, self._spawn, self._asked)
        self.upstream = Upstream(self.mix, Random(f"{seed}/upstream"), self.vendors.now, self.call_us)
        self._random = Random(f"{seed}/world")
        self._broken: asyncio.Future[None] = loop.create_future()
        self._outside_tasks: dict[asyncio.Task[Any], None] = {}
        self._life: Life | None = None
        self._starts: list[float] = []
        self._ends: list[float] = []
        self._heard: dict[str, list[float]] = {name: [] for name, s in self.roster.sources.items() if s.heartbeat}
        loop.set_exception_handler(self._unhandled)

    # --- what is watched --------------------------------------------------------------------------------------------

    def _committed(self, notes: list[Note]) -> None:
        for note in notes:
            self.trace.add(*(word for word in note if word is not None))
        self._checked(lambda: self.watch.commit(notes))

    def _asked(self, send: Any) -> None:
        attempt = send.attempt
        self.trace.add("asked", attempt.channel, attempt.address, attempt.id, f"{attempt.part}/{attempt.parts}")
        self._checked(lambda: self.watch.asked(send))

    def _accepted(self, record: Record) -> None:
        self.trace.add("taken", record.sid, record.attempt.id)
        self._checked(lambda: self.watch.accepted(record))

    def _checked(self, check: Callable[[], None]) -> None:
        try:
            check()
        except Exception as error:
            self._break(error)

    def _break(self, error: BaseException) -> None:
        self.trace.add("BROKEN", error)
        if not self._broken.done():
            self._broken.set_exception(error)

    def _unhandled(self, _loop: object, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if not isinstance(error, Killed):
            self._break(Broken(f"{context['message']}: {error!r}"))

    def _spawn(self, coro: Any) -> asyncio.Task[Any]:
        """A task of the outside, which outlives processes."""
        task = self.loop.create_task(coro)
        self._outside_tasks[task] = None
        task.add_done_callback(self._outside_ended)
        return task

    def _outside_ended(self, task: asyncio.Task[Any]) -> None:
        self._outside_tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._break(error)

    # --- processes --------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self._starts.append(self.loop.time())
        life = Life(self, len(self._starts))
        self.trace.add("START", len(self._starts))
        self.watch.new_process(life.clock.now)
        self._life = life
        loops = life.spawn(life.service.run(), "loops")
        loops.add_done_callback(lambda done: self._loops_ended(life, done))
        for tick in self._ticks(life):
            ticking = life.spawn(life.tick(tick, self.mix.tick_seconds), tick.name)
            ticking.add_done_callback(lambda done: self._loops_ended(life, done))

    def _ticks(self, life: Life) -> list[Tick]:
        """The table of production, without looks that only cost: nobody edits the roster, and some mind no source."""
        useless = {"roster"} if self.mix.heartbeats else {"roster", "heartbeat"}
        return [tick for tick in life.service.ticks() if tick.name not in useless]

    def _loops_ended(self, life: Life, task: asyncio.Task[Any]) -> None:
        """Nothing but a crash or a stop may end a loop: an error of its own would take the whole process along."""
        if not (life.fence.dead or life.ending or self._broken.done()):
            error = None if task.cancelled() else task.exception()
            self._break(Broken(f"{task.get_name()} ended by itself: {_innermost(error)!r}"))

    def _check_setbacks(self, life: Life) -> None:
        """An error of our own that kept no other event waiting is one all the same."""
        for loop in (life.service.reviser, life.service.dispatcher, life.service.reconciler):
            if loop.setbacks.count:
                self._break(Broken(f"{loop.setbacks.count} errors of our own: see the log"))

    def _crash(self, where: str) -> None:
        """The process dies here: from now on nothing that it tries has an effect."""
        if self._life is None:
            raise Killed  # it dies while it stops, and is buried already
        self._spawn(self._bury(self._life, f"CRASH {where}"))
        self._life.fence.dead = True
        raise Killed

    async def _bury(self, life: Life, how: str, pause: float | None = None) -> None:
        self.trace.add(how)
        self._check_setbacks(life)
        self._life = None
        self._ends.append(self.loop.time())
        self._forget_unwritten(life)
        await _end(life)
        await asyncio.sleep(self._random.choice((0.1, 2.0, 20.0)) if pause is None else pause)
        self._start()

    def _forget_unwritten(self, life: Life) -> None:
        """What a process heard and did not write down before it died, nobody knows."""
        notebook, slack = life.service.notebook, checker.slack(self.mix, self.loop.time())
        written = notebook._written_until
        known_until = (written - checker.START).total_seconds() if written else self._starts[-1]
        for source in notebook._seen:
            if source in self._heard:
                self._heard[source] = [at for at in self._heard[source] if at <= known_until - slack]

    async def _stop(self, *, again: bool, pause: float | None = None) -> None:
        """As SIGTERM does: what is being sent is finished, the rest is left to the next process."""
        life, self._life = self._life, None
        if life is None:
            return
        self.trace.add("STOP")
        self._check_setbacks(life)
        life.ending = True
        self._ends.append(self.loop.time())
        await _end(life)
        if not life.fence.dead:
            with suppress(Killed):
                await life.service.close()
        self._forget_unwritten(life)
        life.fence.dead = True
        if again:
            await asyncio.sleep(self._random.choice((0.1, 5.0)) if pause is None else pause)
            self._start()

    async def _stops(self) -> None:
        for _ in range(self.mix.stops):
            await asyncio.sleep(self._random.uniform(5, self.mix.seconds))
            if not self.faults.calm:
                self.faults.struck("stop")
                await self._stop(again=True)

    async def _outages(self, random: Random) -> None:
        """Nobody is there for minutes: whoever beats meanwhile is heard by nobody."""
        for _ in range(self.mix.outages):
            await asyncio.sleep(random.uniform(60, 400))
            life, pause = self._life, random.uniform(30, 420)
            if life is None or life.fence.dead or self.faults.calm:
                continue
            self.faults.struck("outage")
            if random.random() < 0.5:
                await self._stop(again=True, pause=pause)
            else:
                life.fence.dead = True
                await self._bury(life, "CRASH outage", pause)

    async def call_us(self, what: str, ask: Callable[[Service], Awaitable[Any]]) -> Any:
        """A request from outside, taken by the process of the moment. LOST when it did not come to its end."""
        life = self._life
        if life is None or life.fence.dead or life.ending:
            self.trace.add(what, "nobody there")
            return LOST
        task = life.spawn(_whole(ask, life.service), what)
        await asyncio.wait([task])
        answer = LOST if task.cancelled() else task.result()
        self.trace.add(what, "lost" if answer is LOST else "answered")
        source = what.rsplit(maxsplit=1)[-1] if " " in what else "miso"
        if what.startswith(("heartbeat", "POST")) and source in self._heard and answer is not LOST:
            self._heard[source].append(self.loop.time())
        return answer

    # --- the story --------------------------------------------------------------------------------------------------

    async def live(self) -> None:
        """From the first start to the last check."""
        self._start()
        self._spawn(self._stops())
        if self.mix.heartbeats:
            self._spawn(self.upstream.beat())
            for n in range(self.mix.beating):
                name = f"beat-{n + 1}"
                self._spawn(self.upstream.beat_only(name, Random(f"{self.seed}/{name}")))
            self._spawn(self._outages(Random(f"{self.seed}/outages")))
        await self._unless_broken(self.upstream.run())
        await self._unless_broken(self._become_calm())
        self._verify()

    async def _become_calm(self) -> None:
        self.faults.calm = self.upstream.ended = True
        self.trace.add("CALM")
        calm_at = self.loop.time()
        quiet = SETTLING_SECONDS + (checker.SILENCE_SECONDS if self.mix.heartbeats else 0)
        while self.loop.time() < (end := max(calm_at, self._last_deadline()) + quiet):
            await asyncio.sleep(end - self.loop.time())
        while self.loop.time() < (end := self._last_call() + SETTLING_SECONDS):
            await asyncio.sleep(end - self.loop.time())
        while self._life is None:
            await asyncio.sleep(1)
        await self._stop(again=False)

    def _last_deadline(self) -> float:
        """In seconds of the world."""
        instants = [at for event in self.watch.events.values() for at in event.work_until.values()]
        return max(((at - checker.START).total_seconds() for at in instants), default=0.0)

    def _last_call(self) -> float:
        """Until when a phone may still ring: in overtime that is after the deadline. In seconds of the world."""
        may_ring = (State.PENDING, State.SENDING, State.SENT, State.DELIVERED, State.ANSWERED)
        query = select(func.max(notifications.c.until)).where(
            notifications.c.channel == ChannelName.VOICE, notifications.c.state.in_(may_ring)
        )
        at, _ = self.memory.run(lambda conn: conn.scalar(query), keep=False)
        return (at - checker.START).total_seconds() if at else -SETTLING_SECONDS

    def _verify(self) -> None:
        found, _ = self.memory.run(
            lambda conn: checker.check(conn, self.watch, self.vendors, self.mix, self.roster, self.loop.time()),
            keep=False,
        )
        if not self.faults.count and not self.mix.clock_off and not self.mix.drift:
            broken, _ = self.memory.run(lambda conn: list(promises.broken(conn, self.watch, self.roster)), keep=False)
            found += broken
        if self.mix.heartbeats:
            found += self._silences()
        found += [f"accepted and never decided: {d}" for d in self.upstream.accepted if d not in self.watch.deliveries]
        found += [f"still in the queue: {m}" for m in self.stored.messages]
        if found:
            raise Broken("\n".join(found))

    def _silences(self) -> list[str]:
        lives = list(zip(self._starts, self._ends, strict=True))
        told, _ = self.memory.run(checker.told_of_silence, keep=False)
        slack = checker.slack(self.mix, self.loop.time())
        return list(checker.silences(told, self.roster.sources, self._heard, lives, slack))

    async def _unless_broken(self, story: Coroutine[Any, Any, None]) -> None:
        task = self._spawn(story)
        await asyncio.wait([task, self._broken], return_when=asyncio.FIRST_COMPLETED)
        if self._broken.done():
            self._broken.result()
        await task

    async def close(self) -> None:
        """Whatever still runs is dropped."""
        if self._life is not None:
            self._life.fence.dead = True
            await _end(self._life)
        for task in list(self._outside_tasks):
            task.cancel()
        await asyncio.gather(*list(self._outside_tasks), return_exceptions=True)
        if not self._broken.done():
            self._broken.cancel()
        elif not self._broken.cancelled():
            self._broken.exception()


async def _whole(ask: Callable[[Service], Awaitable[Any]], service: Service) -> Any:
    """What the vendor or upstream gets: our answer, or none when we failed or died."""
    try:
        return await ask(service)
    except (Killed, Exception):
        return LOST


async def _end(life: Life) -> None:
    tasks = list(life.tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _innermost(error: BaseException | None) -> BaseException | None:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@cache
def _demo() -> Roster:
    return load_roster((Path(__file__).parents[2] / ROSTER).read_text(), "demo").roster


def _roster(mix: Mix, random: Random) -> Roster:
    """The demo's people and rotas, with this seed's policy; some have no phone."""
    demo = _demo()
    crowd = tuple(f"q{n:02}" for n in range(mix.crowd))

    def policy(old: Policy) -> Policy:
        if old.id != "default":
            return old
        steps = (replace(old.steps[0], people=crowd), replace(old.steps[1], after_seconds=mix.sla_seconds // 2))
        return replace(
            old,
            sla_seconds=mix.sla_seconds,
            call_seconds=mix.call_seconds,
            learn_call_seconds=mix.learned_seconds > 0,
            asleep_delay_seconds=30,
            objective=Objective(mix.objective),
            level=Level(mix.level),
            quorum=mix.quorum,
            redials=mix.redials,
            redial_within_seconds=mix.redial_within,
            page_again_seconds=mix.page_again,
            steps=steps,
        )

    people = {
        person.id: replace(person, methods=person.methods[2:]) if random.random() < mix.phoneless else person
        for person in demo.people.values()
    }
    people |= {name: _one_of_many(name, n) for n, name in enumerate(crowd)}
    people = {name: _perhaps_with_two_phones(one, mix, random) for name, one in people.items()}
    minded = {
        source.id: source if mix.heartbeats and source.id == "miso" else replace(source, heartbeat=None)
        for source in demo.sources.values()
    }
    if mix.merges:
        minded["miso"] = replace(minded["miso"], group_by=("program", "zone"), group_window_seconds=120)
    if mix.heartbeats:
        beating = Heartbeat(period_seconds=60, grace_seconds=20)
        names = [f"beat-{n + 1}" for n in range(mix.beating)]
        minded |= {name: Source(id=name, name=name.title(), heartbeat=beating) for name in names}
    policies = {name: policy(old) for name, old in demo.policies.items()}
    teams = dict(demo.teams)
    if mix.pagerduty_calls and (service := teams["ops"].pagerduty):
        teams["ops"] = replace(teams["ops"], pagerduty=replace(service, mode=PagerDutyMode.PRIMARY))
    found = replace(demo, version=0, people=people, teams=teams, policies=policies, sources=minded)
    return _with_another_team(found, mix) if mix.continues else found


def _with_another_team(roster: Roster, mix: Mix) -> Roster:
    """MISO's events are the plant's too: whom the backup calls first is called at once for it, then one more."""
    steps = (
        Step(after_seconds=0, rotations=("ops-backup",)),
        Step(after_seconds=mix.sla_seconds // 3, people=("ben",)),
    )
    policy = Policy(id="plant", steps=steps, sla_seconds=mix.sla_seconds)
    route = Route(id="plant", team="plant", policy="plant", match=Match(sources=("miso",)), continues=True)
    service = PagerDutyService(routing_key="p1an7000000000000000000000000c0de") if mix.pagerduty_twice else None
    return replace(
        roster,
        teams={**roster.teams, "plant": Team(id="plant", name="Plant", slack_channel="C0PLANT", pagerduty=service)},
        policies={**roster.policies, "plant": policy},
        routes=(route, *roster.routes),
    )


def _perhaps_with_two_phones(person: Person, mix: Mix, random: Random) -> Person:
    number = person.address(ChannelName.VOICE)
    if number is None or random.random() >= mix.two_phones:
        return person
    area = {"312": "872", "773": "630"}[number[2:5]]
    other = ContactMethod(channel=ChannelName.VOICE, address=f"+1{area}{number[5:]}")
    return replace(person, methods=(*person.methods, other))


def _one_of_many(name: str, n: int) -> Person:
    phones = [ContactMethod(channel=c, address=f"+177355501{n:02}") for c in (ChannelName.VOICE, ChannelName.SMS)]
    return Person(id=name, name=name.upper(), timezone="America/Chicago", methods=tuple(phones))


@cache
def _usual_settings() -> Settings:
    return load_settings(
        data_dir=Path("var"), canary_seconds=0, vendor_check_seconds=0, help_callback_number="+13125550199"
    )


def _settings(mix: Mix) -> Settings:
    return _usual_settings().model_copy(
        update={"twilio_lines": mix.lines, "twilio_calls_per_second": mix.calls_per_second}
    )


@contextmanager
def _as_simulated(backstop: timedelta) -> Iterator[None]:
    """Nobody logs, nobody polls, nobody collects garbage."""
    logging, collecting = structlog.get_config(), gc.isenabled()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50), cache_logger_on_first_use=False)
    gc.disable()
    patches = [patch.object(module, "BACKSTOP", backstop) for module in LOOPS]
    patches.append(patch.object(reconciler, "BACKSTOP", timedelta(seconds=30)))  # its poll looks for overdue lines
    try:
        for one in patches:
            one.start()
        yield
    finally:
        for one in patches:
            one.stop()
        structlog.configure(**logging)
        if collecting:
            gc.enable()


def run(seed: int, *, shuffled: bool = False, kept: bool = False, quick: bool = True) -> Outcome:
    """Live through a seed. `kept`: with the lines of its trace. `shuffled`: what is ready runs in a drawn order.

    Shuffled finds more, but also orders that asyncio would never make: a failure found only so says so.
    Not `quick`: with SQLAlchemy's own connection, for the same run.
    """
    loop = SimulatedLoop(shuffle=Random(f"{seed}/order") if shuffled else None)
    world = World(seed, loop, kept=kept, quick=quick)
    broken = None
    with _as_simulated(timedelta(seconds=30) if world.mix.backstops else timedelta(days=1)):
        try:
            loop.run_until_complete(world.live())
        except Exception as error:
            broken = f"{type(error).__name__}: {error}"
        try:
            loop.run_until_complete(world.close())
        except Exception as error:
            broken = broken or f"at the end: {type(error).__name__}: {error}"
        loop.close()
    if broken:
        world.trace.add("BROKEN", broken)
    return Outcome(
        seed=seed,
        shuffled=shuffled,
        hash=world.trace.hash,
        broken=broken,
        faults=world.faults.count,
        seconds=loop.time(),
        lines=world.trace.lines,
    )
