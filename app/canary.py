"""Sends a message of our own over HTTP, as upstream systems do, and measures how long it takes on every step.

One process does it, whoever looks after the sources. What comes of it stands in the database, where every process sees
it: that none is sent any more is noticed too (heartbeat/vital_signs.py).
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import structlog

from app.metrics import Canaries
from app.security import CanaryKey
from model.canary import LATE
from model.clock import Clock
from model.errors import Unavailable
from model.event import Action, MessageType, Mode, Phase, Severity
from model.ids import Ids
from routing.canary import EVENT_ID
from store import canaries
from store.database import Database

log = structlog.get_logger(__name__)

ANSWER_SECONDS = 10.0


class Sender:
    """`every`: zero for never. `url`: where the API is."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: Ids,
        key: CanaryKey,
        url: str,
        every: timedelta,
        measured: Canaries,
        opened: Callable[[], aiohttp.ClientSession] = aiohttp.ClientSession,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._key = key
        self._url = f"{url}/v1/events"
        self._every = every
        self._measured = measured
        self._opened = opened
        self._session: aiohttp.ClientSession | None = None
        self._on_the_way: dict[str, datetime] = {}

    async def tick(self) -> None:
        """Every few seconds: the next one, if it is time; and what became of the last ones."""
        try:
            now = self._clock.now()
            last = await self._database.read(canaries.newest)
            if last is None or now - last.sent_at >= self._every:
                await self._send(now)
            await self._measure()
        except Unavailable as away:
            log.warning("database away, no message of our own is sent", error=str(away))

    async def _send(self, now: datetime) -> None:
        id_ = self._ids.new()
        await self._database.transact(lambda conn: canaries.send(conn, id_, now))
        self._on_the_way[id_] = now
        failure = await self._posted(statement(id_, now))
        if failure:
            log.warning("a message of our own was not taken", url=self._url, why=failure)
            await self._database.transact(lambda conn: canaries.fail(conn, id_, failure))

    async def _posted(self, body: dict[str, Any]) -> str:
        """Why it was not taken; "" when it was."""
        self._session = self._session or self._opened()
        headers, limit = {"Authorization": self._key.bearer}, aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        try:
            async with self._session.post(
                self._url, json=body, headers=headers, timeout=limit, allow_redirects=False
            ) as answer:
                return "" if answer.status == 202 else f"{self._url} answers {answer.status}"
        except TimeoutError:
            return f"{self._url} does not answer within {ANSWER_SECONDS:g} s"
        except (aiohttp.ClientError, OSError) as error:
            return f"{self._url} cannot be reached ({type(error).__name__})"

    async def _measure(self) -> None:
        """Each is counted once, by whoever sent it."""
        if not self._on_the_way:
            return
        now, ids = self._clock.now(), list(self._on_the_way)
        for canary in await self._database.read(lambda conn: canaries.of(conn, ids)):
            if canary.told_at is not None:
                self._measured.came_through(canary.seconds())
                del self._on_the_way[canary.id]
            elif now - canary.sent_at >= self._every + LATE:
                self._measured.lost()
                del self._on_the_way[canary.id]

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


def statement(id_: str, now: datetime) -> dict[str, Any]:
    """As urgent as can be, and a test: whoever took it for an event would call nobody."""
    return {
        "event_id": f"{EVENT_ID}{id_}",
        "message_type": MessageType.NEW,
        "mode": Mode.TEST,
        "issuer": "Gridcall",
        "program": "GRIDCALL",
        "phase": Phase.ALERT,
        "severity": Severity.CRITICAL,
        "issued_at": now.isoformat(),
        "instruction": {"action": Action.INFORMATIONAL},
        "headline": "Gridcall tries itself",
    }
