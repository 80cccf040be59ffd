"""What voice and SMS share at Twilio: one client, the table of error codes, the signature, the dates.

The SDK's own time-out does not work and its retries would place calls twice: both stay unused.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import aiohttp

from model.clock import Clock
from model.errors import OutcomeUnknown, SendError
from model.ports import Answers, Balance
from notifiers.channels import wire
from notifiers.channels.masking import masked

T = TypeVar("T")

# A vendor's clock may run behind ours; what it created a little before our start may still be ours.
CREATED_SLACK = timedelta(seconds=5)
CHECK_SECONDS = 5.0
ACTIVE = "active"
# Behind each address that Twilio asks: without it only a connection that fails is tried again, once, and what we answer
# 503 is lost. Nobody sends it to us, nor signs it. https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
ASK_AGAIN = "#rc=5&rp=5xx,ct,rt"
LIST_LIMIT = 50  # one page; at most one attempt is in flight per number


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """What a Twilio code means for us. Unknown codes are transient: Twilio advises against exact codes."""

    retryable: bool = False
    bad_address: bool = False
    stop_channel: bool = False


TRANSIENT = Reaction(retryable=True)
REACTIONS: Mapping[int, Reaction] = {
    401: Reaction(stop_channel=True),  # an answer without a code carries its status instead
    403: Reaction(stop_channel=True),
    10004: TRANSIENT,  # too many calls at once
    20003: Reaction(stop_channel=True),  # authentication failed
    20429: TRANSIENT,  # too many requests at once
    21201: Reaction(),  # no To: our mistake
    21205: Reaction(),  # bad callback URL: our mistake
    21211: Reaction(bad_address=True),  # not a phone number
    21214: Reaction(),  # cannot be called: another channel may work
    21215: Reaction(),  # no permission for calls to that country
    21216: Reaction(),  # the account may not call that number
    21217: Reaction(bad_address=True),  # not a valid number
    21219: Reaction(),  # a trial account calls verified numbers only
    21408: Reaction(),  # no permission for texts to that country
    21608: Reaction(),  # a trial account texts verified numbers only
    21612: Reaction(),  # no way from our number to that one
    21610: Reaction(bad_address=True),  # the recipient wrote STOP
    21614: Reaction(bad_address=True),  # no SMS there
    30003: TRANSIENT,  # handset unreachable
    30005: Reaction(bad_address=True),  # unknown handset
    30006: Reaction(bad_address=True),  # landline
    30007: Reaction(),  # filtered by the carrier
}
CALL_IS_OVER = frozenset({21220, 20404, 404})  # what an update of an ended or unknown call answers
NOT_PROCESSED = 503


def failure(code: int | str | None, message: str = "", *, answered: bool = False) -> SendError:
    """The SendError of a code, from an answer or from a callback. `answered`: Twilio refused it, and is well."""
    number = int(code) if code is not None and str(code).isdigit() else 0
    reaction = REACTIONS.get(number, TRANSIENT)
    return SendError(
        f"Twilio {code}: {masked(message)}" if message else f"Twilio {code}",
        retryable=reaction.retryable,
        code=str(code) if code is not None else None,
        bad_address=reaction.bad_address,
        stop_channel=reaction.stop_channel,
        answered=answered,
    )


class TwilioAccount:
    """One account's REST client, made inside the loop that first uses it. Share it between voice and SMS."""

    def __init__(self, *, account_sid: str, auth_token: str, clock: Clock, base_url: str | None = None) -> None:
        self._account_sid = account_sid
        self._auth_token = auth_token
        self._clock = clock
        self._base_url = base_url
        self._client: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def ask(self, seconds: float, request: Callable[[Any], Awaitable[T]], *, changes: bool = True) -> T:
        """Make one request with the SDK's client. Raises SendError; OutcomeUnknown only when it `changes` something."""
        from twilio.base.exceptions import (  # noqa: PLC0415 - heavy
            TwilioException,
            TwilioRestException,
            TwilioServiceException,
        )

        async with wire.one_request(self._clock, seconds, "Twilio", changes=changes):
            try:
                return await request(self._open())
            except (TwilioRestException, TwilioServiceException) as error:
                raise _translated(error, changes) from error
            except (TwilioException, KeyError, ValueError, TypeError, AttributeError) as error:
                # A 2xx whose body is not what the SDK expects.
                message = f"Twilio: an answer that cannot be read: {type(error).__name__} {masked(str(error))}"
                raise (OutcomeUnknown(message) if changes else SendError(message, retryable=True)) from error

    async def check(self) -> Answers:
        """Ask for the account and its balance. Raises SendError; `stop_channel` when Twilio refuses us.

        A balance below zero is no trouble by itself: accounts that pay by invoice have one.
        """
        account = await self.ask(
            CHECK_SECONDS, lambda client: client.api.v2010.accounts(self._account_sid).fetch_async(), changes=False
        )
        if account.status != ACTIVE:
            raise SendError(f"Twilio: the account is {account.status}", retryable=False, stop_channel=True)
        found = await self.ask(
            CHECK_SECONDS, lambda client: client.api.v2010.account.balance.fetch_async(), changes=False
        )
        if (balance := balance_of(found)) is None:
            return Answers("the account is active, its balance cannot be read")
        return Answers(f"the account is active, its balance {balance.amount:.2f} {balance.currency}", balance)

    async def close(self) -> None:
        """Close the session. May be called by every channel that shares the account."""
        client, self._client = self._client, None
        if client is not None:
            await client.http_client.close()

    def _open(self) -> Any:
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            from twilio.rest import Client  # noqa: PLC0415 - heavy

            self._client, self._loop = Client(self._account_sid, self._auth_token, http_client=_http_client()), loop
            if self._base_url:
                self._client.api.base_url = self._base_url
        return self._client


def _http_client() -> Any:
    from twilio.http.async_http_client import AsyncTwilioHttpClient  # noqa: PLC0415 - heavy

    class HttpClient(AsyncTwilioHttpClient):  # type: ignore[misc]
        """With our session, and without the BasicAuth class that aiohttp is about to drop."""

        async def request(
            self, method: str, url: str, *, headers: Any = None, auth: tuple[str, str] | None = None, **more: Any
        ) -> Any:
            if auth:
                headers = {**(headers or {}), "Authorization": aiohttp.encode_basic_auth(*auth)}
            return await super().request(method, url, headers=headers, **more)

    http = HttpClient(pool_connections=False)
    http.session = wire.session()
    return http


def _translated(error: Any, changes: bool) -> SendError:
    message = str(getattr(error, "msg", "") or getattr(error, "detail", "") or getattr(error, "title", ""))
    if error.status >= 500 and error.status != NOT_PROCESSED:
        text = f"Twilio answered {error.status}: {masked(message)}"
        return OutcomeUnknown(text) if changes else SendError(text, retryable=True, code=str(error.status))
    return failure(error.code, message, answered=error.status < 500)


def balance_of(found: Any) -> Balance | None:
    """None when Twilio tells none that can be read."""
    try:
        return Balance(float(found.balance), str(found.currency))
    except (TypeError, ValueError):
        return None


def named(record: Any) -> Any:
    """The record just created. Raises OutcomeUnknown when the answer does not name it."""
    if not record.sid:
        raise OutcomeUnknown("Twilio: an answer without a sid")
    return record


def created_in_time(record: Any, since: datetime) -> bool:
    """True when the record is young enough to be ours; one without a date still may be."""
    return record.date_created is None or record.date_created >= since - CREATED_SLACK


def created_key(record: Any) -> datetime:
    return record.date_created or datetime.max.replace(tzinfo=UTC)


def when(text: str | None) -> datetime | None:
    """A date of RFC 2822 as aware UTC, None when there is none or it cannot be read."""
    if not text:
        return None
    try:
        parsed = parsedate_to_datetime(text)
    except ValueError:
        return None
    return parsed.replace(tzinfo=parsed.tzinfo or UTC).astimezone(UTC)


class TwilioSignature:
    """X-Twilio-Signature over the public URL and every field received, by any of the account's tokens: Twilio signs
    with the primary one, and which that is changes in an instant.
    """

    def __init__(self, *auth_tokens: str) -> None:
        from twilio.request_validator import RequestValidator  # noqa: PLC0415 - heavy

        self._validators = [RequestValidator(token) for token in auth_tokens]

    def verify(self, url: str, params: Mapping[str, Any] | str, signature: str | None) -> bool:
        """`params`: the form as a multi-dict (Starlette's FormData or a dict of str), or the body when it is JSON."""
        return bool(signature) and any(one.validate(url, params, signature) for one in self._validators)

    def made(self, url: str, params: Mapping[str, Any]) -> str:
        """What Twilio would send with that form, by the first token."""
        return str(self._validators[0].compute_signature(url, params))
