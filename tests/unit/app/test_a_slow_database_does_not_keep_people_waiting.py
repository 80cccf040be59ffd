"""A reply that is not stored within a second goes through the queue; stored late after all, it counts once."""

import asyncio

from model.errors import Unavailable
from tests.app_fixture import House

EVENT = "/v1/events/miso/edr-1"
ANSWER = {"person": "ana", "reply": "acknowledge"}


class Slow:
    """Takes the first transaction and keeps it until it may go on; the next ones go through."""

    def __init__(self, real):
        self.signals = real.signals
        self.read = real.read
        self.close = real.close
        self.goes_on = asyncio.Event()
        self.begun = asyncio.Event()
        self._real = real
        self._first = None

    async def transact(self, fn):
        if self._first is None:
            self._first = asyncio.ensure_future(self._late(fn))
            self.begun.set()
            return await asyncio.shield(self._first)
        return await self._real.transact(fn)

    async def _late(self, fn):
        await self.goes_on.wait()
        return await self._real.transact(fn)

    async def settled(self):
        self.goes_on.set()
        await self._first


async def replies(house: House) -> list[str]:
    return [reply["id"] for reply in (await house.get(EVENT)).json()["replies"]]


async def test_slow_is_as_good_as_away(house: House) -> None:
    await house.send("edr-1")
    slow = house.service.database = Slow(house.service.database)
    asking = asyncio.create_task(house.post(f"{EVENT}/reply", json=ANSWER))
    await slow.begun.wait()
    house.advance(0.9)
    assert not asking.done()
    house.advance(0.2)
    answer = await asking
    assert answer.status_code == 202
    await house.until(lambda: house.service.broker.depth() == 0)
    await slow.settled()
    assert len(await replies(house)) == 1


async def test_a_reply_nobody_can_place_is_told(house: House) -> None:
    """It was answered "received", so it must not vanish: people are told as of a message nobody can read."""
    real = house.service.database

    class Away(Slow):
        async def transact(self, fn):
            raise Unavailable("away")

    house.service.database = Away(real)
    assert (await house.post("/v1/events/miso/none/reply", json=ANSWER)).status_code == 202
    house.service.database = real
    await house.until(lambda: house.service.broker.depth() == 0)
    [found] = (await house.get("/v1/unreadable", "demo-admin")).json()["unreadables"]
    assert "has sent no event none" in str(found)
