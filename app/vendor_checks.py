"""Asks the vendors now and then whether they still know us: a dead credential is known before the emergency.

One notifier does it. A line in Slack, or an alert in PagerDuty where Slack cannot, says when one is refused, and when
it is taken again. They go straight to the vendor: neither queue nor database is needed.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from app.duty_alarm import DutyAlarm, Level, Told
from app.vendors import PAGERDUTY, SLACK, SLACK_SOCKET, Vendors
from config.settings import Settings
from heartbeat.direct_alarm import Rules
from model.clock import Clock
from model.errors import OutcomeUnknown, SendError
from model.ids import Ids
from model.ports import Answers, Balance
from model.roster import Roster

log = structlog.get_logger(__name__)

AT_ONCE = Rules(after=timedelta(), well_for=timedelta())
KEYS_AT_ONCE = 20  # PagerDuty takes two requests a second


@dataclass(frozen=True, slots=True)
class Seen:
    """What a vendor answered. `refused`: all that is done there would fail; else `trouble` may pass by itself."""

    at: datetime
    detail: str
    trouble: bool = False
    refused: bool = False
    balance: Balance | None = None


class VendorChecks:
    """`every`: zero for never. `found` is what the last look saw, by vendor."""

    def __init__(
        self,
        vendors: Vendors,
        roster: Callable[[], Roster],
        settings: Settings,
        clock: Clock,
        ids: Ids,
        every: timedelta,
    ) -> None:
        self._vendors = vendors
        self._roster = roster
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._every = every
        self._looked_at: datetime | None = None
        self._keys_from = 0
        self._alarms: dict[str, DutyAlarm] = {}
        self.found: dict[str, Seen] = {}

    async def tick(self) -> None:
        """Twice a minute: look when it is time, and tell what is not told yet."""
        now = self._clock.now()
        if self._looked_at is None or now - self._looked_at >= self._every:
            self._looked_at = now
            self.found = await look(self._vendors.checks(self._some_keys()), self._clock)
            if (seen := self.found.get(PAGERDUTY)) is None or not seen.trouble:
                self._keys_from += KEYS_AT_ONCE  # else the same again: whether that one is mended
        for vendor, seen in self.found.items():
            await self._tell(vendor, seen)

    def _some_keys(self) -> list[str]:
        """Of many teams' keys so many at a look, by turns."""
        keys = sorted(routing_keys(self._roster()))
        if len(keys) <= KEYS_AT_ONCE:
            return keys
        begin = self._keys_from % len(keys)
        return [*keys, *keys][begin : begin + KEYS_AT_ONCE]

    async def _tell(self, vendor: str, seen: Seen) -> None:
        """What cannot be asked now says nothing of a credential: neither that it is dead nor that it lives."""
        alarm = self._alarms.get(vendor)
        if seen.refused and (alarm is None or not alarm.stands):
            alarm = self._alarms[vendor] = self._alarm(vendor)
        if alarm is not None and (seen.refused or not seen.trouble):
            await alarm.turn([seen.detail] if seen.refused else [])

    def _alarm(self, vendor: str) -> DutyAlarm:
        settings, roster = self._settings, self._roster()
        slack = self.found.get(SLACK)
        channel = roster.admin_channel or settings.watch_slack_channel
        key = settings.watch_pagerduty_key.get_secret_value() if settings.watch_pagerduty_key else None
        by_slack = channel if slack is not None and not slack.trouble else None
        by_pagerduty = None if by_slack else key or min(routing_keys(roster), default=None)
        fails = "What people press and type in Slack is not heard" if vendor == SLACK_SOCKET else None
        means = f" {fails or f'Nothing is sent by {vendor}'} until its credentials are mended."
        key_ends = f":{vendor.lower().replace(' ', '-')}"
        level = Level(False, "warning", key_ends, means, AT_ONCE, f"{vendor} for Gridcall")
        whom = Told(url=settings.public_url, pagerduty_key=by_pagerduty, slack_channel=by_slack)
        return DutyAlarm(whom, level, self._vendors.channels, self._clock, self._ids)


async def look(checks: Mapping[str, Callable[[], Awaitable[Answers]]], clock: Clock) -> dict[str, Seen]:
    """Ask each once."""
    found = {}
    for vendor, check in checks.items():
        try:
            answer = await check()
            found[vendor] = Seen(clock.now(), answer.detail, balance=answer.balance)
        except SendError as error:
            refused = not error.retryable and not isinstance(error, OutcomeUnknown)
            found[vendor] = Seen(clock.now(), str(error), trouble=True, refused=refused)
            log.warning(
                "vendor does not know us" if refused else "vendor cannot be asked", vendor=vendor, why=str(error)
            )
        except Exception as error:
            found[vendor] = Seen(clock.now(), f"our own mistake: {type(error).__name__}", trouble=True)
            log.exception("vendor cannot be asked by our own mistake", vendor=vendor)
    return found


def routing_keys(roster: Roster) -> set[str]:
    return {team.pagerduty.routing_key for team in roster.teams.values() if team.pagerduty}
