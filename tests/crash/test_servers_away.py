"""RabbitMQ or PostgreSQL is stopped, cut off or slow, or the disk is full: everything accepted is told."""

import resource
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx2
import pytest

from tests.crash.cluster import Cluster, Process, Servers, cluster
from tests.crash.ledger import closed, heard, kept, settled
from tests.crash.people import CALLED, SECRET, SETTINGS, program, roster
from tests.crash.upstream import Posted
from tests.demo_process import until

pytestmark = pytest.mark.timeout(240)

ROLES = ("api", "router", "notifier", "monitor")
SETTLED_SECONDS = 120


@pytest.fixture(scope="module")
def shared(crash_servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("away"), crash_servers, roster(), **SETTINGS) as found:
        found.upstream.secret, found.upstream.program = SECRET, quiet
        yield found


def quiet(n: int) -> str:
    """Events for people who get a text and a post."""
    return program(n % (CALLED - 1) + 1)


@pytest.fixture(autouse=True)
def complete(shared: Cluster) -> None:
    """The servers run, and one process of each role."""
    shared.servers.mend()
    started = [shared.start(role, wait=False) for role in ROLES if not shared.of(role)]
    for process in started:
        shared.ready(process)
    until("everybody is ready", 30, lambda: all(_ready(shared.of(role)[0]) for role in ROLES))


def _ready(process: Process) -> bool:
    answer = httpx2.get(f"{process.url}/readyz", timeout=10)
    return answer.status_code == 200 and answer.json()["remarks"] == []


def told(shared: Cluster, seconds: float, offered: list[Posted] | None = None) -> None:
    """Every accepted event (or those) has reached somebody, within so long."""
    accepted = [p for p in offered or shared.upstream.posted if p.accepted_at is not None]
    heard(shared, accepted, seconds)


@contextmanager
def right_in_the_end(shared: Cluster) -> Iterator[None]:
    yield
    shared.servers.mend()
    told(shared, SETTLED_SECONDS)
    settled(shared, SETTLED_SECONDS)
    books = kept(shared, shared.upstream.accepted)
    assert books.rung_twice == {}
    assert books.sent_twice == {}


# --- RabbitMQ -------------------------------------------------------------------------------------------------------


def test_people_are_told_while_rabbitmq_is_stopped(shared: Cluster) -> None:
    """Nobody waits for its return: each event is told meanwhile, through the spool of the process that took it."""
    with right_in_the_end(shared):
        shared.servers.rabbit.stop()
        offered = shared.upstream.offer(10, 5)
        assert all(posted.accepted_at for posted in offered)
        told(shared, 10, offered)
        assert not shared.servers.rabbit.running


@pytest.mark.parametrize("point", ["spooled", None])
def test_killed_while_rabbitmq_is_stopped(shared: Cluster, point: str | None) -> None:
    """What a dead process has in its spool is taken over by one that lives, RabbitMQ or no RabbitMQ."""
    with right_in_the_end(shared):
        shared.servers.rabbit.stop()
        shared.servers.database.stop()  # so that its own router has not told it before
        victim = shared.start("api", point=point, wait=False)
        until("it listens", 60, lambda: _listens(victim))
        shared.door.ports.append(victim.port)
        shared.door.favourite = victim.port
        posted = shared.upstream.one()
        if point:
            shared.dies(victim)
        else:
            victim.kill()
            shared.door.ports.remove(victim.port)
        assert posted.accepted_at is not None
        shared.servers.database.start()
        told(shared, 30, [posted])


def _listens(process: Process) -> bool:
    assert process.alive, process.said()
    try:
        return httpx2.get(f"{process.url}/healthz", timeout=5).status_code == 200
    except httpx2.HTTPError:
        return False


def test_the_way_to_rabbitmq_is_cut(shared: Cluster) -> None:
    """Again and again, in the middle of publishing and taking."""
    with right_in_the_end(shared), ThreadPoolExecutor(1) as pool:
        offering = pool.submit(shared.upstream.offer, 100, 10.0)
        for refuse in (False, True, False, True):
            time.sleep(1)
            shared.wires.cut(shared.to_rabbit, refuse=refuse)
            time.sleep(1)
            shared.wires.mend(shared.to_rabbit)
        assert all(posted.accepted_at for posted in offering.result(60))


@pytest.mark.parametrize("delay_seconds", [0.2, 1.5])
def test_the_way_to_rabbitmq_is_slow(shared: Cluster, delay_seconds: float) -> None:
    """Each answer comes late: under the second that is allowed, and over it."""
    with right_in_the_end(shared):
        shared.to_rabbit.delay_seconds = delay_seconds
        try:
            offered = shared.upstream.offer(40, 5)
            assert all(posted.accepted_at for posted in offered)
        finally:
            shared.to_rabbit.delay_seconds = 0.0


# --- PostgreSQL -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["stop", "crash"])
def test_the_database_restarts_in_the_middle(shared: Cluster, end: str) -> None:
    """Whatever was being written is written again, and nobody hears it twice."""
    with right_in_the_end(shared), ThreadPoolExecutor(1) as pool:
        offering = pool.submit(shared.upstream.offer, 100, 10.0)
        for _ in range(2):
            time.sleep(2)
            getattr(shared.servers.database, end)()
            time.sleep(1)
            shared.servers.database.start()
        assert all(posted.accepted_at for posted in offering.result(60))


def test_the_way_to_the_database_is_cut(shared: Cluster) -> None:
    with right_in_the_end(shared), ThreadPoolExecutor(1) as pool:
        offering = pool.submit(shared.upstream.offer, 100, 10.0)
        for refuse in (False, True, False, True):
            time.sleep(1)
            shared.wires.cut(shared.to_database, refuse=refuse)
            time.sleep(1)
            shared.wires.mend(shared.to_database)
        assert all(posted.accepted_at for posted in offering.result(60))


def test_the_way_to_the_database_is_slow(shared: Cluster) -> None:
    with right_in_the_end(shared):
        shared.to_database.delay_seconds = 0.02
        try:
            offered = shared.upstream.offer(20, 2)
            assert all(posted.accepted_at for posted in offered)
            told(shared, SETTLED_SECONDS, offered)
        finally:
            shared.to_database.delay_seconds = 0.0


# --- disk -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("database", ["away", "here"])
def test_the_disk_under_the_spool_is_full(shared: Cluster, database: str) -> None:
    """No 202 for what is not durable, nobody ends over it, and with room again it goes on by itself."""
    with right_in_the_end(shared):
        [api] = shared.of("api")
        shared.servers.rabbit.stop()
        if database == "away":  # else the process's own router tells, and wants to make room
            shared.servers.database.stop()
        before = shared.upstream.offer(5, 5)
        assert all(posted.accepted_at for posted in before)
        with no_room(shared, api):
            refused = shared.upstream.offer(60, 20, patience_seconds=1)
            assert any(posted.accepted_at is None for posted in refused)
            assert {status for posted in refused for status in posted.statuses} <= {202, 503}
            assert api.alive
        after = shared.upstream.offer(5, 5)
        assert all(posted.accepted_at for posted in after)


@contextmanager
def no_room(shared: Cluster, process: Process) -> Iterator[None]:
    """No file of the process may grow beyond what its largest one has now."""
    spool = shared.data / "spool"
    bytes_ = max(path.stat().st_size for path in (*spool.iterdir(), process.log))
    before = resource.prlimit(process.popen.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.popen.pid, resource.RLIMIT_FSIZE, (bytes_, before[1]))
    try:
        yield
    finally:
        resource.prlimit(process.popen.pid, resource.RLIMIT_FSIZE, before)


def test_everything_was_left_in_order(shared: Cluster) -> None:
    """After all that each role ends well, no lease, message or line is left, every chain of evidence holds."""
    books = closed(shared, shared.upstream.accepted)
    assert books.accepted == len(books.told) + len(books.explained)
