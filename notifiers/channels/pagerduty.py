"""PagerDuty: Events v2 through the `pagerduty` package in a few threads, and the signature of its webhooks.

The package sleeps and repeats by itself, 429 without limit. All of that is switched off: one request, one answer.
"""

import asyncio
import hashlib
import hmac
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from model.attempt import Attempt, Sent
from model.clock import Clock
from model.errors import OutcomeUnknown, SendError
from model.plan import ChannelName
from model.ports import Answers, Found, Send
from notifiers.channels import wire
from notifiers.channels.masking import masked

if TYPE_CHECKING:
    import httpx2
    from pagerduty import EventsApiV2Client

THREADS = 4
DEDUP_KEY_CHARS = 255
CHECK_KEY = "gridcall:check"  # of an alert that there never is
SUMMARY_CHARS = 1024
TRY_AGAIN = (408, 425, 429)  # of 4xx; for any other it is the request that is wrong
SIGNATURES = 16  # a webhook header holds one or two; more is somebody's game


class PagerDutyChannel:
    """Triggers, acknowledges and resolves alerts. An address is a routing key; a repeat is recognised by its key.

    `base_url`: another place than events.pagerduty.com, which may be http.
    """

    name = ChannelName.PAGERDUTY
    repeatable = True

    def __init__(self, *, clock: Clock, base_url: str | None = None, timeout_seconds: float = 5.0) -> None:
        self.timeout_seconds = timeout_seconds
        self._clock = clock
        self._base_url = base_url.rstrip("/") if base_url else None
        self._threads: ThreadPoolExecutor | None = None
        self._clients: dict[str, EventsApiV2Client] = {}
        self._transport: httpx2.BaseTransport | None = None
        self._lock = threading.Lock()

    async def send(self, send: Send) -> Sent:
        attempt, details = send.attempt, send.details
        action, dedup_key = str(details["action"]), str(details["dedup_key"])
        properties = {"payload": dict(attempt.words.payload)} if action == "trigger" else {}
        returned = await self._ask(attempt.address, action, dedup_key, properties)
        return Sent(vendor_id=returned, raw={"dedup_key": returned, "action": action})

    async def _ask(self, routing_key: str, action: str, dedup_key: str, properties: dict[str, Any]) -> str:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="pagerduty")
        # In the context of the caller: the request belongs to its trace.
        post = partial(copy_context().run, self._post, routing_key, action, dedup_key, properties)
        try:
            async with self._clock.timeout(self.timeout_seconds):
                return await asyncio.get_running_loop().run_in_executor(self._threads, post)
        except TimeoutError as error:
            raise OutcomeUnknown(f"PagerDuty: no answer within {self.timeout_seconds:g} s") from error
        except SendError:
            raise
        except Exception as error:  # the package stumbles over an answer, or we over what it makes of one
            raise wire.unreadable("PagerDuty", error, changes=True) from error

    async def check(self, routing_key: str) -> Answers:
        """Resolve an alert that nobody opened, which does nothing. Raises SendError; `bad_address`: no such key.

        Of the services behind the key it says nothing: an alert may still be taken and reach nobody.
        """
        await self._ask(routing_key, "resolve", CHECK_KEY, {})
        return Answers("its key is taken")

    async def find(
        self, attempt: Attempt, known_ids: frozenset[str], since: datetime, thread: str | None = None
    ) -> Found | None:
        """Nothing to look for: sending again is harmless."""
        return None

    async def cut(self, vendor_id: str, answered: bool, spoken: str) -> None:
        """An alert is resolved by a notification of its own."""

    async def say_instead(self, attempt: Attempt, prompt: str) -> None:
        """Nobody is in the middle of reading."""

    async def close(self) -> None:
        threads, self._threads = self._threads, None
        clients, self._clients = self._clients, {}
        transport, self._transport = self._transport, None
        if threads is not None:
            # Each thread ends by its own short time-out; nobody waits for it here.
            threads.shutdown(wait=False, cancel_futures=True)
        for client in clients.values():
            client.close()
        if transport is not None:
            transport.close()

    def _post(self, routing_key: str, action: str, dedup_key: str, properties: dict[str, Any]) -> str:
        """In a thread: ask once."""
        from pagerduty import Error  # noqa: PLC0415 - heavy

        try:
            return self._client(routing_key).send_event(action, dedup_key=dedup_key, **properties)
        except Error as error:
            raise _translated(error) from error

    def _client(self, routing_key: str) -> "EventsApiV2Client":
        with self._lock:
            if routing_key not in self._clients:
                self._clients[routing_key] = self._make_client(routing_key)
            return self._clients[routing_key]

    def _make_client(self, routing_key: str) -> "EventsApiV2Client":
        from pagerduty import EventsApiV2Client  # noqa: PLC0415 - heavy

        if self._transport is None:
            self._transport = _transport(self._base_url)
        client = EventsApiV2Client(routing_key, transport=self._transport, trust_env=False)
        # With a budget below zero the first bad status is the last; 0 in `retry` would mean the default: for ever.
        client.max_http_attempts = -1
        client.max_network_attempts = 0
        client.retry.update(dict.fromkeys((429, 500, 502, 503, 504), 1))
        client.timeout = self.timeout_seconds * 0.8  # type: ignore[assignment]
        return client


def _transport(base_url: str | None) -> "httpx2.BaseTransport":
    import httpx2  # noqa: PLC0415 - heavy

    class Elsewhere(httpx2.HTTPTransport):
        """Sends to `base_url` what was meant for events.pagerduty.com; the package itself takes https only."""

        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            request.url = httpx2.URL(f"{base_url}{request.url.raw_path.decode()}")
            return super().handle_request(request)

    return Elsewhere() if base_url else httpx2.HTTPTransport()


def _translated(error: Any) -> SendError:
    response = error.response
    if response is None:
        return _of_network(error.__cause__ or error)
    status = response.status_code
    message = f"PagerDuty answered {status}: {masked(response.text)[:200]}"
    if status == 400:  # never repeated: the event is wrong or the routing key is
        wrong_key = "routing" in response.text.lower()
        return SendError(message, retryable=False, code="400", bad_address=wrong_key)
    if status in (401, 403):
        return SendError(message, retryable=False, code=str(status), bad_address=True)
    refused = 400 <= status < 500
    return SendError(
        message,
        retryable=not refused or status in TRY_AGAIN,
        code=str(status),
        retry_after_seconds=wire.seconds_of(response.headers.get("Retry-After", "")),
        answered=refused,
    )


def _of_network(cause: BaseException) -> SendError:
    import httpx2  # noqa: PLC0415 - heavy

    text = f"PagerDuty: {type(cause).__name__} {cause}".strip()
    if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout):
        return SendError(text, retryable=True, code="connect")
    return OutcomeUnknown(text)


def dedup_key(source: str, event_id: str, generation: int) -> str:
    """Names an alert. `generation` grows when somebody must be told anew: a repeat of an acknowledged one is mute."""
    key = f"{source}:{event_id}:g{generation}"
    return key if len(key) <= DEDUP_KEY_CHARS else hashlib.sha256(key.encode()).hexdigest()


def verify(body: bytes, header: str | None, secrets: Iterable[str]) -> bool:
    """X-PagerDuty-Signature: any `v1=` of the header that any of the secrets made of the raw body."""
    given = [part.strip() for part in (header or "").split(",")[:SIGNATURES]]
    signatures = [part.removeprefix("v1=") for part in given if part.startswith("v1=") and part.isascii()]
    made = [hmac.new(secret.encode(), body, hashlib.sha256).hexdigest() for secret in secrets if secret]
    return any([hmac.compare_digest(one, other) for one in signatures for other in made])
