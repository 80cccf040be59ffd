"""Wiring by hand: what there is, in which order it starts and stops. No globals, no container."""

import asyncio
import secrets
import uuid
from collections.abc import Callable, Collection, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from app.intake_door import Door, read_message
from app.lease import Lease
from app.live import Feeder, PubSub
from app.metrics import Metrics
from app.notebook import Notebook
from app.queues import open_embedded, open_queue
from app.roles import EVERY_ROLE, Role
from app.rosters import SNAPSHOT, Rosters
from app.security import DeliveryIds
from app.ticks import Tick
from app.vendors import Vendors
from broker.base import Broker
from broker.failover import FailoverBroker
from config.settings import Settings
from heartbeat.sweeper import Sweeper
from model.clock import Clock
from model.errors import SettingsError, Unavailable
from model.ids import Ids
from notifiers.context import House
from notifiers.dispatcher import Dispatcher
from notifiers.limits import Limits
from notifiers.reconciler import Reconciler
from routing.reviser import Reviser
from routing.router import Router
from store import leases, partitions, replies, retention, seal
from store.database import Database
from store.places import Place, Postgres, SqliteFile
from store.retention import Keep

log = structlog.get_logger(__name__)

# A loop that has not turned for this long is stuck: readiness fails.
STUCK = timedelta(seconds=15)
BATCHES_AN_HOUR = 500


@dataclass(frozen=True, slots=True)
class Stores:
    """The durable things one process opens."""

    database: Database
    broker: Broker
    installation_key: bytes
    process_id: str


def open_stores(settings: Settings, clock: Clock) -> Stores:
    """Open and migrate. Raises SettingsError when another process has the files, or the database is away."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    queue = open_embedded(settings)
    database = _open_database(settings)
    broker = open_queue(settings, queue, database, clock)
    return Stores(database, broker, _installation_key(settings), _process_id(settings))


def _open_database(settings: Settings) -> Database:
    place = database_place(settings)
    try:
        place.upgrade()
    except Unavailable as away:
        raise SettingsError(f"the database {place} cannot be used: {away}") from None
    return place.open()


def database_place(settings: Settings) -> Place:
    """Where the database is: a SQLite file, or a PostgreSQL server."""
    if settings.database_url is None:
        return SqliteFile(settings.data_dir / "gridcall.db")
    url = settings.database_url.get_secret_value()
    path = url.removeprefix("sqlite:///")
    return Postgres(url) if path == url else SqliteFile(Path(path))


def snapshot_path(settings: Settings) -> Path | None:
    """Where the roster in force is kept for a start while the database is away; a file of ours is never away."""
    return settings.data_dir / SNAPSHOT if isinstance(database_place(settings), Postgres) else None


def _installation_key(settings: Settings) -> bytes:
    """Given, or made at the first start and kept."""
    if settings.installation_key is not None:
        return settings.installation_key.get_secret_value().encode()
    path = settings.data_dir / "installation.key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
    return path.read_text().strip().encode()


def _process_id(settings: Settings) -> str:
    """One process at a time has the folder: its name stays, so that a restart knows what its predecessor was at."""
    path = settings.data_dir / "process.id"
    if not path.exists():
        path.write_text(str(uuid.uuid4()))
    return path.read_text().strip()


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
    ) -> None:
        self.roles = frozenset(roles)
        self.settings = settings
        self.database = stores.database
        self.broker = stores.broker
        self.clock = clock
        self.ids = ids
        self.rosters = rosters_
        self.vendors = vendors
        self._process_id = stores.process_id
        self.delivery_ids = DeliveryIds(stores.installation_key)
        self.notebook = Notebook(stores.database)
        self.pubsub = PubSub()
        self.metrics = Metrics()
        self.door = Door(stores.broker, clock, ids, self.delivery_ids, self.notebook)
        roster = rosters_.current
        self.router = Router(stores.broker, stores.database, clock, ids, roster, read_message)
        # RabbitMQ's queue is shared; what waits on this host while it is away is for a router of this process.
        self.failover = stores.broker if isinstance(stores.broker, FailoverBroker) else None
        self.spool_router = None
        if self.failover is not None:
            spool = self.failover.spool
            self.spool_router = Router(spool, stores.database, clock, ids, roster, read_message)
        self.reviser = Reviser(stores.database, clock, ids, roster)
        self.house = House(callback_number=settings.help_callback_number or settings.twilio_from or "")
        self.dispatcher = Dispatcher(
            stores.database,
            clock,
            ids,
            roster,
            vendors.channels,
            owner=stores.process_id,
            limits=Limits(
                lines=settings.twilio_lines,
                calls_per_second=settings.twilio_calls_per_second,
                slack_per_second=settings.slack_per_second,
            ),
            house=self.house,
        )
        self.reconciler = Reconciler(stores.database, clock, ids, vendors.channels)
        self.sweeper = Sweeper(
            stores.database, stores.broker, clock, ids, roster, last_seen=lambda: self.notebook.last_seen
        )
        self._watch = Lease(stores.database, clock, "heartbeat", stores.process_id)
        self.feeder = Feeder(stores.database, clock, self.pubsub)
        self.keep = Keep(
            evidence=timedelta(days=settings.evidence_days), vendor_bodies=timedelta(days=settings.vendor_body_days)
        )
        self._blanked = ""  # up to this event nothing of vendors is left; not remembered over a restart
        self.started_at = clock.now()

    def ticks(self) -> Sequence[Tick]:
        table = {
            Role.API: (Tick("notebook", 1.0, self.notebook.flush),),
            Role.NOTIFIER: (Tick("leases", 5.0, self.dispatcher.renew),),
            Role.MONITOR: (
                Tick("seal", 1.0, self._seal),
                Tick("heartbeat", 1.0, self._watch_sources),
                Tick("reply codes", 60.0, self._close_old_codes),
                Tick("months", 3600.0, self._make_months),
                Tick("retention", 3600.0, self._tidy),
            ),
        }
        everybodys = (
            Tick("roster", 1.0, lambda: self.rosters.refresh(self.database)),
            Tick("queue", 1.0, self.broker.refresh),
        )
        return [*everybodys, *(tick for role, ticks in table.items() if role in self.roles for tick in ticks)]

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
            Role.API: (Loop("live", self.feeder.run, lambda: self.feeder.turned_at),),
        }
        everybodys = [Loop("queue", self.broker.run, self.clock.now)]
        if (spool := self.spool_router) is not None:
            everybodys.append(Loop("spool router", spool.run, lambda: spool.oldest_since() or self.clock.now()))
        return [*everybodys, *(loop for role, loops in table.items() if role in self.roles for loop in loops)]

    async def _seal(self) -> None:
        """While the database is away its rows wait unsealed; the next tick tries again."""
        try:
            while await self.database.transact(seal.seal) >= seal.BATCH:
                pass
        except Unavailable as away:
            log.warning("evidence cannot be sealed now", error=str(away))

    async def _watch_sources(self) -> None:
        """One process tells the silence of sources; the others know of it."""
        try:
            await (self.sweeper.tick() if await self._watch.held() else self.sweeper.load())
        except Unavailable as away:
            log.warning("silence of sources cannot be told now", error=str(away))

    async def _close_old_codes(self) -> None:
        now = self.clock.now()
        try:
            await self.database.transact(lambda conn: replies.close_old_codes(conn, now))
        except Unavailable as away:
            log.warning("old reply codes cannot be closed now", error=str(away))

    async def _make_months(self) -> None:
        """Partitions for the coming months."""
        now = self.clock.now()
        try:
            if made := await self.database.transact(lambda conn: partitions.make(conn, now)):
                log.info("partitions made", names=made)
        except Unavailable as away:
            log.warning("partitions for the coming months cannot be made now", error=str(away))

    async def _tidy(self) -> None:
        """Delete what is too old, in small batches; what is left over waits for the next hour."""
        now, keep = self.clock.now(), self.keep
        try:
            for _ in range(BATCHES_AN_HOUR):
                if not await self.database.transact(lambda conn: retention.delete_batch(conn, now, keep)):
                    break
            for _ in range(BATCHES_AN_HOUR):
                blank = partial(retention.blank_vendor_bodies, now=now, keep=keep.vendor_bodies, after=self._blanked)
                if (last := await self.database.transact(blank)) is None:
                    break
                self._blanked = last
        except Unavailable as away:
            log.warning("what is too old cannot be deleted now", error=str(away))

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
            await self.database.transact(lambda conn: leases.end(conn, self._process_id))
        except Unavailable as away:
            log.warning("leases cannot be given back", error=str(away))

    async def close(self) -> None:
        """After `run` has ended: write down the last notes, let go of everything."""
        await self.notebook.flush()
        await self._seal()
        await self._give_back()
        await self.vendors.close()
        await self.broker.close()
        await self.database.close()
