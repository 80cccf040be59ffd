"""PagerDuty's webhooks: what is believed, what it changes, and that nothing is answered 4xx that PagerDuty signed."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from routing import alerts, planner
from tests.app_fixture import START, House, opened

VECTOR_SECRET = "lDQHScfUeXUKaQRNF+8XIiDKZ7XX3itBAYzwU0TARw8lJqRnkKl2iB1anSb0Z+IK"
VECTOR = "v1=0c0b9495b893a39e70d1fea2fe11fbe0a825f88b9f67846f6cc07dd2bc5476cd"
NEW, OLD = "new-secret", "old-secret"
URL = "/callbacks/pagerduty"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    secrets = f"{NEW},{OLD},{VECTOR_SECRET}"
    async with opened(tmp_path, pagerduty_webhook_secrets=secrets) as house:
        yield house


def webhook(alert: str = "miso:E-1:g1", user: str | None = "P0ANA", **changes: Any) -> bytes:
    agent = {"id": user, "type": "user_reference", "summary": f"User {user}"} if user else None
    data = {"id": "PINC1", "type": "incident", "incident_key": alert}
    event = {
        "id": "01EVENT",
        "event_type": "incident.acknowledged",
        "resource_type": "incident",
        "occurred_at": "2026-11-03T15:00:00Z",
        "agent": agent,
        "client": None,
        "data": data,
    }
    return json.dumps({"event": event | changes}).encode()


def signed(body: bytes, *secrets: str) -> str:
    return ",".join("v1=" + hmac.new(s.encode(), body, hashlib.sha256).hexdigest() for s in secrets)


async def deliver(house: House, body: bytes, *secrets: str, webhook_id: str = "W-1") -> httpx2.Response:
    headers = {"X-PagerDuty-Signature": signed(body, *(secrets or (NEW,))), "X-Webhook-Id": webhook_id}
    return await house.client.post(URL, content=body, headers=headers)


async def kept(house: House, event: str = "E-1") -> dict[str, Any]:
    return dict((await house.get(f"/v1/events/miso/{event}")).json())


async def counted(house: House) -> dict[str, float]:
    lines = (await house.client.get("/metrics")).text.splitlines()
    found = [line for line in lines if line.startswith("gridcall_callbacks_total{outcome=")]
    return {line.split('"')[1]: float(line.rpartition(" ")[2]) for line in found if '"pagerduty"' in line}


async def untouched(house: House) -> None:
    event = await kept(house)
    assert event["replies"] == []
    assert {"reply", "stranger"}.isdisjoint(e["kind"] for e in event["timeline"])


async def test_a_person_acknowledges_there_and_it_counts_here(house: House) -> None:
    await house.send("E-1")
    assert (await deliver(house, webhook())).status_code == 202
    [reply] = (await kept(house))["replies"]
    assert (reply["person"], reply["channel"], reply["reply"], reply["revision"]) == (
        "ana", "pagerduty", "acknowledge", 1,
    )  # fmt: skip
    [entry] = [e for e in (await kept(house))["timeline"] if e["kind"] == "reply"]
    assert datetime.fromisoformat(entry["body"]["vendor_at"]) == START
    assert "PINC1" in entry["body"]["said"]
    assert "incident_key" not in json.dumps(entry)  # the vendor's message is kept, and not for everybody
    assert await counted(house) == {"counted": 1}


@pytest.mark.parametrize("secrets", [(NEW,), (OLD,), ("foreign", OLD), (NEW, OLD)])
async def test_any_secret_of_ours_counts_while_it_is_changed(house: House, secrets: tuple[str, ...]) -> None:
    await house.send("E-1")
    assert (await deliver(house, webhook(), *secrets)).status_code == 202
    assert len((await kept(house))["replies"]) == 1


async def test_the_vendors_vector_passes_and_every_tampered_one_fails(house: House, vendor_specs: Path) -> None:
    body = (vendor_specs / "samples/pagerduty_webhook_v3.priority_updated.body.json").read_bytes()

    async def status(content: bytes, signature: str | None) -> int:
        headers = {} if signature is None else {"X-PagerDuty-Signature": signature}
        return (await house.client.post(URL, content=content, headers=headers)).status_code

    assert await status(body, VECTOR) == 202
    assert await counted(house) == {"ignored": 1}
    bad = (None, "", "v1=", VECTOR.replace("v1", "v2"), VECTOR[:-1] + "e", VECTOR.upper(), VECTOR[3:])
    assert [await status(body, signature) for signature in bad] == [403] * len(bad)
    for place in (0, len(body) // 2, len(body) - 1):
        tampered = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        assert await status(tampered, VECTOR) == 403
    assert await status(body + b" ", VECTOR) == 403
    assert await counted(house) == {"ignored": 1, "refused": len(bad) + 4}


async def test_a_forged_one_changes_nothing(house: House) -> None:
    await house.send("E-1")
    assert (await deliver(house, webhook(), "forged")).status_code == 403
    assert (await house.client.post(URL, content=webhook())).status_code == 403
    await untouched(house)


async def test_without_a_secret_nobody_is_believed(tmp_path: Path) -> None:
    async with opened(tmp_path, loops=False) as house:
        assert (await deliver(house, webhook(), "")).status_code == 403


async def test_delivered_ten_times_it_counts_once(house: House) -> None:
    """Also under another X-Webhook-Id, which nobody signed."""
    await house.send("E-1")
    for number in range(10):
        assert (await deliver(house, webhook(), webhook_id=f"W-{number // 5}")).status_code == 202
    event = await kept(house)
    assert len(event["replies"]) == 1
    assert [e["kind"] for e in event["timeline"]].count("reply") == 1


@pytest.mark.parametrize(
    "body",
    [
        webhook(user=None),
        webhook(agent={"id": "PSVC", "type": "service_reference"}),
        webhook(event_type="incident.resolved"),
        webhook(event_type="something.new", data={}),
        webhook(data={"id": "P1", "type": "incident"}),
        webhook(alert="another tool's key"),
        webhook(alert="miso:E-unknown:g1"),
        webhook(alert="miso:E-1:g99"),
        webhook(alert="0" * 64),
        b'{"event": 7}',
        b"no json",
        b"",
        b"\xff\xfe",
    ],
)
async def test_what_is_no_answer_is_taken_and_changes_nothing(house: House, body: bytes) -> None:
    """Also rubbish: after a signature that fits there is never a 4xx."""
    await house.send("E-1")
    assert (await deliver(house, body)).status_code == 202
    await untouched(house)


@pytest.mark.parametrize("data", [{"id": "P1", "incident_key": None}, {"id": "P1"}])
async def test_where_pagerduty_names_no_alert_that_is_counted(house: House, data: dict[str, Any]) -> None:
    """Nobody acknowledges in vain without anybody learning why."""
    await house.send("E-1")
    assert (await deliver(house, webhook(data=data))).status_code == 202
    await untouched(house)
    assert await counted(house) == {"no_key": 1}


async def test_a_stranger_is_kept_and_counts_for_nobody(house: House) -> None:
    """Said once in the event's Slack thread, however often it is delivered."""
    await house.send("E-1")
    for _ in range(3):
        assert (await deliver(house, webhook(user="PKIM"))).status_code == 202
    event = await kept(house)
    assert event["replies"] == []
    [entry] = [e for e in event["timeline"] if e["kind"] == "stranger"]
    assert entry["body"]["by"] == "User PKIM"
    notes = [n for n in event["plan"]["notifications"] if n["kind"] == "note"]
    assert len(notes) == 1
    assert (await counted(house))["stranger"] == 3


async def test_a_user_is_known_by_e_mail_too(tmp_path: Path) -> None:
    roster = (Path(__file__).parents[3] / "config/demo_roster.yaml").read_text()
    with_mail = roster.replace("pagerduty_user: P0ANA", "pagerduty_user: Ana@Example.com")
    async with opened(tmp_path, roster_text=with_mail, pagerduty_webhook_secrets=NEW) as house:
        await house.send("E-1")
        agent = {"id": "P9", "type": "user_reference", "email": "ana@example.com"}
        assert (await deliver(house, webhook(agent=agent))).status_code == 202
        assert [r["person"] for r in (await kept(house))["replies"]] == ["ana"]


async def test_the_alert_of_a_replaced_revision_does_not_answer_the_new_one(house: House) -> None:
    await house.send("E-1")
    await house.send("E-1", "update")
    assert (await deliver(house, webhook("miso:E-1:g1"))).status_code == 202
    assert (await kept(house))["replies"] == []
    assert (await deliver(house, webhook("miso:E-1:g3", id="02EVENT"))).status_code == 202
    assert [r["revision"] for r in (await kept(house))["replies"]] == [2]


async def test_a_key_that_is_a_hash_leads_back(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a long source makes one (names have at most 200 characters): here less is too long already."""
    for module in (alerts, planner):
        monkeypatch.setattr(module, "DEDUP_KEY_CHARS", 40)
    name = "E" * 200
    await house.send("E-1")
    await house.send(name)
    alert = hashlib.sha256(f"miso:{name}:g1".encode()).hexdigest()
    assert (await deliver(house, webhook(alert))).status_code == 202
    assert [r["person"] for r in (await kept(house, name))["replies"]] == ["ana"]
    assert (await kept(house))["replies"] == []
