"""When silence is theirs and when it is ours."""

from datetime import UTC, datetime, timedelta

import pytest

from heartbeat.folding import QUIET, Stands, Together, still, together
from model.monitor import MonitorStatus

UP, LATE, SILENT = MonitorStatus.UP, MonitorStatus.LATE, MonitorStatus.SILENT
START = datetime(2026, 7, 14, 2, 0, tzinfo=UTC)


def stands(*found):
    """Those that are late or silent, and how many there are in all."""
    known = {name: Stands(status, START + timedelta(minutes=minute)) for name, status, minute in found}
    return {name: one for name, one in known.items() if one.status in QUIET}, len(known)


@pytest.mark.parametrize(
    ("found", "names", "of"),
    [
        ([("a", SILENT, 0), ("b", LATE, 1)], ("a", "b"), 2),
        ([("a", SILENT, 0), ("b", SILENT, 1), ("c", UP, 9)], ("a", "b"), 3),
        ([("a", SILENT, 0), ("b", LATE, 0), ("c", UP, 9), ("d", UP, 9)], None, 0),  # half is not most
        ([("a", LATE, 0), ("b", LATE, 0)], None, 0),  # nobody is silent yet
        ([("a", SILENT, 0)], None, 0),  # one is not many
        ([("a", SILENT, 0), ("b", SILENT, 60), ("c", UP, 70)], None, 0),  # a fell silent alone, long ago
        ([("a", SILENT, 0), ("b", SILENT, 60), ("c", SILENT, 61)], ("b", "c"), 2),
        ([], None, 0),
    ],
)
def test_together(found, names, of):
    known, heard = stands(*found)
    since = max((known[name].seen_at for name in names or ()), default=None)
    assert together(known, heard, 0.5) == (Together(names, of, since) if names else None)


def test_the_share_is_a_setting():
    known = stands(("a", SILENT, 0), ("b", SILENT, 0), ("c", UP, 9))
    assert together(*known, 0.8) is None
    assert together(*known, 0.6) is not None


def test_it_is_over_when_most_are_heard():
    assert still(*stands(("a", SILENT, 0), ("b", LATE, 1), ("c", UP, 9)), 0.5, START)
    assert not still(*stands(("a", SILENT, 0), ("b", UP, 9)), 0.5, START)
    assert not still({}, 0, 0.5, START)


def test_who_was_silent_before_does_not_keep_it_going():
    began = START + timedelta(minutes=60)
    before = [("a", SILENT, 0), ("b", SILENT, 20), ("c", SILENT, 40)]
    assert still(*stands(*before, ("d", SILENT, 60), ("e", LATE, 61)), 0.5, began)
    assert not still(*stands(*before, ("d", UP, 70), ("e", SILENT, 60)), 0.5, began)
    assert not still(*stands(*before, ("d", UP, 70), ("e", UP, 70)), 0.5, began)
