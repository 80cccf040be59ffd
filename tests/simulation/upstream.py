"""The upstream systems: they send events, updates, ends and rubbish, again when they got no answer, and beat."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

from app.intake_door import Accepted, Posted
from app.security import Caller
from app.service import Service
from config.keys import Role
from intake.examples import example
from model.errors import QueueFull, Unavailable
from tests.simulation.mix import Mix
from tests.simulation.people import LOST, CallUs

SOURCES = ("miso", "miso-fast")
TRIES = 6


class Upstream:
    """`accepted` holds the delivery ids that a 202 (or 422) promised: none of them may get lost."""

    def __init__(self, mix: Mix, random: Random, now: Callable[[], datetime], call_us: CallUs) -> None:
        self.accepted: list[str] = []
        self.ended = False
        self._mix = mix
        self._random = random
        self._now = now
        self._call_us = call_us

    async def run(self) -> None:
        """Everything this seed sends. Returns when the last has been answered."""
        async with asyncio.TaskGroup() as group:
            for n in range(self._mix.events):
                group.create_task(self._event(f"E-{n + 1}"))

    async def _event(self, event_id: str) -> None:
        spread = 20.0 if self._mix.storm or self._mix.merges else self._mix.seconds
        await asyncio.sleep(self._random.uniform(0, spread))
        source = self._random.choices(SOURCES, (4, 1))[0]
        if self._random.random() < self._mix.unreadable:
            await self._post(source, self._rubbish(event_id))
            return
        first = self._first(event_id)
        said = [first, *self._what_follows(first)]
        if self._random.random() < 0.05:
            said.reverse()  # an end before its event, an update before what it updates
        for number, statement in enumerate(said):
            if number:
                await asyncio.sleep(self._random.choice((0.01, 5.0, 40.0, 200.0)))
            body = json.dumps(statement).encode()
            await self._post(source, body)
            if self._random.random() < self._mix.duplicates:
                await asyncio.sleep(self._random.choice((0.0, 3.0)))
                await self._post(source, body)

    def _first(self, event_id: str) -> dict[str, Any]:
        kind = self._random.choices(("edr", "drill"), (9, 1))[0]
        event = example(kind, self._now(), event_id)
        if self._mix.storm or self._random.random() < 0.3:
            event["severity"] = self._random.choice(("critical", "warning", "notice", "info"))
        if self._random.random() < 0.05:
            event["mode"] = "test"
        if self._random.random() < 0.1:
            event["instruction"] = {"action": "informational", "target_mw": 0.0}
        tight = self._random.random() < self._mix.tight_deadlines
        seconds = self._random.choice((-30, 20, 90)) if tight else 600
        event["ack_due_at"] = _utc(self._now() + timedelta(seconds=seconds))
        return event

    def _what_follows(self, first: dict[str, Any]) -> list[dict[str, Any]]:
        found, number = [], first["revision"]
        while self._random.random() < self._mix.updates and len(found) < 3:
            number += 1
            changed = example("update", self._now(), first["event_id"], revision=number)
            if self._random.random() < 0.3:  # nothing that asks for a new answer
                changed = first | {"revision": number, "message_type": "update", "text": f"Note {number}."}
            elif self._random.random() < 0.3:
                changed["instruction"] = changed["instruction"] | {"target_mw": 10.0 + number}
            changed["mode"], changed["ack_due_at"] = first["mode"], None
            found.append(changed)
        if self._random.random() < self._mix.ends:
            kind = self._random.choice(("cancel", "terminate"))
            found.append(example(kind, self._now(), first["event_id"], revision=number + 1) | {"mode": first["mode"]})
        return found

    def _rubbish(self, event_id: str) -> bytes:
        good = json.dumps(example("bad", self._now(), event_id)).encode()
        return self._random.choice((good, good[:100], b"\xff\x00", b"[]", b"{}"))

    async def _post(self, source: str, body: bytes) -> None:
        """Until it is answered: nobody who got no answer knows whether it was taken."""
        for _ in range(TRIES):
            accepted = await self._call_us(f"POST {source}", _posting(source, body))
            if isinstance(accepted, Accepted):
                self.accepted += accepted.message.deliveries
                return
            await asyncio.sleep(self._random.uniform(1, 10))

    async def beat_only(self, source: str, random: Random) -> None:
        """For ever, every 25 s; now and then silent for longer than it may be."""
        while True:
            silent = not self.ended and random.random() < self._mix.falls_silent
            await asyncio.sleep(random.uniform(90, 600) if silent else 25.0)

            async def heartbeat(service: Service) -> None:
                service.notebook.heard(source, service.clock.now())

            await self._call_us(f"heartbeat {source}", heartbeat)

    async def beat(self) -> None:
        """For ever, with pauses in which the source is silent for longer than it may be."""
        while True:
            await asyncio.sleep(120.0 if self.ended or self._random.random() < 0.5 else 600.0)

            async def heartbeat(service: Service) -> None:
                service.notebook.heard("miso", service.clock.now())

            await self._call_us("heartbeat", heartbeat)


def _posting(source: str, body: bytes) -> Callable[[Service], Awaitable[Any]]:
    caller = Caller(key_id=f"sim-{source}", role=Role.UPSTREAM, source=source, person=None)
    posted = Posted(
        body=body, headers={"content-type": "application/json"}, sender="198.51.100.7", request_id="simulated"
    )

    async def post(service: Service) -> object:
        try:
            return await service.door.accept(posted, source, caller, service.rosters.roster)
        except (Unavailable, QueueFull):
            return LOST  # 503: nothing was promised

    return post


def _utc(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
