"""Wiring by hand: what there is, in which order it starts and stops. No globals, no container."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import structlog

from app.intake_door import Door, read_message
from app.live import Feeder, PubSub
from app.metrics import Metrics
from app.notebook import Notebook
from app.queues import open_embedded, open_queue
from app.security import DeliveryIds, Keys, hashed
from app.ticks import Tick
from app.vendors import Vendors
from broker.base import Broker
from broker.failover import FailoverBroker
from config.roster_file import RosterFile
from config.settings import Settings
from heartbeat.sweeper import Sweeper
from model.clock import Clock
from model.errors import SettingsError, Unavailable
from model.ids import Ids
from model.roster import Roster
from notifiers.context import House
from notifiers.dispatcher import Dispatcher
from notifiers.limits import Limits
from notifiers.reconciler import Reconciler
from routing.reviser import Reviser
from routing.router import Router
from store import migrate, replies, rosters, seal
from store.database import Connection, Database, SqliteDatabase, sqlite_engine
from store.rosters import KeyRow

log = structlog.get_logger(__name__)

# A loop that has not turned for this long is stuck: readiness fails.
STUCK = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Stores:
    """The durable things one process opens."""

    database: Database
    broker: Broker
    installation_key: bytes


def open_stores(settings: Settings, clock: Clock) -> Stores:
    """Open and migrate. Raises SettingsError when another process has the files."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    queue = open_embedded(settings)
    path = database_path(settings)
    engine = sqlite_engine(path)
    migrate.upgrade(engine)
    engine.dispose()
    database = SqliteDatabase(path)
    return Stores(database, open_queue(settings, queue, database, clock), _installation_key(settings))


def database_path(settings: Settings) -> Path:
    if settings.database_url is None:
        return settings.data_dir / "gridcall.db"
    return Path(settings.database_url.removeprefix("sqlite:///"))


def _installation_key(settings: Settings) -> bytes:
    """Given, or made at the first start and kept."""
    if settings.installation_key is not None:
        return settings.installation_key.get_secret_value().encode()
    path = settings.data_dir / "installation.key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
    return path.read_text().strip().encode()


class Rosters:
    """The roster in force, cached; a change makes a new version."""

    def __init__(self, roster: Roster, keys: Keys) -> None:
        self.roster = roster
        self.keys = keys

    def current(self) -> Roster:
        return self.roster


async def load_rosters(database: Database, file: RosterFile | None, now: datetime, *, demo: bool) -> Rosters:
    """Take the file's roster into the database, or read the latest from there.

    Raises SettingsError when there is none, or when a demo's key would be let in outside the demo.
    """
    if file is not None:
        rows = [
            KeyRow(
                id=key.id,
                sha256=hashed(key.secret),
                role=key.role,
                source=key.source,
                person=key.person,
                demo=key.demo,
            )
            for key in file.keys
        ]
        _refuse_demo_keys(rows, demo=demo)

        def save(conn: Connection) -> Roster:
            rosters.replace_keys(conn, rows, now)
            return rosters.save(conn, file.roster, "roster file", now)

        roster: Roster | None = await database.transact(save)
    else:
        roster = await database.read(rosters.latest)
    if roster is None:
        raise SettingsError("there is no roster yet: give one with --roster FILE (docs/roster.md), or try --demo")
    keys = await database.read(rosters.all_keys)
    _refuse_demo_keys(keys, demo=demo)
    return Rosters(roster, Keys(keys))


def _refuse_demo_keys(keys: Sequence[KeyRow], *, demo: bool) -> None:
    """Everybody knows them, so a data folder in which a demo ran opens with a roster of one's own only."""
    if not demo and (known := [key.id for key in keys if key.demo]):
        raise SettingsError(f"keys {', '.join(known)}: secrets that begin with demo- are for the demo only")


class Service:
    """Everything in one process: door, router, reviser, dispatcher, reconciler, live feed, ticks."""

    def __init__(
        self, settings: Settings, stores: Stores, rosters_: Rosters, vendors: Vendors, clock: Clock, ids: Ids
    ) -> None:
        self.settings = settings
        self.database = stores.database
        self.broker = stores.broker
        self.clock = clock
        self.ids = ids
        self.rosters = rosters_
        self.vendors = vendors
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
            owner=ids.new(),
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
        self.feeder = Feeder(stores.database, clock, self.pubsub)
        self.started_at = clock.now()

    def ticks(self) -> Sequence[Tick]:
        return (
            Tick("notebook", 1.0, self.notebook.flush),
            Tick("queue", 1.0, self.broker.refresh),
            Tick("seal", 1.0, self._seal),
            Tick("heartbeat", 1.0, self.sweeper.tick),
            Tick("reply codes", 60.0, self._close_old_codes),
        )

    async def _seal(self) -> None:
        """While the database is away its rows wait unsealed; the next tick tries again."""
        try:
            while await self.database.transact(seal.seal) >= seal.BATCH:
                pass
        except Unavailable as away:
            log.warning("evidence cannot be sealed now", error=str(away))

    async def _close_old_codes(self) -> None:
        now = self.clock.now()
        try:
            await self.database.transact(lambda conn: replies.close_old_codes(conn, now))
        except Unavailable as away:
            log.warning("old reply codes cannot be closed now", error=str(away))

    async def run(self) -> None:
        """The loops, until cancelled. A loop that fails ends them all, and with them the process."""
        async with asyncio.TaskGroup() as group:
            if self.spool_router is not None:
                group.create_task(self.spool_router.run(), name="spool router")
            for name, loop in (
                ("queue", self.broker.run()),
                ("router", self.router.run()),
                ("reviser", self.reviser.run()),
                ("dispatcher", self.dispatcher.run()),
                ("reconciler", self.reconciler.run()),
                ("live", self.feeder.run()),
            ):
                group.create_task(loop, name=name)

    def stuck(self) -> list[str]:
        """The loops that have not turned lately."""
        now = self.clock.now()
        return [name for name, at in self.turned().items() if now - at > STUCK]

    def turned(self) -> dict[str, datetime]:
        """When each loop last turned; for the router, since when it has had its oldest message."""
        since = [router.oldest_since() for router in (self.router, self.spool_router) if router is not None]
        return {
            "router": min((at for at in since if at is not None), default=self.clock.now()),
            "reviser": self.reviser.turned_at,
            "dispatcher": self.dispatcher.turned_at,
            "reconciler": self.reconciler.turned_at,
            "live": self.feeder.turned_at,
        }

    async def close(self) -> None:
        """After `run` has ended: write down the last notes, let go of everything."""
        await self.notebook.flush()
        await self._seal()
        await self.vendors.close()
        await self.broker.close()
        await self.database.close()
