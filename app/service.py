"""Wiring by hand: what there is, in which order it starts and stops. No globals, no container."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import structlog

from app.intake_door import Door, read_message
from app.live import Feeder, PubSub
from app.metrics import Metrics
from app.notebook import Notebook
from app.security import DeliveryIds, Keys, hashed
from app.ticks import Tick
from app.vendors import Vendors
from broker.base import Broker
from broker.embedded import EmbeddedBroker
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
from store import partitions, replies, retention, rosters, seal
from store.database import Connection, Database
from store.places import Place, Postgres, SqliteFile
from store.retention import Keep
from store.rosters import KeyRow

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


def open_stores(settings: Settings) -> Stores:
    """Open and migrate. Raises SettingsError when another process has the files, or the database is away."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    broker = EmbeddedBroker(settings.data_dir / "queue.db", settings.queue_depth_limit)
    return Stores(_open_database(settings), broker, _installation_key(settings))


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
        self.keep = Keep(
            evidence=timedelta(days=settings.evidence_days), vendor_bodies=timedelta(days=settings.vendor_body_days)
        )
        self._blanked = ""  # up to this event nothing of vendors is left; not remembered over a restart
        self.started_at = clock.now()

    def ticks(self) -> Sequence[Tick]:
        return (
            Tick("notebook", 1.0, self.notebook.flush),
            Tick("seal", 1.0, self._seal),
            Tick("heartbeat", 1.0, self.sweeper.tick),
            Tick("reply codes", 60.0, self._close_old_codes),
            Tick("months", 3600.0, self._make_months),
            Tick("retention", 3600.0, self._tidy),
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
            for name, loop in (
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
        return {
            "router": self.router.oldest_since() or self.clock.now(),
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
