"""For which time we can say who was heard. Pure.

A source is judged by the time in which somebody listened, and only as far as everybody who listens has written down
what was heard. Our own outage is nobody's silence.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from model.monitor import Listening

DEAD = timedelta(seconds=15)  # who is so far behind the others does not listen any more


class Listened(NamedTuple):
    """The present stretch without a gap. What was heard up to `until` is known; `newest`: up to where anybody came."""

    since: datetime
    until: datetime
    newest: datetime


class Gap(NamedTuple):
    """Nobody listened."""

    since: datetime
    until: datetime


def listened(records: Collection[Listening]) -> Listened | None:
    """None when nobody ever listened."""
    if not records:
        return None
    newest = max(record.until for record in records)
    alive = [record.until for record in records if not record.ended and newest - record.until < DEAD]
    return Listened(_begin(records, newest), min(alive, default=newest), newest)


def missed(records: Collection[Listening], since: datetime, until: datetime) -> timedelta:
    """For how long nobody listened between the two."""
    heard, reached = timedelta(), since
    for record in sorted(records, key=lambda record: record.since):
        begin, end = max(record.since, reached), min(record.until, until)
        if end > begin:
            heard, reached = heard + (end - begin), end
    return max(timedelta(), until - since - heard)


def of_the_past(records: Collection[Listening], now: datetime) -> list[Listening]:
    """The same, as of now: a clock that was ahead has written down what has not come yet."""
    return [replace(record, since=min(record.since, now), until=min(record.until, now)) for record in records]


def gap(records: Collection[Listening]) -> Gap | None:
    """The last time in which nobody listened. None when there was none, as far as is known."""
    if not (known := listened(records)):
        return None
    before = [record.until for record in records if record.until < known.since]
    return Gap(max(before), known.since) if before else None


def _begin(records: Collection[Listening], newest: datetime) -> datetime:
    """Back from the newest, from one record to those that overlap it."""
    since = newest
    while earlier := [record.since for record in records if record.since < since <= record.until]:
        since = min(earlier)
    return since
