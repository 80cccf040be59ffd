"""Only what bears the source's signature over its very bytes is taken; what opens is written beside the evidence."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select
from standardwebhooks import Webhook

from app import doctor
from app.api.let_in import READ_ON
from app.failures import MAX_A_MINUTE
from app.security import Refusal, Unauthorized
from app.signatures import Signature, usable
from config.settings import load_settings
from model.errors import SettingsError
from model.trust import Algorithm, Encoding, Proof, Trust
from store.tables import bodies
from tests.app_fixture import ROSTER, START, House, opened
from tests.unit.app.test_doorkeeper import refused

OLD, NEW = (f"whsec_{base64.b64encode(bytes([n]) * 24).decode()}" for n in (1, 2))
PLAIN = "a-secret-that-github-knows"
SOURCES = """
  hooks: {name: Hooks, heartbeat: none, trust: {by: standard-webhooks, secrets: [hooks-old, hooks-new]}}
  hub: {name: Hub, heartbeat: none, trust: {by: hmac, secrets: [hub]}}
  unset: {name: Unset, heartbeat: none, trust: {by: hmac, secrets: [nowhere]}}
  fenced: {name: Fenced, heartbeat: none, trust: {addresses: [192.0.2.0/24, "2001:db8::/32"]}}
"""
KEYS = """
  demo-hooks: {role: upstream, source: hooks, secret: demo-hooks}
  demo-fenced: {role: upstream, source: fenced, secret: demo-fenced}
"""
EVENT = {"event_id": "E-1", "headline": "Cut 12.5 MW", "mode": "test"}
BODY = json.dumps(EVENT).encode()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    text = ROSTER.read_text().replace("\nsources:\n", f"\nsources:{SOURCES}").replace("\nkeys:\n", f"\nkeys:{KEYS}")
    secrets = f"hooks-old={OLD}, hooks-new={NEW}, hub={PLAIN}"
    async with opened(tmp_path, roster_text=text, source_secrets=secrets, max_body_bytes=70_000) as found:
        yield found


def standard(secret: str, body: bytes = BODY, at: datetime = START, message_id: str = "msg_1") -> dict[str, str]:
    """As the sender's own package signs."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, at, body.decode()),
        "content-type": "application/json",
    }


def github(body: bytes = BODY, secret: str = PLAIN) -> dict[str, str]:
    return {"X-Hub-Signature-256": f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"}


async def sent(house: House, source: str, headers: dict[str, str], body: bytes = BODY, **more: Any) -> httpx2.Response:
    wait = {"Prefer": "wait=5"}
    return await house.post(f"/v1/sources/{source}/events", None, content=body, headers=headers | wait, **more)


async def proofs(house: House) -> list[tuple[str, str | None]]:
    query = select(bodies.c.signature, bodies.c.key_id).order_by(bodies.c.id)
    return [tuple(row) for row in await house.service.database.read(lambda conn: conn.execute(query).all())]


async def count(house: House) -> int:
    return (await house.rows())["deliveries"]


@pytest.mark.parametrize("secret", [OLD, NEW])
async def test_the_sender_of_standard_webhooks_is_taken_with_either_secret(house: House, secret: str) -> None:
    """While one replaces the other both are good."""
    answer = await sent(house, "hooks", standard(secret))
    assert (answer.status_code, answer.json()["event_id"]) == (202, "E-1")
    name = "hooks-old" if secret == OLD else "hooks-new"
    assert await proofs(house) == [(f"standard-webhooks signature with secret {name} is valid", None)]
    shown = (await house.get("/v1/events/hooks/E-1")).json()
    assert "standard-webhooks signature" in json.dumps(shown)


async def test_nothing_of_a_wrong_signature_reaches_the_queue(house: House) -> None:
    signed = standard(OLD)
    for headers, body in (
        (signed, BODY + b" "),
        (signed | {"webhook-id": "msg_2"}, BODY),
        (signed | {"webhook-timestamp": str(int(START.timestamp()) + 1)}, BODY),
        (signed | {"webhook-signature": "v1,AAAA v2,BBBB"}, BODY),
        (signed | {"webhook-signature": "v1,%%"}, BODY),
        (standard(f"whsec_{base64.b64encode(b'9' * 24).decode()}"), BODY),
    ):
        answer = await sent(house, "hooks", headers, body)
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert await refused(house) == {"wrong_signature": 6}
    assert await count(house) == 0
    assert house.service.broker.depth() == 0


@pytest.mark.parametrize(("seconds", "status"), [(-301, 401), (-300, 202), (300, 202), (301, 401)])
async def test_a_signature_is_good_for_five_minutes(house: House, seconds: int, status: int) -> None:
    answer = await sent(house, "hooks", standard(OLD, at=START + timedelta(seconds=seconds)))
    assert answer.status_code == status
    assert ("old_signature" in await refused(house)) == (status == 401)


@pytest.mark.parametrize("written", ["soon", "-1", "9" * 40, "1e9", "٣"])
async def test_a_time_that_is_none_is_refused(house: House, written: str) -> None:
    headers = {name.encode(): value.encode() for name, value in standard(OLD).items()}
    answer = await house.client.post(
        "/v1/sources/hooks/events", content=BODY, headers=headers | {b"webhook-timestamp": written.encode()}
    )
    assert answer.status_code == 401
    assert await refused(house) == {"old_signature": 1}


async def test_no_signature_is_no_proof_and_a_key_is_none_instead(house: House) -> None:
    assert (await sent(house, "hooks", {})).status_code == 401
    keyed = await house.post("/v1/sources/hooks/events", "demo-hooks", content=BODY)
    assert keyed.status_code == 401
    assert "webhook-id, webhook-timestamp, webhook-signature" in keyed.json()["detail"]
    assert (await house.post("/v1/events", "demo-hooks", content=BODY)).status_code == 401
    assert await refused(house) == {"no_signature": 3}
    both = await house.post("/v1/events", "demo-hooks", content=BODY, headers=standard(NEW))
    assert both.status_code == 202
    wrong = await house.post("/v1/sources/hooks/events", "wrong", content=BODY, headers=standard(NEW))
    assert wrong.status_code == 401
    other = await house.post("/v1/sources/hooks/events", "demo-fenced", content=BODY, headers=standard(NEW))
    assert other.status_code == 403


async def test_a_source_that_signs_says_so_that_it_is_alive(house: House) -> None:
    """Over whatever body it sends, or none; nobody else's word counts, and a key is as good as before."""
    path = "/v1/sources/hooks/heartbeat"
    for method, body in (("POST", b"{}"), ("POST", b""), ("GET", b"")):
        answer = await house.client.request(method, path, content=body, headers=standard(NEW, body))
        assert answer.status_code == 200, answer.text
        assert answer.json()["source"] == "hooks"
        assert house.service.notebook.last_seen.pop("hooks") == house.clock.now()
    for headers in ({}, standard(NEW, b"[]"), standard(f"whsec_{base64.b64encode(b'x' * 24).decode()}", b"{}")):
        assert (await house.client.post(path, content=b"{}", headers=headers)).status_code == 401
    old = standard(NEW, b"{}", START - timedelta(minutes=6))
    assert (await house.client.post(path, content=b"{}", headers=old)).status_code == 401
    other = await house.client.post("/v1/sources/miso/heartbeat", content=b"{}", headers=standard(NEW, b"{}"))
    assert other.status_code == 401
    assert house.service.notebook.last_seen == {}
    assert (await house.post(path, "demo-hooks")).status_code == 200
    assert (await house.post(path, "demo-upstream")).status_code == 403


async def test_an_admin_sends_for_every_source(house: House) -> None:
    assert (await house.post("/v1/sources/hooks/events", "demo-admin", content=BODY)).status_code == 202
    assert (await house.post("/v1/sources/fenced/events", "demo-admin", content=BODY)).status_code == 202


async def test_github_s_way_of_signing(house: House) -> None:
    assert (await sent(house, "hub", github())).status_code == 202
    assert await proofs(house) == [("hmac signature with secret hub is valid", None)]
    for headers in (
        github(secret="another"),
        github(BODY + b" "),
        {"X-Hub-Signature-256": github()["X-Hub-Signature-256"][7:]},
    ):
        assert (await sent(house, "hub", headers)).status_code == 401
    assert (await sent(house, "hub", {})).status_code == 401
    assert await refused(house) == {"wrong_signature": 3, "no_signature": 1}


async def test_wrong_signatures_are_limited_like_wrong_keys_and_a_right_one_is_let_in(house: House) -> None:
    for _ in range(MAX_A_MINUTE):
        assert (await sent(house, "hub", github(secret="another"))).status_code == 401
    refusal = await sent(house, "hub", github(secret="another"))
    assert (refusal.status_code, refusal.headers["retry-after"]) == (429, "60")
    assert (await sent(house, "hub", github())).status_code == 202


async def test_a_secret_that_is_not_set_is_our_fault(house: House) -> None:
    """The sender must send again, not give up."""
    answer = await sent(house, "unset", github())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert await refused(house) == {}


def body_of(house: House, limits: int) -> bytes:
    return b'"' + b"x" * limits * house.service.settings.max_body_bytes + b'"'


async def test_a_signed_body_that_is_too_large_is_verified_whole_and_its_beginning_kept(house: House) -> None:
    body = body_of(house, 2)
    answer = await sent(house, "hub", github(body), body)
    assert (answer.status_code, "people are told" in answer.json()["detail"]) == (413, True)
    both = await house.post("/v1/events", "demo-hooks", content=body, headers=standard(NEW, body))
    assert (both.status_code, "people are told" in both.json()["detail"]) == (413, True)
    await house.until(lambda: house.service.broker.depth() == 0)
    assert (await house.rows())["unreadables"] == 2
    assert [proof for proof, _ in await proofs(house)] == [
        "hmac signature with secret hub is valid",
        "key demo-hooks as bearer is valid; standard-webhooks signature with secret hooks-new is valid",
    ]


@pytest.mark.parametrize(("limits", "signed", "status"), [(2, 1, 401), (READ_ON + 1, READ_ON + 1, 413)])
async def test_of_one_that_is_not_the_source_s_or_far_too_large_nothing_is_kept(
    house: House, limits: int, signed: int, status: int
) -> None:
    """Nobody is told what a stranger has sent."""
    answer = await sent(house, "hub", github(body_of(house, signed)), body_of(house, limits))
    assert answer.status_code == status
    assert ("nothing of it is kept" in answer.json()["detail"]) is (status == 413)
    assert await count(house) == 0
    assert house.service.broker.depth() == 0


async def test_a_source_that_nobody_knows_needs_a_key(house: House) -> None:
    """A stranger learns nothing of what there is."""
    assert (await sent(house, "nobody", github())).status_code == 401
    assert await refused(house) == {"no_key": 1}


@pytest.mark.parametrize(
    ("address", "status"),
    [("192.0.2.7", 202), ("::ffff:192.0.2.7", 202), ("2001:db8::1", 202), ("198.51.100.1", 403), ("", 403), ("x", 403)],
)
async def test_a_source_may_be_tied_to_addresses(house: House, address: str, status: int) -> None:
    house.client._transport.client = (address, 1)  # type: ignore[attr-defined]
    answer = await house.post("/v1/events", "demo-fenced", content=BODY)
    assert answer.status_code == status
    assert await refused(house) == ({} if status == 202 else {"wrong_address": 1})


async def test_of_others_addresses_nothing_is_looked_at(house: House) -> None:
    house.client._transport.client = ("198.51.100.1", 1)  # type: ignore[attr-defined]
    assert (await house.post("/v1/events", "demo-upstream", content=BODY)).status_code == 202


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


@pytest.mark.parametrize("user", ["demo-upstream", "miso"])
async def test_a_key_may_be_the_password_of_http_basic(house: House, user: str) -> None:
    headers = basic(user, "demo-upstream") | {"Prefer": "wait=5"}
    answer = await house.client.post("/v1/events", content=BODY, headers=headers)
    assert answer.status_code == 202
    assert await proofs(house) == [("key demo-upstream as password is valid", "demo-upstream")]
    answer = await house.client.post("/v1/sources/miso/heartbeat", headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        (basic("miso", "wrong"), "unknown_key"),
        (basic("someone", "demo-upstream"), "unknown_key"),
        (basic("demo-admin", "demo-admin"), "unknown_key"),  # a browser would send it for somebody else's page
        ({"Authorization": "Basic demo-upstream"}, "no_key"),
        ({"Authorization": "Basic !!!"}, "no_key"),
        ({"Authorization": "Digest demo-upstream"}, "no_key"),
    ],
)
async def test_other_passwords_open_nothing(house: House, headers: dict[str, str], reason: str) -> None:
    assert (await house.client.post("/v1/events", content=BODY, headers=headers)).status_code == 401
    assert await refused(house) == {reason: 1}


# --- the signatures themselves --------------------------------------------------------------------------------------

HOOK = Trust(by=Proof.STANDARD_WEBHOOKS, secrets=("s",))


def test_the_vectors_of_standard_webhooks(samples: Path) -> None:
    vectors = json.loads((samples / "standard_webhooks_vectors.json").read_text())["vectors"]
    assert len(vectors) > 5
    for vector in vectors:
        headers = {name: str(value) for name, value in vector.items() if name.startswith("webhook-")}
        now = datetime.fromtimestamp(vector.get("verify_at", vector["webhook-timestamp"]), UTC)
        keys = usable(HOOK, {"s": vector["secret"]})
        try:
            valid = Signature(HOOK, keys, headers, now).take(vector["body"].encode()).signer() == "s"
        except Unauthorized:
            valid = False
        assert valid == vector["valid"], vector["name"]


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize("encoding", Encoding)
@pytest.mark.parametrize("prefix", ["", "v0="])
def test_each_way_of_a_plain_hmac(algorithm: Algorithm, encoding: Encoding, prefix: str) -> None:
    trust = Trust(by=Proof.HMAC, secrets=("s",), header="x-sig", algorithm=algorithm, encoding=encoding, prefix=prefix)
    made = hmac.digest(b"0123456789abcdef", b"body", str(algorithm))
    written = made.hex() if encoding is Encoding.HEX else base64.b64encode(made).decode()
    keys = usable(trust, {"s": "0123456789abcdef", "t": "other"})
    assert Signature(trust, keys, {"x-sig": prefix + written}, START).take(b"bo").take(b"dy").signer() == "s"
    for odd in ("", prefix, "zz", "é", prefix + written[:-2], f"x{written}"):
        with pytest.raises(Unauthorized) as wrong:
            Signature(trust, keys, {"x-sig": odd}, START).take(b"bo").take(b"dy").signer()
        assert wrong.value.refusal in (Refusal.WRONG_SIGNATURE, Refusal.NO_SIGNATURE)


def test_a_secret_of_standard_webhooks_that_is_no_base64_is_no_key() -> None:
    assert usable(HOOK, {"s": "whsec_not base64!"}) == {}
    assert usable(HOOK, {"t": NEW}) == {}


def test_doctor_names_the_secrets_that_are_not_set(tmp_path: Path) -> None:
    (tmp_path / "roster.yaml").write_text(ROSTER.read_text().replace("\nsources:\n", f"\nsources:{SOURCES}"))
    secrets = f"hooks-new={NEW}, hub={PLAIN}"
    settings = load_settings(data_dir=tmp_path / "var", roster=tmp_path / "roster.yaml", source_secrets=secrets)
    told = {f.what: (f.level, f.detail) for f in doctor.findings(settings) if f.what.startswith("source ")}
    assert {what: level for what, (level, _) in told.items()} == {"source hooks": "mind", "source unset": "fails"}
    assert told["source hooks"][1].startswith("hooks-old of GRIDCALL_SOURCE_SECRETS: not set")


@pytest.mark.parametrize(
    "text", ["a", "a=short", f"A b={PLAIN}", f"a={PLAIN},a={PLAIN}", f"a={PLAIN},", f"a={PLAIN} x"]
)
def test_secrets_that_cannot_be_are_told_without_quoting_them(text: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        load_settings(source_secrets=text)
    assert "GRIDCALL_SOURCE_SECRETS" in str(wrong.value)
    assert PLAIN not in str(wrong.value)
    assert "short" not in str(wrong.value)
