"""What a statement about a known event leads to, in words for its sender. Pure.

Its plan is made a moment later, by the reviser: whether a phone rings is said where that is certain without it.
"""

from typing import NamedTuple

from model.event import Event, EventStatus
from model.silence import Silence
from routing import silencing


class Consequence(NamedTuple):
    """`rings` None: the plan will show it."""

    rings: bool | None
    said: str


def consequence(event: Event, silence: Silence | None) -> Consequence:
    """Of its latest statement. `silence`: what holds it, where nobody was told of it before."""
    if event.status is EventStatus.OPEN:
        return _goes_on(event, silence)
    if event.status is EventStatus.TOMBSTONE:
        return Consequence(False, "")
    if event.leader_pk is not None:
        return Consequence(False, "another event rang for it: nobody was called for this one alone")
    return Consequence(None, "who was told hears that it is over, who picked up or accepted by a call")


def _goes_on(event: Event, silence: Silence | None) -> Consequence:
    if event.leader_pk is not None:
        return Consequence(None, "another event rings for it, as long as this one asks for no more")
    if silence is not None:
        return Consequence(False, silencing.why(silence))
    if event.answer_revision != event.latest.number:
        return Consequence(False, "it needs no new answer: who was told hears of it, no phone rings for it")
    if not event.rings:
        return Consequence(None, "it asks nobody for an answer: who was told hears that")
    return Consequence(None, "it needs a new answer: people are called for it")
