"""A mapping is tried on a real message before anybody is called for it; what is tried leaves no trace."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.app_fixture import ROSTER, House, opened

KEYS = "\n  demo-scada: {role: upstream, source: scada, secret: demo-scada}"
SOURCES = "\n  scada: {name: SCADA, format: mapping, heartbeat: none, mapping: {event_id: id, headline: text}}"
ENTRY = {
    "name": "SCADA",
    "format": "mapping",
    "timezone": "America/Chicago",
    "mapping": {
        "event_id": "id",
        "headline": "text",
        "effective_at": "start",
        "action": "kind == 'SHED' && 'reduce_load' || null",
        "target_mw": "amount",
    },
}
MESSAGE = {"id": "A-1", "text": "Shed load", "start": "2026-11-03T10:00", "kind": "SHED", "amount": "1,2.5"}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    text = ROSTER.read_text().replace("\nsources:", f"\nsources:{SOURCES}").replace("\nkeys:", f"\nkeys:{KEYS}")
    async with opened(tmp_path, roster_text=text) as found:
        yield found


async def tried(house: House, source: str = "scada", body: Any = MESSAGE, **more: Any) -> httpx2.Response:
    said = body if isinstance(body, str) else json.dumps(body)
    return await house.post(f"/v1/sources/{source}/try", "demo-admin", json={"body": said} | more)


async def test_a_mapping_is_tried_before_it_is_kept(house: House) -> None:
    before = await house.rows()
    answer = await tried(house, entry=ENTRY)
    assert answer.status_code == 200
    found = answer.json()
    assert (found["source"], found["format"], found["status"]) == ("scada", "mapping", 202)
    (read,) = found["results"]
    assert (read["readable"], read["event_id"], read["content"]["headline"]) == (True, "A-1", "Shed load")
    assert read["content"]["effective_at"] == "2026-11-03T16:00:00Z"
    assert read["content"]["instruction"]["action"] == "reduce_load"
    assert read["warnings"] == ['target_mw "1,2.5" is left out: expected an amount of power in MW']
    assert read["missing"] == [
        "revision", "issued_at", "ends_at", "ack_due_at", "instruction.target_mw", "zones", "resources", "text"
    ]  # fmt: skip
    assert read["route"] == "everything"
    assert await house.rows() == before
    assert house.service.rosters.roster.sources["scada"].mapping == {"event_id": "id", "headline": "text"}
    assert "scada" not in house.service.notebook.last_seen


async def test_the_source_as_it_is(house: House) -> None:
    (read,) = (await tried(house)).json()["results"]
    assert read["content"]["effective_at"] is None


async def test_what_cannot_be_read_says_why_and_what_its_sender_would_hear(house: House) -> None:
    found = (await tried(house, body={"id": "A-1"})).json()
    problem = {"field": "headline", "found": "nothing that can be read at text", "expected": "text, it is required"}
    assert (found["status"], found["results"]) == (422, [{"readable": False, "problems": [problem]}])
    assert (await tried(house, body="{")).json()["results"][0]["readable"] is False


async def test_any_format_and_a_source_that_is_not_there_yet(house: House) -> None:
    event = {"specversion": "1.0", "data": "", "event_id": "E-1", "headline": "h"}
    headers = {
        "Content-Type": "application/json",
        "CE-SpecVersion": "1.0",
        "CE-Id": "1",
        "CE-Source": "s",
        "CE-Type": "t",
    }
    (read,) = (await tried(house, "miso", event, headers=headers)).json()["results"]
    assert read["event_id"] == "E-1"
    assert (await tried(house, "new-one")).status_code == 404
    (read,) = (await tried(house, "new-one", entry=ENTRY)).json()["results"]
    assert read["event_id"] == "A-1"


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"entry": ENTRY | {"mapping": {"event_id": "id", "headline": "a."}}}, "body.mapping.headline"),
        ({"entry": ENTRY | {"format": "fax"}}, "body.format"),
        ({"headers": {"a": 1}}, "body.headers.a"),
        ({"more": 1}, "body.more"),
    ],
)
async def test_what_cannot_be_tried_names_the_field(house: House, more: dict[str, Any], field: str) -> None:
    answer = await tried(house, **more)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


async def test_only_admins_try(house: House) -> None:
    for key, status in ((None, 401), ("demo-operator", 403), ("demo-scada", 403)):
        assert (await house.post("/v1/sources/scada/try", key, json={"body": "{}"})).status_code == status


async def test_from_the_edit_to_the_call(house: House) -> None:
    """Tried, kept by the API, sent: people are called for it, and told when it is over."""
    entry = ENTRY | {"mapping": ENTRY["mapping"] | {"message_type": "over && 'terminate' || 'new'"}}
    kept = await house.put("/v1/sources/scada", "demo-admin", json=entry, headers={"If-Match": "*"})
    assert kept.status_code == 200, kept.text
    shown = (await house.get("/v1/sources/scada", "demo-admin")).json()
    assert shown["mapping"] == shown["entry"]["mapping"] == entry["mapping"]

    async def sent(**changed: Any) -> dict[str, Any]:
        message, wait = MESSAGE | {"amount": 12.5} | changed, {"Prefer": "wait=5"}
        return dict((await house.post("/v1/sources/scada/events", "demo-scada", json=message, headers=wait)).json())

    assert (await sent())["rings"] is True
    assert (await sent())["duplicate"] is True
    assert (await sent(amount=20))["revision"] == 2
    assert (await sent(over=True))["revision"] == 3
    assert (await house.get("/v1/events/scada/A-1")).json()["status"] in ("cancelled", "terminated")
