"""Slack's Socket Mode: what people do in Slack comes over a connection that we open, so no address of ours is needed.

https://docs.slack.dev/apis/events-api/using-socket-mode
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import structlog

from model.clock import Clock
from model.errors import SendError
from model.ports import Answers
from notifiers.channels import wire
from notifiers.channels.slack import SlackWorkspace

if TYPE_CHECKING:
    from slack_sdk.socket_mode.request import SocketModeRequest

log = structlog.get_logger(__name__)

OPEN_SECONDS = 5.0
HEARTBEAT_SECONDS = 15.0  # a peer that does not answer a ping within half of this is gone
PAUSES = tuple(timedelta(seconds=s) for s in (1, 2, 5, 10, 30))  # before the next try to connect
FINISH_SECONDS = 2.0  # for what was begun when we stop
COMMAND = "slash_commands"

# The kind of a thing that was done ("interactive", "slash_commands") and its payload; the answer to a command.
Take = Callable[[str, Mapping[str, Any]], Awaitable[Mapping[str, Any] | None]]


class SlackSocket:
    """`connected`: how many connections are open; for a moment two, when Slack changes one for another.

    `down_since`: since when there is none, None while there is one, or nobody has begun to open any.
    """

    def __init__(self, workspace: SlackWorkspace, *, app_token: str, clock: Clock) -> None:
        self._workspace = workspace
        self._app_token = app_token
        self._clock = clock
        self.connected = 0
        self.down_since: datetime | None = None

    async def run(self, take: Take) -> None:
        """For ever. A connection that ends, or is said to end soon, is followed by another."""
        self.down_since = self._clock.now()
        async with wire.session() as session, asyncio.TaskGroup() as group:
            while True:
                link = await self._opened(session)
                opened_at, ending = self._clock.now(), asyncio.Event()
                group.create_task(self._read(link, take, group, ending))
                await ending.wait()
                await self._clock.sleep_until(opened_at + PAUSES[0])  # one that ends at once is no reason to hurry

    async def check(self, seconds: float) -> str:
        """Ask for the address of a connection, and let it be. Raises SendError; `stop_channel` for a wrong token."""
        answer = await self._workspace.ask(
            seconds, lambda client: client.apps_connections_open(app_token=self._app_token), changes=False
        )
        if not isinstance(url := answer.get("url"), str):
            raise wire.unreadable("Slack", TypeError(), changes=False)
        return url

    async def known(self) -> Answers:
        """As `check`, for who asks now and then whether Slack still takes the token."""
        await self.check(OPEN_SECONDS)
        return Answers("the app-level token is taken")

    async def _opened(self, session: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        """A connection, however long that takes."""
        failed = 0
        while True:
            try:
                return await self._open(session)
            except SendError as error:
                log.warning("no connection for Slack's buttons and commands", error=str(error))
                await self._clock.sleep_until(self._clock.now() + PAUSES[min(failed, len(PAUSES) - 1)])
                failed += 1

    async def _open(self, session: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        url = await self.check(OPEN_SECONDS)
        async with wire.one_request(self._clock, OPEN_SECONDS, "Slack", changes=False):
            return await session.ws_connect(url, heartbeat=HEARTBEAT_SECONDS)

    async def _read(
        self, link: aiohttp.ClientWebSocketResponse, take: Take, group: asyncio.TaskGroup, ending: asyncio.Event
    ) -> None:
        """Until it ends. `ending` is set as soon as that is near: what still comes here is taken all the same."""
        self.connected += 1
        self.down_since = None
        try:
            async for message in link:
                told = _told(message)
                if told.get("type") == "disconnect":
                    log.info("Slack changes the connection", reason=str(told.get("reason")))
                    ending.set()
                elif (request := _request(told)) is not None:
                    group.create_task(self._answer(link, request, take))
        finally:
            self.connected -= 1
            if not self.connected:
                self.down_since = self._clock.now()
            ending.set()
            await link.close()

    async def _answer(self, link: aiohttp.ClientWebSocketResponse, request: "SocketModeRequest", take: Take) -> None:
        """Slack waits three seconds for an acknowledgement. A command's carries its answer, any other goes first.

        What was acknowledged Slack does not tell again: when we stop, it is taken all the same.
        """
        if request.type != COMMAND:
            await _acknowledge(link, request)
        taking = asyncio.create_task(_taken(request, take))
        try:
            answers, answer = await asyncio.shield(taking)
        except asyncio.CancelledError:
            with suppress(TimeoutError):
                async with self._clock.timeout(FINISH_SECONDS):
                    await taking
            raise
        if answers and request.type == COMMAND:
            await _acknowledge(link, request, answer)


async def _taken(request: "SocketModeRequest", take: Take) -> tuple[bool, Mapping[str, Any] | None]:
    """Whether it could be taken, and the answer to it."""
    try:
        return True, await take(request.type, request.payload)
    except Exception:
        # As in a request that fails: it is the end of this one, and of nothing else.
        log.exception("what was done in Slack could not be taken", type=request.type)
        return False, None


async def _acknowledge(
    link: aiohttp.ClientWebSocketResponse, request: "SocketModeRequest", answer: Mapping[str, Any] | None = None
) -> None:
    from slack_sdk.socket_mode.response import SocketModeResponse  # noqa: PLC0415 - heavy

    response = SocketModeResponse(request.envelope_id, dict(answer) if answer else None)
    try:
        await link.send_json(response.to_dict())
    except ConnectionError as error:
        log.warning("the connection ended before Slack had its answer", error=str(error))


def _told(message: aiohttp.WSMessage) -> Mapping[str, Any]:
    """What stands in it; nothing where it is no object."""
    if message.type is not aiohttp.WSMsgType.TEXT:
        return {}
    try:
        told = json.loads(message.data)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _request(told: Mapping[str, Any]) -> "SocketModeRequest | None":
    from slack_sdk.socket_mode.request import SocketModeRequest  # noqa: PLC0415 - heavy

    return SocketModeRequest.from_dict(dict(told)) if isinstance(told.get("payload"), dict) else None
