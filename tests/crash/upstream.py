"""Who sends events: keeps what was accepted and when, and repeats what was not answered, as a good sender does."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from bench import event
from bench.load import Connection, request

REPEAT_SECONDS = 0.2
ANSWER_SECONDS = 10.0


@dataclass(slots=True)
class Posted:
    """One event: when it was first offered, when it was answered 202 (None: never), how long that POST took."""

    event_id: str
    offered_at: float
    accepted_at: float | None = None
    seconds: float = 0.0
    tries: int = 0
    statuses: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Upstream:
    """Posts over the door at `port` with `secret`. `posted` has every event offered."""

    port: int
    secret: str
    posted: list[Posted] = field(default_factory=list)
    program: Callable[[int], str] = lambda _: "EDR"
    _idle: list[Connection] = field(default_factory=list)

    def offer(
        self,
        count: int,
        per_second: float,
        *,
        program: Callable[[int], str] | None = None,
        patience_seconds: float = 60.0,
    ) -> list[Posted]:
        """Offer that many, evenly, whatever becomes of those before (open loop). Returns when each is answered."""
        return asyncio.run(self._offer(count, per_second, program or self.program, patience_seconds))

    def one(self, patience_seconds: float = 60.0) -> Posted:
        [posted] = self.offer(1, 1.0, patience_seconds=patience_seconds)
        return posted

    @property
    def accepted(self) -> list[Posted]:
        return [posted for posted in self.posted if posted.accepted_at is not None]

    async def _offer(
        self, count: int, per_second: float, program: Callable[[int], str], patience_seconds: float
    ) -> list[Posted]:
        self._idle.clear()
        began, offered = time.monotonic(), []
        async with asyncio.TaskGroup() as group:
            for n in range(count):
                await asyncio.sleep(max(0.0, began + n / per_second - time.monotonic()))
                event_id, body = event.body(program(len(self.posted)))
                posted = Posted(event_id, time.time())
                offered.append(posted)
                self.posted.append(posted)
                group.create_task(self._until_accepted(posted, body, patience_seconds))
        for connection in self._idle:
            connection.close()
        return offered

    async def _until_accepted(self, posted: Posted, body: bytes, patience_seconds: float) -> None:
        raw = self.request(body)
        end = time.monotonic() + patience_seconds
        while posted.accepted_at is None and time.monotonic() < end:
            posted.tries += 1
            began = time.monotonic()
            status = await self._ask(raw)
            posted.statuses.append(status)
            posted.seconds = time.monotonic() - began
            if status == 202:
                posted.accepted_at = time.time()
            else:
                await asyncio.sleep(REPEAT_SECONDS)

    def request(self, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.secret}"}
        return request("/v1/events", body, headers)

    async def _ask(self, raw: bytes) -> int:
        """The status; 0 when there was no answer."""
        connection = None
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                connection = self._idle.pop() if self._idle else await Connection.open(self.port)
                status = await connection.ask(raw)
        except (OSError, EOFError, TimeoutError):
            if connection is not None:
                connection.close()
            return 0
        self._idle.append(connection)
        return status
