"""Who comes on call and who goes off, and what they hear of it before. Pure."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from model.plan import ChannelName
from model.roster import Person
from model.rota import Rota
from routing.effect import People
from routing.on_call import by_people, spans
from routing.rota_words import Names, moment, several

LONGEST = timedelta(days=92)  # a duty that lasts longer has no end that is worth saying
_DATED = timedelta(days=8)  # later than this a weekday alone is ambiguous, and the words have a date


@dataclass(frozen=True, slots=True, kw_only=True)
class Handoff:
    """At `at` (aware UTC) the person comes on call in the rotation, or goes off.

    Whoever has one turn after another has none. `after`: who is on call from then on.
    """

    rotation: str
    person: str
    at: datetime
    coming: bool
    before: People
    after: People


def handoffs(rota: Rota, people: Collection[str], start: datetime, end: datetime) -> Iterator[Handoff]:
    """Those of `people` later than `start` and before `end`, by time."""
    for (before, _, _), (after, at, _) in pairwise(by_people(spans(rota, start, end))):
        for person in people:
            if (person in before) != (person in after):
                yield Handoff(
                    rotation=rota.rotation.id,
                    person=person,
                    at=at,
                    coming=person in after,
                    before=before,
                    after=after,
                )


def way(person: Person) -> tuple[ChannelName, str] | None:
    """A reminder is quiet: a direct message, else a text; it never calls."""
    return next(quiet_ways(person), None)


def quiet_ways(person: Person) -> Iterator[tuple[ChannelName, str]]:
    """The first choice first."""
    for channel in (ChannelName.SLACK_DM, ChannelName.SMS):
        if address := person.address(channel):
            yield channel, address


def words(handoff: Handoff, rota: Rota, person: Person, names: Names, now: datetime) -> str:
    """ "You come on call for Operations Mon 9 Nov 09:00 CST, until Mon 16 Nov 09:00. Ana Reyes goes off." """
    zone, since = ZoneInfo(person.timezone), now - _DATED
    when = f"{moment(handoff.at, zone, since)} {handoff.at.astimezone(zone):%Z}"
    if handoff.coming:
        until = _until(handoff, rota)
        said = f", until {moment(until, zone, since)}" if until else ""
        others = tuple(p for p in handoff.before if p not in handoff.after)
        goes = f" {several(others, names)} {'goes' if len(others) == 1 else 'go'} off." if others else ""
        return f"You come on call for {rota.rotation.name} {when}{said}.{goes}"
    if not handoff.after:
        return f"You go off call for {rota.rotation.name} {when}. NOBODY is on call after you."
    verb = "is" if len(handoff.after) == 1 else "are"
    return f"You go off call for {rota.rotation.name} {when}. {several(handoff.after, names)} {verb} on call then."


def _until(handoff: Handoff, rota: Rota) -> datetime | None:
    following = by_people(spans(rota, handoff.at, handoff.at + LONGEST))
    return next((start for people, start, _ in following if handoff.person not in people), None)
