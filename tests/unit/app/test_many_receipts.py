"""Receipts of texts take turns at the database: calls, decisions and people's answers do not wait behind a storm."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from notifiers.channels.twilio_account import TwilioSignature
from tests.app_fixture import House, opened

SIGNATURE = TwilioSignature("t" * 32)


class Held:
    """No transaction ends before it may."""

    def __init__(self, real):
        self.signals, self.read, self.close = real.signals, real.read, real.close
        self.may_end = asyncio.Event()
        self.begun = asyncio.Semaphore(0)
        self.inside = 0
        self._real = real

    async def transact(self, fn):
        self.inside += 1
        self.begun.release()
        await self.may_end.wait()
        try:
            return await self._real.transact(fn)
        finally:
            self.inside -= 1


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path, loops=False) as found:
        found.service.vendors = replace(found.service.vendors, twilio=SIGNATURE)
        yield found


@pytest.fixture
def held(house: House) -> Iterator[Held]:
    house.service.database = held = Held(house.service.database)
    yield held
    held.may_end.set()


async def receipt(house: House, number: int, channel: str = "sms") -> httpx2.Response:
    path = f"/callbacks/twilio/{channel}/0199-{number}/status"
    texted, called = {"MessageSid": "SM1", "MessageStatus": "sent"}, {"CallSid": "CA1", "CallStatus": "in-progress"}
    form = texted if channel == "sms" else called
    signed = {"x-twilio-signature": SIGNATURE.made(f"http://gridcall.test{path}", form)}
    return await house.client.post(path, data=form, headers=signed)


async def test_few_are_stored_at_once_and_all_in_the_end(house: House, held: Held) -> None:
    told = [asyncio.create_task(receipt(house, n)) for n in range(6)]
    for _ in range(2):
        await asyncio.wait_for(held.begun.acquire(), 5)
    await held.read(lambda conn: None)  # those who could have come by now are there
    assert held.inside == 2
    call = asyncio.create_task(receipt(house, 7, "voice"))
    await asyncio.wait_for(held.begun.acquire(), 5)
    held.may_end.set()
    assert [answer.status_code for answer in await asyncio.gather(call, *told)] == [204] * 7


async def test_who_waits_for_too_long_is_to_tell_it_again(house: House, held: Held) -> None:
    told = [asyncio.create_task(receipt(house, n)) for n in range(3)]
    for _ in range(2):
        await asyncio.wait_for(held.begun.acquire(), 5)
    house.advance(10.1)
    done, _ = await asyncio.wait(told, timeout=5, return_when=asyncio.FIRST_COMPLETED)
    assert [(task.result().status_code, task.result().headers["retry-after"]) for task in done] == [(503, "1")]
    held.may_end.set()
    await asyncio.gather(*told)
    assert (await receipt(house, 7)).status_code == 204
