"""Wiring by hand: what there is, in which order it starts and stops. No globals, no container."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog

from app import call_lengths
from app.call_lengths import CallLengths
from app.doorkeeper import Doorkeeper
from app.editing import Editor
from app.housekeeping import Housekeeping
from app.intake_door import Door, Posted, read_message
from app.inward import Inward
from app.lease import Lease
from app.live import Feeder, PubSub
from app.metrics import Metrics
from app.notebook import Notebook
from app.oncall_now import OnCallNow
from app.page_links import PageLinks
from app.repeats import Repeats
from app.roles import EVERY_ROLE, Role
from app.rosters import Rosters
from app.rounds import Rounds
from app.security import CanaryKey, DeliveryIds, Proof
from app.stores import Stores
from app.ticks import Tick
from app.timing import TimedDatabase
from app.vendors import Vendors
from app.vital import Vital
from broker.failover import FailoverBroker
from config.settings import Settings
from heartbeat import vital_signs
from heartbeat.hearing import Hearing
from heartbeat.hole_watch import HoleWatch
from heartbeat.sweeper import Sweeper
from model import limits
from model.clock import Clock
from model.errors import Unavailable
from model.ids import Ids
from model.monitor import MonitorStatus
from model.tracing import UNTRACED, Tracer
from notifiers.context import House
from notifiers.dispatcher import Dispatcher
from notifiers.limits import Limits
from notifiers.reconciler import Reconciler
from routing.night_look import NightLook
from routing.reminding import Reminders
from routing.reviser import Reviser
from routing.router import Router
from store import leases
from store.database import Database
from store.retention import Keep
from upstream.talking import Talking
from upstream.web import Web

if TYPE_CHECKING:
    from app.asking import Asking

log = structlog.get_logger(__name__)

# A loop that has not turned for this long is stuck: readiness fails.
STUCK = timedelta(seconds=15)


class Loop(NamedTuple):
    """A part that runs until it is cancelled. `turned_at` tells when it last turned."""

    name: str
    run: Callable[[], Coroutine[Any, Any, None]]
    turned_at: Callable[[], datetime]


class Service:
    """The parts of one process. All of them are made, and those of its `roles` run."""

    def __init__(
        self,
        settings: Settings,
        stores: Stores,
        rosters_: Rosters,
        vendors: Vendors,
        clock: Clock,
        ids: Ids,
        roles: Collection[Role] = EVERY_ROLE,
        tracer: Tracer = UNTRACED,
    ) -> None:
        self.roles = frozenset(roles)
        self.settings = settings
        self.database: Database = TimedDatabase(stores.database)  # as requests use it
        self.broker = stores.broker
        self.clock = clock
        self.ids = ids
        self.rosters = rosters_
        self.call_lengths = CallLengths(stores.database, clock, settings.phones)
        self.editor = Editor(stores.database, rosters_, clock, ids, settings.phones)
        self.vendors = vendors
        self.tracer = tracer
        self.process_id = stores.process_id
        # A storm brings more receipts of texts than everything else together; what people wait for goes first.
        self.receipts = asyncio.Semaphore(max(1, stores.database.at_once // 2))
        self.delivery_ids, self.proof = DeliveryIds(stores.installation_key), Proof(stores.installation_key)
        self.notebook = Notebook(stores.database, clock)
        self.pubsub = PubSub()
        self.metrics = Metrics(stores.database.signals)
        self.doorkeeper = Doorkeeper(rosters_, stores.database, clock, self.metrics.refused, settings.signing_secrets)
        self.inward = Inward(self.metrics.slowed)
        self.repeats = Repeats()
        self.door = Door(stores.broker, clock, ids, self.delivery_ids, self.notebook, tracer)
        roster = rosters_.current
        self.oncall_now = OnCallNow(roster, clock, self.metrics.caches, lambda: rosters_.stale)
        routes = partial(
            Router,
            database=stores.database,
            clock=clock,
            ids=ids,
            roster=roster,
            read=read_message,
            tracer=tracer,
            phones=self.call_lengths.known,
        )
        self.router = routes(stores.broker)
        # RabbitMQ's queue is shared; what waits on this host while it is away is for a router of this process.
        self.failover = stores.broker if isinstance(stores.broker, FailoverBroker) else None
        self.spool_router = routes(self.failover.spool) if self.failover else None
        self.reviser = Reviser(stores.database, clock, ids, roster, self.call_lengths.known)
        self.page_links = PageLinks(stores.installation_key, settings.public_url)
        self.house = House(
            callback_number=settings.help_callback_number or "",  # whoever calls the caller id back reaches nobody
            page=self.page_links.address,
            keys=settings.called_back,
            buttons=settings.called_back or vendors.socket is not None,
        )
        self.dispatcher = Dispatcher(
            stores.database,
            clock,
            ids,
            roster,
            vendors.channels,
            owner=stores.process_id,
            limits=Limits(
                lines=settings.phones.lines,
                calls_per_second=settings.phones.calls_per_second,
                slack_per_second=settings.slack_per_second,
                calls_a_person=limits.times(settings.person_limits_times),
                written=limits.pauses_times(settings.person_limits_times),
            ),
            house=self.house,
            tracer=tracer,
            canaries_=settings.canary_seconds > 0,
        )
        self.reconciler = Reconciler(stores.database, clock, ids, roster, vendors.channels)
        self.hearing = Hearing(
            stores.database,
            clock,
            roster,
            last_seen=lambda: self.notebook.last_seen,
            own=self.notebook.listening if Role.API in self.roles else None,
        )
        self.sweeper = Sweeper(
            stores.database, stores.broker, clock, ids, roster, self.hearing, settings.all_silent_share
        )
        self._watch = Lease(stores.database, clock, "heartbeat", stores.process_id)
        # A look at hundreds of rotations takes a processor seconds: requests for it take turns.
        self.looking_ahead = asyncio.Lock()
        self.night_look = NightLook(stores.database, stores.broker, clock, ids, roster)
        self.hole_watch = HoleWatch(stores.database, stores.broker, clock, ids, roster)
        self.reminders = Reminders(stores.database, clock, ids, roster)
        self.talking = Talking(
            stores.database,
            clock,
            ids,
            roster,
            Web(clock, settings.upstream_allowed, settings.upstream_certificate),
            settings.signing_secrets,
            self._take_in,
            self._watch.held,
            self._silent,
            lambda: self.hearing.back_at,
        )
        self.metrics.talked_to.counts = self.talking.counts
        self.feeder = Feeder(stores.database, clock, self.pubsub)
        keep = Keep(
            evidence=timedelta(days=settings.evidence_days), vendor_bodies=timedelta(days=settings.vendor_body_days)
        )
        self.housekeeping = Housekeeping(stores.database, clock, keep)
        tries_itself = timedelta(seconds=settings.canary_seconds)
        self.vital = Vital(
            stores.database, clock, self.roles, stores.process_id, self.failover, self.stuck, tries_itself
        )
        self.canary_key = CanaryKey(stores.installation_key)
        self.rounds = Rounds(
            settings, stores, vendors, clock, ids, roster, self.hearing, self._watch, self.metrics.canaries
        )
        self.asking = _asking(self)
        self.started_at = clock.now()

    def ticks(self) -> Sequence[Tick]:
        table = {
            Role.API: (
                Tick("notebook", 1.0, self.notebook.flush),
                Tick("key uses", 60.0, self.doorkeeper.note_uses),
            ),
            Role.NOTIFIER: (
                Tick("leases", 5.0, self.dispatcher.renew),
                Tick("slack people", 20.0, self._get_to_know_people),
            ),
            Role.MONITOR: (
                Tick("seal", 1.0, self.housekeeping.seal),
                Tick("heartbeat", 1.0, self._watch_sources),
                Tick("holes", 5.0, self._look_at_holes),
                Tick("coverage", 60.0, self._look_at_coverage),
                Tick("reminders", 20.0, self.reminders.tick),
                Tick("reply codes", 60.0, self.housekeeping.close_old_codes),
                Tick("months", 3600.0, self.housekeeping.make_months),
                Tick("retention", 3600.0, self.housekeeping.tidy),
            ),
        }
        everybodys = (
            Tick("roster", 1.0, self._look_at_roster),
            Tick("queue", 1.0, self.broker.refresh),
            Tick("call lengths", call_lengths.EVERY_SECONDS, self.call_lengths.look),
            Tick("alive", vital_signs.SAYS_SO.total_seconds(), self.vital.look),
        )
        ticks = [*everybodys, *(tick for role, ticks in table.items() if role in self.roles for tick in ticks)]
        return [*ticks, *(tick for role, more in self.rounds.ticks().items() if role in self.roles for tick in more)]

    def loops(self) -> Sequence[Loop]:
        # The router waits for messages, so it counts as turning unless it has had one for long.
        table = {
            Role.ROUTER: (
                Loop("router", self.router.run, lambda: self.router.oldest_since() or self.clock.now()),
                Loop("reviser", self.reviser.run, lambda: self.reviser.turned_at),
            ),
            Role.NOTIFIER: (
                Loop("dispatcher", self.dispatcher.run, lambda: self.dispatcher.turned_at),
                Loop("reconciler", self.reconciler.run, lambda: self.reconciler.turned_at),
            ),
            Role.MONITOR: (Loop("talking", self.talking.run, lambda: self.talking.turned_at),),
            Role.API: (Loop("live", self.feeder.run, lambda: self.feeder.turned_at),),
        }
        everybodys = [Loop("queue", self.broker.run, self.clock.now)]
        everybodys += self._without_a_door()
        if (spool := self.spool_router) is not None:
            everybodys.append(Loop("spool router", spool.run, lambda: spool.oldest_since() or self.clock.now()))
        return [*everybodys, *(loop for role, loops in table.items() if role in self.roles for loop in loops)]

    def slack_socket_down_seconds(self) -> float | None:
        """For how long this process has had no connection for what is done in Slack; None where it is to have none."""
        if (socket := self.vendors.socket) is None or Role.API not in self.roles:
            return None
        since = socket.down_since
        return max(0.0, (self.clock.now() - since).total_seconds()) if since else 0.0

    def _without_a_door(self) -> Iterator[Loop]:
        """What brings in what vendors know and people do, where no request of the vendor's does."""
        if (socket := self.vendors.socket) is not None and Role.API in self.roles:
            from app.slack_doings import from_socket  # noqa: PLC0415 - it needs this class

            yield Loop("slack socket", partial(socket.run, partial(from_socket, self)), self.clock.now)
        if (asking := self.asking) is not None and Role.NOTIFIER in self.roles:
            yield Loop("asking Twilio", asking.run, lambda: asking.turned_at)

    async def _look_at_roster(self) -> None:
        await self.rosters.refresh(self.database)

    async def _get_to_know_people(self) -> None:
        await self.vendors.get_to_know(self.rosters.roster)

    async def _watch_sources(self) -> None:
        """One process tells the silence of sources; the others know of it."""
        try:
            await (self.sweeper.tick() if await self._watch.held() else self.hearing.listen())
        except Unavailable as away:
            log.warning("silence of sources cannot be told now", error=str(away))

    async def _take_in(self, source: str, body: bytes) -> None:
        """What we asked a source for, as if it had posted it."""
        headers = {"content-type": "application/json"}
        posted = Posted(body, headers, "history", self.ids.new(), proof="Gridcall asked for it", asked=True)
        await self.door.accept(posted, source, None, self.rosters.current())

    def _silent(self) -> set[str]:
        known = self.hearing.monitors.values()
        return {monitor.source for monitor in known if monitor.status is MonitorStatus.SILENT}

    async def _look_at_holes(self) -> None:
        try:
            if self.hole_watch.wanted() and await self._watch.held():
                await self.hole_watch.tick()
        except Unavailable as away:
            log.warning("missing messages cannot be told now", error=str(away))

    async def _look_at_coverage(self) -> None:
        """The process that tells of silence tells of missing coverage too."""
        try:
            if await self._watch.held():
                await self.night_look.tick()
        except Unavailable as away:
            log.warning("missing coverage cannot be told now", error=str(away))

    async def run(self) -> None:
        """The loops, until cancelled. A loop that fails ends them all, and with them the process."""
        async with asyncio.TaskGroup() as group:
            for loop in self.loops():
                group.create_task(loop.run(), name=loop.name)

    def stuck(self) -> list[str]:
        """The loops that have not turned lately."""
        now = self.clock.now()
        return [name for name, at in self.turned().items() if now - at > STUCK]

    def turned(self) -> dict[str, datetime]:
        """When each loop last turned."""
        return {loop.name: loop.turned_at() for loop in self.loops()}

    async def _give_back(self) -> None:
        """Others need not wait until our leases run out."""
        try:
            await self.database.transact(lambda conn: leases.end(conn, self.process_id))
        except Unavailable as away:
            log.warning("leases cannot be given back", error=str(away))

    async def close(self) -> None:
        """After `run` has ended: write down the last notes, let go of everything."""
        if Role.API in self.roles:
            await self.notebook.close()
        await self.doorkeeper.note_uses()
        if Role.MONITOR in self.roles:
            await self.housekeeping.seal()
        await self._give_back()
        await self.talking.close()
        await self.rounds.close()
        await self.vendors.close()
        await self.broker.close()
        await self.database.close()


def _asking(service: Service) -> "Asking | None":
    """None: Twilio tells us itself."""
    from app.asking import Asking  # noqa: PLC0415 - it needs the class above

    lists = service.vendors.lists
    return Asking(service, lists, service.process_id) if lists is not None else None
