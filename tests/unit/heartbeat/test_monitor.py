"""When a source is late and silent: a table of instants, our own downtime included."""

from datetime import UTC, datetime, timedelta

import pytest

from heartbeat import monitor
from model.monitor import MonitorStatus
from model.roster import Heartbeat

NEW, UP, LATE, SILENT = MonitorStatus.NEW, MonitorStatus.UP, MonitorStatus.LATE, MonitorStatus.SILENT
START = datetime(2026, 7, 14, 2, 0, tzinfo=UTC)
ZERO = timedelta()
FAST = Heartbeat(period_seconds=10, grace_seconds=5)


def after(seconds):
    return START + timedelta(seconds=seconds)


def status(heartbeat, last_seen_at, listening_since, missed, now):
    return monitor.status(last_seen_at, *monitor.due(heartbeat, last_seen_at, listening_since, missed), now)


@pytest.mark.parametrize(
    ("last_seen", "listening_since", "now", "expected"),
    [
        # heard while we listen: late at 5:00, silent at 6:00, to the microsecond
        (60, 0, 60, UP),
        (60, 0, 60 + 299.999999, UP),
        (60, 0, 60 + 300, LATE),
        (60, 0, 60 + 359.999999, LATE),
        (60, 0, 60 + 360, SILENT),
        (60, 0, 60 + 86_400, SILENT),
        # never heard: nothing that could be silent
        (None, 0, 0, NEW),
        (None, 0, 86_400, NEW),
        # we were down: a whole new period from our start, however long ago the source was heard
        (-7200, 0, 0, UP),
        (-7200, 0, 299, UP),
        (-7200, 0, 300, LATE),
        (-7200, 0, 360, SILENT),
        (-1, 0, 299, UP),
        # noted a little after "now" was taken
        (61, 0, 60, UP),
    ],
)
def test_status(last_seen, listening_since, now, expected):
    seen = None if last_seen is None else after(last_seen)
    missed = max(ZERO, after(listening_since) - seen) if seen else ZERO
    assert status(Heartbeat(), seen, after(listening_since), missed, after(now)) is expected


@pytest.mark.parametrize(
    ("seen", "since", "missed", "late_at"),
    [
        (0, 200, 2, 500),  # one short pause: a word may have been lost in it
        (0, 500, 4, 604),  # several, and in 600 s of listening nothing was heard
        (0, 900, 420, 1020),  # a long one: nothing is held against anybody that was sent meanwhile
        (0, 7_000, 300, 900),  # many: it has been due for long
    ],
)
def test_a_pause_is_allowed_for_and_many_are_not(seen, since, missed, late_at):
    found = monitor.due(Heartbeat(), after(seen), after(since), timedelta(seconds=missed))
    assert found == (after(late_at), after(late_at + 60))


def test_the_due_instants_are_those_at_which_the_status_changes():
    late_at, silent_at = monitor.due(FAST, after(3), START, ZERO)
    assert (late_at, silent_at) == (after(13), after(18))
    tick = timedelta(microseconds=1)
    found = [status(FAST, after(3), START, ZERO, at) for at in (late_at - tick, late_at, silent_at - tick, silent_at)]
    assert found == [UP, LATE, LATE, SILENT]


def test_without_grace_a_source_is_silent_at_once():
    assert status(Heartbeat(period_seconds=10, grace_seconds=0), START, START, ZERO, after(10)) is SILENT
