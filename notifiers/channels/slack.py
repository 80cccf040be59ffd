"""Slack: posting to a team's channel or to a person, finding a post again, buttons and their signature.

The SDK's retries are off: one of them posts twice, the other sleeps away the time that is left.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog

from model.attempt import Attempt, Receipt, ReceiptKind, Sent
from model.clock import Clock
from model.errors import OutcomeUnknown, SendError
from model.plan import ChannelName
from model.ports import Answers, Edit, Found, Send
from notifiers.channels import wire
from notifiers.channels.slack_interactions import BUTTONS

if TYPE_CHECKING:
    import aiohttp
    from slack_sdk.errors import SlackApiError
    from slack_sdk.web.async_client import AsyncWebClient

log = structlog.get_logger(__name__)

METADATA = "gridcall_attempt"
HISTORY_LIMIT = 100
SLACK_SECONDS = 5.0  # how far Slack's clock may be behind ours
DM_CACHE = 10_000
CHECK_SECONDS = 5.0
WHISPER_SECONDS = 1.0  # Slack waits three for the answer to a button

# Names of errors that waiting does not mend. All others are transient.
STOPS = frozenset(
    {
        *("not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired", "missing_scope"),
        "not_allowed_token_type",
    }
)
BAD_ADDRESS = frozenset(
    {"channel_not_found", "not_in_channel", "is_archived", "user_not_found", "users_not_found", "user_disabled"}
)
OUR_MISTAKE = frozenset(
    {
        "msg_too_long",
        "msg_blocks_too_long",
        "no_text",
        "too_many_attachments",
        "invalid_blocks",
        "invalid_arguments",
        "invalid_metadata_format",
    }
)
# There is nothing (any more) that could be edited.
GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
RATE_LIMITED = frozenset({"ratelimited", "rate_limited"})
# Slack says of these that a part of the request may have been done.
PERHAPS_DONE = frozenset({"internal_error", "fatal_error", "request_timeout"})
NOT_PROCESSED = 503
AWAY = frozenset({"service_unavailable"})  # said with 200, as all names are


class SlackWorkspace:
    """One bot token's client with one shared HTTP session, made inside the loop that first uses it."""

    def __init__(self, *, token: str, clock: Clock, base_url: str = "https://slack.com/api/") -> None:
        self._token = token
        self._clock = clock
        self._base_url = base_url
        self._client: AsyncWebClient | None = None
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def ask(
        self, seconds: float, request: Callable[["AsyncWebClient"], Awaitable[Any]], *, changes: bool
    ) -> Mapping[str, Any]:
        """Make one request; the answer's data. Raises SendError, OutcomeUnknown only when it `changes` something."""
        from slack_sdk.errors import SlackApiError  # noqa: PLC0415 - heavy

        async with wire.one_request(self._clock, seconds, "Slack", changes=changes):
            try:
                data = (await request(self._open())).data
            except SlackApiError as error:
                raise _translated(error, changes) from error
            return _fields(data)

    async def whisper(self, channel: str, user: str, text: str) -> None:
        """Say a word to one person in a channel, perhaps in vain: nothing depends on it. Raises SendError."""
        await self.ask(
            WHISPER_SECONDS,
            lambda client: client.chat_postEphemeral(channel=channel, user=user, text=text),
            changes=True,
        )

    async def check(self) -> Answers:
        """Ask who we are. Raises SendError; `stop_channel` when the token is refused."""
        data = await self.ask(CHECK_SECONDS, lambda client: client.auth_test(), changes=False)
        return Answers(f"{data.get('user')} in {data.get('team')}")

    async def scopes(self, seconds: float) -> frozenset[str]:
        """What the token may do. Raises SendError."""
        headers: list[Mapping[str, str]] = []

        async def test(client: "AsyncWebClient") -> Any:
            response = await client.auth_test()
            headers.append(response.headers)
            return response

        await self.ask(seconds, test, changes=False)
        return frozenset(scope.strip() for scope in headers[0].get("x-oauth-scopes", "").split(","))

    async def open_view(self, trigger_id: str, view: Mapping[str, Any]) -> None:
        """Show a form to who has just pressed a button: Slack takes it for three seconds. Raises SendError."""
        await self.ask(
            WHISPER_SECONDS, lambda client: client.views_open(trigger_id=trigger_id, view=dict(view)), changes=True
        )

    async def close(self) -> None:
        """Close the session. May be called by every channel that shares the workspace."""
        session, self._session, self._client = self._session, None, None
        if session is not None:
            await session.close()

    def _open(self) -> "AsyncWebClient":
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            from slack_sdk.web.async_client import AsyncWebClient  # noqa: PLC0415 - heavy

            self._session, self._loop = wire.session(), loop
            self._client = AsyncWebClient(
                token=self._token, base_url=self._base_url, session=self._session, retry_handlers=[]
            )
        return self._client


class SlackChannel:
    """Posts. `name` SLACK_CHANNEL: addresses are channel ids; SLACK_DM: user ids. `vendor_id` is "channel/ts"."""

    repeatable = False

    def __init__(self, name: ChannelName, workspace: SlackWorkspace, *, timeout_seconds: float = 5.0) -> None:
        self.name = name
        self.timeout_seconds = timeout_seconds
        self._workspace = workspace
        self._dm_channels: dict[str, str] = {}
        self._nobody: set[str] = set()

    async def get_to_know(self, users: Iterable[str], at_most: int) -> None:
        """Find where so many more people are written to, before anything has to be: an event does not wait for it.

        Raises SendError when Slack cannot be asked. Whom it does not know is said once in the log.
        """
        unknown = [user for user in users if user not in self._dm_channels and user not in self._nobody]
        for user in unknown[:at_most]:
            try:
                await self._channel(user)
            except SendError as error:
                if not error.bad_address:
                    raise
                self._nobody.add(user)
                log.warning("Slack does not know this user of the roster", user=user, error=str(error))

    async def send(self, send: Send) -> Sent:
        edited = await self._edit(send.attempt, send.edit) if send.edit else None
        return edited or await self._post(send)

    async def _edit(self, attempt: Attempt, edit: Edit) -> Sent | None:
        """None: what was to be edited is gone, and what is said now is to be posted.

        An edit may be repeated: a lost answer is no unknown outcome.
        """
        try:
            if edit.vendor_id is None:
                raise SendError("Slack: nothing stands there to be edited", retryable=False, code="message_not_found")
            channel, ts = split_id(edit.vendor_id)
            await self._workspace.ask(
                self.timeout_seconds,
                lambda client: client.chat_update(
                    channel=channel, ts=ts, text=attempt.words.text, blocks=_addressed(attempt), parse="none"
                ),
                changes=False,
            )
        except SendError as error:
            if edit.anew and error.code in GONE:
                return None
            raise
        return Sent(vendor_id=edit.vendor_id, raw={"channel": channel, "ts": ts})

    async def _post(self, send: Send) -> Sent:
        attempt = send.attempt
        channel = await self._channel(attempt.address)
        thread_ts = None
        if send.thread:
            channel, thread_ts = split_id(send.thread)
        posted = await self._workspace.ask(
            self.timeout_seconds,
            lambda client: client.chat_postMessage(
                channel=channel,
                text=attempt.words.text,
                blocks=_addressed(attempt),
                thread_ts=thread_ts,
                metadata={
                    "event_type": METADATA,
                    "event_payload": {"attempt": attempt.id, "event": attempt.event_pk},
                },
                link_names=False,
                unfurl_links=False,
                unfurl_media=False,
            ),
            changes=True,
        )
        try:
            return Sent(
                vendor_id=f"{posted['channel']}/{posted['ts']}",
                vendor_at=moment(posted["ts"]),
                raw={"channel": posted["channel"], "ts": posted["ts"]},
            )
        except (KeyError, TypeError) as error:
            raise OutcomeUnknown(f"Slack: an answer without channel or ts: {type(error).__name__}") from error

    async def find(
        self, attempt: Attempt, known_ids: frozenset[str], since: datetime, thread: str | None = None
    ) -> Found | None:
        channel = await self._channel(attempt.address)
        posts = await self._posts(
            lambda client: client.conversations_history(channel=channel, limit=HISTORY_LIMIT, include_all_metadata=True)
        )
        found = _ours(posts, attempt, channel, known_ids)
        if found is None and thread:
            found = await self._in_thread(attempt, *split_id(thread), known_ids, since)
        return found

    async def cut(self, vendor_id: str, answered: bool, spoken: str) -> None:
        """A post stays; what is new is posted below it."""

    async def say_instead(self, attempt: Attempt, prompt: str) -> None:
        """Nobody is in the middle of reading."""

    async def close(self) -> None:
        await self._workspace.close()

    async def _channel(self, address: str) -> str:
        """The channel to post to; a person's is opened once and remembered."""
        if self.name is not ChannelName.SLACK_DM:
            return address
        if address not in self._dm_channels:
            opened = await self._workspace.ask(
                self.timeout_seconds, lambda client: client.conversations_open(users=address), changes=False
            )
            if len(self._dm_channels) >= DM_CACHE:
                self._dm_channels.clear()
            try:
                self._dm_channels[address] = str(opened["channel"]["id"])
            except (KeyError, TypeError) as error:
                raise wire.unreadable("Slack", error, changes=False) from error
        return self._dm_channels[address]

    async def _posts(self, request: Callable[["AsyncWebClient"], Awaitable[Any]]) -> list[dict[str, Any]]:
        answer = await self._workspace.ask(self.timeout_seconds, request, changes=False)
        messages = answer.get("messages")
        if not isinstance(messages, list):  # taken for "none", it would be posted once more
            raise wire.unreadable("Slack", TypeError(), changes=False)
        return [m for m in messages if isinstance(m, dict)]

    async def _in_thread(
        self, attempt: Attempt, channel: str, parent: str, known_ids: frozenset[str], since: datetime
    ) -> Found | None:
        """History does not hold what stands in threads."""
        try:
            posts = await self._posts(
                lambda client: client.conversations_replies(
                    channel=channel,
                    ts=parent,
                    oldest=f"{since.timestamp() - SLACK_SECONDS:.6f}",
                    limit=HISTORY_LIMIT,
                    include_all_metadata=True,
                )
            )
        except SendError as error:
            if error.code in ("thread_not_found", "unknown_method"):
                return None
            raise
        return _ours(posts, attempt, channel, known_ids)


def split_id(vendor_id: str) -> tuple[str, str]:
    """("channel", "ts") of a vendor id."""
    channel, _, ts = vendor_id.partition("/")
    return channel, ts


def moment(ts: str) -> datetime | None:
    """Slack's "seconds.microseconds" as aware UTC."""
    try:
        return datetime.fromtimestamp(float(ts), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _addressed(attempt: Attempt) -> list[dict[str, Any]] | None:
    """The blocks, with the attempt's id written into the buttons."""
    blocks = attempt.words.payload.get("blocks")
    if not blocks:
        return None
    addressed: list[dict[str, Any]] = json.loads(json.dumps(blocks))
    for element in (e for b in addressed if b.get("type") == "actions" for e in b.get("elements", [])):
        if element.get("action_id") in BUTTONS:
            element["value"] = json.dumps({"attempt": attempt.id} | json.loads(element.get("value") or "{}"))
    return addressed


def _mark(post: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = post.get("metadata")
    if not isinstance(metadata, Mapping) or metadata.get("event_type") != METADATA:
        return {}
    payload = metadata.get("event_payload")
    return payload if isinstance(payload, Mapping) else {}


def _ours(posts: list[dict[str, Any]], attempt: Attempt, channel: str, known_ids: frozenset[str]) -> Found | None:
    for post in posts:
        vendor_id = f"{channel}/{post.get('ts')}"
        if _mark(post).get("attempt") == attempt.id and vendor_id not in known_ids:
            at = moment(str(post.get("ts")))
            return Found(
                vendor_id=vendor_id, receipt=Receipt(kind=ReceiptKind.DELIVERED, vendor_id=vendor_id, vendor_at=at)
            )
    return None


def _translated(error: "SlackApiError", changes: bool) -> SendError:
    response = error.response
    status = int(getattr(response, "status_code", 0) or getattr(response, "status", 0) or 0)
    data = getattr(response, "data", None)
    name = str(data.get("error", "")) if isinstance(data, Mapping) else ""
    message = f"Slack answered {status} {name}".rstrip()
    if status == 429 or name in RATE_LIMITED:
        wait = _retry_after(response)
        return SendError(message, retryable=True, code="ratelimited", retry_after_seconds=wait, answered=True)
    if name in PERHAPS_DONE or (status >= 500 and status != NOT_PROCESSED) or (status == 200 and not name):
        return OutcomeUnknown(message) if changes else SendError(message, retryable=True, code=name or str(status))
    return SendError(
        message,
        retryable=name not in STOPS | BAD_ADDRESS | OUR_MISTAKE | GONE and status != 401,
        code=name or str(status),
        bad_address=name in BAD_ADDRESS,
        stop_channel=name in STOPS or status == 401,
        answered=status < 500 and name not in AWAY,
    )


def _retry_after(response: Any) -> float | None:
    return wire.seconds_of(str(response.headers.get("Retry-After", "")))


def _fields(data: Any) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise TypeError(f"{type(data).__name__} where an object was expected")
    return data


class SlackSignature:
    """X-Slack-Signature over the raw body; a request older or newer than five minutes is refused."""

    def __init__(self, signing_secret: str) -> None:
        self._secret = signing_secret

    def verify(self, body: bytes, timestamp: str | None, signature: str | None, now: datetime) -> bool:
        from slack_sdk.signature import Clock as SlackClock  # noqa: PLC0415 - heavy
        from slack_sdk.signature import SignatureVerifier  # noqa: PLC0415 - heavy

        class Now(SlackClock):
            def now(self) -> float:
                return now.timestamp()

        if not timestamp or not timestamp.isascii() or not timestamp.isdigit() or not signature:
            return False
        if not signature.isascii():
            return False
        try:
            return SignatureVerifier(self._secret, clock=Now()).is_valid(body, timestamp, signature)
        except UnicodeDecodeError:  # Slack sends UTF-8
            return False
