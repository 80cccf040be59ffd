"""The calls of a timetable as a picture in text: a line for each person, time to the right, the deadline at the end."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from math import ceil
from zoneinfo import ZoneInfo

from app.preview import Preview
from model.plan import ChannelName, Notification, Ring

COLUMNS = 60
MARKS = 5  # how many times of the axis are written


def gantt(found: Preview) -> list[str]:
    """`#` is the time a call is reckoned to take, ringing and talking; `:` of one that an acceptance makes needless.

    Each line begins with the person's group and the clock at their home as the phone rings. No calls: no lines.
    """
    begin, end = found.event.received_at, found.event.work_until
    rings = {(ring.person, ring.step): ring for ring in found.plan.reach.rings} if found.plan.reach else {}
    calls = [(s.row, s.forecast) for s in found.spoken if s.row.channel is ChannelName.VOICE and s.row.person]
    if not calls or end <= begin:
        return []
    lines = [
        (ring, row, _bar(ring, begin, end, ":" if forecast else "#"))
        for row, forecast in calls
        for ring in [rings.get((row.person or "", row.step))]
    ]
    lines.sort(key=lambda line: (line[0] is None or line[0].start is None, line[1].due_at, line[1].step))
    left = [(row.group, row.person or "", _at_home(row, ring)) for ring, row, _ in lines]
    widths = [max(len(cell) for cell in column) for column in zip(*left, ("group", "who", "at home"), strict=True)]
    column = timedelta(seconds=(end - begin).total_seconds() / COLUMNS)
    return [
        f"Calls from {begin:%H:%M:%S} until {end:%H:%M:%S} UTC, {column.total_seconds():.1f} s a column: "
        f"# rings and talks {_how_long(found)}, : unless somebody accepts before",
        f"{_padded(('group', 'who', 'at home'), widths)} {_axis(begin, end)}",
        *(f"{_padded(cells, widths)} {bar}" for cells, (_, _, bar) in zip(left, lines, strict=True)),
    ]


def _how_long(found: Preview) -> str:
    calls = found.plan.reach.length.calls if found.plan.reach else 0
    return f"as long as {calls} past calls teach" if calls else "at most so long"


def _bar(ring: Ring | None, begin: datetime, end: datetime, mark: str) -> str:
    if ring is None or ring.start is None or ring.end is None:
        return "no line in time".ljust(COLUMNS) + "|"
    first = int(COLUMNS * ((ring.start - begin) / (end - begin)))
    last = max(first + 1, ceil(COLUMNS * ((ring.end - begin) / (end - begin))))
    bar = (" " * first + mark * (last - first))[:COLUMNS].ljust(COLUMNS)
    return bar + ("|" if last <= COLUMNS else ">")


def _at_home(row: Notification, ring: Ring | None) -> str:
    """What the clock shows there as the phone rings, with the day: many are woken on another one."""
    at = ring.start if ring and ring.start else row.due_at
    zone, _, _ = row.group.partition(" ")
    return f"{at.astimezone(ZoneInfo(zone or 'UTC')):%a %H:%M}"


def _axis(begin: datetime, end: datetime) -> str:
    """Minutes and seconds since the beginning, the last of them the deadline."""
    marks = [COLUMNS * n // MARKS for n in range(MARKS + 1)]
    times = [f"{int(seconds) // 60}:{int(seconds) % 60:02}" for seconds in _seconds(begin, end)]
    return "".join(
        time.ljust(after - at) for time, (at, after) in zip(times, pairwise([*marks, COLUMNS + 6]), strict=True)
    ).rstrip()


def _seconds(begin: datetime, end: datetime) -> Iterator[float]:
    whole = (end - begin).total_seconds()
    yield from (whole * n / MARKS for n in range(MARKS + 1))


def _padded(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
