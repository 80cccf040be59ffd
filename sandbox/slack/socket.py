"""Socket Mode: what people do goes to the app over a connection that the app has opened.

https://docs.slack.dev/apis/events-api/using-socket-mode
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

from fastapi import WebSocket, WebSocketDisconnect

from sandbox.activity import Activity
from sandbox.courier import Answer
from sandbox.slack.workspace import APP

PATH = "/slack/link/"
PATIENCE = timedelta(seconds=3)
MAX_TICKETS = 100  # addresses that were given and not used yet
MAX_LINKS = 10  # of one app at once

Object = dict[str, Any]


class Sockets:
    """The open connections of the app. As at Slack, each thing that is done goes over one of them: here the newest."""

    def __init__(self, activity: Activity) -> None:
        self._activity = activity
        self._tickets: list[str] = []
        self._links: list[WebSocket] = []
        self._waiting: dict[str, tuple[asyncio.Event, Object]] = {}
        self.acknowledged: list[Object] = []
        """Every answer to an envelope, in order."""

    @property
    def open(self) -> int:
        return len(self._links)

    def ticket(self) -> str:
        """Return a path that opens one connection."""
        self._tickets[MAX_TICKETS:] = []
        self._tickets.insert(0, uuid4().hex)
        return PATH + self._tickets[0]

    async def serve(self, link: WebSocket, ticket: str) -> None:
        """Keep one connection until it ends."""
        if ticket not in self._tickets or len(self._links) >= MAX_LINKS:
            await link.close(4403)
            return
        self._tickets.remove(ticket)
        await link.accept()
        await link.send_json(
            {"type": "hello", "num_connections": len(self._links) + 1, "connection_info": {"app_id": APP}}
        )
        self._links.append(link)
        try:
            while True:
                self._take(json.loads(await link.receive_text()))
        except WebSocketDisconnect:
            pass  # the app has gone
        finally:
            if link in self._links:
                self._links.remove(link)

    async def deliver(self, kind: str, payload: Object) -> Answer:
        """Hand `payload` over and wait for its acknowledgement. `kind`: interactive or slash_commands."""
        envelope = {"envelope_id": str(uuid4()), "type": kind, "accepts_response_payload": True, "payload": payload}
        with self._expected(str(envelope["envelope_id"])) as (come, answer):
            await self._links[-1].send_json(envelope)
            await self._activity.wait(self._activity.clock.now() + PATIENCE, come)
        if not answer:
            return Answer(0, "not acknowledged within 3 s")
        return Answer(200, json.dumps(answer["payload"]) if "payload" in answer else "")

    async def refresh(self) -> None:
        """Say on every connection that it ends, and end it, as Slack does every few hours."""
        links, self._links = self._links, []
        goodbye = {"type": "disconnect", "reason": "refresh_requested", "debug_info": {"host": "sandbox"}}
        for link in links:
            with suppress(WebSocketDisconnect):  # the app may be faster, or has gone by itself
                await link.send_json(goodbye)
                await link.close()

    @contextmanager
    def _expected(self, envelope_id: str) -> Iterator[tuple[asyncio.Event, Object]]:
        self._waiting[envelope_id] = expected = (asyncio.Event(), Object())
        try:
            yield expected
        finally:
            del self._waiting[envelope_id]

    def _take(self, answer: Object) -> None:
        self.acknowledged.append(answer)
        if (found := self._waiting.get(str(answer.get("envelope_id")))) is not None:
            come, kept = found
            kept.update(answer)
            come.set()
