"""What period fits a sender's beat."""

from datetime import timedelta

import pytest

from heartbeat import beats
from model.roster import Heartbeat, Source


def source(**minded) -> Source:
    return Source(id="miso", name="MISO", heartbeat=Heartbeat(**minded))


def test_one_beat_may_get_lost():
    assert beats.period_for(300) == 660
    assert beats.period_for(120) == 300


@pytest.mark.parametrize(
    ("minded", "says"),
    [
        ({"period_seconds": 300}, ["at least every 120 s", "period_seconds: 660"]),
        ({"period_seconds": 301}, None),
        ({"cron": "*/5 * * * *"}, None),
    ],
)
def test_who_saves_it_is_told(minded, says):
    told = " ".join(beats.notices(source(**minded)))
    assert bool(told) is bool(says)
    assert all(part in told for part in says or ())


def test_a_source_that_nobody_minds_needs_nothing():
    assert list(beats.notices(Source(id="miso", name="MISO", heartbeat=None))) == []


@pytest.mark.parametrize(("late_by", "advised"), [(1, True), (30, True), (31, False)])
def test_whoever_was_late_by_seconds_needs_a_longer_period(late_by, advised):
    said = beats.advice(source(), timedelta(seconds=300 + late_by))
    assert (said == "If it beats every 300 s, give it period_seconds: 660, so that one may get lost.") is advised
