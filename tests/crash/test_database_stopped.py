"""With PostgreSQL stopped events are accepted as fast as ever, keypresses are received, and soon after all is told."""

import os
from pathlib import Path

import httpx2
import pytest

from tests.crash.cluster import Cluster, Servers, cluster, load_of_machine
from tests.crash.ledger import closed, heard
from tests.crash.people import CALLED, SECRET, SETTINGS, program, roster
from tests.crash.upstream import Posted
from tests.demo_process import until

pytestmark = pytest.mark.timeout(300)

CALLED_NUMBER = "+15550000000"
ANSWER_MS = 50.0
RETURN_SECONDS = 5.0  # from the database's return until all is told


def test_events_and_keys_while_the_database_is_stopped(
    crash_servers: Servers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """POST to 202 p99 under 50 ms, "received" on the phone, a restarted api knows its keys, all is told within 5 s."""
    with cluster(tmp_path / "house", crash_servers, roster(), direct=True, **SETTINGS) as house:
        for process in [house.start(role, wait=False) for role in ("api", "router", "notifier", "monitor")]:
            house.ready(process)
        someone_is_in_a_call(house)
        [api] = house.of("api")
        house.upstream.port = api.port  # the door's thread is one of this process, and would be measured too
        usual = slowest(house.upstream.offer(100, 50), 0.99)
        house.servers.database.stop()
        first = house.upstream.offer(20, 20)
        stopped = house.upstream.offer(150, 25)
        assert all(posted.statuses == [202] for posted in (*first, *stopped))
        until("the key was received", 30, lambda: "received" in said_on_the_phone(house))

        house.kill("api")
        house.upstream.port = house.start("api").port
        again = house.upstream.one()
        assert again.statuses[-1] == 202

        busy = others()
        house.servers.database.start()
        used = {p.name: -p.cpu_seconds() for p in house.alive()}
        took = heard(house, house.upstream.accepted, 60)
        used = {p.name: used[p.name] + p.cpu_seconds() for p in house.alive()}
        slow = slowest(stopped, 0.99)
        with capsys.disabled():
            print(f"\nPostgreSQL stopped: POST to 202 p99 {slow:.1f} ms of {len(stopped)} posts, {usual:.1f} ms before")
            print(f"  {len(house.upstream.posted)} events told {took:.1f} s after its return; {load_of_machine()}")
            print(f"  CPU seconds meanwhile: {', '.join(f'{name} {seconds:.1f}' for name, seconds in used.items())}")
        closed(house, house.upstream.accepted, 120)
        assert slow < max(ANSWER_MS * busy, usual)
        assert took < RETURN_SECONDS * busy


def others() -> float:
    """How many times as long everything takes because of what else this machine does."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def someone_is_in_a_call(house: Cluster) -> None:
    patient = {"answer": "human", "press": ["1"], "press_after_seconds": 9}
    httpx2.put(f"{house.standins}/phones/{CALLED_NUMBER}", json=patient)
    house.upstream.secret = SECRET
    house.upstream.program = lambda n: program(n % (CALLED - 1) + 1)  # nobody else is called
    house.upstream.offer(1, 1, program=lambda _: program(0))
    until("a phone was picked up", 30, lambda: any(c["status"] == "in-progress" for c in house.calls()))


def said_on_the_phone(house: Cluster) -> str:
    return " ".join(str(call["transcript"]) for call in house.calls())


def slowest(offered: list[Posted], share: float) -> float:
    """In milliseconds."""
    ordered = sorted(posted.seconds for posted in offered)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000
