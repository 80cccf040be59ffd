"""The alarm about Gridcall itself: when it stands, and whom of the duty list it calls next. Pure.

It needs no queue, no database and no roster. Whoever looks and calls is handed in by app (app/watching.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

HEALS = 2
LONGEST_PAUSE = timedelta(seconds=15)  # between two looks; what lies beyond, nobody has seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """`after`: unwell for so long is an alarm; time well in between heals half of itself, so that who dies again and
    again is noticed too. `next_after`: then the next person is called, as nobody can answer.

    `well_for`: well again for so long ends it. No number is called more than `calls` times `within` that time.
    `taken_for`: whoever presses 1 has so long to mend it before the next one is called.
    """

    after: timedelta = timedelta(seconds=30)
    next_after: timedelta = timedelta(seconds=150)
    well_for: timedelta = timedelta(seconds=60)
    calls: int = 3
    within: timedelta = timedelta(minutes=15)
    taken_for: timedelta = timedelta(minutes=15)


class Duty(NamedTuple):
    """Somebody who is called when Gridcall cannot call."""

    name: str
    number: str


class Ring(NamedTuple):
    number: str
    at: datetime


@dataclass(frozen=True, slots=True)
class State:
    """`unwell`: how much trouble there was lately, since `unwell_since`; `looked_at` is the last look, `was_well` what
    it found. `raised_at`: the alarm stands since then. `rings` of the last `within`, also of earlier alarms.
    """

    looked_at: datetime | None = None
    was_well: bool = True
    unwell: timedelta = timedelta()
    unwell_since: datetime | None = None
    raised_at: datetime | None = None
    well_since: datetime | None = None
    place: int = 0  # on the duty list: whose turn it is
    taken_at: datetime | None = None  # somebody said that they look after it
    rings: tuple[Ring, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """What is to be done now: `raised` and `over` tell everybody, once each; `ring` calls one of them."""

    state: State
    raised: bool = False
    ring: Duty | None = None
    over: bool = False


def turn(state: State, well: bool, duty: Sequence[Duty], rules: Rules, now: datetime) -> Turn:
    """One look has found us well or not. Called every few seconds, whatever the last look found."""
    state = replace(state, rings=tuple(ring for ring in state.rings if now - ring.at < rules.within))
    state = _weighed(state, well, now)
    if state.raised_at is None:
        if well or state.unwell < rules.after:
            return Turn(state)
        return _ring(Turn(replace(state, raised_at=now, place=0, taken_at=None), raised=True), duty, rules, now)
    if not well:
        return _ring(Turn(replace(state, well_since=None)), duty, rules, now)
    state = replace(state, well_since=state.well_since or now)
    assert state.well_since is not None
    if now - state.well_since < rules.well_for:
        return Turn(state)
    return Turn(State(looked_at=now, rings=state.rings), over=True)


def taken(state: State, now: datetime) -> State:
    """Somebody who was called has pressed 1: nobody else is called for a while. Of an alarm that is over, nothing."""
    return state if state.raised_at is None else replace(state, taken_at=now)


def _weighed(state: State, well: bool, now: datetime) -> State:
    """The time since the last look counts as what that one found."""
    passed = min(max(now - (state.looked_at or now), timedelta()), LONGEST_PAUSE)
    unwell = max(timedelta(), state.unwell - passed / HEALS) if state.was_well else state.unwell + passed
    since = state.unwell_since if unwell else None
    if not well:
        since = since or now
    return replace(state, looked_at=now, was_well=well, unwell=unwell, unwell_since=since)


def _ring(so_far: Turn, duty: Sequence[Duty], rules: Rules, now: datetime) -> Turn:
    state = so_far.state
    assert state.raised_at is not None
    last = max((ring.at for ring in state.rings if ring.at >= state.raised_at), default=None)
    if last is not None and now - last < rules.next_after:
        return so_far
    if state.taken_at is not None and now - state.taken_at < rules.taken_for:
        return so_far
    for step in range(len(duty)):
        place = (state.place + step) % len(duty)
        number = duty[place].number
        if sum(ring.number == number for ring in state.rings) < rules.calls:
            rung = replace(state, place=place + 1, rings=(*state.rings, Ring(number, now)))
            return replace(so_far, state=rung, ring=duty[place])
    return so_far
