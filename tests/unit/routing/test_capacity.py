"""Who can be called when, against a simulator that is slow and knows nothing of how it is worked out."""

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.phones import Phones, line_reserve, lines_open_to
from routing.capacity import Call, Grant, Lines, grant, most_starts, people_in_time, pushed_out

START = datetime(2026, 1, 1)
SECOND = timedelta(seconds=1)


def call(n: int, until: int, *, due: int = 0, holds: int = 115, lane: int = 0, redial: bool = False) -> Call:
    return Call(lane, redial, START + until * SECOND, START + due * SECOND, f"{n:04}", f"E{n}", holds * SECOND)


def starts(grants: dict[str, Grant]) -> list[float]:
    return [(g.start - START).total_seconds() for g in grants.values()]


calls_of_any_kind = st.lists(
    st.builds(
        dict,
        until=st.integers(-2, 60),
        due=st.integers(0, 40),
        holds=st.integers(1, 30),
        lane=st.integers(0, 2),
        redial=st.booleans(),
    ),
    max_size=30,
).map(lambda found: [call(n, **one) for n, one in enumerate(found)])
accounts = st.builds(Phones, st.integers(1, 14), st.sampled_from([1.0, 0.5, 0.25]))
in_use = st.lists(st.integers(-3, 40).map(lambda s: START + s * SECOND), max_size=14).map(tuple)


def simulated(calls: list[Call], lines: Lines) -> dict[str, Grant]:
    """Second by second: while the account may begin a call, the most urgent of those that may go goes."""
    waiting, grants = sorted(calls), {}
    busy, next_at = list(lines.busy), lines.next_at or START
    for second in range(110):
        now = START + second * SECOND
        taken = sum(end > now for end in busy) + sum(g.start <= now < g.end for g in grants.values())
        may_go = (
            c
            for c in waiting
            if c.due_at <= now <= c.until and taken < lines_open_to(lines.phones.lines, c.lane, c.redial)
        )
        if now >= next_at and (chosen := next(may_go, None)):
            waiting.remove(chosen)
            grants[chosen.id] = Grant(now, now + chosen.holds)
            next_at = now + SECOND / lines.phones.calls_per_second
    return grants


@given(calls_of_any_kind, accounts, in_use, st.integers(0, 20))
def test_as_a_slow_simulator_finds_it(
    calls: list[Call], phones: Phones, busy: tuple[datetime, ...], next_at: int
) -> None:
    lines = Lines(phones=phones, busy=busy[: phones.lines], next_at=START + next_at * SECOND)
    assert grant(calls, lines, START) == simulated(calls, lines)


@given(calls_of_any_kind, st.builds(Phones, st.integers(1, 14), st.floats(0.1, 20)), in_use)
def test_no_limit_is_ever_broken(calls: list[Call], phones: Phones, busy: tuple[datetime, ...]) -> None:
    """At every start: lines and reserve hold, the pace holds, the call was due, and can finish."""
    lines, of = Lines(phones=phones, busy=busy[: phones.lines]), {c.id: c for c in calls}
    grants = grant(calls, lines, START)
    for id_, granted in grants.items():
        known = of[id_]
        at_once = sum(end > granted.start for end in lines.busy)
        at_once += sum(g.start <= granted.start < g.end for g in grants.values())
        assert at_once <= lines_open_to(phones.lines, known.lane, known.redial)
        assert known.due_at <= granted.start <= known.until
        assert granted.end == granted.start + known.holds
    begun = sorted(g.start for g in grants.values())
    between = timedelta(seconds=1 / phones.calls_per_second)
    assert all(later - sooner >= between for sooner, later in pairwise(begun))


@given(calls_of_any_kind, accounts)
def test_calls_that_wait_already_are_calls_like_others(calls: list[Call], phones: Phones) -> None:
    half = len(calls) // 2
    waiting = Lines(phones=phones, waiting=tuple(calls[:half]))
    assert grant(calls[half:], waiting, START) == grant(calls, Lines(phones=phones), START)


@given(st.integers(1, 30), st.sampled_from([0.5, 1.0, 5.0]), st.integers(1, 120), st.integers(0, 480))
def test_the_most_calls_that_can_begin(lines: int, pace: float, holds: int, left: int) -> None:
    phones = Phones(lines, pace)
    most = most_starts(phones, left * SECOND, holds * SECOND)
    many = [call(n, left, holds=holds) for n in range(min(most + 5, 3000))]
    assert len(grant(many, Lines(phones=phones), START)) <= most


def test_a_line_is_given_on_the_moment_it_is_free() -> None:
    """Five lines, one call a second, 115 s each: 25 people by 464 s, the last call over at 579 s."""
    grants = grant([call(n, 480) for n in range(26)], Lines(phones=Phones(5, 1.0)), START)
    assert starts(grants) == [115 * turn + n for turn in range(5) for n in range(5)]
    assert max(g.end for g in grants.values()) == START + 579 * SECOND
    assert "0025" not in grants


def test_the_least_important_go_without() -> None:
    grants = grant([call(n, 475, holds=120) for n in range(25)], Lines(phones=Phones(5, 1.0)), START)
    assert sorted(grants) == [f"{n:04}" for n in range(20)]


@pytest.mark.parametrize(
    ("lines", "seconds", "people"), [(5, 115, 25), (5, 120, 20), (200, 115, 481), (1, 595, 1), (1, 596, 0)]
)
def test_people_in_ten_minutes(lines: int, seconds: int, people: int) -> None:
    assert people_in_time(Phones(lines, 1.0), seconds) == people


def test_somebody_not_yet_rung_comes_before_a_redial() -> None:
    again, first = call(1, 100, redial=True), call(2, 480)
    grants = grant([again, first], Lines(phones=Phones(1, 1.0)), START)
    assert list(grants) == ["0002"]


def test_one_line_in_five_is_kept_for_first_rings_of_critical_events() -> None:
    assert [line_reserve(n) for n in (1, 9, 10, 14, 15, 200)] == [0, 0, 2, 2, 3, 40]
    for known in ({"lane": 1}, {"lane": 2}, {"lane": 0, "redial": True}):
        grants = grant([call(n, 100, **known) for n in range(12)], Lines(phones=Phones(10, 1.0)), START)
        assert len(grants) == 8
    assert len(grant([call(n, 100) for n in range(12)], Lines(phones=Phones(10, 1.0)), START)) == 10


def test_a_step_to_come_leaves_no_line_idle() -> None:
    """Who is due takes the line that somebody of a later step will want, and it is refilled when it is free."""
    later, now = call(1, 480, due=20), [call(2, 480), call(3, 480)]
    grants = grant([later, *now], Lines(phones=Phones(1, 1.0)), START)
    assert [(id_, *starts({id_: g})) for id_, g in grants.items()] == [("0002", 0), ("0003", 115), ("0001", 230)]


def test_whom_a_more_urgent_event_pushes_out() -> None:
    """With one line a warning had its turn; a critical event takes it."""
    warning, critical = call(1, 100, lane=1), call(2, 480)
    lines = Lines(phones=Phones(1, 1.0))
    before = grant([warning], lines, START)
    assert pushed_out(before, grant([warning, critical], lines, START), [warning]) == {"E1"}
    assert pushed_out(before, before, [warning]) == set()


def test_without_a_line_nobody_is_planned() -> None:
    for lines, pace in ((0, 1.0), (5, 0.0)):
        with pytest.raises(ValueError, match="nobody can be called"):
            Phones(lines, pace)


def test_ten_thousand_people_are_planned_in_a_moment() -> None:
    many = [call(n, 480) for n in range(10_000)]
    began = perf_counter()
    grants = grant(many, Lines(phones=Phones(2_000, 20.0)), START)
    assert perf_counter() - began < 3  # 0.05 s where nothing else runs
    assert len(grants) == 8401
    assert Counter(starts(grants)).most_common(1)[0][1] == 1
