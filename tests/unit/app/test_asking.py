"""What Twilio lists and we stumble over ends nothing: it is asked again, and all else in the lists is taken."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from app import asking
from app.asking import EVERY, Asking
from app.service import STUCK
from model.ids import SystemIds
from notifiers.channels.sms import InboundSms
from tests.databases import in_memory
from tests.scenario.clock import ManualClock
from tests.unit.routing.house import NOW


class Lists:
    """`trouble`: what it stumbles over."""

    def __init__(self) -> None:
        self.trouble: Exception | None = None
        self.asked = 0

    async def received(self, since: Any) -> list[InboundSms]:
        self.asked += 1
        if self.trouble:
            raise self.trouble
        return [InboundSms("+13125550101", "1ABC", "SM1"), InboundSms("+13125550102", "1DEF", "SM2")]

    async def calls(self, since: Any) -> list[Any]:
        return []

    async def texts(self, since: Any) -> list[Any]:
        return []

    async def say(self, number: str, text: str) -> None:
        """Nobody listens."""


class House:
    def __init__(self) -> None:
        self.clock, self.database, self.ids = ManualClock(NOW), in_memory(), SystemIds()


async def turns(clock: ManualClock, count: int) -> None:
    for _ in range(count):
        clock.move_to(clock.now() + EVERY)
        for _ in range(50):
            await asyncio.sleep(0)


async def test_a_mistake_of_ours_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    house, lists, taken = House(), Lists(), []

    async def answered(service: Any, number: str, text: str, id_: str) -> str:
        if text == "1ABC":
            raise KeyError("what nobody thought of")
        taken.append(number)
        return ""

    monkeypatch.setattr(asking, "answer_text", answered)
    monkeypatch.setattr(asking, "IDLE_EVERY", timedelta(0))
    running = asyncio.create_task(Asking(house, lists, "me").run())  # type: ignore[arg-type]
    lists.trouble = KeyError("what nobody thought of")
    await turns(house.clock, 3)
    assert lists.asked >= 3
    lists.trouble = None
    await turns(house.clock, 3)
    assert not running.done()
    assert taken == ["+13125550102"]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    house.database.engine.dispose()


async def test_what_is_listed_no_more_is_not_kept_in_mind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a notifier remembers every call and text as long as it runs."""
    house, lists = House(), Lists()

    async def answered(*_: Any) -> str:
        return ""

    monkeypatch.setattr(asking, "answer_text", answered)
    monkeypatch.setattr(asking, "IDLE_EVERY", timedelta(0))
    loop = Asking(house, lists, "me")  # type: ignore[arg-type]
    running = asyncio.create_task(loop.run())
    await turns(house.clock, 2)
    assert loop._read == {"SM1", "SM2"}

    async def nothing(since: Any) -> list[InboundSms]:
        return []

    monkeypatch.setattr(lists, "received", nothing)
    await turns(house.clock, 2)
    assert loop._read == set()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    house.database.engine.dispose()


async def test_a_slow_twilio_is_no_loop_that_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each answer comes in time, all of them together take longer than a loop may."""
    house, lists, waited = House(), Lists(), []
    loop = Asking(house, lists, "me")  # type: ignore[arg-type]

    async def slow(*_: Any) -> Any:
        house.clock.move_to(house.clock.now() + timedelta(seconds=8))
        waited.append(house.clock.now() - loop.turned_at)
        return []

    async def answered(*_: Any) -> str:
        await slow()
        return ""

    monkeypatch.setattr(asking, "answer_text", answered)
    monkeypatch.setattr(lists, "calls", slow)
    monkeypatch.setattr(lists, "texts", slow)
    running = asyncio.create_task(loop.run())
    await turns(house.clock, 1)
    assert len(waited) == 4
    assert max(waited) < STUCK
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    house.database.engine.dispose()
