"""Looks every few seconds whether Gridcall is well, and hands what it finds to the duty alarm.

It runs in each process of Gridcall, one of those on a host at work, and alone as `gridcall watch` (app/outside.py).
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import aiohttp
import structlog

from app import vendors, watch_credentials
from app.duty_alarm import DutyAlarm, alarm_level, told, warning_level
from app.vendors import Vendors
from app.vital import Vital
from app.watch_credentials import Credentials
from app.watch_listener import KIND, Listener
from config.settings import Settings
from heartbeat.vital_signs import Condition
from model.clock import Clock
from model.ids import SystemIds
from model.plan import ChannelName
from notifiers.channels.voice import VoiceChannel

log = structlog.get_logger(__name__)

LOOK_EVERY = timedelta(seconds=5)
SWITCH_EVERY = timedelta(seconds=60)
SWITCH_SECONDS = 5.0

Look = Callable[[], Coroutine[Any, Any, Sequence[Condition]]]
Ping = Callable[[], Coroutine[Any, Any, None]]


class Place:
    """One watch for an address is at work on a host: two would call twice. A name that the kernel frees at death."""

    def __init__(self, kind: str, url: str) -> None:
        self._name = b"\0gridcall-" + sha256(f"{kind} {url}".encode()).hexdigest().encode()
        self._held: socket.socket | None = None

    def taken(self) -> bool:
        """It is ours, now or since long ago."""
        if self._held is None:
            try:
                held = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            except OSError as error:  # too many files are open
                log.warning("whether another watch is at work here is not known", error=str(error))
                return False
            try:
                held.bind(self._name)
            except OSError:
                held.close()
                return False
            self._held = held
        return True

    def leave(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None


class Switch:
    """A dead-man's switch: when it is not asked for, somebody else raises the alarm."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SWITCH_SECONDS))

    async def ping(self) -> None:
        try:
            async with self._session.get(self._url) as answer:
                answer.raise_for_status()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            log.warning("the dead-man's switch does not answer", error=type(error).__name__)

    async def close(self) -> None:
        await self._session.close()


class Watch:
    """`look` says what is wrong; `ping`, if there is somebody to ping, is done each minute while nothing is.

    `credentials`: what it tells by; while one is refused there is no ping either. `listener` hears the keys pressed in
    its calls, where Twilio reaches it.
    """

    def __init__(
        self,
        look: Look,
        alarm: DutyAlarm,
        warning: DutyAlarm,
        ping: Ping | None,
        clock: Clock,
        credentials: Credentials,
        listener: Listener | None = None,
    ) -> None:
        self._listener = listener
        self._credentials = credentials
        self._look = look
        self._alarm = alarm
        self._warning = warning
        self._ping = ping
        self._clock = clock
        self._pinged_at: datetime | None = None

    async def run(self, place: Place) -> None:
        """For ever; at work while the place is ours."""
        while True:
            next_at = self._clock.now() + LOOK_EVERY
            if place.taken():
                if self._listener is not None:
                    await self._listener.open()
                await self.turn()
            await self._clock.sleep_until(next_at)

    async def turn(self) -> None:
        """Look once, and do what follows. An error of our own is trouble too, and no reason to look no more."""
        try:
            found = await self._look()
        except Exception as error:
            log.exception("the look failed")
            found = [Condition(f"whether it is well cannot be seen ({type(error).__name__})", calls=True)]
        grave = [one.text for one in found if one.calls]
        warnings = [one.text for one in found if not one.calls]
        work = [self._alarm.turn(grave), self._warning.turn(warnings), self._credentials.turn()]
        now = self._clock.now()
        well = not grave and not self._alarm.stands and self._credentials.taken
        if self._ping and well and (self._pinged_at is None or now - self._pinged_at >= SWITCH_EVERY):
            self._pinged_at = now
            work.append(self._ping())
        for failed in await asyncio.gather(*work, return_exceptions=True):
            if isinstance(failed, Exception):
                log.error("a part of the watch failed", exc_info=failed)


@asynccontextmanager
async def watch(settings: Settings, url: str, look: Look, clock: Clock) -> AsyncIterator[Watch]:
    """A watch over what is at `url`, with connections to the vendors that are its own.

    Raises SettingsError when those whom the settings name could not be told.
    """
    whom = told(settings, url)
    connected = vendors.connect(settings.for_watch, clock, callbacks=False)
    switch = Switch(settings.watch_switch_url) if settings.watch_switch_url else None
    listener, channels = _listener(settings, connected), dict(connected.channels)
    if listener is not None:
        channels[ChannelName.VOICE] = listener.voice
    alarm, warning = (
        DutyAlarm(whom, level, channels, clock, SystemIds(), lambda: listener is not None and listener.is_open)
        for level in (alarm_level(settings), warning_level(settings))
    )
    of_watch = DutyAlarm(whom, watch_credentials.LEVEL, channels, clock, SystemIds())
    every = timedelta(seconds=settings.vendor_check_seconds)
    credentials = Credentials(watch_credentials.checks(connected, whom), of_watch, clock, every)
    if listener is not None:
        listener.pressed = alarm.pressed
    try:
        yield Watch(look, alarm, warning, switch.ping if switch else None, clock, credentials, listener)
    finally:
        if listener is not None:
            await listener.close()
        await connected.close()
        if switch:
            await switch.close()


def _listener(settings: Settings, connected: Vendors) -> Listener | None:
    """None where Twilio does not reach us, or is not there to call."""
    if settings.watch_public_url is None or connected.account is None or connected.twilio is None:
        return None
    dialling = settings.for_watch.dialling
    assert dialling is not None
    voice = VoiceChannel(
        connected.account, dialling=dialling, public_url=settings.watch_public_url, kind=KIND, only_keys=True
    )
    return Listener(voice, connected.twilio, settings.watch_public_url, settings.http_host, settings.watch_port)


async def watch_ourselves(settings: Settings, vital: Vital, clock: Clock) -> None:
    """The watch of a process over the installation it belongs to, until cancelled; where settings name nobody, none."""
    if not settings.watch_duty and not settings.watch_pagerduty_key:
        return

    async def look() -> Sequence[Condition]:
        return vital.conditions()

    place = Place("own", settings.public_url)
    async with watch(settings, settings.public_url, look, clock) as ours:
        try:
            await ours.run(place)
        finally:
            place.leave()
