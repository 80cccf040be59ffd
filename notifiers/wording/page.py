"""The operator's page in HTML: what a person reads of an event, in the order of what is spoken. Pure.

No script, nothing loaded from anywhere; everything printed is escaped.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import NamedTuple

from jinja2 import Template

from model.event import Event, EventStatus
from model.plan import ChannelName, Kind, Notification
from model.reply import Answer, Reply
from model.roster import Person, Roster
from notifiers.context import House, context
from notifiers.wording.catalogue import ENGLISH, HERE, sandbox
from notifiers.wording.clean import clean, shorten
from notifiers.wording.clocks import Clocks, zone
from notifiers.wording.facts import facts

ACCEPTED_SHOWN = 10
NAME_CHARS = 60
LISTED = 50  # further events, on a page of at most 30 KB
LINE_CHARS = 60


class Result(StrEnum):
    """What a pressed button led to."""

    ACCEPTED = "accepted"
    CANNOT = "cannot"
    RECEIVED = "received"  # stored for later, not yet counted
    OVER = "over"
    REPLACED = "replaced"


class Further(NamedTuple):
    """Another event that waits for the reader's answer; `token` names the reader's page of it."""

    event: Event
    token: str


@dataclass(frozen=True, slots=True)
class Item:
    """A further event in a line: what and by when."""

    token: str
    what: str
    by: str


@dataclass(frozen=True, slots=True)
class Line:
    """Who accepted, and when by the reader's clock."""

    name: str
    at: str


def page(
    event: Event,
    person: Person,
    replies: Sequence[Reply],
    roster: Roster,
    house: House,
    now: datetime,
    result: Result | None = None,
    *,
    token: str = "",
    further: Sequence[Further] = (),
    unlisted: int = 0,
    waiting: int = 0,
) -> str:
    """What the person reads at `now`. `replies`: all to the event, in the order they came. `token` of this page.

    `waiting` events ask for the person's answer, this one perhaps among them; `further` are others, `unlisted` so many
    more.
    """
    row = _row(event, person, now)
    f = facts(row, event, person, context(row, event, roster, house), now)
    clocks = Clocks(zone(person.timezone), zone(None), now)
    latest = {r.person: r for r in replies if r.revision >= event.answer_revision}
    own = latest.get(person.id)
    accepted = [r for r in latest.values() if r.answer is Answer.ACKNOWLEDGE]
    return _template(f.language).render(
        f=f,
        style=style(),
        person=clean(person.name, NAME_CHARS),
        accepted=[Line(_name(roster, r.person), clocks.own(r.received_at)) for r in accepted[:ACCEPTED_SHOWN]],
        more=max(0, len(accepted) - ACCEPTED_SHOWN),
        own="" if own is None else str(own.answer),
        answer_left=clocks.left(event.deadline_at),
        asks=event.status is EventStatus.OPEN and event.rings,
        revision=event.answer_revision,
        result=result,
        token=token,
        further=[_item(one, person, roster, house, now) for one in further],
        unlisted=unlisted,
        waiting=waiting,
    )


def _item(one: Further, person: Person, roster: Roster, house: House, now: datetime) -> Item:
    row = _row(one.event, person, now)
    f = facts(row, one.event, person, context(row, one.event, roster, house), now)
    said = f"{f.mode} {f.who}: {f.headline if f.driven else f.do}".strip()
    return Item(one.token, shorten(said, LINE_CHARS), f.by or f"answer by {f.answer_by}")


def accept_all(token: str, asked: Sequence[tuple[str, int]], left: int) -> str:
    """Asks whether these events, each with its revision, are to be accepted. `left`: more than can be at once."""
    named = [f"{event_pk}.{revision}" for event_pk, revision in asked]
    return _all().render(style=style(), token=token, named=" ".join(named), count=len(named), left=left, result=None)


def all_accepted(token: str, accepted: int, asked: int) -> str:
    return _all().render(style=style(), token=token, accepted=accepted, count=asked, result=Result.ACCEPTED)


def all_received(token: str, asked: int) -> str:
    """When the events cannot be looked up, and the answer is safe."""
    return _all().render(style=style(), token=token, count=asked, result=Result.RECEIVED)


@cache
def _all() -> Template:
    return sandbox("page").get_template("page_all.html.j2")


def received() -> str:
    """When the event cannot be looked up, and the answer is safe."""
    return _template().render(f=None, style=style(), result=Result.RECEIVED)


def gone() -> str:
    """A day after the end."""
    return _template().render(f=None, style=style(), result=None)


def away(result: Result | None) -> str:
    """When the event cannot be looked up; `result`: of the answer that was taken all the same."""
    return _template().render(f=None, style=style(), result=result, away=True)


def _row(event: Event, person: Person, now: datetime) -> Notification:
    """What would be sent to the person, were it sent now."""
    return Notification(
        id="",
        event_pk=event.pk,
        revision=event.latest.number,
        kind=Kind.ALERT,
        channel=ChannelName.SLACK_DM,
        address="",
        due_at=now,
        until=now,
        lane=0,
        person=person.id,
    )


def _name(roster: Roster, person: str) -> str:
    known = roster.people.get(person)
    return clean(known.name if known else person, NAME_CHARS)


@cache
def _template(language: str = ENGLISH) -> Template:
    return sandbox("page", language).get_template("page.html.j2")


@cache
def style() -> str:
    return (HERE / ENGLISH / "page.css").read_text(encoding="utf-8").strip()


@cache
def policy() -> str:
    """The Content-Security-Policy: this one style, forms to ourselves, nothing else."""
    sha256 = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()
    rules = ("default-src 'none'", f"style-src 'sha256-{sha256}'", "form-action 'self'", "frame-ancestors 'none'")
    return "; ".join((*rules, "base-uri 'none'"))
