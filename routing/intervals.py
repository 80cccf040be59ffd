"""Intervals from a start until before an end, in order and apart: what they share, and what is left of them. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

Interval = tuple[datetime, datetime]


def joined(intervals: Iterable[Interval]) -> list[Interval]:
    """Those that touch as one."""
    done: list[Interval] = []
    for start, end in intervals:
        touches = bool(done) and done[-1][1] == start
        done.append((done.pop()[0] if touches else start, end))
    return done


def shared(one: Sequence[Interval], other: Sequence[Interval]) -> Iterator[Interval]:
    """What lies in both."""
    left = right = 0
    while left < len(one) and right < len(other):
        start, end = max(one[left][0], other[right][0]), min(one[left][1], other[right][1])
        if start < end:
            yield start, end
        left, right = left + (one[left][1] == end), right + (other[right][1] == end)


def without(one: Iterable[Interval], taken: Sequence[Interval]) -> Iterator[Interval]:
    """What of `one` lies in none of `taken`."""
    for start, end in one:
        at = start
        for from_, to in taken:
            if at < from_ < end:
                yield at, from_
            if from_ < end:
                at = max(at, to)
        if at < end:
            yield at, end
