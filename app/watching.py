"""`gridcall watch`: look at a Gridcall from outside, and tell its duty list when it is not well.

It shares nothing with what it watches: another process, better another host, its own settings and caller id. Vendors
are its memory: PagerDuty knows the alarm by its key, and who was called a moment ago by another watcher is not called.
"""

import asyncio
import fcntl
import json
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import aiohttp
import structlog

from app import vendors
from app.serve import stop_signal
from config.settings import Settings, duty_list
from heartbeat import direct_alarm
from heartbeat.alarms import duration
from heartbeat.direct_alarm import Duty, Rules, State
from model.attempt import Attempt, Words
from model.clock import Clock, SystemClock
from model.errors import OutcomeUnknown, SendError, SettingsError
from model.ids import Ids, SystemIds
from model.plan import ChannelName
from model.ports import Channel, Send

log = structlog.get_logger(__name__)

LOOK_EVERY = timedelta(seconds=5)
SWITCH_EVERY = timedelta(seconds=60)
ANSWER_SECONDS = 5.0
CALLED_LATELY = timedelta(minutes=5)
WORTH_TELLING = timedelta(minutes=15)
RING_SECONDS = 40
TEMPLATE = "direct_alarm/1"
MAX_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What is looked at, and where it is told. `switch_url` is asked each minute while all is well."""

    url: str
    duty: Sequence[Duty]
    pagerduty_key: str | None = None
    slack_channel: str | None = None
    switch_url: str | None = None
    rules: Rules = field(default_factory=Rules)


class Outside:
    """The world as the watch sees it: one session, no redirects, short waits."""

    def __init__(self, url: str, switch_url: str | None) -> None:
        self._url = url
        self._switch_url = switch_url
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        self._session = aiohttp.ClientSession(timeout=timeout)

    async def look(self) -> Sequence[str]:
        """Why it is not well; nothing when it is."""
        try:
            async with self._session.get(f"{self._url}/readyz", allow_redirects=False) as answer:
                body = await answer.content.read(MAX_BYTES)
        except TimeoutError:
            return (f"it does not answer within {ANSWER_SECONDS:g} s",)
        except (aiohttp.ClientError, OSError) as error:
            return (f"it cannot be reached ({type(error).__name__})",)
        return judge(answer.status, body)

    async def ping(self) -> None:
        """Tell the dead-man's switch that all is well. When this is not heard, somebody else raises the alarm."""
        assert self._switch_url is not None
        try:
            async with self._session.get(self._switch_url) as answer:
                answer.raise_for_status()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            log.warning("the dead-man's switch does not answer", error=type(error).__name__)

    async def close(self) -> None:
        await self._session.close()


def judge(status: int, body: bytes) -> Sequence[str]:
    """What an answer of /readyz says: why it is not well; nothing when it is."""
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    said = found if isinstance(found, dict) else {}
    if status == 200 and said.get("status") == "ready":
        return ()
    reasons = said.get("reasons")
    named = [str(reason)[:200] for reason in reasons[:5]] if isinstance(reasons, list) else []
    return named or [f"it answers {status}"]


class Tell(NamedTuple):
    """Something to be told by one channel, at the latest at `until`."""

    channel: ChannelName
    address: str
    words: Words
    until: datetime
    details: Mapping[str, str | int | bool] = MappingProxyType({})


class Watch:
    """Looks every few seconds. What could not be told is tried again at each look, until it is old.

    `look` returns why it is not well; `ping` asks the dead-man's switch.
    """

    def __init__(
        self,
        watched: Watched,
        channels: Mapping[ChannelName, Channel],
        clock: Clock,
        ids: Ids,
        look: Callable[[], Awaitable[Sequence[str]]],
        ping: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        self._watched = watched
        self._channels = channels
        self._clock = clock
        self._ids = ids
        self._look = look
        self._ping = ping
        self._state = State()
        self._reasons: Sequence[str] = ()
        self._untold: list[Tell] = []
        self._texted: list[str] = []
        self._own: set[str] = set()  # calls of this watch
        self._pinged_at: datetime | None = None

    async def run(self) -> None:
        """For ever."""
        while True:
            next_at = self._clock.now() + LOOK_EVERY
            await self.turn()
            await self._clock.sleep_until(next_at)

    async def turn(self) -> None:
        """Look once, and do what follows."""
        reasons = await self._look()
        now = self._clock.now()
        if reasons:
            self._reasons = reasons
        done = direct_alarm.turn(self._state, not reasons, self._watched.duty, self._watched.rules, now)
        before, self._state = self._state, done.state
        if done.raised:
            log.error("the watched Gridcall is not well", url=self._watched.url, reasons=list(reasons))
            self._untold = self._alarm(done.state.unwell_since or now, now)
        if done.over:
            log.warning("the watched Gridcall is well again", url=self._watched.url)
            self._untold = self._all_clear(now - (before.unwell_since or now), now)
        work = [self._tell(tell) for tell in self._untold if tell.channel in self._channels and tell.until > now]
        if done.ring and ChannelName.VOICE in self._channels:
            work.append(self._ring(done.ring, now))
        if not reasons and self._state.raised_at is None and self._switch_is_due(now):
            self._pinged_at = now
            work.append(self._ping())
        await asyncio.gather(*work)

    def _switch_is_due(self, now: datetime) -> bool:
        return self._watched.switch_url is not None and (
            self._pinged_at is None or now - self._pinged_at >= SWITCH_EVERY
        )

    # --- what is told -----------------------------------------------------------------------------------------------

    def _alarm(self, since: datetime, now: datetime) -> list[Tell]:
        text = f"{self._what()} is not well since {since:%H:%M:%S} UTC: {'; '.join(self._reasons)}."
        self._texted = [person.number for person in self._watched.duty]
        return self._to_all(f"{text} Nobody may be called about events now.", "trigger", now)

    def _all_clear(self, length: timedelta, now: datetime) -> list[Tell]:
        return self._to_all(f"{self._what()} is well again after {duration(length)}.", "resolve", now)

    def _what(self) -> str:
        return f"Gridcall at {self._watched.url}"

    def _to_all(self, text: str, action: str, now: datetime) -> list[Tell]:
        words, until = Words(text=text, template=TEMPLATE), now + WORTH_TELLING
        tells = [Tell(ChannelName.SMS, number, words, until) for number in self._texted]
        if self._watched.slack_channel:
            tells.append(Tell(ChannelName.SLACK_CHANNEL, self._watched.slack_channel, words, until))
        if self._watched.pagerduty_key:
            payload = {"summary": text[:1024], "source": self._watched.url, "severity": "critical"}
            details = {"action": action, "dedup_key": f"gridcall-watch:{self._watched.url}"}
            alert = Words(text=text, template=TEMPLATE, payload=payload)
            tells.append(Tell(ChannelName.PAGERDUTY, self._watched.pagerduty_key, alert, until, details))
        return tells

    async def _tell(self, tell: Tell) -> None:
        send = Send(
            attempt=self._attempt(tell.channel, tell.address, tell.words),
            valid_seconds=WORTH_TELLING.total_seconds(),
            details=tell.details,
        )
        try:
            await self._channels[tell.channel].send(send)
        except OutcomeUnknown as lost:
            log.warning("perhaps not told", channel=str(tell.channel), error=str(lost))
            if self._channels[tell.channel].repeatable:
                return
        except SendError as error:
            log.warning("not told", channel=str(tell.channel), error=str(error), again=error.retryable)
            if error.retryable:
                return
        self._untold = [one for one in self._untold if one is not tell]

    async def _ring(self, person: Duty, now: datetime) -> None:
        """Somebody whom another watcher has just called counts as called; who cannot be called makes way at once."""
        reasons = "; ".join(self._reasons)
        prompt = f"This is Gridcall's watch, calling {person.name}. Gridcall is not well: {reasons}. Look after it now."
        payload = {"prompt": prompt, "language": "en-US", "asks": False}
        attempt = self._attempt(
            ChannelName.VOICE, person.number, Words(text=prompt, template=TEMPLATE, payload=payload)
        )
        voice = self._channels[ChannelName.VOICE]
        try:
            if await self._was_called(voice, attempt, now):
                log.warning("called by another watcher a moment ago", person=person.name)
                return
            sent = await voice.send(Send(attempt=attempt, valid_seconds=60.0, ring_seconds=RING_SECONDS))
            self._own.add(sent.vendor_id)
        except OutcomeUnknown as lost:
            log.warning("perhaps not called", person=person.name, error=str(lost))
        except SendError as error:
            log.error("could not be called, the next one is", person=person.name, error=str(error))
            self._state = replace(self._state, rings=self._state.rings[:-1])
        else:
            log.warning("called", person=person.name)

    async def _was_called(self, voice: Channel, attempt: Attempt, now: datetime) -> bool:
        try:
            return await voice.find(attempt, frozenset(self._own), now - CALLED_LATELY) is not None
        except SendError:
            return False  # rather twice than never

    def _attempt(self, channel: ChannelName, address: str, words: Words) -> Attempt:
        return Attempt(
            id=self._ids.new(),
            notification_id="",
            event_pk="",
            channel=channel,
            address=address,
            words=words,
            started_at=self._clock.now(),
        )


async def watch(settings: Settings, url: str, ready: Callable[[Watched], None]) -> None:
    """Until SIGINT or SIGTERM. Raises SettingsError when nobody could be told, or another one watches on this host."""
    watched = _watched(settings, url)
    stop, clock = stop_signal(), SystemClock()
    with _alone(settings.data_dir):
        connected = vendors.connect(settings, clock, callbacks=False)
        _reaches_somebody(watched, connected.channels)
        outside = Outside(watched.url, watched.switch_url)
        running = asyncio.create_task(
            Watch(watched, connected.channels, clock, SystemIds(), outside.look, outside.ping).run()
        )
        running.add_done_callback(lambda _: stop.set())
        ready(watched)
        await stop.wait()
        running.cancel()
        ended = await asyncio.gather(running, return_exceptions=True)
        await connected.close()
        await outside.close()
    if isinstance(ended[0], Exception):
        raise ended[0]


def _watched(settings: Settings, url: str) -> Watched:
    key = settings.watch_pagerduty_key
    duty = duty_list(settings.watch_duty.get_secret_value()) if settings.watch_duty else []
    return Watched(
        url=url.rstrip("/"),
        duty=[Duty(name, number) for name, number in duty],
        pagerduty_key=key.get_secret_value() if key else None,
        slack_channel=settings.watch_slack_channel,
        switch_url=settings.watch_switch_url,
        rules=Rules(after=timedelta(seconds=settings.watch_after_seconds)),
    )


def _reaches_somebody(watched: Watched, channels: Mapping[ChannelName, Channel]) -> None:
    if watched.duty and ChannelName.VOICE not in channels:
        raise SettingsError("GRIDCALL_WATCH_DUTY needs Twilio: set GRIDCALL_TWILIO_ACCOUNT_SID, _AUTH_TOKEN and _FROM")
    if watched.slack_channel and ChannelName.SLACK_CHANNEL not in channels:
        raise SettingsError("GRIDCALL_WATCH_SLACK_CHANNEL needs Slack: set GRIDCALL_SLACK_BOT_TOKEN, _SIGNING_SECRET")
    if not watched.duty and not watched.pagerduty_key:
        raise SettingsError("nobody would be woken: set GRIDCALL_WATCH_DUTY or GRIDCALL_WATCH_PAGERDUTY_KEY")


@contextmanager
def _alone(data_dir: Path) -> Iterator[None]:
    """One watch on a host: two would call twice."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "watch.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(f"another gridcall watch runs with {data_dir}") from None
        yield
