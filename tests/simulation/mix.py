"""Swarm testing: each seed picks its own mix of load, people and faults, and leaves others out altogether.

A run with every fault at once finds little: what would have gone wrong later never comes to pass.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """How likely each way of taking a call is, and how people answer otherwise."""

    weights: tuple[float, ...]  # in the order of people.CALL_ENDS
    texts_back: float
    presses_button: float
    cannot: float
    changes_mind: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """What one seed is made of. Chances are per occasion, times in seconds."""

    # load
    seconds: float
    events: int
    storm: bool
    updates: float
    ends: float
    duplicates: float
    unreadable: float
    tight_deadlines: float
    heartbeats: bool
    beating: int  # sources that only beat, besides, where sources are minded
    falls_silent: float
    sla_seconds: int
    call_seconds: int
    learned_seconds: int  # plans begin with what past calls are said to have taught; 0: with what the policy gives
    lines: int
    calls_per_second: float
    people: People
    phoneless: float
    crowd: int  # people called at once besides the roster's
    objective: str
    level: str
    quorum: int
    redials: int
    redial_within: int
    page_again: int  # who has accepted is asked again after so many seconds; 0: never
    two_phones: float
    continues: bool  # another team's route comes before the one that decides
    pagerduty_calls: bool  # and we do not, for the demo's team
    pagerduty_twice: bool  # the other team has a service too
    merges: bool  # near-identical events of one source ring once
    # the database
    database_delay: float
    database_slow: float
    database_before: float
    database_rollback: float
    database_after: float
    database_outages: int
    # the queue
    queue_before: float
    queue_after: float
    queue_ack: float
    # the vendors
    vendor_delay: float
    refuse: float
    bad_address: float
    rate_limited: float
    hang_before: float
    hang_after: float
    accepts_late: float
    vendor_outages: int
    callback_lost: float
    callback_late: float
    callback_twice: float
    vendor_clock: float
    # the process
    crash: float
    crashes: int
    stops: int
    outages: int  # minutes in which no process is there, where sources are minded
    clock_off: float
    drift: float
    backstops: bool
    tick_seconds: float


def mix(seed: int) -> Mix:
    """The seed's mix; the same for the same seed, whatever the hash seed."""
    r = Random(f"{seed}/mix")
    crowd, few, lines = _crowd(Random(f"{seed}/crowd"))
    calm = r.random() < 0.08 or few
    wants = Random(f"{seed}/objective")
    again = Random(f"{seed}/redials")
    beats = Random(f"{seed}/beats")
    pages = Random(f"{seed}/pagerduty")

    def fault(chance: float, low: float, high: float) -> float:
        """`chance` of this kind of fault being in the mix, then how often it strikes."""
        struck, often = r.random() < chance, r.uniform(low, high)
        return often if struck and not calm else 0.0

    storm = r.random() < 0.03
    found = Mix(
        seconds=r.choice((30.0, 120.0, 300.0)),
        events=r.randint(8, 16) if storm else r.choice((1, 1, 2, 3)),
        storm=storm,
        updates=r.choice((0.0, 0.3, 0.8)),
        ends=r.choice((0.0, 0.3, 0.7)),
        duplicates=r.choice((0.0, 0.1, 0.5)),
        unreadable=r.choice((0.0, 0.0, 0.15)),
        tight_deadlines=r.choice((0.0, 0.0, 0.4)),
        heartbeats=r.random() < 0.15,
        beating=beats.choice((0, 1, 2, 4)),
        falls_silent=beats.choice((0.0, 0.02, 0.05)),
        sla_seconds=r.choice((120, 240, 600)),
        call_seconds=r.choice((30, 60, 90)),
        learned_seconds=Random(f"{seed}/learned").choice((0, 0, 0, 15, 40, 200)),
        lines=r.choice((1, 2, 3, 5)),
        calls_per_second=r.choice((0.5, 1.0, 5.0)),
        people=_people(r),
        phoneless=r.choice((0.0, 0.0, 0.3)),
        crowd=crowd,
        objective=wants.choice(("anyone", "anyone", "anyone", "quorum", "everyone")),
        level=wants.choice(("acknowledged", "acknowledged", "acknowledged", "reached")),
        quorum=wants.choice((1, 2, 2, 3)),
        redials=again.choice((0, 1, 2, 2)),
        redial_within=again.choice((30, 60, 170)),
        page_again=Random(f"{seed}/page again").choice((0, 0, 0, 15, 60, 200)),
        two_phones=again.choice((0.0, 0.5)),
        continues=Random(f"{seed}/continues").random() < 0.2,
        pagerduty_calls=pages.random() < 0.12,
        pagerduty_twice=pages.random() < 0.5,
        merges=False,
        database_delay=r.choice((0.0005, 0.002, 0.02)),
        database_slow=fault(0.25, 0.002, 0.05),
        database_before=fault(0.3, 0.002, 0.05),
        database_rollback=fault(0.3, 0.002, 0.05),
        database_after=fault(0.3, 0.002, 0.05),
        database_outages=int(fault(0.2, 1, 3)),
        queue_before=fault(0.2, 0.02, 0.3),
        queue_after=fault(0.2, 0.02, 0.3),
        queue_ack=fault(0.2, 0.02, 0.3),
        vendor_delay=r.choice((0.01, 0.1, 0.4)),
        refuse=fault(0.3, 0.02, 0.3),
        bad_address=fault(0.15, 0.02, 0.1),
        rate_limited=fault(0.25, 0.02, 0.3),
        hang_before=fault(0.3, 0.02, 0.25),
        hang_after=fault(0.3, 0.02, 0.4),
        accepts_late=fault(0.5, 0.2, 0.8),
        vendor_outages=int(fault(0.25, 1, 4)),
        callback_lost=fault(0.3, 0.02, 0.5),
        callback_late=fault(0.3, 0.02, 0.4),
        callback_twice=fault(0.3, 0.02, 0.4),
        vendor_clock=fault(0.3, -3.0, 3.0),
        crash=fault(0.35, 0.002, 0.02),
        crashes=r.randint(1, 4),
        stops=int(fault(0.15, 1, 3)),
        outages=beats.choice((0, 1, 2)) if not calm else 0,
        clock_off=fault(0.3, 0.2, 2.0),
        drift=fault(0.3, -1e-4, 1e-4),
        backstops=r.random() < 0.1,
        tick_seconds=r.choice((5.0, 10.0, 20.0)),
    )
    return _merging(replace(found, lines=lines) if crowd else found, Random(f"{seed}/merges"))


def _merging(found: Mix, r: Random) -> Mix:
    """In every seventh seed, with enough events for it to matter."""
    if r.random() >= 0.15:
        return found
    return replace(found, merges=True, events=found.events + r.choice((2, 3, 6)))


def _crowd(r: Random) -> tuple[int, bool, int]:
    """More people than lines, in every sixth seed; half of these without faults, so that what is promised is kept."""
    crowd = r.choice((0, 0, 0, 0, 0, 16))
    return crowd, bool(crowd) and r.random() < 0.5, r.choice((2, 5, 10, 10, 12))


def _people(r: Random) -> People:
    awake: Sequence[float] = [r.random() ** 3 for _ in range(8)]
    return People(
        weights=tuple(awake),
        texts_back=r.choice((0.0, 0.1, 0.5)),
        presses_button=r.choice((0.0, 0.05, 0.3)),
        cannot=r.choice((0.0, 0.3, 0.8)),
        changes_mind=r.choice((0.0, 0.0, 0.5)),
    )
