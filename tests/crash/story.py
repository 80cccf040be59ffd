"""The long story: a storm of events while every role is killed in turn and RabbitMQ is stopped for a while."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Connection, select

from store.postgres import at_once
from store.tables import attempts, events, verdicts
from tests.crash.cluster import Cluster, Servers, cluster, load_of_machine
from tests.crash.ledger import Books, closed
from tests.crash.people import SECRET, SETTINGS, program, roster
from tests.crash.upstream import Posted

ROLES = ("api", "router", "notifier", "monitor")
STOPPED_SECONDS = 20.0
RESTART_SECONDS = 2.0
AIM_SECONDS = 5.0


@dataclass
class Trouble:
    """What was done to the cluster, and when."""

    killed: list[str] = field(default_factory=list)
    stopped_at: float = 0.0
    started_at: float = 0.0


@dataclass
class Figures:
    """What it must show."""

    seconds: float
    books: Books
    accepted: Sequence[Posted]
    trouble: Trouble
    missed: int
    looked_up: set[str]  # events with an attempt whose process was killed: it is looked up before it is repeated
    load: str

    def waits(self, accepted: Callable[[Posted], bool]) -> list[tuple[float, Posted]]:
        """Seconds from each 202 to the first request at a vendor, longest first."""
        found = [
            (max(0.0, first - posted.accepted_at), posted)
            for posted in self.accepted
            if posted.accepted_at and accepted(posted) and (first := self.books.first_asked.get(posted.event_id))
        ]
        return sorted(found, key=lambda wait: -wait[0])

    def during_the_stop(self, posted: Posted) -> bool:
        return self.trouble.stopped_at <= (posted.accepted_at or 0) < self.trouble.started_at

    def lines(self) -> list[str]:
        books, stop = self.books, self.trouble
        answers = sorted(p.seconds for p in self.accepted)
        return [
            f"offered and accepted in {self.seconds:.0f} s; killed: {', '.join(stop.killed)}; "
            f"RabbitMQ stopped for {stop.started_at - stop.stopped_at:.0f} s; {self.load}",
            f"accepted {books.accepted}, told {len(books.told)}, explained {len(books.explained)}, "
            f"lost {len(books.lost)}, duplicate rings {len(books.rung_twice)}, "
            f"other duplicates {len(books.sent_twice)}, deadlines missed {self.missed}",
            f"POST to 202: p50 {_at(answers, 0.5) * 1000:.1f} ms, p99 {_at(answers, 0.99) * 1000:.1f} ms",
            *(
                self._line(name, wanted)
                for name, wanted in (
                    ("before the stop", lambda p: p.accepted_at < stop.stopped_at),
                    ("during the stop", self.during_the_stop),
                    ("after it", lambda p: p.accepted_at >= stop.started_at),
                )
            ),
        ]

    def _line(self, name: str, wanted: Callable[[Posted], bool]) -> str:
        waits = self.waits(wanted)
        late = [(wait, posted) for wait, posted in waits if wait > AIM_SECONDS]
        theirs = sum(posted.event_id in self.looked_up for _, posted in late)
        seconds = sorted(wait for wait, _ in waits)
        return (
            f"202 to the first vendor request, accepted {name} ({len(waits)}): "
            f"p50 {_at(seconds, 0.5):.2f} s, p99 {_at(seconds, 0.99):.2f} s, longest {_at(seconds, 1):.2f} s; "
            f"{len(late)} over {AIM_SECONDS:.0f} s, {theirs} of them in the hands of a killed notifier"
        )


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else float("nan")


def tell(folder: Path, found: Servers, count: int, per_second: float, *, wait_seconds: float) -> Figures:
    """Raises AssertionError when the books are not right in the end."""
    with cluster(folder, found, roster(), direct=True, **SETTINGS) as house, ThreadPoolExecutor(1) as pool:
        house.upstream.secret = SECRET
        started = [house.start(role, wait=False) for role in ("api", "router", "notifier") * 2 + ("monitor",)]
        for process in started:
            house.ready(process)
        time.sleep(2)  # their links to RabbitMQ
        began = time.time()
        offering = pool.submit(house.upstream.offer, count, per_second, program=program)
        trouble = make_trouble(house, count / per_second)
        offering.result(count / per_second + 120)
        seconds, load = time.time() - began, load_of_machine()
        accepted = house.upstream.accepted
        books = closed(house, accepted, wait_seconds)
        missed, looked_up = at_once(house.database_url, _missed_and_looked_up, read_only=True)
        return Figures(seconds, books, accepted, trouble, missed, looked_up, load)


def make_trouble(house: Cluster, seconds: float) -> Trouble:
    """Kill a process of each role, start another 2 s later; then stop RabbitMQ for 20 s, or 2/5 of a short run."""
    trouble, began = Trouble(), time.monotonic()
    for n, role in enumerate(ROLES):
        _sleep_until(began + seconds * (0.06 + 0.07 * n))
        house.of(role)[0].kill()
        house.forget_dead()
        trouble.killed.append(f"{role} at {time.monotonic() - began:.0f} s")
        _sleep_until(time.monotonic() + RESTART_SECONDS)
        house.start(role, wait=False)
    _sleep_until(began + seconds * 0.4)
    trouble.stopped_at = time.time()
    stopped = time.monotonic()
    house.servers.rabbit.stop()
    for process in house.alive():
        house.ready(process)  # who starts just now starts without RabbitMQ
    _sleep_until(stopped + min(STOPPED_SECONDS, seconds * 0.4))
    house.servers.rabbit.start()
    trouble.started_at = time.time()
    return trouble


def _sleep_until(at: float) -> None:
    time.sleep(max(0.0, at - time.monotonic()))


def _missed_and_looked_up(conn: Connection) -> tuple[int, set[str]]:
    missed = len(set(conn.scalars(select(verdicts.c.event_pk).where(verdicts.c.outcome == "missed"))))
    ended = select(events.c.event_id).join(attempts, attempts.c.event_pk == events.c.pk)
    return missed, set(conn.scalars(ended.where(attempts.c.state.in_(["unknown", "absent"]))))
