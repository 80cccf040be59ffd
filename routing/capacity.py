"""Who can be called when: lines, calls a second, how long a call holds its line, the time left. Pure.

    grants = grant(calls, phones, now)

It goes by the rules by which the dispatcher gives lines out, so it is a forecast of what that will do: whenever a line
is free and the account may begin a call, the most urgent call that is due goes; one that is too late is not begun.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from model.phones import Phones, lines_open_to


class Call(NamedTuple):
    """One call to be made. `until`: the last instant at which it may begin; `holds`: how long its line is in use.

    In order of urgency: somebody not yet rung before a re-dial, then by the time left, then in the order of planning.
    """

    lane: int
    redial: bool
    until: datetime
    due_at: datetime
    id: str
    event_pk: str
    holds: timedelta


class Grant(NamedTuple):
    """When a line is in use for a call."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """What is known of the lines: `busy` until when, one for each in use, and the calls that wait for one.

    `next_at`: when the account may begin the next call; None: at once. `to_come`: calls of other events to those who
    have accepted, to be made then unless something is heard.
    """

    phones: Phones = field(default_factory=Phones)
    busy: tuple[datetime, ...] = ()
    next_at: datetime | None = None
    waiting: tuple[Call, ...] = ()
    to_come: tuple[Call, ...] = ()


def grant(calls: Iterable[Call], lines: Lines, now: datetime) -> dict[str, Grant]:
    """When each call gets a line, by its id, other events' among them. Who gets none in time is left out."""
    queue = _Queue([*lines.waiting, *lines.to_come, *calls])
    busy = [end for end in lines.busy if end > now]
    heapify(busy)
    between = timedelta(seconds=1 / lines.phones.calls_per_second)
    at = max(now, lines.next_at or now)
    grants: dict[str, Grant] = {}
    while (first := queue.first(at)) is not None:
        while busy and busy[0] <= at:
            heappop(busy)
        if first.due_at > at:
            at = first.due_at
        elif len(busy) < lines_open_to(lines.phones.lines, first.lane, first.redial):
            queue.take()
            grants[first.id] = Grant(at, at + first.holds)
            heappush(busy, at + first.holds)
            at += between
        else:
            at = min(busy[0], queue.next_due_at or busy[0])
    return grants


class _Queue:
    """Calls by urgency among those that are due, then those to come."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self._to_come = sorted(calls, key=lambda call: call.due_at, reverse=True)
        self._due: list[Call] = []

    @property
    def next_due_at(self) -> datetime | None:
        return self._to_come[-1].due_at if self._to_come else None

    def first(self, at: datetime) -> Call | None:
        """The most urgent of those due at `at`, else the next to fall due. What is too late is dropped."""
        while self._to_come and self._to_come[-1].due_at <= at:
            heappush(self._due, self._to_come.pop())
        while self._due and self._due[0].until < at:
            heappop(self._due)
        if self._due:
            return self._due[0]
        return self._to_come[-1] if self._to_come else None

    def take(self) -> None:
        """The first of those due."""
        heappop(self._due)


def most_starts(phones: Phones, left: timedelta, shortest: timedelta) -> int:
    """How many calls can begin at all in the time left when none is over before `shortest`."""
    if left < timedelta(0):
        return 0
    by_pace = int(left.total_seconds() * phones.calls_per_second) + 1
    rounds = left // shortest + 1 if shortest > timedelta(0) else by_pace
    return min(by_pace, phones.lines * rounds)


def pushed_out(before: Mapping[str, Grant], after: Mapping[str, Grant], calls: Iterable[Call]) -> set[str]:
    """The events of calls that had a line in time and have none any more."""
    return {call.event_pk for call in calls if call.id in before and call.id not in after}


# --- the table of docs/operating.md ---------------------------------------------------------------------------------

TABLE_LINES = (1, 5, 10, 20, 50, 200)
TABLE_ACCOUNTS = ((1.0, 40), (1.0, 115), (1.0, 120), (5.0, 115), (20.0, 115))  # calls a second, seconds of a call
SLA_SECONDS, MARGIN_SECONDS = 600, 5
_START = datetime(2026, 1, 1, tzinfo=UTC)  # any instant will do


def people_in_time(
    phones: Phones, call_seconds: float, sla_seconds: float = SLA_SECONDS, margin_seconds: float = MARGIN_SECONDS
) -> int:
    """How many people a critical event can ring by its deadline when every call takes that long and no line is used."""
    holds, left = timedelta(seconds=call_seconds), timedelta(seconds=sla_seconds - call_seconds - margin_seconds)
    calls = [
        Call(0, False, _START + left, _START, f"{n:09}", "", holds) for n in range(most_starts(phones, left, holds))
    ]
    return len(grant(calls, Lines(phones=phones), _START))


def table() -> list[str]:
    """How many people can be rung within ten minutes: a table for people, one line a row."""
    head = ["lines", *(f"{pace:g}/s, {seconds} s" for pace, seconds in TABLE_ACCOUNTS)]
    rows = [
        [str(lines), *(str(people_in_time(Phones(lines, pace), seconds)) for pace, seconds in TABLE_ACCOUNTS)]
        for lines in TABLE_LINES
    ]
    return [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
