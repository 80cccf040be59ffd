"""One connection to RabbitMQ, made again whenever it is lost, as long as it is wanted."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog
from aio_pika.abc import AbstractConnection
from aio_pika.connection import Connection, make_url
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError

from model.clock import Clock

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 5.0
CLOSE_SECONDS = 2.0
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 0.5  # the spool is to drain within a second of the broker's return

# Everything the client raises when the other end is not there, or not there any more. (The last: a balancer took the
# connection and closed it again, since there is no RabbitMQ behind it.)
LOST = (AMQPError, ChannelInvalidStateError, OSError, EOFError, StopAsyncIteration)

Up = Callable[[AbstractConnection], Awaitable[None]]


class Lost(Exception):
    """The connection ended under what was being done."""


class as_lost:
    """Every way in which the client tells that the connection is gone becomes Lost; a cancellation stays one.

    When its reader is cancelled, the client cancels whoever waits for an answer: not every CancelledError is ours. And
    when we are cancelled while it opens a connection or a channel, it may go on, or say that the connection is gone,
    as if nobody had asked it to stop.
    """

    def __enter__(self) -> None:
        self._asked_before = _asked_to_stop()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        asked = _asked_to_stop()
        if asked > self._asked_before and not isinstance(error, asyncio.CancelledError):
            raise asyncio.CancelledError from error
        if isinstance(error, LOST) or _closed(error):
            raise Lost(f"{type(error).__name__}: {error}") from error
        if isinstance(error, asyncio.CancelledError) and not asked:
            raise Lost("the connection was closed") from error


def _asked_to_stop() -> int:
    """How often this task was asked to, by a time-out or by whoever ends it."""
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0


def _closed(error: BaseException | None) -> bool:
    """The client says with a bare RuntimeError when a channel is asked of a connection that is gone: it has lost its
    transport already, or ended before its first channel.
    """
    return type(error) is RuntimeError and str(error).endswith((" closed", " was not opened"))


class Link:
    """`up` is called with each new connection, before anybody uses it; when it raises, the connection is given up.

    There is none before it is wanted.
    """

    def __init__(self, url: str, name: str, clock: Clock, up: Up, *, heartbeat_seconds: int) -> None:
        self._url = url
        self._name = name
        self._clock = clock
        self._up = up
        self._heartbeat_seconds = heartbeat_seconds
        self._wanted = asyncio.Event()
        self._lost = asyncio.Event()
        self._connection: AbstractConnection | None = None
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def wanted(self) -> bool:
        return self._wanted.is_set()

    def want(self) -> None:
        self._wanted.set()

    def rest(self) -> None:
        """End the connection, and make no other one until it is wanted again."""
        self._wanted.clear()
        self._lost.set()

    def drop(self, connection: AbstractConnection) -> None:
        """It cannot be trusted any more: make another one, unless that was done already."""
        if connection is self._connection:
            self._lost.set()

    async def run(self) -> None:
        """For ever."""
        failures = 0
        while True:
            await self._wanted.wait()
            connection = self._new()
            try:
                async with self._clock.timeout(CONNECT_SECONDS):
                    with as_lost():
                        await connection.connect()
                        await self._up(connection)
                log.info("connected to RabbitMQ", link=self._name)
                failures = 0
                await self._lost.wait()
                if self.wanted:
                    log.warning("link to RabbitMQ lost", link=self._name)
            except (Lost, TimeoutError) as error:
                # Said at the first try and then now and then: an outage is no reason to fill the disk.
                if failures % 60 == 0:
                    log.warning("RabbitMQ cannot be used", link=self._name, error=str(error) or "no answer")
                failures += 1
            finally:
                self._close(connection)  # also one that never came about: it would close itself at a bad moment
            await self._clock.sleep_until(self._clock.now() + timedelta(seconds=pause_seconds(failures)))

    def _new(self) -> AbstractConnection:
        connection = new_connection(self._url, self._name, self._heartbeat_seconds)
        self._connection = connection
        self._lost.clear()
        connection.close_callbacks.add(lambda *_: self.drop(connection))
        return connection

    def _close(self, connection: AbstractConnection) -> None:
        """In the background: with a peer that hangs, a polite goodbye takes its time."""
        task = asyncio.create_task(self._close_in_time(connection))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close_in_time(self, connection: AbstractConnection) -> None:
        try:
            async with self._clock.timeout(CLOSE_SECONDS):
                with as_lost():
                    await connection.close()
        except (Lost, TimeoutError) as error:
            log.debug("the connection did not close well", link=self._name, error=str(error))

    async def close(self) -> None:
        """After `run` has ended."""
        await asyncio.gather(*self._closing)


def new_connection(url: str, name: str, heartbeat_seconds: int) -> AbstractConnection:
    """Not connected yet. `name` is shown by RabbitMQ."""
    return Connection(make_url(url, heartbeat=heartbeat_seconds), client_properties={"connection_name": name})


def pause_seconds(tries: int) -> float:
    """Longer each time, and not the same for all who lost it at the same moment."""
    longest = min(FIRST_PAUSE_SECONDS * 2 ** min(tries, 10), LONGEST_PAUSE_SECONDS)
    return float(longest * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
