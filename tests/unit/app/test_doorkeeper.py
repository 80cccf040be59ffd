"""Who is refused is told so, counted, and after a while told nothing more; a right key always opens."""

from datetime import timedelta
from ipaddress import ip_address

import pytest

from app.failures import MAX_A_MINUTE, MAX_ADDRESSES, Failures
from app.problems import Problem
from app.security import Caller, Keys, Refusal, Unauthorized, hashed
from config.keys import Role
from store import key_uses
from store.rosters import KeyRow
from tests.app_fixture import START, House

HOT = "/v1/events"
OTHER = "/v1/people"


async def refused(house: House) -> dict[str, float]:
    lines = (await house.get("/metrics", None)).text.splitlines()
    found = [line.split('"') for line in lines if line.startswith("gridcall_callers_refused_total")]
    return {reason: float(value.split()[-1]) for _, reason, value in found}


async def test_each_refusal_is_counted_by_its_reason(house: House) -> None:
    await house.get(OTHER, None)
    await house.get(OTHER, "wrong")
    await house.get(OTHER, "demo-upstream")
    await house.post(HOT, "demo-admin", json={})
    await house.post("/v1/sources/alertmanager/events", "demo-upstream", json={})
    assert await refused(house) == {"no_key": 1, "unknown_key": 1, "not_allowed": 3}


@pytest.mark.parametrize("path", [HOT, OTHER])
async def test_too_many_wrong_keys_are_answered_429_and_a_right_one_is_let_in(house: House, path: str) -> None:
    method = "POST" if path == HOT else "GET"

    async def ask(key: str | None):
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return await house.client.request(method, path, headers=headers, content=b"{}")

    for n in range(MAX_A_MINUTE):
        assert (await ask("wrong" if n % 2 else None)).status_code == 401
    house.advance(20.5)
    answer = await ask("wrong")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "40"
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await ask("demo-upstream")).status_code == (422 if path == HOT else 403)
    assert (await house.get(OTHER)).status_code == 200
    house.advance(39.5)
    assert (await ask("wrong")).status_code == 401
    assert (await refused(house))["too_many"] == 1


async def test_a_sender_with_a_right_key_is_never_limited(house: House) -> None:
    for n in range(MAX_A_MINUTE * 3):
        assert (await house.client.post(HOT)).status_code in (401, 429)
        assert (await house.post("/v1/sources/miso/heartbeat", "demo-upstream")).status_code == 200, n


def test_addresses_are_counted_apart_and_few_are_remembered() -> None:
    failures = Failures()
    for _ in range(MAX_A_MINUTE):
        assert failures.count("192.0.2.1", START) is None
    assert failures.count("192.0.2.1", START + timedelta(seconds=59)) == timedelta(seconds=1)
    assert failures.count("192.0.2.2", START) is None
    for n in range(MAX_ADDRESSES + 100):
        failures.count(str(ip_address(0x0A000000 + n)), START)
    assert len(failures) == MAX_ADDRESSES


def test_addresses_of_one_network_of_ipv6_are_one() -> None:
    failures = Failures()
    for n in range(MAX_A_MINUTE):
        assert failures.count(f"2001:db8::{n:x}", START) is None
    assert failures.count("2001:db8::ffff:1", START) is not None
    assert failures.count("2001:db8:0:1::1", START) is None
    assert failures.count("::ffff:192.0.2.1", START) is None
    assert len(failures) == 3


# --- the keys themselves ------------------------------------------------------------------------------------------

SOON, LATER = START + timedelta(hours=1), START + timedelta(hours=2)


def row(**more) -> KeyRow:
    return KeyRow(id="k", sha256=hashed("new"), role="admin", **more)


def test_an_expired_key_opens_nothing_from_that_instant_on() -> None:
    keys = Keys([row(expires_at=SOON)])
    assert keys.find("Bearer new", SOON - timedelta(microseconds=1)).caller == Caller("k", Role.ADMIN, None, None)
    with pytest.raises(Unauthorized, match="was good until") as expired:
        keys.find("Bearer new", SOON)
    assert expired.value.refusal is Refusal.EXPIRED_KEY


def test_while_a_key_is_renewed_both_secrets_open() -> None:
    keys = Keys([row(former_sha256=hashed("old"), former_until=SOON)])
    for secret in ("old", "new"):
        assert keys.find(f"bearer {secret}", START).caller.key_id == "k"
    assert keys.find("Bearer new", SOON).until is None
    with pytest.raises(Problem):
        keys.find("Bearer old", SOON)


def test_the_former_secret_ends_with_its_key() -> None:
    keys = Keys([row(former_sha256=hashed("old"), former_until=LATER, expires_at=SOON)])
    with pytest.raises(Problem):
        keys.find("Bearer old", SOON)


async def test_uses_are_written_down_once_a_minute_and_at_the_end(house: House) -> None:
    """Nothing is written while a request is answered."""
    database, doorkeeper = house.service.database, house.service.doorkeeper
    await house.get(OTHER)
    assert await database.read(key_uses.every) == {}
    await doorkeeper.note_uses()
    assert await database.read(key_uses.every) == {hashed("demo-operator"): START}
    house.advance(60)
    await house.get(OTHER)
    await house.get(OTHER, "wrong")
    await doorkeeper.note_uses()
    assert await database.read(key_uses.every) == {hashed("demo-operator"): START + timedelta(seconds=60)}
    [tick] = [tick for tick in house.service.ticks() if tick.name == "key uses"]
    assert tick.every_seconds == 60
