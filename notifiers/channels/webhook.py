"""Outgoing webhooks, signed as Standard Webhooks says: for systems that are to know what people are told.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import ipaddress
import json
import socket
from collections.abc import Collection
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from standardwebhooks import Webhook

from model.attempt import Attempt, Sent
from model.clock import Clock
from model.errors import SendError
from model.plan import ChannelName
from model.ports import Found, Send
from notifiers.channels import wire

TYPE = "grid.event.told"
LOOPBACK = "localhost"
AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


class WebhookChannel:
    """Posts what somebody is told to an address of theirs; a repeat has the same `webhook-id`.

    Only https, but to this machine itself and to `hosts`. No name may lead into a private network unless it is one of
    `hosts`, and nobody is followed elsewhere.
    """

    name = ChannelName.WEBHOOK
    repeatable = True

    def __init__(self, *, secret: str, hosts: Collection[str], clock: Clock, timeout_seconds: float = 5.0) -> None:
        self.timeout_seconds = timeout_seconds
        self._signer = Webhook(secret)
        self._hosts = frozenset(hosts)
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    async def send(self, send: Send) -> Sent:
        attempt, url = send.attempt, send.attempt.address
        refuse(url, self._hosts)
        body, now = body_of(attempt), self._clock.now()
        headers = {"content-type": "application/json", **self._signed(message_id(attempt), body, now)}
        async with (
            wire.one_request(self._clock, self.timeout_seconds, "webhook", changes=True),
            self._open().post(url, data=body.encode(), headers=headers, allow_redirects=False) as answer,
        ):
            _judge(answer)
        return Sent(vendor_id=message_id(attempt), raw={"status": answer.status})

    async def find(
        self, attempt: Attempt, known_ids: frozenset[str], since: datetime, thread: str | None = None
    ) -> Found | None:
        """Nothing to look for: sending again is harmless."""
        return None

    async def cut(self, vendor_id: str, answered: bool, spoken: str) -> None:
        """What was told is told."""

    async def say_instead(self, attempt: Attempt, prompt: str) -> None:
        """Nobody is in the middle of reading."""

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = wire.session(Outside(self._hosts))
        return self._session

    def _signed(self, name: str, body: str, now: datetime) -> dict[str, str]:
        return {
            "webhook-id": name,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(name, now, body),
        }


def message_id(attempt: Attempt) -> str:
    """The same for every try of one message, so that the receiver can tell a repeat."""
    return f"msg_{attempt.notification_id}_{attempt.part}"


def body_of(attempt: Attempt) -> str:
    """`{"type", "timestamp", "data"}`: when it was first said, and the event's fields under a headline."""
    data = {**attempt.words.payload, "summary": attempt.words.text}
    body = {"type": TYPE, "timestamp": attempt.started_at.isoformat(), "data": data}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def refuse(url: str, hosts: Collection[str]) -> None:
    """Raise SendError for an address that is not to be asked, whatever stands behind it."""
    scheme, host = urlsplit(url).scheme, urlsplit(url).hostname or ""
    here = host == LOOPBACK or _is_loopback(host)
    if host in hosts:
        return
    if scheme != "https" and not here:
        raise _wrong(f"{scheme} to {host}: only https, or name the host in GRIDCALL_WEBHOOK_HOSTS")
    if not here and _is_inside(host):
        raise _wrong(f"{host} is in a private network: name it in GRIDCALL_WEBHOOK_HOSTS")


class Outside(AbstractResolver):
    """Finds addresses by name and gives none of a private network away, but for `hosts` and this machine by its name.

    It is asked at each connection, so a name that changes its address between two looks gains nothing.
    """

    def __init__(self, hosts: Collection[str]) -> None:
        self._hosts = hosts
        self._names = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._names.resolve(host, port, family)
        if host in self._hosts or host == LOOPBACK:
            return found
        public = [one for one in found if not _is_inside(one["host"])]
        if not public:
            raise _wrong(f"{host} leads into a private network: name it in GRIDCALL_WEBHOOK_HOSTS")
        return public

    async def close(self) -> None:
        await self._names.close()


def _is_inside(host: str) -> bool:
    """True for an address that is not one of the open internet; False for a name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return not address.is_global or address.is_multicast


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _judge(answer: aiohttp.ClientResponse) -> None:
    """Raise what the answer means. Its body is not read: nobody asked for it."""
    status = answer.status
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return
    text = f"the webhook's receiver answered {status}"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in AGAIN:
        wait = wire.seconds_of(answer.headers.get("Retry-After", ""))
        raise SendError(text, retryable=True, code=str(status), retry_after_seconds=wait, answered=status < 500)
    if status < HTTPStatus.BAD_REQUEST:
        raise SendError(f"{text}, and redirects are not followed", retryable=False, code=str(status))
    raise SendError(text, retryable=False, code=str(status), bad_address=status == HTTPStatus.GONE)


def _wrong(text: str) -> SendError:
    return SendError(f"webhook refused: {text}", retryable=False, code="address", bad_address=True)
