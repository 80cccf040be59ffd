"""Something that people need to be called is dead: the duty list is told, by whatever still lives."""

import time
from collections.abc import Iterator

import httpx2
import pytest

from tests.crash.cluster import Cluster, Servers, cluster
from tests.crash.people import SECRET, SETTINGS, program, roster
from tests.demo_process import until

ROLES = ("api", "router", "notifier", "monitor")
DUTY, OUTSIDE = "+13125550107", "+13125550108"
KEY = "R0WATCH0000000000000000000000000"
WITHIN_SECONDS = 90
WATCH = {
    "GRIDCALL_WATCH_DUTY": f"Dana={DUTY}",
    "GRIDCALL_WATCH_PAGERDUTY_KEY": KEY,
    "GRIDCALL_WATCH_SLACK_CHANNEL": "C0OPS00001",
    "GRIDCALL_CANARY_SECONDS": "10",
}

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def house(crash_servers: Servers, tmp_path, request) -> Iterator[Cluster]:
    """One process of each role, and all is well. A test may say after how many seconds of trouble they call."""
    after = {"GRIDCALL_WATCH_AFTER_SECONDS": str(getattr(request, "param", 30))}
    with cluster(tmp_path, crash_servers, roster(), **SETTINGS, **WATCH, **after) as found:
        found.upstream.secret, found.upstream.program = SECRET, program
        for process in [found.start(role, wait=False) for role in ROLES]:
            found.ready(process)
        until("all is well", 60, lambda: well(found))
        yield found
        for process in found.processes:
            assert DUTY not in process.said(), "no number in a log"


def well(found: Cluster) -> bool:
    answers = [httpx2.get(f"{process.url}/statusz", timeout=10) for process in found.alive()]
    return all(answer.status_code == 200 and len(answer.json()["roles"]) == len(ROLES) for answer in answers)


def messages(found: Cluster) -> list[dict]:
    return list(httpx2.get(f"{found.standins}/messages", timeout=20).json()["messages"])


def rung(found: Cluster, number: str = DUTY) -> list[dict]:
    return [one for one in found.asked() if one["vendor"] == "voice" and one["to"] == number]


def rings_within(found: Cluster, what: str, seconds: float = WITHIN_SECONDS, number: str = DUTY) -> None:
    begun = time.monotonic()
    until(f"the duty phone rings because {what}", seconds, lambda: rung(found, number))
    print(f"{what}: the duty phone rings after {time.monotonic() - begun:.0f} s")


@pytest.mark.parametrize("house", [2], indirect=True)
def test_a_dead_router_is_told_and_so_is_its_return(house: Cluster) -> None:
    house.kill("router")
    rings_within(house, "the router is dead", 45)
    assert "no process with the role router lives" in str(messages(house))
    house.start("router")
    until("that it is well is told", 100, lambda: "well again" in str(messages(house)))
    assert len(rung(house)) == 1


@pytest.mark.parametrize("role", ["router", "notifier"])
def test_a_role_without_a_process(house: Cluster, role: str) -> None:
    house.kill(role)
    rings_within(house, f"the {role} is dead")
    assert f"no process with the role {role} lives" in str(messages(house))


def test_the_database(house: Cluster) -> None:
    house.servers.database.stop()
    rings_within(house, "the database is away")
    assert "the database does not answer" in str(messages(house))


@pytest.mark.parametrize("house", [2], indirect=True)
def test_an_address_that_leads_nowhere(house: Cluster) -> None:
    """Every process lives and says so, and nobody outside reaches them: only the canary notices."""
    until("a canary came through", 60, lambda: 'outcome="through"' in canaries(house))
    house.door.ports, ports = [], house.door.ports
    rings_within(house, "nothing comes in at the public address")
    assert "a message of our own does not come through" in str(messages(house))
    assert "no process with the role" not in str(messages(house))
    house.door.ports = ports
    until("that it is well is told", 120, lambda: "well again" in str(messages(house)))


def canaries(house: Cluster) -> str:
    """What the processes with the role monitor say of them."""
    lines = [httpx2.get(f"{p.url}/metrics", timeout=10).text for p in house.alive() if p.role == "monitor"]
    return "\n".join(line for text in lines for line in text.splitlines() if line.startswith("gridcall_canar"))


def test_the_queue_alone_wakes_nobody(house: Cluster) -> None:
    house.servers.rabbit.stop()
    posted = house.upstream.one()
    assert posted.accepted_at is not None
    begun = time.monotonic()

    def warned() -> bool:
        said = [one for one in messages(house) if "RabbitMQ does not confirm" in str(one)]
        return {one["channel"] for one in said} == {"slack", "pagerduty"}

    until("Slack and PagerDuty are warned", WITHIN_SECONDS, warned)
    print(f"RabbitMQ is away: Slack and PagerDuty are warned after {time.monotonic() - begun:.0f} s")
    until("the event is told meanwhile", 10, lambda: posted.event_id in str(messages(house)))
    assert rung(house) == []


def test_queue_and_database_together(house: Cluster) -> None:
    house.servers.rabbit.stop()
    house.servers.database.stop()
    rings_within(house, "RabbitMQ and the database are away")


def test_everything(house: Cluster) -> None:
    """Somebody else's host sees it: another process, folder and settings."""
    folder = house.folder / "elsewhere"
    folder.mkdir()
    mine = {"GRIDCALL_WATCH_DUTY": f"Omar={OUTSIDE}", "GRIDCALL_DATA_DIR": str(folder), "GRIDCALL_DATABASE_URL": ""}
    watch = house.start_watch(house.api, **mine)
    until("it watches", 30, lambda: "Watching" in watch.said())
    for role in ROLES:
        house.kill(role)
    house.servers.mend()
    house.servers.rabbit.stop()
    house.servers.database.stop()
    rings_within(house, "everything is dead", number=OUTSIDE)
    assert rung(house) == []
