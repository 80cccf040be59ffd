"""Which queue this installation has, by its settings: embedded in the process, or RabbitMQ with a spool beside it."""

from collections.abc import Collection
from dataclasses import dataclass

import structlog

from broker.base import Broker
from broker.embedded import EmbeddedBroker
from broker.failover import FailoverBroker
from broker.rabbitmq import RabbitBroker
from broker.spool import Spool, in_memory
from config.settings import Settings
from model.clock import Clock
from store import deliveries as rows
from store.database import Database

SPOOL = "spool"  # in the data folder

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Undecided:
    """Asks the database, for the spool (model/ports.py)."""

    database: Database

    async def __call__(self, deliveries: Collection[str]) -> set[str]:
        return set(deliveries) - await self.database.read(lambda conn: rows.known(conn, tuple(deliveries)))


def open_embedded(settings: Settings) -> EmbeddedBroker:
    """Its lock is that of the data folder. Raises SettingsError when another process has it."""
    return EmbeddedBroker(settings.data_dir / "queue.db", settings.queue_depth_limit, settings.queue_bytes_limit)


def open_queue(settings: Settings, own: EmbeddedBroker | None, database: Database, clock: Clock) -> Broker:
    """What events go through. What an earlier start without RabbitMQ left in `own` goes through it too."""
    if settings.amqp_url is None:
        assert own is not None
        return own
    folder = settings.data_dir / SPOOL
    spool = Spool(folder, settings.queue_depth_limit, settings.queue_bytes_limit, left_behind=own)
    if in_memory(folder):
        log.warning("the spool is in memory: what it holds is gone with the machine", folder=str(folder))
    rabbit = RabbitBroker(settings.amqp_url.get_secret_value(), clock, depth_limit=settings.queue_depth_limit)
    return FailoverBroker(rabbit, spool, clock, Undecided(database))
