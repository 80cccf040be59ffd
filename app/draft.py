"""An event at the terminal that nobody has sent: its timetable and its words. Pure."""

from dataclasses import dataclass
from datetime import datetime

from app.preview import SAMPLE_CODE, Preview, preview
from model.attempt import Words
from model.errors import SettingsError
from model.event import Event
from model.ids import SystemIds
from model.phones import USUAL, Phones
from model.plan import PERSONAL, ChannelName, Kind, Notification, PagerDutyAction
from model.reading import Reading
from model.roster import Roster
from notifiers.context import House, context
from notifiers.wording import render
from routing import planner
from routing.capacity import Lines
from routing.cases import case


@dataclass(frozen=True, slots=True)
class Draft:
    """A statement as if it were the first of its event, received at `now`."""

    reading: Reading
    source: str
    roster: Roster
    callback_number: str
    now: datetime
    phones: Phones = USUAL

    def preview(self) -> Preview:
        return preview(
            self.reading, self.source, self.roster, self._house, SystemIds(), self.now, Lines(phones=self.phones)
        )

    def words(self, channel: str, person: str | None) -> tuple[Words, ...]:
        """What is said on that channel, to that person. Raises SettingsError when the roster cannot tell whom."""
        event = self.preview().event
        row = self._row(event, ChannelName(channel), person)
        told = self.roster.people.get(row.person) if row.person else None
        code = SAMPLE_CODE if row.channel is ChannelName.SMS and row.kind is Kind.ALERT else None
        return render(row, event, told, context(row, event, self.roster, self._house, code), self.now)

    def _row(self, event: Event, channel: ChannelName, person: str | None) -> Notification:
        first = case(event, self.roster, SystemIds(), self.now)
        kind = Kind.STAND_DOWN if event.content.message_type.ends else Kind.ALERT
        if channel in PERSONAL:
            known = self.roster.people.get(person or "")
            if known is None:
                people = ", ".join(self.roster.people)
                raise SettingsError(f"by {channel} a person is told: give --person, one of {people}")
            address = known.address(channel) or ""
            return planner.row(first, kind, channel, address, person=known.id, step=0)
        team = first.team
        if channel is ChannelName.SLACK_CHANNEL:
            return planner.row(first, kind, channel, team.slack_channel or "", team=team.id)
        if team.pagerduty is None:
            raise SettingsError(f"team {team.id} has no PagerDuty service in the roster")
        return planner.pagerduty_row(first, team.pagerduty.routing_key, PagerDutyAction.TRIGGER, 1)

    @property
    def _house(self) -> House:
        return House(callback_number=self.callback_number)
