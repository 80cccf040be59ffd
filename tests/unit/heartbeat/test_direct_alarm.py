"""When the alarm about ourselves stands, and who of the duty list is called when."""

from datetime import UTC, datetime, timedelta

import pytest

from heartbeat.direct_alarm import Duty, Rules, State, taken, turn

START = datetime(2026, 7, 14, 2, 0, tzinfo=UTC)
ANA, BEN = Duty("Ana", "+13125550101"), Duty("Ben", "+13125550102")


def play(well, seconds, duty=(ANA, BEN), rules=None, state=None, every=5):
    """Looks every few seconds; `well(second)` says what each finds. What was done, with its second."""
    state, rules, done = state or State(), rules or Rules(), []
    for second in range(0, seconds + 1, every):
        found = turn(state, well(second), duty, rules, START + timedelta(seconds=second))
        state = found.state
        done += [(second, "raised")] * found.raised + [(second, "over")] * found.over
        done += [(second, found.ring.name)] if found.ring else []
    return done


def test_well_is_silent():
    assert play(lambda second: True, 3600) == []


def test_unwell_for_thirty_seconds_rings_and_the_next_person_follows():
    assert play(lambda second: False, 340) == [(30, "raised"), (30, "Ana"), (180, "Ben"), (330, "Ana")]


def test_a_hiccup_is_no_alarm():
    assert play(lambda second: second % 60 > 10, 3600) == []
    assert play(lambda second: second >= 30, 3600) == []


def test_who_dies_again_and_again_is_an_alarm():
    """Unwell for 25 s of each 30: these count in full, and 5 s heal a little."""
    assert play(lambda second: second % 30 == 0, 600)[0] == (45, "raised")


def test_after_a_pause_of_the_watch_itself_it_looks_a_second_time():
    state = turn(State(), False, (), Rules(), START).state
    assert not turn(state, False, (), Rules(), START + timedelta(hours=1)).raised


def test_nobody_is_called_more_than_three_times_in_a_quarter_of_an_hour():
    rings = [(at, name) for at, name in play(lambda second: False, 1800, duty=(ANA,)) if name == "Ana"]
    assert [at for at, _ in rings] == [30, 180, 330, 930, 1080, 1230]


def test_who_takes_it_has_a_quarter_of_an_hour_before_the_next_one_is_called():
    state, rung = State(), []
    for second in range(0, 1300, 5):
        now = START + timedelta(seconds=second)
        done = turn(state, False, (ANA, BEN), Rules(), now)
        state = taken(done.state, now) if second == 60 else done.state
        if done.ring:
            rung.append((second, done.ring.name))
    assert rung == [(30, "Ana"), (960, "Ben"), (1110, "Ana"), (1260, "Ben")]


def test_nobody_takes_an_alarm_that_is_over_and_the_next_one_is_nobodys_yet():
    assert taken(State(), START) == State()
    state = State(raised_at=START, taken_at=START, looked_at=START, was_well=True)
    for second in range(0, 65, 5):
        state = turn(state, True, (ANA,), Rules(), START + timedelta(seconds=second)).state
    assert (state.raised_at, state.taken_at) == (None, None)


def test_who_has_no_call_left_makes_way():
    rules = Rules(next_after=timedelta(seconds=10), calls=1)
    assert play(lambda second: False, 300, rules=rules) == [(30, "raised"), (30, "Ana"), (40, "Ben")]


def test_well_for_a_minute_ends_it_and_the_next_alarm_is_another():
    def well(second):
        return 100 <= second < 200

    assert play(well, 240) == [(30, "raised"), (30, "Ana"), (160, "over"), (230, "raised"), (230, "Ana")]


def test_well_for_less_does_not_and_nobody_is_called_while_it_is():
    def well(second):
        return 170 <= second < 225

    assert play(well, 400) == [(30, "raised"), (30, "Ana"), (225, "Ben"), (375, "Ana")]


def test_without_a_duty_list_it_is_told_all_the_same():
    assert play(lambda second: False, 600, duty=()) == [(30, "raised")]


@pytest.mark.parametrize("after", [5, 60])
def test_after_so_long(after):
    assert play(lambda second: False, after, rules=Rules(after=timedelta(seconds=after)))[0] == (after, "raised")
