"""Carries callbacks to the customer's server, as a vendor does: signed, in order, or disordered when told to."""

import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, urldefrag, urlencode

import httpx2

from sandbox.activity import Activity
from sandbox.clock import Clock
from sandbox.settings import Settings
from sandbox.signing import Form, pagerduty_signature, slack_signature, twilio_signature

log = logging.getLogger(__name__)

FORM = "application/x-www-form-urlencoded"
TWILIO_TIMEOUT = httpx2.Timeout(15.0, connect=5.0)
SLACK_TIMEOUT = httpx2.Timeout(3.0)
PAGERDUTY_TIMEOUT = httpx2.Timeout(5.0)

Disorder = Literal["swap", "duplicate", "lose_detection"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the customer's server said. `status` 0: it said nothing, and `body` tells why."""

    status: int
    body: str

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class Courier:
    """Posts callbacks over one shared client. `undelivered` counts those that were not answered with 2xx."""

    def __init__(
        self, clock: Clock, settings: Settings, activity: Activity, transport: httpx2.AsyncBaseTransport | None
    ) -> None:
        self.activity = activity
        self.disorder: Disorder | None = None
        self.undelivered = 0
        self._clock = clock
        self._settings = settings
        self._transport = transport
        self._client: httpx2.AsyncClient | None = None

    async def twilio(self, url: str, form: Form) -> Answer:
        """Post a form signed as Twilio does: over the exact URL without its fragment, which says what is tried again.

        By itself that is a connection that fails, once. How long Twilio waits in between is not documented: not at all.
        """
        target, fragment = urldefrag(url)
        again = dict(parse_qsl(fragment))
        tries, policy = 1 + int(again.get("rc", "1")), tuple(again.get("rp", "ct").split(","))
        headers = {
            "content-type": f"{FORM}; charset=UTF-8",
            "user-agent": "TwilioProxy/1.1",
            "x-twilio-signature": twilio_signature(self._settings.twilio_auth_token, target, form),
        }
        return await self._post(target, urlencode(form).encode(), headers, TWILIO_TIMEOUT, tries, policy)

    async def slack(self, url: str, fields: dict[str, str]) -> Answer:
        """Post a form, signed as Slack does. Slack allows 3 seconds and does not ask twice."""
        body = urlencode(fields).encode()
        timestamp = int(self._clock.now().timestamp())
        headers = {
            "content-type": FORM,
            "user-agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            "x-slack-request-timestamp": str(timestamp),
            "x-slack-signature": slack_signature(self._settings.slack_signing_secret, timestamp, body),
        }
        return await self._post(url, body, headers, SLACK_TIMEOUT)

    async def pagerduty(self, url: str, webhook_id: str, body: bytes) -> Answer:
        """Post a webhook, signed as PagerDuty does. It would try for 48 hours, under the same id; this does not."""
        headers = {
            "content-type": "application/json",
            "user-agent": "PagerDuty-Webhook/V3.0",
            "x-webhook-id": webhook_id,
            "x-pagerduty-signature": pagerduty_signature(self._settings.pagerduty_webhook_secrets, body),
        }
        return await self._post(url, body, headers, PAGERDUTY_TIMEOUT)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _post(
        self,
        url: str,
        body: bytes,
        headers: dict[str, str],
        patience: httpx2.Timeout,
        tries: int = 1,
        policy: Collection[str] = (),
    ) -> Answer:
        """`policy`: after what it is tried again: a connection that fails ("ct"), no answer in time ("rt"), "5xx"."""
        with self.activity.working():
            for _ in range(tries):
                why, answer = await self._try(url, body, headers, patience)
                if why not in policy:
                    break
        if not answer.ok:
            self.undelivered += 1
            log.warning("callback to %s was answered %s: %s", url, answer.status, answer.body[:200])
        return answer

    async def _try(
        self, url: str, body: bytes, headers: dict[str, str], patience: httpx2.Timeout
    ) -> tuple[str, Answer]:
        """What came of it, in the words of a policy."""
        try:
            answer = await self._open().post(url, content=body, headers=headers, timeout=patience)
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            return "ct", Answer(0, f"cannot connect: {error}")
        except httpx2.TimeoutException as error:
            return "rt", Answer(0, f"{type(error).__name__}: {error}")
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            return "", Answer(0, f"{type(error).__name__}: {error}")
        return f"{answer.status_code // 100}xx", Answer(answer.status_code, answer.text)

    def _open(self) -> httpx2.AsyncClient:
        if self._client is None:
            self._client = httpx2.AsyncClient(transport=self._transport, trust_env=False, follow_redirects=False)
        return self._client


class Outbox:
    """The status callbacks of one call or message: sent one after the other, without holding up the call itself.

    `swap` holds every other callback back until its successor has been sent; the last one is never held.
    `lose_detection` is none of theirs: it concerns the callback about who picked up.
    """

    def __init__(self, courier: Courier, name: str) -> None:
        self._courier = courier
        self._name = name
        self._waiting: list[Callable[[], Awaitable[Answer]]] = []
        self._held: Callable[[], Awaitable[Answer]] | None = None
        self._sending = False

    def put(self, url: str, form: Form, *, last: bool) -> None:
        """Send `form` when the callbacks before it have been sent."""

        async def post() -> Answer:
            return await self._courier.twilio(url, form)

        self._enqueue(post, last)
        self._start()

    def flush(self) -> None:
        """Send what `swap` holds back: nothing follows."""
        if self._held is not None:
            self._waiting.append(self._held)
            self._held = None
            self._start()

    def _start(self) -> None:
        if self._waiting and not self._sending:
            self._sending = True
            self._courier.activity.spawn(self._send(), f"callbacks of {self._name}")

    def _enqueue(self, post: Callable[[], Awaitable[Answer]], last: bool) -> None:
        held, self._held = self._held, None
        if self._courier.disorder == "swap" and held is None and not last:
            self._held = post
            return
        copies = 2 if self._courier.disorder == "duplicate" else 1
        self._waiting += [post] * copies
        if held is not None:
            self._waiting.append(held)

    async def _send(self) -> None:
        try:
            while self._waiting:
                await self._waiting.pop(0)()
        finally:
            self._sending = False
