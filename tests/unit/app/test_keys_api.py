"""Keys made, renewed and revoked one by one: secrets are told once, who was slower is told, and all is in the audit."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from tests.app_fixture import START, House

GATEWAY = {"name": "gateway", "role": "upstream", "source": "miso"}


async def ask(
    house: House, method: str, path: str, body: Any = None, if_match: str | None = None, key: str = "demo-admin"
) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {key}"} | ({"If-Match": if_match} if if_match else {})
    return await house.client.request(method, f"/v1/{path}", json=body, headers=headers)


async def made(house: House, **body: Any) -> httpx2.Response:
    answer = await ask(house, "POST", "keys", body)
    assert answer.status_code == 201, answer.text
    return answer


async def opens(house: House, secret: str) -> bool:
    return (await house.post("/v1/sources/miso/heartbeat", secret)).status_code == 200


async def test_a_key_opens_as_soon_as_it_is_made_and_its_secret_is_told_once(house: House) -> None:
    answer = await made(house, **GATEWAY)
    body, secret = answer.json(), answer.json()["secret"]
    assert secret.startswith("gck_")
    assert len(secret) == 47  # 32 bytes, and how it begins
    assert answer.headers["cache-control"] == "no-store"
    assert body["changes"][0]["text"] == "add key gateway (upstream)"
    assert await opens(house, secret)
    one = await ask(house, "GET", "keys/gateway")
    assert one.headers["etag"] == answer.headers["etag"]
    assert one.json() == {
        "id": "gateway",
        "role": "upstream",
        "source": "miso",
        "person": None,
        "created_at": START.isoformat(),
        "expires_at": None,
        "expired": False,
        "last_used_at": START.isoformat(),
        "former": None,
    }
    every = await ask(house, "GET", "keys")
    assert one.json() in every.json()["keys"]
    stored = await house.service.database.read(lambda conn: str(conn.exec_driver_sql("SELECT * FROM keys").all()))
    told = [every.text, one.text, (await ask(house, "GET", "audit")).text, stored]
    assert [text for text in told if secret in text] == []


async def test_a_renewed_key_has_two_secrets_for_a_while_and_never_three(house: House) -> None:
    first = await made(house, **GATEWAY)
    body = {"keep_seconds": 3600}
    second = await ask(house, "POST", "keys/gateway/renew", body, first.headers["etag"])
    assert second.status_code == 200, second.text
    assert second.json()["key"]["former"] == {"until": (START + timedelta(hours=1)).isoformat(), "last_used_at": None}
    secrets = [first.json()["secret"], second.json()["secret"]]
    assert [await opens(house, s) for s in secrets] == [True, True]
    third = await ask(house, "POST", "keys/gateway/renew", body, second.headers["etag"])
    secrets.append(third.json()["secret"])
    assert [await opens(house, s) for s in secrets] == [False, True, True]
    house.advance(3600)
    assert [await opens(house, s) for s in secrets] == [False, False, True]
    shown = (await ask(house, "GET", "keys/gateway")).json()
    assert (shown["former"], shown["created_at"]) == (None, START.isoformat())
    at_once = await ask(house, "POST", "keys/gateway/renew", {"keep_seconds": 0}, third.headers["etag"])
    assert [await opens(house, s) for s in (secrets[2], at_once.json()["secret"])] == [False, True]


async def test_an_expired_key_opens_nothing(house: House) -> None:
    end = START + timedelta(minutes=5)
    secret = (await made(house, **GATEWAY, expires_at=end.isoformat())).json()["secret"]
    assert await opens(house, secret)
    house.advance(300)
    answer = await house.post("/v1/sources/miso/heartbeat", secret)
    assert answer.status_code == 401
    assert "was good until" in answer.json()["detail"]
    assert (await ask(house, "GET", "keys/gateway")).json()["expired"] is True


async def test_an_expired_key_is_renewed_with_another_end_or_not_at_all(house: House) -> None:
    """Its new secret would open nothing; and the one that has expired stays closed."""
    end = START + timedelta(minutes=5)
    first = await made(house, **GATEWAY, expires_at=end.isoformat())
    house.advance(300)
    etag = first.headers["etag"]
    refused = await ask(house, "POST", "keys/gateway/renew", {}, etag)
    assert (refused.status_code, "expires_at" in refused.json()["detail"]) == (409, True)
    past = await ask(house, "POST", "keys/gateway/renew", {"expires_at": end.isoformat()}, etag)
    assert (past.status_code, past.json()["errors"][0]["field"]) == (422, "body.expires_at")
    later = (START + timedelta(days=90)).isoformat()
    second = await ask(house, "POST", "keys/gateway/renew", {"expires_at": later}, etag)
    assert second.status_code == 200, second.text
    shown = second.json()["key"]
    assert (shown["expires_at"], shown["expired"], shown["former"]) == (later, False, None)
    assert [await opens(house, a.json()["secret"]) for a in (first, second)] == [False, True]
    third = await ask(house, "POST", "keys/gateway/renew", {}, second.headers["etag"])
    assert third.json()["key"]["expires_at"] == later, "who names no end leaves it"


async def test_a_revoked_key_opens_nothing_whichever_secret_is_used(house: House) -> None:
    first = await made(house, **GATEWAY)
    second = await ask(house, "POST", "keys/gateway/renew", {}, first.headers["etag"])
    gone = await ask(house, "DELETE", "keys/gateway?reason=lost", None, second.headers["etag"])
    assert gone.status_code == 200
    assert [await opens(house, a.json()["secret"]) for a in (first, second)] == [False, False]
    assert (await ask(house, "GET", "keys/gateway")).status_code == 404
    rows = (await ask(house, "GET", "audit")).json()["audit"][:3]
    assert [(r["what"], r["change"], r["key_id"], r["reason"]) for r in rows] == [
        ("keys/gateway", "removed", "demo-admin", "lost"),
        ("keys/gateway", "changed", "demo-admin", ""),
        ("keys/gateway", "added", "demo-admin", ""),
    ]
    assert rows[1]["before"]["secret"] != rows[1]["after"]["secret"]
    assert rows[2]["after"]["secret"].startswith("sha256 ")


async def test_only_who_saw_what_is_there_may_change_it(house: House) -> None:
    stale = (await made(house, **GATEWAY)).headers["etag"]
    assert (await ask(house, "POST", "keys/gateway/renew", {}, stale)).status_code == 200
    for method, path, body in (("POST", "keys/gateway/renew", {}), ("DELETE", "keys/gateway", None)):
        assert (await ask(house, method, path, body)).status_code == 428
        assert (await ask(house, method, path, body, stale)).status_code == 412
        assert (await ask(house, method, path.replace("gateway", "none"), body, stale)).status_code == 404


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "Not A Slug", "role": "admin"}, "body.name"),
        ({"name": "k", "role": "king"}, "body.role"),
        ({"name": "k", "role": "upstream"}, "body.source"),
        ({"name": "k", "role": "upstream", "source": "nowhere"}, "body.source"),
        ({"name": "k", "role": "operator", "source": "miso"}, "body.source"),
        ({"name": "k", "role": "operator", "person": "zoe"}, "body.person"),
        ({"name": "k", "role": "admin", "expires_at": START.isoformat()}, "body.expires_at"),
        ({"name": "k", "role": "admin", "secret": "of-my-own-choice-123456"}, "body.secret"),
    ],
)
async def test_what_cannot_be_is_named(house: House, body: Any, field: str) -> None:
    answer = await ask(house, "POST", "keys", body)
    assert answer.status_code == 422
    assert field in [error["field"] for error in answer.json()["errors"]]
    assert house.service.rosters.roster.version == 1


async def test_a_name_is_given_once(house: House) -> None:
    await made(house, **GATEWAY)
    assert (await ask(house, "POST", "keys", GATEWAY)).status_code == 409


async def test_the_last_admin_stays(house: House) -> None:
    """But not one that has expired, or will within a day."""
    await made(house, name="short", role="admin", expires_at=(START + timedelta(hours=1)).isoformat())
    etag = (await ask(house, "GET", "keys/demo-admin")).headers["etag"]
    early = await ask(house, "DELETE", "keys/demo-admin", None, etag)
    assert (early.status_code, "last key" in early.json()["detail"]) == (409, True)
    house.advance(3600)
    answer = await ask(house, "DELETE", "keys/demo-admin", None, etag)
    assert (answer.status_code, "last key" in answer.json()["detail"]) == (409, True)
    secret = (await made(house, name="other", role="admin")).json()["secret"]
    assert (await ask(house, "DELETE", "keys/demo-admin", None, etag)).status_code == 200
    other = (await ask(house, "GET", "keys/other", key=secret)).headers["etag"]
    soon = {"expires_at": (house.clock.now() + timedelta(hours=1)).isoformat()}
    shorter = await ask(house, "POST", "keys/other/renew", soon, other, key=secret)
    assert (shorter.status_code, "last key" in shorter.json()["detail"]) == (409, True)


async def test_a_source_cannot_go_before_its_key(house: House) -> None:
    await made(house, **GATEWAY | {"source": "alertmanager"})
    etag = (await ask(house, "GET", "keys/demo-alertmanager")).headers["etag"]
    assert (await ask(house, "DELETE", "keys/demo-alertmanager", None, etag)).status_code == 200
    answer = await ask(house, "DELETE", "sources/alertmanager", None, "*")
    assert (answer.status_code, "key gateway" in answer.json()["detail"]) == (409, True)
