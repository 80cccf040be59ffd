"""A source is heard at a secret address, without a key, also while the database is away; nobody else learns it."""

import logging
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from app import logs
from app.api.pings import PING, PREFIX
from app.failures import MAX_A_MINUTE
from app.rosters import Rosters
from model.errors import Unavailable
from tests.app_fixture import House


async def made(house: House, source: str = "miso") -> str:
    """The address, without the host."""
    answer = await house.post(f"/v1/sources/{source}/ping-link", "demo-admin")
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    url: str = answer.json()["url"]
    assert url.startswith(f"http://gridcall.test{PREFIX}gcp_")
    return url.removeprefix("http://gridcall.test")


async def revoke(house: House, source: str = "miso", key: str = "demo-admin") -> int:
    headers = {"Authorization": f"Bearer {key}"}
    return (await house.client.delete(f"/v1/sources/{source}/ping-link?reason=lost", headers=headers)).status_code


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
async def test_it_counts_from_the_moment_of_the_ping(house: House, method: str) -> None:
    address = await made(house)
    house.advance(7)
    answer = await house.client.request(method, address, content=b"anything" if method == "POST" else None)
    assert (answer.status_code, answer.text) == (200, "" if method == "HEAD" else "OK\n")
    assert answer.headers["x-request-id"]
    assert house.service.notebook.last_seen == {"miso": house.clock.now()}
    await house.service.notebook.flush()
    shown = (await house.get("/v1/sources/miso")).json()
    assert shown["monitor"]["status"] == "up"


@pytest.mark.parametrize("path", ["gcp_nobody", "", "a/b", "%00", "gcp_é"])
async def test_elsewhere_is_nothing(house: House, path: str) -> None:
    await made(house)
    assert (await house.client.get(f"{PREFIX}{path}")).status_code == 404
    assert house.service.notebook.last_seen == {}


async def test_other_methods_are_no_pings(house: House) -> None:
    address = await made(house)
    assert (await house.client.delete(address)).status_code == 404
    assert house.service.notebook.last_seen == {}


async def test_there_is_one_address_and_it_can_be_revoked(house: House) -> None:
    assert (await house.get("/v1/sources/miso/ping-link")).status_code == 404
    former, address = await made(house), await made(house)
    assert (await house.client.get(former)).status_code == 404
    assert (await house.client.get(address)).status_code == 200
    shown = (await house.get("/v1/sources/miso/ping-link")).json()
    assert shown == {"source": "miso", "made_at": shown["made_at"], "made_by": "key demo-admin"}
    assert await revoke(house, key="demo-operator") == 403
    assert await revoke(house) == 204
    assert (await house.client.get(address)).status_code == 404
    assert await revoke(house) == 404
    assert (await house.post("/v1/sources/nobody/ping-link", "demo-admin")).status_code == 404
    audit = (await house.get("/v1/audit", "demo-admin")).text
    for verb in ("make", "renew", "revoke"):
        assert f"{verb} the ping link of source miso" in audit


async def test_a_source_that_left_the_roster_is_not_heard(house: House) -> None:
    address = await made(house, "miso-fast")
    known = house.service.rosters.roster
    house.service.rosters.roster = type(known)(sources={})
    assert (await house.client.get(address)).status_code == 404


async def test_an_address_goes_with_its_source_and_opens_no_other_of_that_name(house: House) -> None:
    headers = {"Authorization": "Bearer demo-admin", "If-Match": "*"}
    assert (await house.put("/v1/sources/pjm", "demo-admin", json={"name": "PJM"})).status_code == 201
    address, kept = await made(house, "pjm"), await made(house)
    assert (await house.client.delete("/v1/sources/pjm?reason=sold", headers=headers)).status_code == 200
    assert (await house.put("/v1/sources/pjm", "demo-admin", json={"name": "Another"})).status_code == 201
    assert [(await house.client.get(link)).status_code for link in (address, kept)] == [404, 200]
    assert (await house.get("/v1/sources/pjm/ping-link")).status_code == 404
    audit = (await house.get("/v1/audit", "demo-admin")).json()["audit"]
    [row] = [e for e in audit if e["what"] == "ping-links/pjm" and e["change"] == "removed"]
    assert (row["text"], row["actor"], row["reason"]) == (
        "revoke the ping link of source pjm",
        "key demo-admin",
        "sold",
    )


async def test_what_was_left_under_a_name_opens_nobody_new(house: House) -> None:
    """By somebody who made it in the moment in which another one took the source out."""
    address = await made(house)
    left = text("UPDATE ping_links SET source = 'pjm'")
    await house.service.database.transact(lambda conn: conn.execute(left))
    assert (await house.put("/v1/sources/pjm", "demo-admin", json={"name": "PJM"})).status_code == 201
    assert (await house.client.get(address)).status_code == 404


async def test_it_needs_no_database(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    address = await made(house)

    async def away(*_: Any) -> None:
        raise Unavailable("on purpose")

    database = house.service.rosters.known, house.service.database
    with monkeypatch.context() as patch:
        for name in ("read", "transact"):
            patch.setattr(database[1]._database, name, away)  # type: ignore[attr-defined]
        await house.service.rosters.refresh(house.service.database)
        assert (await house.client.get(address)).status_code == 200
        refused = await house.client.get(f"{PREFIX}gcp_unknown")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    started_later = Rosters(house.service.rosters.known, stale=True)  # from what is kept on the disk
    assert started_later.pinged(address.removeprefix(PREFIX)) == "miso"


async def test_who_guesses_is_told_to_wait_and_a_right_address_is_not(house: House) -> None:
    address = await made(house)
    found = [(await house.client.get(f"{PREFIX}gcp_{n}")).status_code for n in range(MAX_A_MINUTE + 1)]
    assert (found[0], found[-1]) == (404, 429)
    assert (await house.client.get(address)).status_code == 200


async def test_the_secret_is_nowhere_but_in_the_answer(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with capture_logs() as lines:
        address = await made(house)
        await house.client.get(address)
    token = address.removeprefix(PREFIX)
    metrics = (await house.get("/metrics", None)).text
    told = [str(lines), caplog.text.replace(f"http://gridcall.test{address}", ""), metrics]  # the test's own client
    told += [(await house.get(path, "demo-admin")).text for path in ("/v1/audit", "/v1/sources/miso/ping-link")]
    told.append(await house.service.database.read(lambda c: str(c.exec_driver_sql("SELECT * FROM ping_links").all())))
    assert [said for said in told if token in said] == []
    assert f'route="{PING}",status="200"' in metrics
    assert logs.masked(f"GET {address}") == f"GET {PREFIX}gcp_…"
