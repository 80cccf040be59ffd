"""Writes down what vendors accepted, all together that came in while the commit before was under way."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from model.ids import Ids
from store import accepted
from store.accepted import Accepted
from store.database import Connection

TOGETHER = 64  # in one transaction

Written = Callable[[Callable[[Connection], None]], Awaitable[None]]


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """`settled`: True when another has written it, False when it is its turn to write for all who wait."""

    one: Accepted
    settled: asyncio.Future[bool]

    @property
    def writes(self) -> bool:
        return self.settled.done() and not self.settled.cancelled() and not self.settled.result()


class Results:
    """`written`: runs a function in a transaction, however long the database is away."""

    def __init__(self, written: Written, ids: Ids) -> None:
        self._written = written
        self._ids = ids
        self._waiting: list[_Waiting] = []
        self._writing = False

    async def write(self, one: Accepted) -> None:
        """Return when it is durable."""
        mine = _Waiting(one, asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        if not self._writing:
            self._pass_on()
        try:
            if not await mine.settled:
                await asyncio.sleep(0)  # noqa: TID251 - no time passes: whoever is ready at this moment comes along
                await self._write_for_all(mine)
        finally:
            if mine.writes:
                self._pass_on()

    async def _write_for_all(self, mine: _Waiting) -> None:
        """The oldest; who writes is the oldest of them."""
        batch, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
        others = [other for other in batch if other is not mine]
        try:
            await self._write(batch)
        except BaseException as error:
            self._waiting[:0] = others
            if not others or not isinstance(error, Exception):
                raise
            await self._write([mine])  # one that cannot be written keeps no other from it
            return
        for other in others:
            if not other.settled.done():
                other.settled.set_result(True)

    async def _write(self, batch: Sequence[_Waiting]) -> None:
        await self._written(lambda conn: accepted.write(conn, self._ids, [each.one for each in batch]))

    def _pass_on(self) -> None:
        """To the next who waits. What nobody waits for any more, as the process ends, is looked up at the vendor."""
        self._waiting = [waiting for waiting in self._waiting if not waiting.settled.done()]
        self._writing = bool(self._waiting)
        if self._waiting:
            self._waiting[0].settled.set_result(False)
