"""SIGKILL at named points: the event is told all the same, nobody hears it twice, nothing is left in dead hands."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.crash.cluster import Cluster, Process, Servers, cluster
from tests.crash.ledger import closed, heard, kept, settled
from tests.crash.upstream import Posted

pytestmark = pytest.mark.timeout(240)

ROLES = ("api", "router", "notifier", "monitor")
# A dead notifier's lease runs out (15 s), then what it was sending is looked up at 3, 10 and 25 s.
SETTLED_SECONDS = 90


@pytest.fixture(scope="module")
def shared(crash_servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("killed"), crash_servers) as found:
        yield found


def one_of_each(shared: Cluster, victim: str, point: str) -> Process:
    """A process of each role; the one that will die is asked first, or is the only one that can be."""
    shared.kill(victim)
    shared.door.favourite = None
    dying = shared.start(victim, point=point, wait=False)
    others = [role for role in ROLES if not shared.of(role) or role == victim == "api"]
    started = [shared.start(role, wait=False) for role in others]
    for process in (dying, *started):
        shared.ready(process)
    shared.door.favourite = dying.port
    return dying


def told(shared: Cluster, posted: Posted) -> None:
    """The whole story of an event is over, and right."""
    heard(shared, shared.upstream.accepted, SETTLED_SECONDS)
    settled(shared, SETTLED_SECONDS)
    books = kept(shared, shared.upstream.accepted)
    assert books.rung_twice == {}
    assert books.sent_twice == {}
    assert posted.event_id in books.told


@pytest.mark.parametrize(
    ("role", "point"),
    [
        ("api", "published"),
        ("router", "saved"),
        ("router", "revising"),
        ("notifier", "claimed:voice"),
        ("notifier", "accepted:voice"),
        ("notifier", "claimed:sms"),
        ("notifier", "accepted:sms"),
        ("notifier", "accepted:slack"),
        ("notifier", "accepted:pagerduty"),
        ("notifier", "recording"),
        ("monitor", "sealing"),
        ("api", "replying"),
    ],
)
def test_killed(shared: Cluster, role: str, point: str) -> None:
    """The process dies there; others of its role carry on, and the event's story ends as if nothing had been.

    (Of an API process that dies before its 202 the sender hears nothing, and repeats.)
    """
    victim = one_of_each(shared, role, point)
    with ThreadPoolExecutor(1) as pool:
        posting = pool.submit(shared.upstream.one)
        shared.dies(victim)
        if role != "api":
            shared.start(role, wait=False)
        posted = posting.result(SETTLED_SECONDS)
    assert posted.accepted_at is not None
    assert (point == "published") == (posted.statuses[0] == 0)
    told(shared, posted)


def test_everything_was_left_in_order(shared: Cluster) -> None:
    """After all that each role ends well, no lease, message or line is left, every chain of evidence holds."""
    books = closed(shared, shared.upstream.accepted)
    assert books.accepted == len(books.told) + len(books.explained)
