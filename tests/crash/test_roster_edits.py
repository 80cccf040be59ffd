"""An edit that was answered is kept whatever dies, and every process uses it within two seconds."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from tests.crash.cluster import Cluster, Process, Servers, cluster
from tests.demo_process import until

pytestmark = pytest.mark.timeout(240)

ADMIN = "crash-suite-secret-admin"
BACKUP = "/v1/rotations/ops-backup"
NIGHT = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
COVER = {"action": "add", "person": "eli", "from": NIGHT.isoformat(), "to": (NIGHT + timedelta(hours=8)).isoformat()}
USED_SECONDS = 2


@pytest.fixture(scope="module")
def shared(crash_servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("edits"), crash_servers) as found:
        yield found


def ask(process: Process, method: str, path: str, body: Any = None, **headers: str) -> httpx2.Response:
    known = {"Authorization": f"Bearer {ADMIN}"} | headers
    return httpx2.request(method, f"{process.url}{path}", json=body, headers=known, timeout=20)


def covers(process: Process) -> list[str]:
    return [override["person"] for override in ask(process, "GET", BACKUP).json()["overrides"]]


def test_an_edit_is_used_by_every_process_and_outlives_the_one_that_made_it(shared: Cluster) -> None:
    """Started again with the roster file that it was started with first, it keeps the edit."""
    one, other = shared.start("api"), shared.start("api")
    assert ask(one, "POST", f"{BACKUP}/overrides", COVER).status_code == 201
    assert covers(one) == ["eli"]
    until("the other process uses it", USED_SECONDS, lambda: covers(other) == ["eli"])
    one.kill()
    again = shared.start("api")
    assert covers(again) == covers(other) == ["eli"]
    rows = ask(again, "GET", "/v1/audit").json()["audit"]
    assert [row["change"] for row in rows] == ["added", "loaded"]


def test_of_two_processes_that_change_the_same_one_is_refused(shared: Cluster) -> None:
    one, other = shared.start("api"), shared.start("api")
    seen = ask(one, "GET", "/v1/people/ana")
    entry, etag = seen.json()["entry"], seen.headers["etag"]
    assert ask(one, "PUT", "/v1/people/ana", entry | {"name": "Ana R."}, **{"If-Match": etag}).status_code == 200
    late = ask(other, "PUT", "/v1/people/ana", entry | {"name": "Ana Reyes-Lind"}, **{"If-Match": etag})
    assert late.status_code == 412
    assert ask(other, "GET", "/v1/people/ana").json()["name"] == "Ana R."
