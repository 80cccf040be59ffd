"""Tells a duty list that a Gridcall is not well, and that it is well again. Needs neither queue nor database.

Vendors are its memory: PagerDuty knows the alarm by its key, and whom another watcher has called a moment ago is told.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

import structlog

from config.settings import Settings, duty_list
from heartbeat import direct_alarm
from heartbeat.alarms import duration
from heartbeat.direct_alarm import Duty, Rules, State
from model.attempt import Attempt, Words
from model.clock import Clock
from model.errors import OutcomeUnknown, SendError, SettingsError
from model.ids import Ids
from model.plan import ChannelName
from model.ports import Channel, Send

log = structlog.get_logger(__name__)

CALLED_LATELY = timedelta(minutes=5)
WORTH_TELLING = timedelta(minutes=15)
RING_SECONDS = 40
RANK = timedelta(seconds=60)
TEMPLATE = "direct_alarm/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Who is told that `url` is not well."""

    url: str
    duty: Sequence[Duty] = ()
    pagerduty_key: str | None = None
    slack_channel: str | None = None


class Level(NamedTuple):
    """`calls`: phones ring and texts are sent. `severity` and `key`: of the alert in PagerDuty. `what` is not well."""

    calls: bool
    severity: str
    key: str
    means: str
    rules: Rules
    what: str = "Gridcall"


class Tell(NamedTuple):
    """Something to be told by one channel, at the latest at `until`."""

    channel: ChannelName
    address: str
    words: Words
    until: datetime
    details: Mapping[str, str | int | bool] = MappingProxyType({})


def told(settings: Settings, url: str) -> Told:
    """Whom these settings name. Raises SettingsError when what tells them is not set up."""
    key = settings.watch_pagerduty_key
    duty = duty_list(settings.watch_duty.get_secret_value()) if settings.watch_duty else []
    if duty and not settings.for_watch.twilio_from:
        raise SettingsError("GRIDCALL_WATCH_DUTY needs Twilio: set GRIDCALL_TWILIO_ACCOUNT_SID, _AUTH_TOKEN and _FROM")
    if settings.watch_slack_channel and not settings.slack_bot_token:
        raise SettingsError("GRIDCALL_WATCH_SLACK_CHANNEL needs Slack: set GRIDCALL_SLACK_BOT_TOKEN, _SIGNING_SECRET")
    return Told(
        url=url.rstrip("/"),
        duty=[Duty(name, number) for name, number in duty],
        pagerduty_key=key.get_secret_value() if key else None,
        slack_channel=settings.watch_slack_channel,
    )


def alarm_level(settings: Settings) -> Level:
    """People may not be called about events: the duty list is."""
    after = timedelta(seconds=settings.watch_after_seconds) + settings.watch_rank * RANK
    means = " Nobody may be called about events now."
    return Level(calls=True, severity="critical", key="", means=means, rules=Rules(after=after))


def warning_level(settings: Settings) -> Level:
    """Events still reach people, and something must be mended."""
    after = timedelta(seconds=max(60.0, settings.watch_after_seconds)) + settings.watch_rank * RANK
    means = " People are still called about events."
    return Level(calls=False, severity="warning", key=":warning", means=means, rules=Rules(after=after))


class DutyAlarm:
    """One level of alarm. What could not be told is tried again at each turn, until it is old.

    `hears`: whether a key that is pressed in a call would reach us.
    """

    def __init__(
        self,
        told: Told,
        level: Level,
        channels: Mapping[ChannelName, Channel],
        clock: Clock,
        ids: Ids,
        hears: Callable[[], bool] = lambda: False,
    ) -> None:
        self._hears = hears
        self._called: dict[str, Duty] = {}  # by the call's attempt, of this alarm
        self._whom = told
        self._level = level
        self._channels = channels
        self._clock = clock
        self._ids = ids
        self._state = State()
        self._reasons: Sequence[str] = ()
        self._untold: list[Tell] = []
        self._texted: list[str] = []
        self._own: set[str] = set()  # calls of this watch
        self._quiet_since = clock.now()
        self._fresh = True  # nothing was told yet
        self._seen_well = False

    @property
    def stands(self) -> bool:
        return self._state.raised_at is not None

    async def turn(self, reasons: Sequence[str]) -> None:
        """One look has found these reasons, or none."""
        now, rules = self._clock.now(), self._level.rules
        self._seen_well = self._seen_well or not reasons
        if reasons:
            self._reasons = reasons
        done = direct_alarm.turn(self._state, not reasons, self._whom.duty if self._level.calls else (), rules, now)
        before, self._state = self._state, done.state
        if done.raised:
            log.error(
                f"{self._level.what} is not well",
                url=self._whom.url,
                severity=self._level.severity,
                reasons=list(reasons),
            )
            await self._raise(done.state.unwell_since or now, now)
        if reasons:
            self._quiet_since = now
        if self._fresh and now - self._quiet_since >= rules.well_for:
            # A watch before this one may have died over its alarm: this ends it, and is nothing where there is none.
            self._fresh = False
            self._untold = self._alert(f"{self._what()} is well.", "resolve", now)
        if done.over:
            log.warning(f"{self._level.what} is well again", url=self._whom.url, severity=self._level.severity)
            self._untold = self._all_clear(now - (before.unwell_since or now), now)
        work = [self._tell(tell) for tell in self._untold if tell.channel in self._channels and tell.until > now]
        if done.ring and ChannelName.VOICE in self._channels:
            work.append(self._ring(done.ring, now))
        await asyncio.gather(*work)

    def pressed(self, attempt_id: str) -> bool:
        """Whoever was called looks after it: all others hear that, and none is called for now.

        False: it is no call of an alarm that stands.
        """
        person, now = self._called.get(attempt_id), self._clock.now()
        if person is None or not self.stands:
            return False
        self._state = direct_alarm.taken(self._state, now)
        log.warning("somebody looks after it", person=person.name)
        tells = self._to_all(f"{person.name} looks after {self._what()}.", "acknowledge", now)
        self._untold += [tell for tell in tells if tell.address != person.number]
        return True

    # --- what is told -----------------------------------------------------------------------------------------------

    async def _raise(self, since: datetime, now: datetime) -> None:
        self._fresh = False
        self._called = {}
        text = f"{self._what()} is not well since {since:%H:%M:%S} UTC: {'; '.join(self._reasons)}.{self._level.means}"
        others_tell = self._level.calls and await self._others_tell(now)
        self._texted = [person.number for person in self._whom.duty] if self._level.calls and not others_tell else []
        self._untold = self._to_all(text, "trigger", now)

    async def _others_tell(self, now: datetime) -> bool:
        """Another watcher was faster: it has called the first of the list, so it has sent the texts too."""
        voice = self._channels.get(ChannelName.VOICE)
        if voice is None or not self._whom.duty:
            return False
        first = self._attempt(ChannelName.VOICE, self._whom.duty[0].number, Words(text="", template=TEMPLATE))
        return await self._was_called(voice, first, now)

    def _all_clear(self, length: timedelta, now: datetime) -> list[Tell]:
        return self._to_all(f"{self._what()} is well again after {duration(length)}.", "resolve", now)

    def _what(self) -> str:
        return f"{self._level.what} at {self._whom.url}"

    def _to_all(self, text: str, action: str, now: datetime) -> list[Tell]:
        words, until = Words(text=text, template=TEMPLATE), now + WORTH_TELLING
        tells = [Tell(ChannelName.SMS, number, words, until) for number in self._texted]
        if self._whom.slack_channel:
            tells.append(Tell(ChannelName.SLACK_CHANNEL, self._whom.slack_channel, words, until))
        return [*tells, *self._alert(text, action, now)]

    def _alert(self, text: str, action: str, now: datetime) -> list[Tell]:
        if self._whom.pagerduty_key is None:
            return []
        payload = {"summary": text[:1024], "source": self._whom.url, "severity": self._level.severity}
        details = {"action": action, "dedup_key": f"gridcall-watch:{self._whom.url}{self._level.key}"}
        alert = Words(text=text, template=TEMPLATE, payload=payload)
        return [Tell(ChannelName.PAGERDUTY, self._whom.pagerduty_key, alert, now + WORTH_TELLING, details)]

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
        reasons, asks = "; ".join(self._reasons), self._hears()
        press = " Press 1 to say that you do." if asks else ""
        trouble = f"Gridcall is not well: {reasons}. Look after it now.{press}"
        prompt = f"This is Gridcall's watch, calling {person.name}. {trouble}"
        payload = {"prompt": prompt, "language": "en-US", "asks": asks}
        attempt = self._attempt(
            ChannelName.VOICE, person.number, Words(text=prompt, template=TEMPLATE, payload=payload)
        )
        voice = self._channels[ChannelName.VOICE]
        self._called[attempt.id] = person
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
        # A call before there was any trouble was about an event, or a try of this phone. Who has never seen it well
        # does not know when that began: a watch before this one may have called.
        began = self._state.unwell_since if self._seen_well else None
        since = max(now - CALLED_LATELY, began or now - CALLED_LATELY)
        try:
            return await voice.find(attempt, frozenset(self._own), since) is not None
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
