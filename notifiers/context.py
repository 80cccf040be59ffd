"""What the words of a notification need besides the event: names, sites, the code, numbers to call back."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from model.event import Event
from model.plan import ChannelName, Kind, Notification
from model.roster import Resource, Roster, Source
from notifiers.wording.context import WordingContext


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What is the same for every message of this installation."""

    callback_number: str = ""
    page: Callable[[str, str], str] | None = None  # the address of an event's page for a person, "" for none
    keys: bool = True  # pressed in a call, they come to us
    buttons: bool = True  # pressed in Slack, they come to us


def context(
    row: Notification, event: Event, roster: Roster, house: House, code: str | None = None, alike: int = 0
) -> WordingContext:
    source = roster.sources.get(event.source) or Source(id=event.source, name="Gridcall", heartbeat=None)
    sites = tuple(_site(roster, ref.scheme, ref.code) for ref in event.content.resources)
    team = roster.teams.get(row.team) if row.team else roster.team_of(event)
    return WordingContext(
        source=source,
        sites=tuple(site for site in sites if site),
        team_name=team.name if team else "",
        code=code,
        accepted_by=_accepted_by(row),
        callback_number=house.callback_number,
        also_confirm=source.also_confirm,
        page=_page(row, event, house),
        keys=house.keys,
        buttons=house.buttons,
        call_seconds=roster.policy_of(event).call_seconds,
        alike=alike,
        timezone=next((site.timezone for site in sites if site), None),
    )


def _page(row: Notification, event: Event, house: House) -> str:
    """In texts that ask for an answer, and in no other."""
    asks = row.channel is ChannelName.SMS and row.kind is Kind.ALERT
    return house.page(event.pk, row.person) if asks and row.person and house.page else ""


def _site(roster: Roster, scheme: str, code: str) -> Resource | None:
    return roster.resource(scheme, code)


def _accepted_by(row: Notification) -> tuple[str, datetime] | None:
    if "by" not in row.details:
        return None
    return str(row.details["by"]), datetime.fromisoformat(str(row.details["at"]))
