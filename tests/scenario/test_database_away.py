"""The database is away when people answer: they hear that it was received, and it counts, once, as of then."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from model.errors import Unavailable
from routing import reviser
from store import claims, outcomes
from tests.scenario.world import World


class Away:
    """Stands where the database was."""

    def __init__(self, real: Any) -> None:
        self.signals = real.signals

    async def transact(self, fn: Any) -> Any:
        raise Unavailable("somebody pulled the plug")

    read = transact


@contextmanager
def database_away(world: World) -> Iterator[None]:
    timed: Any = world.service.database
    counted = timed._database  # which all parts have
    real, counted._database = counted._database, Away(counted._database)
    world.queue_waits = True  # the router holds what it has, and looks again each second
    try:
        yield
    finally:
        counted._database = real


async def rung(world: World) -> None:
    await world.scene("nobody answers")
    await world.post("edr")
    await world.advance_until("0:05")
    for name, at in (("ana", "0:00"), ("ben", "0:01")):
        world.phone(name).expects_call(at=at)
    world.phone("ben").expects_text("Reply 1")


async def accepted(world: World, how: str, *, ben_hears: bool = True) -> None:
    """Ana's answer of 0:05 counts, and nobody else is called after it."""
    await world.advance(seconds=1)
    world.queue_waits = False
    await world.advance_until("11:00")
    if ben_hears:
        world.phone("ben").expects_text("Ana Reyes has it since 18:00 GMT")
    kept = await world.event()
    assert kept.outcomes() == ["met"]
    assert [(r.person, r.channel, world.moment(r.received_at)) for r in kept.replies] == [("ana", how, "0:05")]
    assert kept.breaks == []
    assert world.settled(kept) == []


async def test_a_key(world: World) -> None:
    await rung(world)
    world.phone("ana").expects_text("Reply 1")
    call = world.phone("ana").calls[0]
    with database_away(world):
        await call.presses("3")
        await world.quiet()
        assert "This cannot be repeated now. To accept, press 1." in call.heard[-1]
        await call.presses("1")
        await world.quiet()
        assert call.heard[-1].startswith("Your answer has been received")
        await world.advance_until("0:09")
    await accepted(world, "voice")


@pytest.mark.long
async def test_a_text(world: World) -> None:
    await rung(world)
    code = world.phone("ana").expects_text("Reply 1").code
    with database_away(world):
        assert (await world.phone("ana").says(f"1{code}")).startswith("Received. Your answer will be counted")
        # Whether that was answered often enough nobody can say now, and an auto-reply would chat for ever.
        assert await world.phone("ana").says("what is this") == ""
        await world.advance_until("0:09")
    await accepted(world, "sms")


@pytest.mark.long
async def test_a_text_without_a_code(world: World) -> None:
    """Nobody knows yet whether it is clear what it is about. Here it is."""
    await rung(world)
    world.phone("ana").expects_text("Reply 1")
    with database_away(world):
        said = await world.phone("ana").says("1")
        assert said.endswith("till then you may be called again. If you are, reply with the code, e.g. 1A.")
        await world.advance_until("0:09")
    await accepted(world, "sms")


@pytest.mark.long
async def test_a_button(world: World) -> None:
    await rung(world)
    world.phone("ana").expects_text("Reply 1")
    alert = world.slack()[0]
    with database_away(world):
        await world.presses_button(alert, "acknowledge", by="ana")
        whispers = [e.raw for e in world.standins.feed.after(0) if e.raw.get("message", {}).get("is_ephemeral")]
        assert [(w["user"], w["message"]["text"][:9]) for w in whispers] == [(world.phone("ana").slack, "Received.")]
        await world.advance_until("0:09")
    await accepted(world, "slack")


async def test_an_answer_by_api(world: World) -> None:
    """The same answer is taken once, though it is in the queue and was given again."""
    await rung(world)
    world.phone("ana").expects_text("Reply 1")
    bearer = {"authorization": "Bearer demo-operator"}
    with database_away(world):
        answer = await world.http.post(
            "/v1/events/miso/E-1/reply", json={"person": "ana", "reply": "acknowledge"}, headers=bearer
        )
        assert answer.status_code == 202
        assert answer.json()["counted"] is None
        assert answer.json()["detail"].startswith("received")
        await world.advance_until("0:09")
    await accepted(world, "api")
    assert answer.json()["reply_id"] == (await world.event()).replies[0].id


def failing(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, times: int) -> None:
    """The database goes away, so often, in the middle of that function's transaction."""
    real, left = getattr(module, name), iter(range(times))

    def fails_first(*arguments: Any, **named: Any) -> Any:
        if next(left, None) is not None:
            raise Unavailable("somebody pulled the plug")
        return real(*arguments, **named)

    monkeypatch.setattr(module, name, fails_first)


async def test_what_a_vendor_accepted_is_written_down_when_it_is_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process lives on, no phone rings twice, and the first answer counts as always."""
    failing(monkeypatch, outcomes, "sent", times=7)
    await rung(world)
    code = world.phone("ana").expects_text("Reply 1").code
    assert (await world.phone("ana").says(f"1{code}")).startswith("Accepted")
    await world.advance_until("11:00")
    world.phone("ben").expects_text("Ana Reyes has it since")
    kept = await world.event()
    assert kept.outcomes() == ["met"]
    assert world.settled(kept) == []


@pytest.mark.long
@pytest.mark.parametrize(("module", "name"), [(reviser, "take"), (claims, "claim"), (outcomes, "adopt")])
async def test_the_loops_go_on_when_it_is_back(
    module: Any, name: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, module, name, times=3)
    await world.scene("nobody answers")
    await world.kill_service()
    await world.start_service()
    await world.post("edr")
    await world.advance_until("11:00")
    kept = await world.event()
    assert kept.outcomes() == ["missed"]
    assert world.settled(kept) == []
    for phone in ("ana", "ben", "chie", "dee"):
        assert len(world.phone(phone).calls) == 1
        world.phone(phone).expects_call()
        world.phone(phone).expects_text("Reply 1")
