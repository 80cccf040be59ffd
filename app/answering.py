"""People's answers must not wait for the database: what cannot be stored at once goes through the queue."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import structlog

from app.service import Service
from model.errors import Unavailable
from model.reply import Heard
from routing.heard import message_of
from store import traces

log = structlog.get_logger(__name__)

# Vendors wait 3 seconds and more; whoever pressed a key should not hear silence.
STORE_SECONDS = 1.0

T = TypeVar("T")


@asynccontextmanager
async def traced(service: Service, attempt_id: str) -> AsyncIterator[None]:
    """A span in the trace of the message that the attempt told of."""
    on = service.tracer.on
    parent = await service.database.read(lambda conn: traces.of_attempt(conn, attempt_id)) if on else ""
    with service.tracer.span("callback", parent, attempt=attempt_id):
        yield


async def within_a_second(service: Service, heard: Heard | None, work: Callable[[], Awaitable[T]]) -> T | None:
    """What `work` returns; None when the database was away or slow: `heard`, if any, is then durable in the queue.

    `work` may still come to its end later: it must store the answer under `heard.id`. Raises QueueFull, Unavailable
    when the queue did not take it either.
    """
    try:
        async with service.clock.timeout(STORE_SECONDS):
            return await work()
    except (Unavailable, TimeoutError) as away:
        if heard is not None:
            await service.broker.publish(message_of(heard))
            log.warning("answer received, not stored yet", reply=heard.id, channel=heard.channel, error=str(away))
        return None
