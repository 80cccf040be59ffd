"""Which silence holds an event. Pure. A critical event is held by none."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from model.event import Event, Severity
from model.plan import Agenda
from model.roster import OWN_SOURCE
from model.silence import OWN_NEWS, Silence
from routing import planner
from routing.planner import Case

A_MOMENT = timedelta(seconds=5)


def holding(event: Event, silences: Iterable[Silence], now: datetime) -> Silence | None:
    """The silence that lasts longest of those that hold it now, None when it is to be told."""
    if not may_be_held(event):
        return None
    fitting = [one for one in silences if one.since <= now < one.until and one.noise.fits(event)]
    return max(fitting, key=lambda one: (one.until, one.id), default=None)


def may_be_held(event: Event) -> bool:
    """By any silence at all."""
    tells_of_one = event.source == OWN_SOURCE and event.event_id.startswith(OWN_NEWS)
    return event.severity is not Severity.CRITICAL and not tells_of_one


def why(silence: Silence) -> str:
    """For the verdict, the timeline and the sender."""
    return f"held by the silence of {silence.author} until {silence.until:%b %d %H:%M} UTC: {silence.reason}"


def look_after(silence: Silence, case: Case) -> Agenda:
    """Looked at once more when it is over: who made it over may not have seen an event that was held at that moment."""
    return replace(planner.agenda_revise(case, "the silence that held it is over"), due_at=silence.until + A_MOMENT)
