"""Whether the vendors still take the watch's own credentials, which nothing uses until the night they are needed.

While one is refused, not everybody on duty would be told: a line says so, and the dead-man's switch is not asked for.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from app.duty_alarm import DutyAlarm, Level, Told
from app.vendor_checks import AT_ONCE, look
from app.vendors import PAGERDUTY, SLACK, TWILIO, Vendors
from model.clock import Clock
from model.ports import Answers

Checks = Mapping[str, Callable[[], Awaitable[Answers]]]

LEVEL = Level(
    calls=False,
    severity="warning",
    key=":watch",
    means=" The watch tells nobody by that until its credentials are mended.",
    rules=AT_ONCE,
    what="The watch over Gridcall",
)


def checks(connected: Vendors, whom: Told) -> Checks:
    """What asks each vendor by which these are told, by its name."""
    used = {TWILIO: bool(whom.duty), SLACK: whom.slack_channel is not None, PAGERDUTY: whom.pagerduty_key is not None}
    keys = [whom.pagerduty_key] if whom.pagerduty_key else []
    return {vendor: check for vendor, check in connected.checks(keys).items() if used.get(vendor)}


class Credentials:
    """`every`: zero for never. `alarm` tells of what is refused, by what is not."""

    def __init__(self, checks: Checks, alarm: DutyAlarm, clock: Clock, every: timedelta) -> None:
        self._checks = checks
        self._alarm = alarm
        self._clock = clock
        self._every = every
        self._looked_at: datetime | None = None
        self._refused: dict[str, str] = {}

    @property
    def taken(self) -> bool:
        """None was refused when it was last asked about, and each was asked about, unless that is switched off."""
        return not self._every or (self._looked_at is not None and not self._refused)

    async def turn(self) -> None:
        """Look when it is time, and tell what is not told yet."""
        if not self._every:
            return
        now = self._clock.now()
        if self._looked_at is None or now - self._looked_at >= self._every:
            for vendor, seen in (await look(self._checks, self._clock)).items():
                if seen.refused:
                    self._refused[vendor] = f"{vendor}: {seen.detail}"
                elif not seen.trouble:  # what cannot be asked now says nothing of a credential
                    self._refused.pop(vendor, None)
            self._looked_at = now
        await self._alarm.turn(list(self._refused.values()))
