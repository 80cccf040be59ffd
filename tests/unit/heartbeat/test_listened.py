"""For which time it is known who was heard."""

from datetime import UTC, datetime, timedelta

from heartbeat.listened import Gap, Listened, gap, listened, missed, of_the_past
from model.monitor import Listening

START = datetime(2026, 7, 14, 2, 0, tzinfo=UTC)


def at(seconds):
    return START + timedelta(seconds=seconds)


def run(name, since, until, *, ended=False):
    return Listening(process=name, since=at(since), until=at(until), ended=ended)


def known(*records):
    found = listened(records)
    return found and tuple((instant - START).total_seconds() for instant in found)


def test_nobody_listened():
    assert listened([]) is None
    assert gap([]) is None


def test_one_listener():
    assert listened([run("a", 0, 100)]) == Listened(at(0), at(100), at(100))
    assert gap([run("a", 0, 100)]) is None


def test_the_slowest_of_the_living_says_how_far_it_is_known():
    assert known(run("a", 0, 100), run("b", 50, 90)) == (0, 90, 100)


def test_who_has_ended_or_died_is_not_waited_for():
    assert known(run("a", 0, 100), run("b", 0, 90, ended=True)) == (0, 100, 100)
    assert known(run("a", 0, 100), run("b", 0, 85)) == (0, 100, 100)
    assert known(run("a", 0, 100), run("b", 0, 86)) == (0, 86, 100)


def test_all_have_ended():
    assert known(run("a", 0, 100, ended=True)) == (0, 100, 100)


def test_a_stretch_is_made_of_runs_that_overlap():
    chain = [run("c", 180, 300), run("a", 0, 100, ended=True), run("b", 90, 200, ended=True)]
    assert known(*chain) == (0, 300, 300)
    assert gap(chain) is None


def test_runs_that_touch_leave_no_gap():
    assert known(run("a", 0, 100, ended=True), run("b", 100, 200)) == (0, 200, 200)


def test_after_a_gap_a_new_stretch_begins():
    records = [run("a", 0, 100, ended=True), run("b", 400, 500), run("z", 20, 60, ended=True)]
    assert known(*records) == (400, 500, 500)
    assert gap(records) == Gap(at(100), at(400))


def test_the_last_gap_is_told():
    records = [run("a", 0, 100), run("b", 200, 300), run("c", 350, 400)]
    assert gap(records) == Gap(at(300), at(350))


def test_for_how_long_nobody_listened():
    records = [run("c", 180, 300), run("a", 0, 100), run("b", 90, 150), run("inside", 20, 30)]

    def between(since, until):
        return missed(records, at(since), at(until)).total_seconds()

    assert between(0, 300) == 30
    assert between(160, 170) == 10
    assert between(-20, 0) == 20
    assert between(200, 250) == 0
    assert between(120, 400) == 130
    assert missed([], at(0), at(60)) == timedelta(seconds=60)


def test_what_has_not_come_yet_was_not_listened_to():
    assert of_the_past([run("a", 0, 100), run("b", 200, 300)], at(50)) == [run("a", 0, 50), run("b", 50, 50)]
