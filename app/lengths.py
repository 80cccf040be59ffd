"""How long the words are: the canonical messages on every channel, at a fixed moment, to a person of the demo. Pure."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.intake_door import feed_of
from app.preview import SAMPLE_CODE
from intake.examples import example
from intake.read import read
from model.attempt import Words
from model.event import Event
from model.ids import SystemIds
from model.plan import WAYS, ChannelName, Kind
from model.reading import Reading
from model.roster import Roster
from notifiers.context import House, context
from notifiers.wording import render
from notifiers.wording.sms_parts import septets
from notifiers.wording.speech import seconds
from routing import planner
from routing.cases import case
from routing.event_after import event_after
from routing.placing import place

SOURCE, PERSON = "miso", "ana"
MOMENT = datetime(2026, 7, 14, 18, 0, tzinfo=UTC)  # 13:00 in Chicago: both clocks show the same hour
HOUSE = House(callback_number="+15550100")
FIRST_FOUR = ("left.", "Standard.")  # how the sentence with the last of them ends


@dataclass(frozen=True, slots=True)
class Message:
    """What is said to people when the last of `chain` has come in."""

    name: str
    chain: tuple[str, ...]
    kind: Kind


MESSAGES = (
    Message("order", ("edr",), Kind.ALERT),
    Message("drill", ("drill",), Kind.ALERT),
    Message("update, to be answered", ("edr", "update"), Kind.ALERT),
    Message("update", ("edr", "update"), Kind.UPDATE),
    Message("cancelled", ("edr", "cancel"), Kind.STAND_DOWN),
    Message("released", ("edr", "terminate"), Kind.STAND_DOWN),
    Message("somebody has it", ("edr",), Kind.COURTESY),
)


def words(roster: Roster, message: Message, channel: ChannelName) -> tuple[Words, ...]:
    """What is said on that channel."""
    event = _event(roster, message.chain)
    details = {"by": "Ben Okafor", "at": MOMENT.isoformat()} if message.kind is Kind.COURTESY else {}
    person = roster.people[PERSON] if WAYS[channel].personal else None
    row = planner.row(
        case(event, roster, SystemIds(), MOMENT),
        message.kind,
        channel,
        "",
        person=person.id if person else None,
        team=None if person else event.team,
        revision=event.latest.number,
        details=dict(details),
    )
    code = SAMPLE_CODE if channel is ChannelName.SMS and message.kind is Kind.ALERT else None
    return render(row, event, person, context(row, event, roster, HOUSE, code), MOMENT)


def _event(roster: Roster, chain: tuple[str, ...]) -> Event:
    event: Event | None = None
    for kind in chain:
        body = json.dumps(example(kind, MOMENT, "MISO-EDR-2026-07-14-0007")).encode()
        [reading] = read(body, {"content-type": "application/json"}, feed_of(roster, SOURCE), MOMENT)
        assert isinstance(reading, Reading), reading
        placement = place(reading, event, "d", MOMENT - timedelta(seconds=1))
        event = event_after(placement, event, SOURCE, roster, SystemIds())
    assert event is not None
    return event


def first_four(script: str) -> str:
    """Of what is spoken the part with drill or not, who, what to do, and by when on both clocks with the time left."""
    ends = [at + len(end) for end in FIRST_FOUR if (at := script.find(end)) >= 0]
    return script[: min(ends)] if ends else script


def table(roster: Roster) -> list[str]:
    """A table for people, one line a row."""
    head = "| message | call, once | of it items 1 to 4 | SMS | first part | Slack | PagerDuty, webhook |"
    return [head, "| --- " * (head.count("|") - 1) + "|", *(_line(roster, message) for message in MESSAGES)]


def _line(roster: Roster, message: Message) -> str:
    return f"| {' | '.join((message.name, *_lengths(roster, message)))} |"


def _lengths(roster: Roster, message: Message) -> Iterator[str]:
    script = words(roster, message, ChannelName.VOICE)[0].text
    yield f"{seconds(script):.0f} s"
    yield f"{seconds(first_four(script)):.1f} s" if message.kind is not Kind.COURTESY else ""
    texts = words(roster, message, ChannelName.SMS)
    yield f"{len(texts)} part{'' if len(texts) == 1 else 's'}"
    yield f"{septets(texts[0].text)} of 160"
    yield f"{len(words(roster, message, ChannelName.SLACK_CHANNEL)[0].text)} characters"
    yield f"{len(words(roster, message, ChannelName.PAGERDUTY)[0].text)} characters"
